# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `python -m tests.simstation serve | prepare | scenarios | review-powershell`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from tests.simstation import inventory
from tests.simstation.station import DEFAULT_TIME_SCALE
from tests.simstation.windows.cim import LANGUAGE_IDS


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.command == "serve":
        return serve(options)
    if options.command == "prepare":
        from tests.simstation import distro

        distro.prepare_templates()
        return 0
    if options.command == "scenarios":
        from tests.simstation.scenarios import SCENARIOS

        print("\n".join(SCENARIOS))
        return 0
    from tests.simstation import script_hashes

    print("\n".join(script_hashes.review(options.update)))
    return 0


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser(prog="python -m tests.simstation", description="Simulated workstations behind real WinRM ports.")
    commands = main_parser.add_subparsers(dest="command", required=True)
    _add_serve(commands.add_parser("serve", help="run stations until SIGTERM"))
    commands.add_parser("prepare", help="make the templates that prepared distros share (needs the wheelhouse)")
    commands.add_parser("scenarios", help="list the scenarios")
    review = commands.add_parser("review-powershell", help="show which PowerShell texts have a reviewed imitation")
    review.add_argument("--update", action="store_true", help="I have reviewed the imitations: accept the present texts")
    return main_parser


def program(name: str) -> str:
    """The full path of a program that can be started."""
    found = shutil.which(name)
    if found is None:
        raise argparse.ArgumentTypeError(f"{name} is no program that can be started")
    return str(Path(found).resolve())


def _add_serve(serve_parser: argparse.ArgumentParser) -> None:
    add = serve_parser.add_argument
    add("--scenario", action="append", required=True, metavar="NAME", help="one host per scenario; repeat for more")
    add("--hosts", type=int, default=1, metavar="N", help="N hosts of the one scenario")
    add("--inventory-out", type=Path, metavar="FILE", help="Ansible inventory, written when everything is ready, removed at the end")
    add("--wire-log", type=Path, metavar="FILE", help="one JSON line per SOAP request")
    add("--log", type=Path, metavar="FILE", help="one JSON line per request that is not simulated")
    add("--state-dir", type=Path, metavar="DIR", help="keep the stations here over restarts")
    add("--pid-file", type=Path, metavar="FILE", help="write the process number, removed at the end")
    add("--time-scale", type=float, default=DEFAULT_TIME_SCALE, metavar="X", help="how long simulated seconds take (default %(default)s)")
    add("--rtt-ms", type=float, default=0.0, metavar="N", help="delay of each HTTP request")
    add("--powershell-ms", type=float, default=0.0, metavar="N", help="time to start PowerShell")
    add("--max-operations", type=int, default=1500, metavar="N", help="commands per shell before the quota fault (default %(default)s)")
    add("--max-shells", type=int, default=30, metavar="N", help="shells per user before the quota fault (default %(default)s)")
    add("--troubles", type=Path, metavar="FILE", help="a JSON script of what goes wrong at which request, see troubles.py")
    add("--scheme", choices=("https", "http"), default="https", help="https with a private CA, or http with message encryption (default %(default)s)")
    add("--auth", default="ntlm", metavar="LIST", help="ntlm, basic or ntlm,basic (default %(default)s)")
    add("--allow-unencrypted", action="store_true", help="take plain SOAP over http, which Basic needs there")
    add("--carrier", choices=sorted(inventory.CONNECTIONS), default="winrm", help="the Windows connection that the inventory names (default %(default)s)")
    add("--ssh-shell", choices=("cmd", "powershell"), default="cmd", help="the default shell of the stations' SSH server (default %(default)s)")
    add("--powershell", type=program, metavar="PATH", help="a PowerShell 7 that runs the language for real, on a Windows look-alike")
    add("--locale", choices=sorted(LANGUAGE_IDS), default="en-US", help="the language of Windows (default %(default)s)")
    add("--allow", default="", metavar="WORDS", help="consents written into the inventory as workstation_allow, for example reboot,wsl_shutdown")


def serve(options: argparse.Namespace) -> int:
    from tests.simstation.serve import Wishes
    from tests.simstation.serve import serve as run
    from tests.simstation.troubles import parse

    wishes = Wishes(
        scenarios=options.scenario,
        hosts=options.hosts,
        inventory_out=options.inventory_out,
        wire_log=options.wire_log,
        error_log=options.log,
        state_directory=options.state_dir,
        time_scale=options.time_scale,
        rtt_seconds=options.rtt_ms / 1000,
        powershell_seconds=options.powershell_ms / 1000,
        https=options.scheme == "https",
        schemes=frozenset(options.auth.split(",")),
        allow_unencrypted=options.allow_unencrypted,
        max_operations=options.max_operations,
        max_shells=options.max_shells,
        troubles=parse(json.loads(options.troubles.read_text(encoding="utf-8"))) if options.troubles else (),
        carrier=options.carrier,
        powershell=options.powershell,
        ssh_shell=options.ssh_shell,
        locale=options.locale,
        allow=[word for word in options.allow.split(",") if word],
    )
    if options.pid_file is not None:
        options.pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        return run(wishes)
    except ValueError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    finally:
        if options.pid_file is not None:
            options.pid_file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
