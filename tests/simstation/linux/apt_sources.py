# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED package sources that a distro may know beside Ubuntu's own: Docker's and NVIDIA's, by /etc/apt/sources.list.d and the keys named there.

Addresses: docs.docker.com, "Install Docker Engine on Ubuntu"; NVIDIA's install guide of the container toolkit, "With apt". Nothing is fetched: a source that is
not listed here is unknown. As with apt, packages are offered after `apt-get update` only, and a source without its key stops that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..distro.programs import Call

Packages = dict[str, tuple[str, tuple[str, ...]]]

LISTS = "var/lib/apt/lists"
ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
# A stand-in for a vendor's key, for stations that work offline.
SIMULATED_KEY = f"{ARMOUR}\n\nSIMULATED, no key of anybody\n-----END PGP PUBLIC KEY BLOCK-----\n"


@dataclass(frozen=True)
class Source:
    key: str
    packages: Packages


SOURCES = {
    "https://nvidia.github.io/libnvidia-container/stable/deb/amd64": Source(
        "DDCAE044F796ECB0",
        {
            "nvidia-container-toolkit": ("1.17.8-1", ("nvidia-container-toolkit-base", "libnvidia-container-tools")),
            "nvidia-container-toolkit-base": ("1.17.8-1", ()),
            "libnvidia-container-tools": ("1.17.8-1", ("libnvidia-container1",)),
            "libnvidia-container1": ("1.17.8-1", ()),
        },
    ),
    "https://download.docker.com/linux/ubuntu": Source(
        "7EA0A9C3F273FCD8",
        {
            "docker-ce": ("5:28.2.2-1~ubuntu.24.04~noble", ("containerd.io", "docker-ce-cli")),
            "docker-ce-cli": ("5:28.2.2-1~ubuntu.24.04~noble", ()),
            "containerd.io": ("1.7.27-1", ()),
        },
    ),
}


def update(call: Call) -> int:
    """The third-party part of `apt-get update`."""
    for stanza in _stanzas(call.base):
        address = stanza["uris"].rstrip("/")
        source = SOURCES.get(address)
        if source is None:
            call.unknown(f"the package source {address}")
        call.out(f"Get:5 {address} InRelease\n")
        if not _has_key(call.base, stanza):
            call.err(
                f"W: GPG error: {address} InRelease: The following signatures couldn't be verified because the public key is not available: "
                f"NO_PUBKEY {source.key}\nE: The repository '{address} InRelease' is not signed.\n"
            )
            return 100
        _list_of(call.base, address).write_text("SIMULATED\n")
    return 0


def offered(base: Path) -> Packages:
    """What the sources of the last update offer."""
    found: Packages = {}
    for address, source in SOURCES.items():
        if _list_of(base, address).exists():
            found.update(source.packages)
    return found


def _list_of(base: Path, address: str) -> Path:
    return base / LISTS / f"{address.partition('://')[2].replace('/', '_')}_Packages"


def _stanzas(base: Path) -> list[dict[str, str]]:
    texts = [file.read_text() for file in sorted((base / "etc" / "apt" / "sources.list.d").glob("*.sources"))]
    pieces = [piece for text in texts for piece in text.split("\n\n") if piece.strip()]
    return [{name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in piece.splitlines())} for piece in pieces]


def _has_key(base: Path, stanza: dict[str, str]) -> bool:
    from ..distro import tree

    named = stanza.get("signed-by")
    file = tree.host_path(base, named) if named else None
    return bool(file and file.is_file() and file.read_text(errors="replace").startswith(ARMOUR))
