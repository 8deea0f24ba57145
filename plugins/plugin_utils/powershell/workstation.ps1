# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One small language for everything that is asked of, or done to, the Windows side. A request is a list of items, each with a
# `verb`; the reply has one answer or error per item, in order. Nothing is judged here: raw values go back and the controller, in
# Python, decides. `stop_on_error` ends the list at the first error, for items that change something. `source` is this text itself: `in_session`
# hands it on to a PowerShell in the session of the user who is logged on.
param($request, $source)

function Get-Failure($record) {
    $cause = $record.Exception
    while ($cause.InnerException) { $cause = $cause.InnerException }
    @{ type = $cause.GetType().FullName; message = $cause.Message; hresult = '0x{0:X8}' -f $cause.HResult; id = $record.FullyQualifiedErrorId }
}

function Get-Option($item, $name, $otherwise) {
    if ($item.PSObject.Properties[$name]) { $item.$name } else { $otherwise }
}

function ConvertTo-Plain($value) {
    if ($null -eq $value) { return $null }
    if ($value -is [datetime]) { return $value.ToUniversalTime().ToString('o') }
    if ($value -is [byte[]]) { return @{ base64 = [Convert]::ToBase64String($value) } }
    if ($value -is [array]) { return , @($value | ForEach-Object { ConvertTo-Plain $_ }) }
    if ($value -is [string] -or $value.GetType().IsPrimitive) { return $value }
    [string]$value
}

function Resolve-FilePath($path) {
    $path = [Environment]::ExpandEnvironmentVariables($path)
    $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($path)
}

function Get-Sha256([byte[]]$bytes) {
    $algorithm = [Security.Cryptography.SHA256]::Create()
    try { [BitConverter]::ToString($algorithm.ComputeHash($bytes)).Replace('-', '').ToLowerInvariant() } finally { $algorithm.Dispose() }
}

function Read-WholeFile($path) {
    $share = [IO.FileShare]::ReadWrite -bor [IO.FileShare]::Delete
    $stream = New-Object IO.FileStream($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share)
    try {
        $memory = New-Object IO.MemoryStream
        $stream.CopyTo($memory)
        , $memory.ToArray()
    } finally { $stream.Dispose() }
}

# --- questions ---------------------------------------------------------------------------------------------------------------

function Invoke-Shell {
    @{
        powershell = [string]$PSVersionTable.PSVersion; language_mode = [string]$ExecutionContext.SessionState.LanguageMode
        ui_culture = [Globalization.CultureInfo]::CurrentUICulture.Name; user = [Environment]::UserName
        bits = 8 * [IntPtr]::Size; now = ConvertTo-Plain ([datetime]::UtcNow)
    }
}

function Invoke-Environment($item) {
    $answer = @{}
    foreach ($name in $item.names) { $answer[$name] = [Environment]::GetEnvironmentVariable($name) }
    $answer
}

function Read-RegistryKey($key) {
    $values = @{}
    foreach ($name in $key.GetValueNames()) { $values[$name] = ConvertTo-Plain $key.GetValue($name) }
    $values
}

function Invoke-Registry($item) {
    try { $key = Get-Item -LiteralPath $item.path } catch [Management.Automation.ItemNotFoundException] { return @{ exists = $false } }
    $subkeys = @{}
    if (Get-Option $item 'subkeys' $false) {
        foreach ($child in @(Get-ChildItem -LiteralPath $item.path)) { $subkeys[$child.PSChildName] = Read-RegistryKey $child }
    }
    @{ exists = $true; values = Read-RegistryKey $key; subkeys = $subkeys }
}

function Invoke-File($item) {
    $path = Resolve-FilePath $item.path
    if (-not [IO.File]::Exists($path)) { return @{ exists = $false; path = $path } }
    $information = New-Object IO.FileInfo $path
    $answer = @{ exists = $true; path = $path; length = $information.Length; written = ConvertTo-Plain $information.LastWriteTimeUtc; content = $null }
    if ($information.Length -le (Get-Option $item 'max_bytes' 1048576)) {
        $bytes = Read-WholeFile $path
        $answer.content = [Convert]::ToBase64String($bytes)
        $answer.sha256 = Get-Sha256 $bytes
    }
    $answer
}

function Invoke-Cim($item) {
    $query = @{ ClassName = $item.class }
    if (Get-Option $item 'filter' $null) { $query.Filter = $item.filter }
    if (Get-Option $item 'namespace' $null) { $query.Namespace = $item.namespace }
    $rows = @(foreach ($instance in @(Get-CimInstance @query)) {
        $row = @{}
        foreach ($name in $item.properties) { $row[$name] = ConvertTo-Plain $instance.$name }
        $row
    })
    , $rows
}

