# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a file comes from, as it may be told: a URL can hold a password, and a signed one is a key to what it names.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re

# Scheme; who asks, up to the last `@` before the path; host and path; query and fragment.
_WHOLE = re.compile(r"^(https?://)(?:[^/?#]*@)?([^?#]*).*$", re.IGNORECASE | re.DOTALL)
_WITHIN = re.compile(r"(https?://)(?:[^/?#\s]*@)?([^?#\s'\"]*)[^\s'\"]*", re.IGNORECASE)


def is_url(source: str) -> bool:
    return source.lower().startswith(("https://", "http://"))


def without_secrets(source: str) -> str:
    """A URL without user information, query and fragment; a path as it is."""
    return _WHOLE.sub(r"\1\2", source)


def without_secrets_within(text: str, source: str = "") -> str:
    """The same for what a program said, which may repeat `source`, or spell it and where it was led to in its own way."""
    return _WITHIN.sub(r"\1\2", text.replace(source, without_secrets(source)) if source else text)
