"""Landlock: no file, no TCP port, no abstract socket, whatever the permissions on disk."""

from __future__ import annotations

import os
import struct
from typing import Final

from llmspell_bridges.process.hardening.libc import address_of, syscall

__all__ = ["forbid_files"]

# The same numbers on every architecture.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
#: By the version that brought them: how many rights on files, on ports, and how many scopes.
_RIGHTS: Final = (
    (1, 13, 0, 0),
    (2, 14, 0, 0),
    (3, 15, 0, 0),
    (4, 15, 2, 0),
    (5, 16, 2, 0),
    (6, 16, 2, 2),
)


def forbid_files() -> str:
    """Take every right that this kernel's version knows. Needs no-new-privileges first."""
    version = syscall(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    files, ports, scopes = max(row for row in _RIGHTS if row[0] <= version)[1:]
    attributes = struct.pack("<QQQ", (1 << files) - 1, (1 << ports) - 1, (1 << scopes) - 1)
    known = 24 if scopes else 16 if ports else 8
    address, _keep = address_of(attributes)
    rules = syscall(_CREATE_RULESET, address, known, 0)
    try:
        syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    return f"no file can be opened (version {version})"