function Format-Argument($text) {
    # The inverse of CommandLineToArgvW: quote when needed and double the backslashes that stand before a quote.
    if ($text -and $text -notmatch '[\s"]') { return $text }
    '"' + ($text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"'
}

function Invoke-Native($item) {
    $program = [Environment]::ExpandEnvironmentVariables($item.program)
    $found = Get-Command -Name $program -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $found) { return @{ exists = $false } }
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $found.Path
    $start.Arguments = (@(Get-Option $item 'arguments' @()) | ForEach-Object { Format-Argument $_ }) -join ' '
    if (Get-Option $item 'detach' $false) {
        # A program with a life of its own: started by the shell, so that it holds none of our handles, and never waited for.
        $start.UseShellExecute = $true
        $process = [Diagnostics.Process]::Start($start)
        return @{ exists = $true; path = $found.Path; pid = $process.Id }
    }
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    foreach ($variable in @((Get-Option $item 'environment' (New-Object PSObject)).PSObject.Properties)) {
        $start.EnvironmentVariables[$variable.Name] = $variable.Value
    }
    # Windows PowerShell writes a byte order mark into the child's stdin when the console input encoding has one.
    try { [Console]::InputEncoding = New-Object Text.UTF8Encoding $false } catch { Write-Verbose 'no console' }
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $process = [Diagnostics.Process]::Start($start)
    $out = New-Object IO.MemoryStream
    $err = New-Object IO.MemoryStream
    $readers = [Threading.Tasks.Task[]]@($process.StandardOutput.BaseStream.CopyToAsync($out), $process.StandardError.BaseStream.CopyToAsync($err))
    $process.StandardInput.Close()
    $finished = $process.WaitForExit(1000 * (Get-Option $item 'timeout' 30))
    if (-not $finished) { $process.Kill() }
    # A grandchild may keep the pipes open for ever: two seconds of grace, then what came is what there is.
    $drained = [Threading.Tasks.Task]::WaitAll($readers, 2000)
    @{
        exists = $true; path = $found.Path; timed_out = -not $finished; drained = $drained
        rc = $(if ($finished) { $process.ExitCode }); seconds = [Math]::Round($clock.Elapsed.TotalSeconds, 3)
        stdout = [Convert]::ToBase64String($out.ToArray()); stderr = [Convert]::ToBase64String($err.ToArray())
    }
}

# --- changes -----------------------------------------------------------------------------------------------------------------

function Invoke-WriteFile($item) {
    # Compare and swap: `expect` is the SHA-256 the plan was made from, or 'absent'. The file is old or new, never half.
    $path = Resolve-FilePath $item.path
    $exists = [IO.File]::Exists($path)
    $found = 'absent'
    if ($exists) { $found = Get-Sha256 (Read-WholeFile $path) }
    if ($found -ne $item.expect) { throw "changed meanwhile: $path is $found, the plan was made for $($item.expect)" }
    $bytes = [Convert]::FromBase64String($item.content)
    $wanted = Get-Sha256 $bytes
    if ($found -eq $wanted) { return @{ changed = $false; sha256 = $wanted; backup = $null } }
    if (Get-Option $item 'make_folder' $false) { $null = [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($path)) }
    $temporary = '{0}.{1}.tmp' -f $path, [Guid]::NewGuid().ToString('N')
    $backup = $null
    try {
        $stream = New-Object IO.FileStream($temporary, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write, [IO.FileShare]::None)
        try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Dispose() }
        if ((Get-Sha256 (Read-WholeFile $temporary)) -ne $wanted) { throw "not written whole: $temporary" }
        if (-not $exists) { [IO.File]::Move($temporary, $path) }
        elseif (Get-Option $item 'backup' $true) {
            $backup = '{0}.{1}.bak' -f $path, [datetime]::UtcNow.ToString('yyyyMMddTHHmmssfffZ')
            [IO.File]::Replace($temporary, $path, $backup)
        } else { [IO.File]::Replace($temporary, $path, [NullString]::Value) }
    } finally {
        # ReplaceFile can fail half-way (error 1177): the old file then has the name of its backup.
        if ($backup -and [IO.File]::Exists($backup) -and -not [IO.File]::Exists($path)) { [IO.File]::Move($backup, $path) }
        if ([IO.File]::Exists($temporary)) { [IO.File]::Delete($temporary) }
    }
    @{ changed = $true; sha256 = $wanted; backup = $backup }
}

function Invoke-RegisterTask($item) {
    # The definition is XML of the task scheduler's schema; it replaces a task of that name.
    $null = Register-ScheduledTask -TaskName $item.name -Xml $item.definition -Force -ErrorAction Stop
    @{ registered = $item.name }
}

# --- the session of the user who is logged on --------------------------------------------------------------------------------

