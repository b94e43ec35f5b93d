"""Environment variables, for scripts that may see them."""

from __future__ import annotations

import os

from llmspell.errors import InvalidArgument
from llmspell.permissions import Permissions
from llmspell.permissions.denial import denied, shortened
from llmspell_bridges.values import Value, is_unicode

__all__ = ["Environment"]


class Environment:
    """Reads the variables of this process that ``permissions`` include."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def get(self, name: str) -> Value:
        """Return a variable's text, as bytes if it is not Unicode, or ``None`` if it is not set."""
        if not name or "=" in name or "\0" in name:
            raise InvalidArgument(
                "argument 'name' is no name of a variable: it is empty or holds = or NUL",
                parameter="name",
            )
        if not self._permissions.allows_env(name):
            shown = shortened(name)
            raise denied(
                "env", name, f"reading the environment variable '{shown}' is not permitted", shown
            )
        value = os.environ.get(name)
        # What is no Unicode comes with surrogates in place of its bytes.
        return value if value is None or is_unicode(value) else os.fsencode(value)
