# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# For Enable-GpuWorkstationRemoting.ps1, on top of lookalike.psm1: the commands it uses, with the parameters that Microsoft documents, over remoting.json. What
# changes something declares SupportsShouldProcess where the real command does.
param([string]$Folder)

$remotingFile = Join-Path $Folder 'remoting.json'
$registryFile = Join-Path $Folder 'registry.txt'

function Read-Remoting {
    Get-Content -Raw -LiteralPath $remotingFile | ConvertFrom-Json -AsHashtable
}

function Write-Remoting($state) {
    [IO.File]::WriteAllText($remotingFile, (ConvertTo-Json -InputObject $state -Depth 10))
}

function Assert-Running($state) {
    if ($state['service']['Status'] -ne 'Running') { throw 'The client cannot connect to the destination specified in the request.' }
}

# --- Microsoft.PowerShell.Management: services -------------------------------------------------------------------------------

function Get-Service {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][ValidateSet('WinRM')][string]$Name)
    [pscustomobject](Read-Remoting)['service']
}

function Set-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0)][ValidateSet('WinRM')][string]$Name,
        [ValidateSet('Automatic', 'Manual', 'Disabled', 'Boot', 'System')][string]$StartupType
    )
    if (-not $PSCmdlet.ShouldProcess($Name)) { return }
    $state = Read-Remoting
    $state['service']['StartType'] = $StartupType
    Write-Remoting $state
}

function Start-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][ValidateSet('WinRM')][string]$Name)
    if (-not $PSCmdlet.ShouldProcess($Name)) { return }
    $state = Read-Remoting
    $state['service']['Status'] = 'Running'
    Write-Remoting $state
}

function Stop-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][ValidateSet('WinRM')][string]$Name, [switch]$Force)
    if (-not $PSCmdlet.ShouldProcess($Name)) { return }
    $state = Read-Remoting
    $state['service']['Status'] = 'Stopped'
    Write-Remoting $state
}

# --- Microsoft.WSMan.Management: none of these knows -WhatIf -----------------------------------------------------------------

function Get-WSManInstance {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][uri]$ResourceURI, [hashtable]$SelectorSet, [switch]$Enumerate)
    $state = Read-Remoting
    Assert-Running $state
    if ($Enumerate) {
        if ("$ResourceURI" -ne 'winrm/config/Listener') { throw "not imitated: enumeration of $ResourceURI" }
        foreach ($listener in @($state['listeners'])) { [pscustomobject]$listener }
        return
    }
    [pscustomobject]$state['settings']["$ResourceURI"]
}

function Set-WSManInstance {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][uri]$ResourceURI, [Parameter(Position = 1)][hashtable]$SelectorSet, [hashtable]$ValueSet)
    $state = Read-Remoting
    Assert-Running $state
    foreach ($name in @($ValueSet.Keys)) { $state['settings']["$ResourceURI"][$name] = $ValueSet[$name] }
    Write-Remoting $state
}

function New-WSManInstance {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][uri]$ResourceURI, [Parameter(Mandatory, Position = 1)][hashtable]$SelectorSet, [hashtable]$ValueSet)
    $state = Read-Remoting
    Assert-Running $state
    if ("$ResourceURI" -ne 'winrm/config/Listener') { throw "not imitated: a new $ResourceURI" }
    $made = @{ Transport = $SelectorSet.Transport; Address = $SelectorSet.Address; Port = '5986'; CertificateThumbprint = $ValueSet.CertificateThumbprint }
    $state['listeners'] = @($state['listeners']) + $made
    Write-Remoting $state
    [pscustomobject]$made
}

function Remove-WSManInstance {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)][uri]$ResourceURI, [Parameter(Mandatory, Position = 1)][hashtable]$SelectorSet)
    $state = Read-Remoting
    Assert-Running $state
    if ("$ResourceURI" -ne 'winrm/config/Listener') { throw "not imitated: removing $ResourceURI" }
    $state['listeners'] = @($state['listeners'] | Where-Object { $_['Transport'] -ne $SelectorSet.Transport -or $_['Address'] -ne $SelectorSet.Address })
    Write-Remoting $state
}

# --- certificates: Cert:\LocalMachine\My; other paths go to the real commands ------------------------------------------------

function Get-ChildItem {
    [CmdletBinding()]
    param([string[]]$LiteralPath)
    if ("$LiteralPath" -ne 'Cert:\LocalMachine\My') { return Microsoft.PowerShell.Management\Get-ChildItem @PSBoundParameters }
    foreach ($row in @((Read-Remoting)['certificates'])) {
        [pscustomobject]@{
            Thumbprint = $row['Thumbprint']; FriendlyName = $row['FriendlyName']; HasPrivateKey = $row['HasPrivateKey']
            NotAfter = (Get-Date).AddDays($row['Days'])
            DnsNameList = @($row['DnsNames'] | ForEach-Object { [pscustomobject]@{ Unicode = $_ } })
            EnhancedKeyUsageList = @($row['ObjectIds'] | ForEach-Object { [pscustomobject]@{ ObjectId = $_ } })
        }
    }
}

