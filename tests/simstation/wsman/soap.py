# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP envelopes of WS-Management: what a request says, how an answer and a fault are written."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CMD_RESOURCE = f"{SHELL}/cmd"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"
NAMESPACES = {"s": SOAP, "a": ADDRESSING, "w": WSMAN, "rsp": SHELL}

ACTIONS = {
    f"{TRANSFER}/Create": "Create",
    f"{SHELL}/Command": "Command",
    f"{SHELL}/Send": "Send",
    f"{SHELL}/Receive": "Receive",
    f"{SHELL}/Signal": "Signal",
    f"{TRANSFER}/Delete": "Delete",
}

DEFAULT_OPERATION_TIMEOUT = 60.0
DEFAULT_ENVELOPE = 512000


class Fault(Exception):
    """A WSMan fault: the code of WSManFault, the SOAP subcode, the text, and the WMI error that quota faults carry."""

    def __init__(self, code: int, subcode: str, message: str, wmi_error: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.message = message
        self.wmi_error = wmi_error


@dataclass(frozen=True)
class Envelope:
    action: str
    message_id: str
    resource: str
    options: dict[str, str]
    shell_id: str
    operation_timeout: float
    max_envelope: int
    body: ET.Element

    @property
    def verb(self) -> str:
        return ACTIONS.get(self.action, "?")

    def find(self, path: str) -> ET.Element:
        """A part the verb needs; its absence is the client's error."""
        element = self.body.find(path, NAMESPACES)
        if element is None:
            raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", f"The SOAP XML in the message does not match the corresponding XML schema: no {path}.")
        return element


# ERROR_WSMAN codes as pywinrm and Ansible know them (facts/winrm.md 1.1, 2); those marked "guess" were never seen on Windows.
OPERATION_TIMEOUT = 2150858793
SHELL_NOT_FOUND = 2150858843
QUOTA_SHELLS = 2150859173
QUOTA_OPERATIONS = 2150859174  # 0x803381A6, also as WMI error
RESOURCE_NOT_FOUND = 2150858754  # guess
ACTION_NOT_SUPPORTED = 2150858758  # guess
ENVELOPE_TOO_LARGE = 2150858856  # guess
PIPE_ENDED = 109  # ERROR_BROKEN_PIPE of winerror.h, whose words are those of https://github.com/ansible/ansible/issues/69595; not recorded
SCHEMA_ERROR = 2150858817  # guess


def parse(text: bytes) -> Envelope:
    """Raises `ET.ParseError` when it is not XML."""
    root = ET.fromstring(text)
    header, body = root.find("s:Header", NAMESPACES), root.find("s:Body", NAMESPACES)
    if header is None or body is None:
        raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", "The SOAP XML in the message has no header or no body.")
    selectors = {selector.get("Name"): selector.text or "" for selector in header.findall("w:SelectorSet/w:Selector", NAMESPACES)}
    return Envelope(
        action=header.findtext("a:Action", "", NAMESPACES),
        message_id=header.findtext("a:MessageID", "", NAMESPACES),
        resource=header.findtext("w:ResourceURI", "", NAMESPACES),
        options={option.get("Name", ""): option.text or "" for option in header.findall("w:OptionSet/w:Option", NAMESPACES)},
        shell_id=selectors.get("ShellId", ""),
        operation_timeout=_seconds(header.findtext("w:OperationTimeout", "", NAMESPACES)),
        max_envelope=int(header.findtext("w:MaxEnvelopeSize", str(DEFAULT_ENVELOPE), NAMESPACES)),
        body=body,
    )


def _seconds(duration: str) -> float:
    """The durations clients send: PT20S, PT1M30S."""
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration)
    if match is None:
        return DEFAULT_OPERATION_TIMEOUT
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def answer(request: Envelope, body: str) -> bytes:
    return _envelope(f"{request.action}Response", request.message_id, body)


def fault(message_id: str, machine: str, problem: Fault) -> bytes:
    text = escape(problem.message)
    wmi = ""
    if problem.wmi_error is not None:
        wmi = (
            '<p1:MSFT_WmiError xmlns:p1="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError">'
            f"<p1:error_Code>{problem.wmi_error}</p1:error_Code></p1:MSFT_WmiError>"
        )
    body = (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{problem.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{problem.code}" Machine="{escape(machine)}">'
        f"<f:Message>{text}</f:Message></f:WSManFault>{wmi}</s:Detail></s:Fault>"
    )
    return _envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", message_id, body)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:x="{TRANSFER}" xmlns:w="{WSMAN}" xmlns:rsp="{SHELL}" '
        f'xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{ANONYMOUS}</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
