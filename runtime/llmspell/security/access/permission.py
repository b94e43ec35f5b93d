"""What can be permitted: reading, writing, deleting, and administering."""

from __future__ import annotations

import difflib
from enum import IntFlag
from typing import Final

from llmspell.errors import InvalidArgument

__all__ = ["PERMISSIONS", "Permission"]


class Permission(IntFlag):
    """What may be done in a scope; ``ADMIN`` is all of it and what is about the store as a whole.

    The flags are added with ``|``. ``READ in permission`` tells whether one is among them.
    """

    NONE = 0
    READ = 1
    WRITE = 2
    READ_WRITE = 3
    DELETE = 4
    NOT_ADMIN = 7
    ADMIN = 15

    @classmethod
    def named(cls, text: object) -> Permission:
        """Return the permission of a name, or of several with commas between them.

        Raises ``InvalidArgument``.
        """
        found = cls.NONE
        for name in text.split(",") if isinstance(text, str) else [text]:
            known = PERMISSIONS.get(name.strip()) if isinstance(name, str) else None
            if known is None:
                raise _unknown(name)
            found |= known
        return found

    @property
    def text(self) -> str:
        """The permission by its name, or by several: ``read_write,delete``."""
        if self == Permission.ADMIN or self & ~Permission.NOT_ADMIN:
            return "admin"
        pair = self & Permission.READ_WRITE
        parts = [next((name for name, each in PERMISSIONS.items() if each == pair), "")]
        parts.append("delete" if self & Permission.DELETE else "")
        return ",".join(filter(None, parts))


#: The names permissions have in configurations, at the command line and in errors.
PERMISSIONS: Final = {
    "read": Permission.READ,
    "write": Permission.WRITE,
    "delete": Permission.DELETE,
    "read_write": Permission.READ_WRITE,
    "admin": Permission.ADMIN,
}
#: What other systems call them.
_OTHER_NAMES: Final = {"readonly": "read", "writeonly": "write", "all": "admin", "full": "admin"}


def _unknown(name: object) -> InvalidArgument:
    shown = repr(name) if isinstance(name, str) else type(name).__name__
    return InvalidArgument(
        f"{shown} is no permission: they are {', '.join(PERMISSIONS)}",
        hint=_meant(name) if isinstance(name, str) else None,
        parameter="permission",
    )


def _meant(name: str) -> str | None:
    plain = "".join(char for char in name.casefold() if char.isalpha())
    spelled = {each.replace("_", ""): each for each in PERMISSIONS} | _OTHER_NAMES
    near = difflib.get_close_matches(plain, spelled, n=1, cutoff=0.6)
    return f"did you mean '{spelled[near[0]]}'?" if near else None