# What the scheduled task runs, behind a line that sets $folder. The reply appears under its name only when it is whole.
$sessionRunner = @'
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0
try {
    $frame = [IO.File]::ReadAllText([IO.Path]::Combine($folder, 'frame.json')) | ConvertFrom-Json
    $reply = & ([ScriptBlock]::Create($frame.script)) $frame.request $frame.script
} catch { $reply = @{ answers = @(); failure = $_.Exception.Message } }
$unfinished = [IO.Path]::Combine($folder, 'reply.tmp')
[IO.File]::WriteAllText($unfinished, (ConvertTo-Json -InputObject $reply -Depth 20 -Compress))
[IO.File]::Move($unfinished, [IO.Path]::Combine($folder, 'reply.json'))
'@

function Register-SessionTask($name, $folder, $user, $seconds) {
    $text = '$folder = ' + "'" + $folder.Replace("'", "''") + "'`n" + $sessionRunner
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($text))
    $arguments = '-NoProfile -NonInteractive -WindowStyle Hidden -ExecutionPolicy Unrestricted -EncodedCommand ' + $encoded
    $action = New-ScheduledTaskAction -Execute 'PowerShell.exe' -Argument $arguments
    $principal = New-ScheduledTaskPrincipal -UserId $user -LogonType Interactive
    # The defaults refuse to start on a laptop's battery, and give everything that is started here a priority below normal.
    $limit = New-TimeSpan -Seconds $seconds
    $settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit $limit -Priority 4
    # These are functions of a module, which do not always see the caller's preference for errors.
    $null = Register-ScheduledTask -TaskName $name -Action $action -Principal $principal -Settings $settings -ErrorAction Stop
    Start-ScheduledTask -TaskName $name -ErrorAction Stop
}

function Test-TaskBegun($name) {
    # 267009: it runs. Below 65536: the exit code of a PowerShell that ran. Else it never began: 267011 not yet, 0x800710E0 refused, 0x800704DD nobody there.
    $result = (Get-ScheduledTaskInfo -TaskName $name -ErrorAction Stop).LastTaskResult
    $result -eq 267009 -or ($result -ge 0 -and $result -lt 65536)
}

function Invoke-InSession($item, $source) {
    $user = [Environment]::UserDomainName + '\' + [Environment]::UserName
    $seconds = Get-Option $item 'timeout' 60
    $name = 'gpudev-' + [Guid]::NewGuid().ToString('N')
    $folder = [IO.Path]::Combine([IO.Path]::GetTempPath(), $name)
    $replied = [IO.Path]::Combine($folder, 'reply.json')
    $answer = @{ logged_on = $false; user = $null; finished = $false; answers = @() }
    $null = [IO.Directory]::CreateDirectory($folder)
    try {
        $frame = @{ script = $source; request = @{ items = @($item.items) } }
        [IO.File]::WriteAllText([IO.Path]::Combine($folder, 'frame.json'), (ConvertTo-Json -InputObject $frame -Depth 20 -Compress))
        Register-SessionTask $name $folder $user ($seconds + 30)
        $clock = [Diagnostics.Stopwatch]::StartNew()
        do {
            Start-Sleep -Milliseconds 250
            $answer.finished = [IO.File]::Exists($replied)
            # When the task has not begun after 15 s, its user is not logged on.
            $answer.logged_on = $answer.logged_on -or $answer.finished -or (Test-TaskBegun $name)
            $waited = $clock.Elapsed.TotalSeconds
        } until ($answer.finished -or $waited -ge $seconds -or (-not $answer.logged_on -and $waited -ge 15))
        if ($answer.logged_on) { $answer.user = $user }
        if ($answer.finished) {
            $reply = [IO.File]::ReadAllText($replied) | ConvertFrom-Json
            if (Get-Option $reply 'failure' $null) { throw "in the session of ${user}: $($reply.failure)" }
            $answer.answers = @($reply.answers)
        }
    } finally {
        if (-not $answer.finished) { Stop-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue }
        Unregister-ScheduledTask -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
        try { [IO.Directory]::Delete($folder, $true) } catch { Write-Verbose 'still in use' }
    }
    $answer
}

$answers = @()
foreach ($item in $request.items) {
    try {
        $answer = switch ($item.verb) {
            'shell' { Invoke-Shell }
            'environment' { Invoke-Environment $item }
            'registry' { Invoke-Registry $item }
            'file' { Invoke-File $item }
            'cim' { , (Invoke-Cim $item) }
            'native' { Invoke-Native $item }
            'write_file' { Invoke-WriteFile $item }
            'register_task' { Invoke-RegisterTask $item }
            'in_session' { Invoke-InSession $item $source }
            default { throw "unknown verb: $($item.verb)" }
        }
        $answers += @{ answer = $answer }
    } catch {
        $answers += @{ error = Get-Failure $_ }
        if (Get-Option $request 'stop_on_error' $false) { break }
    }
}
@{ answers = $answers }
