# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Windows look for PowerShell 7 on any system: the drives C:, HKLM: and HKCU:, Get-CimInstance, full paths of programs, and scheduled tasks. The product's
# texts run on top of it unchanged. Commands that Windows has declare the parameters that Microsoft documents, so that a wrong one fails here as well.
# $Folder holds station.json, registry.txt and drive C:; tests/simstation/windows/lookalike.py writes them.
param([string]$Folder)

function Read-Station {
    Get-Content -Raw -LiteralPath (Join-Path $Folder 'station.json') | ConvertFrom-Json -AsHashtable
}

$types = Add-Type -TypeDefinition (Get-Content -Raw -LiteralPath (Join-Path $PSScriptRoot 'Registry.cs')) -PassThru
# Before the provider comes to life, which looks into it.
[Lookalike.Hive]::Source = Join-Path $Folder 'registry.txt'
Import-Module -Assembly $types[0].Assembly -Global
New-PSDrive -Name 'C' -PSProvider 'FileSystem' -Root (Join-Path $Folder 'C') -Scope 'Global' | Out-Null
$tasks = @{}

# Declared as in CimCmdlets, as far as the verb `cim` could use it. Which rows a filter leaves was worked out before: the key is what was asked.
function Get-CimInstance {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)][string]$ClassName, [string]$Namespace = 'root/cimv2', [string]$Filter, [string[]]$Property,
        [switch]$KeyOnly, [uint32]$OperationTimeoutSec, [string]$QueryDialect, [switch]$Shallow
    )
    $cim = (Read-Station)['cim']
    $asked = "$ClassName|$Namespace|$Filter"
    if (-not $cim.ContainsKey($asked)) { throw "not imitated: Get-CimInstance $asked" }
    if ($cim[$asked] -is [string]) {
        $record = [Management.Automation.ErrorRecord]::new([Exception]::new('Invalid class '), 'HRESULT 0x80041010', 'MetadataError', $ClassName)
        $PSCmdlet.WriteError($record)
        return
    }
    foreach ($row in @($cim[$asked])) { [pscustomobject]$row }
}

# A full Windows path is looked up here, because this PowerShell knows the rules of its own system only; a plain name goes to the real command.
function Get-Command {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]]$Name, $CommandType)
    if ("$Name" -match '^[A-Za-z]:\\') {
        $path = [IO.Path]::Combine($Folder, 'C', "$Name".Substring(3).Replace('\', '/'))
        if ([IO.File]::Exists($path)) { [pscustomobject]@{ Path = $path } }
        return
    }
    Microsoft.PowerShell.Core\Get-Command @PSBoundParameters
}

# --- ScheduledTasks: the commands are functions of a module on Windows as well -----------------------------------------------

function New-ScheduledTaskAction {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][string]$Execute, [Parameter(Position = 1)][string]$Argument, [string]$WorkingDirectory, [string]$Id)
    @{ Execute = $Execute; Argument = $Argument }
}

function New-ScheduledTaskPrincipal {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)][string]$UserId,
        [Parameter(Position = 1)][ValidateSet('None', 'Password', 'S4U', 'Interactive', 'Group', 'ServiceAccount', 'InteractiveOrPassword')][string]$LogonType,
        [Parameter(Position = 2)][ValidateSet('Limited', 'Highest')][string]$RunLevel, [string]$Id
    )
    @{ UserId = $UserId; LogonType = $LogonType }
}

function New-ScheduledTaskSettingsSet {
    [CmdletBinding()]
    param(
        [switch]$AllowStartIfOnBatteries, [switch]$DontStopIfGoingOnBatteries, [switch]$StartWhenAvailable, [switch]$Hidden, [switch]$WakeToRun,
        [switch]$RunOnlyIfIdle, [switch]$RunOnlyIfNetworkAvailable, [switch]$DisallowDemandStart, [switch]$DisallowHardTerminate,
        [timespan]$ExecutionTimeLimit, [timespan]$DeleteExpiredTaskAfter, [int]$Priority, [int]$RestartCount, [timespan]$RestartInterval,
        [ValidateSet('Parallel', 'Queue', 'IgnoreNew')][string]$MultipleInstances
    )
    @{ OnBattery = $AllowStartIfOnBatteries -and $DontStopIfGoingOnBatteries; Limit = $ExecutionTimeLimit; Priority = $Priority }
}

