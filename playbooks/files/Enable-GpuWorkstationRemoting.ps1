# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#Requires -Version 5.1
#Requires -RunAsAdministrator

<#
.SYNOPSIS
Makes this computer reachable for Ansible over WinRM with HTTPS, and takes that back with -Remove.
.DESCRIPTION
Starts WinRM, gives it an HTTPS listener on port 5986, forbids Basic and unencrypted traffic, and lets the port through the firewall for the local
subnet in domain and private networks. A certificate of this computer that fits is used; where there is none, a self-signed one is made.
What is right already stays as it is, so a second run changes nothing. Every change is written to a record, and -Remove undoes
what stands there, in reverse order, and nothing else. CredSSP is never enabled. -WhatIf shows what would be done.
.PARAMETER CertificateThumbprint
The certificate in Cert:\LocalMachine\My to use, instead of looking for one.
.PARAMETER RemoteAddress
Who may reach the port: addresses, ranges, or words such as LocalSubnet.
.PARAMETER AllowLocalAdministrators
Gives local accounts their full administrator rights over the network (LocalAccountTokenFilterPolicy = 1). Needed in a workgroup, unless the account
is the built-in Administrator; not needed for domain accounts.
.PARAMETER Remove
Undo what earlier runs did.
.PARAMETER RecordPath
Where the record is kept.
.EXAMPLE
.\Enable-GpuWorkstationRemoting.ps1 -WhatIf
.EXAMPLE
.\Enable-GpuWorkstationRemoting.ps1 -RemoteAddress 192.0.2.10 -AllowLocalAdministrators
.EXAMPLE
.\Enable-GpuWorkstationRemoting.ps1 -Remove
#>
[CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Enable')]
param(
    [Parameter(ParameterSetName = 'Enable')]
    [string]$CertificateThumbprint = '',

    [Parameter(ParameterSetName = 'Enable')]
    [string[]]$RemoteAddress = 'LocalSubnet',

    [Parameter(ParameterSetName = 'Enable')]
    [switch]$AllowLocalAdministrators,

    [Parameter(ParameterSetName = 'Remove', Mandatory)]
    [switch]$Remove,

    [string]$RecordPath = [IO.Path]::Combine($env:ProgramData, 'gpudev.workstation\remoting.json')
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0

$ruleName = 'gpudev-workstation-winrm-https'
$friendlyName = 'gpudev.workstation remoting'
$listenerSelector = @{ Transport = 'HTTPS'; Address = '*' }
$store = 'Cert:\LocalMachine\My'
$policyKey = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$policyName = 'LocalAccountTokenFilterPolicy'
$serverAuthentication = '1.3.6.1.5.5.7.3.1'

# --- the record --------------------------------------------------------------------------------------------------------------

function Read-Record($path) {
    if ([IO.File]::Exists($path)) { ([IO.File]::ReadAllText($path) | ConvertFrom-Json).changes }
}

function Write-Record($path, $changes) {
    $null = [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($path))
    [IO.File]::WriteAllText($path, (ConvertTo-Json -InputObject @{ schema = 1; changes = @($changes) } -Depth 5))
}

function Add-Change($what, $value, $before) {
    # Written after each change: a run that ends half-way leaves an exact record.
    $script:changes = @($script:changes) + @{ what = $what; value = $value; before = $before }
    Write-Record $RecordPath $script:changes
    $script:done = @($script:done) + $what
}

# --- looking -----------------------------------------------------------------------------------------------------------------

function Test-ServiceRunning {
    (Get-Service -Name 'WinRM').Status -eq 'Running'
}

function Get-HttpsListener {
    # Only a running service can be asked; one that does not run has nobody listening.
    if (Test-ServiceRunning) { Get-WSManInstance -ResourceURI 'winrm/config/Listener' -Enumerate | Where-Object { $_.Transport -eq 'HTTPS' } }
}

function Get-ServiceSetting($resource, $name) {
    $value = (Get-WSManInstance -ResourceURI $resource).$name
    # A value that a policy sets is an element with an attribute, any other a plain string.
    if ($value -is [string]) { $value } else { $value.InnerText }
}

function Get-ComputerDnsName {
    $computer = Get-CimInstance -ClassName 'Win32_ComputerSystem'
    if ($computer.PartOfDomain) { '{0}.{1}' -f $computer.DNSHostName, $computer.Domain }
    $computer.DNSHostName
}

function Test-CertificateFit($certificate, $names) {
    # For server authentication, and issued to one of the computer's names.
    foreach ($usage in @($certificate.EnhancedKeyUsageList)) {
        if ($usage.ObjectId -ne $serverAuthentication) { continue }
        foreach ($name in @($certificate.DnsNameList)) { if ($names -contains $name.Unicode) { return $true } }
    }
    $false
}

function Find-Certificate($thumbprint, $names) {
    # The one that was asked for, or of those that fit the one that is valid longest.
    $best = $null
    foreach ($certificate in @(Get-ChildItem -LiteralPath $store)) {
        if (-not $certificate.HasPrivateKey -or $certificate.NotAfter -lt (Get-Date).AddDays(30)) { continue }
        $fits = if ($thumbprint) { $certificate.Thumbprint -eq $thumbprint } else { Test-CertificateFit $certificate $names }
        if ($fits -and ($null -eq $best -or $certificate.NotAfter -gt $best.NotAfter)) { $best = $certificate }
    }
    $best
}

function Get-TokenPolicy {
    (Get-Item -LiteralPath $policyKey).GetValue($policyName)
}

# --- changing ----------------------------------------------------------------------------------------------------------------

function Enable-RemotingService {
    [CmdletBinding(SupportsShouldProcess)]
    param()
    $mode = [string](Get-Service -Name 'WinRM').StartType
    if ($mode -ne 'Automatic' -and $PSCmdlet.ShouldProcess('service WinRM', 'start with Windows')) {
        Set-Service -Name 'WinRM' -StartupType 'Automatic'
        Add-Change 'service_start_type' 'Automatic' $mode
    }
    if (-not (Test-ServiceRunning) -and $PSCmdlet.ShouldProcess('service WinRM', 'start')) {
        Start-Service -Name 'WinRM'
        Add-Change 'service_running' $true $false
    }
}

function Disable-WeakSetting {
    [CmdletBinding(SupportsShouldProcess)]
    param($resource, $name)
    if (-not (Test-ServiceRunning)) { return }
    $value = Get-ServiceSetting $resource $name
    if ($value -ne 'false' -and $PSCmdlet.ShouldProcess("$resource $name", 'set to false')) {
        Set-WSManInstance -ResourceURI $resource -ValueSet @{ $name = 'false' } | Out-Null
        Add-Change "setting $resource $name" 'false' $value
    }
}

function Install-Certificate {
    [CmdletBinding(SupportsShouldProcess)]
    param([string[]]$names)
    if ($PSCmdlet.ShouldProcess($store, "make a self-signed certificate for $names")) {
        $made = New-SelfSignedCertificate -DnsName $names -CertStoreLocation $store -FriendlyName $friendlyName -NotAfter (Get-Date).AddYears(3)
        Add-Change 'certificate' $made.Thumbprint $null
        $made
    }
}

function Install-Listener {
    [CmdletBinding(SupportsShouldProcess)]
    param([string]$thumbprint)
    if ($PSCmdlet.ShouldProcess('WinRM', "listen with HTTPS on port 5986, certificate $thumbprint")) {
        New-WSManInstance -ResourceURI 'winrm/config/Listener' -SelectorSet $listenerSelector -ValueSet @{ CertificateThumbprint = $thumbprint } | Out-Null
        Add-Change 'listener' $thumbprint $null
    }
}

function Open-FirewallPort {
    [CmdletBinding(SupportsShouldProcess)]
    param([string[]]$addresses)
    $rule = Get-NetFirewallRule -Name $ruleName -ErrorAction SilentlyContinue
    $recorded = @($script:changes | Where-Object { $_.what -eq 'firewall_rule' })
    if (-not $rule) {
        if ($PSCmdlet.ShouldProcess('firewall', "let TCP 5986 in from $addresses, in domain and private networks")) {
            $scope = @{ Direction = 'Inbound'; Action = 'Allow'; Profile = 'Domain', 'Private'; Protocol = 'TCP'; LocalPort = '5986'; RemoteAddress = $addresses }
            New-NetFirewallRule -Name $ruleName -DisplayName 'WinRM over HTTPS (gpudev.workstation)' @scope | Out-Null
            Add-Change 'firewall_rule' "$addresses" $null
        }
    } elseif ($recorded.Count -gt 0 -and $recorded[-1].value -ne "$addresses" -and $PSCmdlet.ShouldProcess('firewall', "let TCP 5986 in from $addresses only")) {
        Set-NetFirewallRule -Name $ruleName -RemoteAddress $addresses
        Add-Change 'firewall_rule' "$addresses" $recorded[-1].value
    }
}

function Grant-LocalAdministrator {
    [CmdletBinding(SupportsShouldProcess)]
    param()
    $value = Get-TokenPolicy
    if ($value -ne 1 -and $PSCmdlet.ShouldProcess("$policyKey $policyName", 'set to 1')) {
        New-ItemProperty -LiteralPath $policyKey -Name $policyName -PropertyType 'DWord' -Value 1 -Force | Out-Null
        Add-Change 'token_policy' 1 $value
    }
}

# --- undoing: each step only where what stands there is still what this script made ------------------------------------------

function Undo-ServiceChange {
    [CmdletBinding(SupportsShouldProcess)]
    param($change)
    if ($change.what -eq 'service_running') {
        if ((Test-ServiceRunning) -and $PSCmdlet.ShouldProcess('service WinRM', 'stop')) { Stop-Service -Name 'WinRM' }
    } elseif ($PSCmdlet.ShouldProcess('service WinRM', "start type $($change.before)")) {
        Set-Service -Name 'WinRM' -StartupType $change.before
    }
}

function Undo-WinRmChange {
    [CmdletBinding(SupportsShouldProcess)]
    param($change)
    if (-not (Test-ServiceRunning)) { throw 'The service WinRM does not run, so its settings cannot be undone: start it and run -Remove again.' }
    if ($change.what -eq 'listener') {
        $mine = @(Get-HttpsListener | Where-Object { $_.CertificateThumbprint -eq $change.value })
        if ($mine.Count -gt 0 -and $PSCmdlet.ShouldProcess('WinRM', 'stop listening with HTTPS')) {
            Remove-WSManInstance -ResourceURI 'winrm/config/Listener' -SelectorSet $listenerSelector
        }
        return
    }
    $null, $resource, $name = $change.what -split ' '
    if ((Get-ServiceSetting $resource $name) -eq $change.value -and $PSCmdlet.ShouldProcess("$resource $name", "set to $($change.before)")) {
        Set-WSManInstance -ResourceURI $resource -ValueSet @{ $name = $change.before } | Out-Null
    }
}

function Undo-Certificate {
    [CmdletBinding(SupportsShouldProcess)]
    param($change)
    $mine = @(Get-ChildItem -LiteralPath $store | Where-Object { $_.Thumbprint -eq $change.value -and $_.FriendlyName -eq $friendlyName })
    if ($mine.Count -gt 0 -and $PSCmdlet.ShouldProcess("certificate $($change.value)", 'remove')) {
        Remove-Item -LiteralPath "$store\$($change.value)" -DeleteKey
    }
}

function Undo-FirewallChange {
    [CmdletBinding(SupportsShouldProcess)]
    param($change)
    if (-not (Get-NetFirewallRule -Name $ruleName -ErrorAction SilentlyContinue)) { return }
    if ($change.before) {
        if ($PSCmdlet.ShouldProcess('firewall', "let TCP 5986 in from $($change.before)")) { Set-NetFirewallRule -Name $ruleName -RemoteAddress ($change.before -split ' ') }
    } elseif ($PSCmdlet.ShouldProcess('firewall', 'close TCP 5986')) {
        Remove-NetFirewallRule -Name $ruleName
    }
}

function Undo-TokenPolicy {
    [CmdletBinding(SupportsShouldProcess)]
    param($change)
    if ((Get-TokenPolicy) -ne $change.value) { return }
    if ($null -eq $change.before) {
        if ($PSCmdlet.ShouldProcess("$policyKey $policyName", 'remove')) { Remove-ItemProperty -LiteralPath $policyKey -Name $policyName }
    } elseif ($PSCmdlet.ShouldProcess("$policyKey $policyName", "set to $($change.before)")) {
        New-ItemProperty -LiteralPath $policyKey -Name $policyName -PropertyType 'DWord' -Value $change.before -Force | Out-Null
    }
}

function Undo-Change($change) {
    if ($change.what -like 'service_*') { Undo-ServiceChange $change }
    elseif ($change.what -eq 'certificate') { Undo-Certificate $change }
    elseif ($change.what -eq 'firewall_rule') { Undo-FirewallChange $change }
    elseif ($change.what -eq 'token_policy') { Undo-TokenPolicy $change }
    elseif ($change.what -eq 'listener' -or $change.what -like 'setting *') { Undo-WinRmChange $change }
    else { throw "The record $RecordPath holds a change that this script does not know: $($change.what)" }
}

# --- the two ways ------------------------------------------------------------------------------------------------------------

$changes = @(Read-Record $RecordPath)
$done = @()

if ($Remove) {
    while ($changes.Count -gt 0) {
        Undo-Change $changes[-1]
        $done += $changes[-1].what
        $changes = @($changes | Select-Object -First ($changes.Count - 1))
        if ($PSCmdlet.ShouldProcess($RecordPath, 'cross out what was undone')) { Write-Record $RecordPath $changes }
    }
    if ([IO.File]::Exists($RecordPath) -and $PSCmdlet.ShouldProcess($RecordPath, 'remove')) {
        [IO.File]::Delete($RecordPath)
        $folder = [IO.Path]::GetDirectoryName($RecordPath)
        if ([IO.Directory]::GetFileSystemEntries($folder).Length -eq 0) { [IO.Directory]::Delete($folder) }
    }
    return [pscustomobject]@{ Undone = $done; Record = $RecordPath }
}

$names = @(Get-ComputerDnsName)
Enable-RemotingService
Disable-WeakSetting 'winrm/config/service/auth' 'Basic'
Disable-WeakSetting 'winrm/config/service' 'AllowUnencrypted'

$listener = @(Get-HttpsListener)
if ($listener.Count -gt 0) {
    $thumbprint = $listener[0].CertificateThumbprint
    if ($CertificateThumbprint -and $thumbprint -ne $CertificateThumbprint) {
        throw "There is an HTTPS listener with another certificate, $thumbprint. It is left as it is; remove it yourself, then run this again."
    }
} else {
    $certificate = Find-Certificate $CertificateThumbprint $names
    if ($CertificateThumbprint -and -not $certificate) {
        throw "$store holds no certificate $CertificateThumbprint with a private key that is valid for another 30 days."
    }
    if (-not $certificate) { $certificate = Install-Certificate $names }
    $thumbprint = if ($certificate) { $certificate.Thumbprint } else { '(of the certificate to be made)' }
    Install-Listener $thumbprint
}

Open-FirewallPort $RemoteAddress
if ($AllowLocalAdministrators) { Grant-LocalAdministrator }

[pscustomobject]@{ Changed = $done; Thumbprint = $thumbprint; Names = $names; Port = 5986; Record = $RecordPath }
