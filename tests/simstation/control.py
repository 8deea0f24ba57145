# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control endpoint: what a test may ask and do behind WinRM's back. Loopback only, JSON only.

`GET /hosts`, `GET /hosts/<name>/state`, `GET /hosts/<name>/errors`, `GET /hosts/<name>/tree?distro=<distro>`,
`POST /hosts/<name>/logon {"user": …}`, `POST /hosts/<name>/patch` (a JSON merge patch of the state document, RFC 7386).
`POST /troubles` (a script as in `troubles.py`, in place of the present one), `GET /troubles` (how often each of its rules struck).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simstation.station import Station
from tests.simstation.troubles import BadScript, Troubles, parse
from tests.simstation.wsman.http import Connection, Request, Response

JSON = "application/json"


class BadCall(Exception):
    """The caller's error: HTTP status and text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    def __init__(self, stations: Mapping[str, Station], troubles: Troubles) -> None:
        self._stations = stations
        self._troubles = troubles

    def handle(self, request: Request, _connection: Connection) -> Response:
        try:
            answer = self._answer(request)
        except BadCall as problem:
            return _json(problem.status, {"error": str(problem)})
        return _json(200, answer)

    def _answer(self, request: Request) -> Any:
        url = urlsplit(request.path)
        words = url.path.strip("/").split("/")
        if words == ["hosts"] and request.method == "GET":
            return sorted(self._stations)
        if words == ["troubles"]:
            return self._script(request)
        if len(words) != 3 or words[0] != "hosts":
            raise BadCall(404, f"no such path: {url.path}")
        station = self._stations.get(words[1])
        if station is None:
            raise BadCall(404, f"no such host: {words[1]}")
        if request.method == "GET":
            return self._look(station, words[2], {name: values[-1] for name, values in parse_qs(url.query).items()})
        if request.method == "POST":
            return self._act(station, words[2], _body(request))
        raise BadCall(405, request.method)

    def _script(self, request: Request) -> Any:
        if request.method == "POST":
            try:
                self._troubles.replace(parse(_body(request)))
            except BadScript as problem:
                raise BadCall(400, str(problem)) from problem
        return self._troubles.report()

    def _look(self, station: Station, what: str, query: dict[str, str]) -> Any:
        if what == "state":
            return json.loads(station.snapshot())
        if what == "errors":
            with station.lock:
                return list(station.errors)
        if what == "tree":
            return _tree(station, query.get("distro", ""))
        raise BadCall(404, f"no such view: {what}")

    def _act(self, station: Station, what: str, body: Any) -> Any:
        if what == "patch":
            with station.changed() as state:
                merge(state, body)
            return {"patched": True}
        if what == "logon":
            from tests.simstation.windows import session

            try:
                session.log_on(station, body["user"])
            except (KeyError, ValueError) as problem:
                raise BadCall(400, str(problem)) from problem
            return {"logged_on": body["user"]}
        raise BadCall(404, f"no such action: {what}")


def _tree(station: Station, name: str) -> dict[str, str]:
    from tests.simstation import distro

    with station.lock:
        known = name in station.state["wsl"]["distros"]
    if not known:
        raise BadCall(404, f"no such distro: {name}")
    return distro.listing(station, name)


def merge(target: dict[str, Any], patch: Any) -> None:
    """RFC 7386, in place: the parts of the simulator hold on to the document."""
    if not isinstance(patch, dict):
        raise BadCall(400, "a merge patch is a JSON object")
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(name), dict):
                target[name] = {}
            merge(target[name], value)
        else:
            target[name] = value


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body or b"{}")
    except ValueError as problem:
        raise BadCall(400, f"not JSON: {problem}") from problem


def _json(status: int, content: Any) -> Response:
    return Response(status, json.dumps(content).encode() + b"\n", JSON)