function Register-ScheduledTask {
    [CmdletBinding(DefaultParameterSetName = 'Parts')]
    param(
        [Parameter(Mandatory, Position = 0)][string]$TaskName, [Parameter(Position = 1)][string]$TaskPath,
        [Parameter(Mandatory, ParameterSetName = 'Parts')][hashtable[]]$Action, [Parameter(ParameterSetName = 'Parts')][hashtable[]]$Trigger,
        [Parameter(ParameterSetName = 'Parts')][hashtable]$Settings, [Parameter(ParameterSetName = 'Parts')][hashtable]$Principal,
        [Parameter(ParameterSetName = 'Parts')][string]$Description, [Parameter(Mandatory, ParameterSetName = 'Definition')][string]$Xml, [switch]$Force
    )
    if ($tasks.ContainsKey($TaskName) -and -not $Force) { throw "the task $TaskName is there already" }
    if ($Xml) {
        # Each task of the root folder is a file of its name as well, in UTF-16 with a byte order mark.
        if (([xml]$Xml).DocumentElement.NamespaceURI -ne 'http://schemas.microsoft.com/windows/2004/02/mit/task') { throw "no task: $Xml" }
        $store = [IO.Path]::Combine($Folder, 'C', 'Windows', 'System32', 'Tasks')
        $null = [IO.Directory]::CreateDirectory($store)
        [IO.File]::WriteAllText([IO.Path]::Combine($store, $TaskName), $Xml, [Text.Encoding]::Unicode)
    } else {
        if ($Principal.LogonType -ne 'Interactive') { throw "not imitated: a task that runs without the user's desktop, $($Principal.LogonType)" }
        $tasks[$TaskName] = @{ Action = $Action[0]; Settings = $Settings; Process = $null }
    }
    [pscustomobject]@{ TaskName = $TaskName; State = 'Ready' }
}

# This look-alike is a laptop on battery: a task that does not allow for that does not start, nor does one whose user is not logged on.
function Start-ScheduledTask {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][string]$TaskName, [Parameter(Position = 1)][string]$TaskPath)
    $task = $tasks[$TaskName]
    if (-not (Read-Station)['session'] -or -not $task.Settings.OnBattery) { return }
    $known = '^-NoProfile -NonInteractive -WindowStyle Hidden -ExecutionPolicy Unrestricted -EncodedCommand (\S+)$'
    if ($task.Action.Execute -ne 'PowerShell.exe') { throw "not imitated: a task that runs $($task.Action.Execute)" }
    if (-not ($task.Action.Argument -match $known)) { throw "not imitated: PowerShell.exe $($task.Action.Argument)" }
    $text = "Import-Module '$PSScriptRoot/lookalike.psm1' -ArgumentList '$Folder' -DisableNameChecking`n"
    $text += [Text.Encoding]::Unicode.GetString([Convert]::FromBase64String($Matches[1]))
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = [Environment]::GetEnvironmentVariable('LOOKALIKE_PWSH')
    $start.Arguments = '-NoProfile -NonInteractive -EncodedCommand ' + [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($text))
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.EnvironmentVariables['LOOKALIKE_SESSION'] = 'yes'
    $task.Process = [Diagnostics.Process]::Start($start)
    $task.Process.StandardInput.Close()
}

function Get-ScheduledTaskInfo {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][string]$TaskName, [Parameter(Position = 1)][string]$TaskPath)
    $process = $tasks[$TaskName].Process
    $result = 267011
    if ($process) { $result = $(if ($process.HasExited) { $process.ExitCode } else { 267009 }) }
    [pscustomobject]@{ TaskName = $TaskName; LastTaskResult = $result }
}

function Stop-ScheduledTask {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][string]$TaskName, [Parameter(Position = 1)][string]$TaskPath)
    $process = $tasks[$TaskName].Process
    if ($process -and -not $process.HasExited) { $process.Kill() }
}

# Asks on Windows, so that a script without -Confirm:$false fails where nobody can answer.
function Unregister-ScheduledTask {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param([Parameter(Mandatory, Position = 0)][string]$TaskName, [Parameter(Position = 1)][string]$TaskPath)
    if ($PSCmdlet.ShouldProcess($TaskName)) { $tasks.Remove($TaskName) }
}