function Remove-Item {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][string[]]$LiteralPath, [switch]$DeleteKey)
    if ("$LiteralPath" -notlike 'Cert:\LocalMachine\My\*') { throw "not imitated: removing $LiteralPath" }
    if (-not $PSCmdlet.ShouldProcess("$LiteralPath")) { return }
    if (-not $DeleteKey) { throw 'the private key would be left' }
    $state = Read-Remoting
    $thumbprint = "$LiteralPath".Substring('Cert:\LocalMachine\My\'.Length)
    $state['certificates'] = @($state['certificates'] | Where-Object { $_['Thumbprint'] -ne $thumbprint })
    Write-Remoting $state
}

function New-SelfSignedCertificate {
    [CmdletBinding(SupportsShouldProcess)]
    param([string[]]$DnsName, [string]$CertStoreLocation, [string]$FriendlyName, [datetime]$NotAfter, [string]$Subject, [int]$KeyLength)
    if ($CertStoreLocation -ne 'Cert:\LocalMachine\My') { throw "not imitated: a certificate in $CertStoreLocation" }
    if (-not $PSCmdlet.ShouldProcess("$DnsName")) { return }
    $state = Read-Remoting
    $made = @{
        Thumbprint = 'AAAA000000000000000000000000000000000001'; FriendlyName = $FriendlyName; HasPrivateKey = $true
        Days = [int]($NotAfter - (Get-Date)).TotalDays; DnsNames = $DnsName; ObjectIds = @('1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1')
    }
    $state['certificates'] = @($state['certificates']) + $made
    Write-Remoting $state
    [pscustomobject]@{ Thumbprint = $made.Thumbprint }
}

# --- NetSecurity -------------------------------------------------------------------------------------------------------------

function Get-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string[]]$Name)
    $found = @(@((Read-Remoting)['rules']) | Where-Object { $_['Name'] -eq "$Name" })
    if ($found.Count -eq 0) { Write-Error "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." }
    foreach ($rule in $found) { [pscustomobject]$rule }
}

function New-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [string]$Name, [Parameter(Mandatory)][string]$DisplayName, [string]$Description, [ValidateSet('Inbound', 'Outbound')][string]$Direction,
        [ValidateSet('NotConfigured', 'Allow', 'Block')][string]$Action, [ValidateSet('Any', 'Domain', 'Private', 'Public')][string[]]$Profile,
        [string]$Protocol, [string[]]$LocalPort, [string[]]$RemoteAddress
    )
    if (-not $PSCmdlet.ShouldProcess($DisplayName)) { return }
    $state = Read-Remoting
    $made = @{ Name = $Name; Direction = $Direction; Action = $Action; Profile = $Profile; Protocol = $Protocol; LocalPort = $LocalPort; RemoteAddress = $RemoteAddress }
    $state['rules'] = @($state['rules']) + $made
    Write-Remoting $state
    [pscustomobject]$made
}

function Set-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][string[]]$Name, [string[]]$RemoteAddress)
    if (-not $PSCmdlet.ShouldProcess("$Name")) { return }
    $state = Read-Remoting
    foreach ($rule in @($state['rules'])) { if ($rule['Name'] -eq "$Name") { $rule['RemoteAddress'] = $RemoteAddress } }
    Write-Remoting $state
}

function Remove-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][string[]]$Name)
    if (-not $PSCmdlet.ShouldProcess("$Name")) { return }
    $state = Read-Remoting
    $state['rules'] = @($state['rules'] | Where-Object { $_['Name'] -ne "$Name" })
    Write-Remoting $state
}

# --- registry values: lines of registry.txt, where the last one counts -------------------------------------------------------

function ConvertTo-Code($text) {
    [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($text))
}

function New-ItemProperty {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][string[]]$LiteralPath, [Parameter(Mandatory)][string]$Name, [ValidateSet('DWord')][string]$PropertyType, $Value, [switch]$Force)
    if (-not $PSCmdlet.ShouldProcess("$LiteralPath $Name")) { return }
    $line = "value`t$(ConvertTo-Code "$LiteralPath")`t$(ConvertTo-Code $Name)`tnumber`t$(ConvertTo-Code "$Value")`n"
    [IO.File]::WriteAllText($registryFile, [IO.File]::ReadAllText($registryFile) + $line)
}

function Remove-ItemProperty {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][string[]]$LiteralPath, [Parameter(Mandatory, Position = 1)][string[]]$Name)
    if (-not $PSCmdlet.ShouldProcess("$LiteralPath $Name")) { return }
    $start = "value`t$(ConvertTo-Code "$LiteralPath")`t$(ConvertTo-Code "$Name")`t"
    $kept = @([IO.File]::ReadAllLines($registryFile) | Where-Object { -not $_.StartsWith($start) })
    [IO.File]::WriteAllText($registryFile, (@($kept | ForEach-Object { "$_`n" }) -join ''))
}
