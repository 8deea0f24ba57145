# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows PowerShell 5.1 and .NET Framework 4.x have, as far as this repository uses it: commands with their parameters, types with their members.

From the command reference of Windows PowerShell 5.1 (learn.microsoft.com, `view=powershell-5.1` and `view=windowsserver2022-ps`) and .NET
Framework 4.7.2's. A name that is not here is a finding: look it up there, then add it. Methods are written with their number of arguments, because a
later .NET gave some of them more (`File.Move` with `overwrite`).
"""

from __future__ import annotations

COMMON_PARAMETERS = {"ErrorAction", "Verbose", "WhatIf", "Confirm"}

# Command -> the parameters of 5.1 that are used here.
COMMANDS: dict[str, set[str]] = {
    # Microsoft.PowerShell.Core, .Utility, .Management
    "ConvertFrom-Json": {"InputObject"},
    "ConvertTo-Json": {"InputObject", "Depth", "Compress"},
    "ForEach-Object": set(),
    "Get-ChildItem": {"LiteralPath"},
    "Get-Command": {"Name", "CommandType"},
    "Get-Date": set(),
    "Get-Item": {"LiteralPath"},
    "Get-Service": {"Name"},
    "New-Item": {"Path", "ItemType", "Force"},
    "New-ItemProperty": {"LiteralPath", "Name", "PropertyType", "Value", "Force"},
    "New-Object": set(),
    "New-TimeSpan": {"Seconds"},
    "Out-Null": set(),
    # `DeleteKey` is the certificate provider's (about_Certificate_Provider).
    "Remove-Item": {"LiteralPath", "DeleteKey"},
    "Remove-ItemProperty": {"LiteralPath", "Name"},
    "Select-Object": {"First"},
    "Set-Service": {"Name", "StartupType"},
    "Set-StrictMode": {"Version"},
    "Start-Service": {"Name"},
    "Start-Sleep": {"Milliseconds"},
    "Stop-Service": {"Name"},
    "Where-Object": set(),
    "Write-Verbose": {"Message"},
    "Write-Warning": {"Message"},
    # CimCmdlets
    "Get-CimInstance": {"ClassName", "Filter", "Namespace"},
    # ScheduledTasks
    "Get-ScheduledTaskInfo": {"TaskName"},
    "New-ScheduledTaskAction": {"Execute", "Argument"},
    "New-ScheduledTaskPrincipal": {"UserId", "LogonType"},
    "New-ScheduledTaskSettingsSet": {"AllowStartIfOnBatteries", "DontStopIfGoingOnBatteries", "ExecutionTimeLimit", "Priority"},
    "Register-ScheduledTask": {"TaskName", "Action", "Principal", "Settings", "Xml", "Force"},
    "Start-ScheduledTask": {"TaskName"},
    "Stop-ScheduledTask": {"TaskName"},
    "Unregister-ScheduledTask": {"TaskName"},
    # Microsoft.WSMan.Management
    "Get-WSManInstance": {"ResourceURI", "SelectorSet", "Enumerate"},
    "New-WSManInstance": {"ResourceURI", "SelectorSet", "ValueSet"},
    "Remove-WSManInstance": {"ResourceURI", "SelectorSet"},
    "Set-WSManInstance": {"ResourceURI", "SelectorSet", "ValueSet"},
    # NetSecurity, PKI
    "Get-NetFirewallRule": {"Name"},
    "New-NetFirewallRule": {"Name", "DisplayName", "Description", "Direction", "Action", "Profile", "Protocol", "LocalPort", "RemoteAddress"},
    "Remove-NetFirewallRule": {"Name"},
    "Set-NetFirewallRule": {"Name", "RemoteAddress"},
    "New-SelfSignedCertificate": {"DnsName", "CertStoreLocation", "FriendlyName", "NotAfter"},
}

# Type (without `System.`) -> members; a method with the numbers of arguments it takes, `new` for its constructor.
TYPES: dict[str, set[str]] = {
    # Type accelerators, used for casts and checks only.
    "array": set(),
    "bool": set(),
    "byte[]": set(),
    "int": set(),
    "string": set(),
    "string[]": set(),
    "switch": set(),
    "pscustomobject": set(),
    "datetime": {"UtcNow"},
    "BitConverter": {"ToString/1"},
    "Console": {"InputEncoding"},
    "Convert": {"FromBase64String/1", "ToBase64String/1"},
    "Diagnostics.Process": {"Start/1"},
    "Diagnostics.ProcessStartInfo": {"new/0"},
    "Diagnostics.Stopwatch": {"StartNew/0"},
    "Environment": {"ExpandEnvironmentVariables/1", "GetEnvironmentVariable/1", "MachineName", "UserDomainName", "UserName"},
    "Globalization.CultureInfo": {"CurrentUICulture"},
    "Guid": {"NewGuid/0"},
    "IO.Directory": {"CreateDirectory/1", "Delete/1", "Delete/2", "Exists/1", "GetFileSystemEntries/1"},
    "IO.File": {"Delete/1", "Exists/1", "Move/2", "ReadAllText/1", "Replace/3", "WriteAllText/2"},
    "IO.FileAccess": {"Read", "Write"},
    "IO.FileInfo": {"new/1"},
    "IO.FileMode": {"CreateNew", "Open"},
    "IO.FileShare": {"Delete", "None", "ReadWrite"},
    "IO.FileStream": {"new/4"},
    "IO.MemoryStream": {"new/0"},
    "IO.Path": {"Combine/2", "GetDirectoryName/1", "GetTempPath/0"},
    "IntPtr": {"Size"},
    "Management.Automation.ItemNotFoundException": set(),
    "Math": {"Round/2"},
    "Net.Dns": {"GetHostEntry/1"},
    "NullString": {"Value"},
    "PSObject": {"new/0"},
    "ScriptBlock": {"Create/1"},
    "Security.Cryptography.SHA256": {"Create/0"},
    "Text.Encoding": {"UTF8", "Unicode"},
    "Text.UTF8Encoding": {"new/1"},
    "Threading.Tasks.Task": {"WaitAll/2"},
    "Threading.Tasks.Task[]": set(),
}

_AUTOMATIC = """
_ args consolefilename error event eventargs eventsubscriber executioncontext false foreach home host input lastexitcode matches myinvocation
nestedpromptlevel pid profile psboundparameters pscmdlet pscommandpath psculture psdebugcontext pshome psitem psscriptroot pssenderinfo psuiculture
psversiontable pwd sender shellid stacktrace switch this true
"""
# about_Automatic_Variables: assigning one of them is a mistake (PSAvoidAssignmentToAutomaticVariable).
AUTOMATIC = set(_AUTOMATIC.split())
PREFERENCES = {"erroractionpreference", "progresspreference", "verbosepreference", "confirmpreference", "whatifpreference"}

_VERBS = """
Add Approve Assert Backup Block Checkpoint Clear Close Compare Complete Compress Confirm Connect Convert ConvertFrom ConvertTo Copy Debug Deny Disable
Disconnect Dismount Edit Enable Enter Exit Expand Export Find Format Get Grant Group Hide Import Initialize Install Invoke Join Limit Lock Measure Merge
Mount Move New Open Optimize Out Ping Pop Protect Publish Push Read Receive Redo Register Remove Rename Repair Request Reset Resize Resolve Restart Restore
Resume Revoke Save Search Select Send Set Show Skip Split Start Step Stop Submit Suspend Switch Sync Test Trace Unblock Undo Uninstall Unlock Unprotect
Unpublish Unregister Update Use Wait Watch Write
"""
# Get-Verb of Windows PowerShell 5.1.
APPROVED_VERBS = set(_VERBS.split())
# PSUseShouldProcessForStateChangingFunctions.
STATE_CHANGING_VERBS = {"New", "Set", "Remove", "Start", "Stop", "Restart", "Reset", "Update"}
