# SPDX-License-Identifier: GPL-3.0-or-later
# The only text on the command line: script and request come as ASCII JSON on stdin, so no length limit and no code page matters.
if ([string]$ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    '<<gpudev!' + [string]$ExecutionContext.SessionState.LanguageMode + '>>'
    return
}
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0
try {
    $frame = (@($input) -join "`n") | ConvertFrom-Json
    $reply = @{ ok = $true; result = & ([ScriptBlock]::Create($frame.script)) $frame.request $frame.script }
} catch {
    $cause = $_.Exception
    while ($cause.InnerException) { $cause = $cause.InnerException }
    $reply = @{ ok = $false; error = @{ type = $cause.GetType().FullName; message = $cause.Message; id = $_.FullyQualifiedErrorId } }
}
$json = ConvertTo-Json -InputObject $reply -Depth 20 -Compress
'<<gpudev:' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($json)) + '>>'
