# SPDX-License-Identifier: GPL-3.0-or-later
# The script of ansible.windows.win_powershell where become or a background job needs Ansible's own wrappers: it runs the bootstrap on the frame.
[CmdletBinding(SupportsShouldProcess)]
param([string]$Bootstrap, [string]$Frame)
$Ansible.Changed = $false
$Frame | & ([ScriptBlock]::Create($Bootstrap))
