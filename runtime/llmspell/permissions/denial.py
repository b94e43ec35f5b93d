"""How a refusal is told: what was tried, and the flag and the key that would allow exactly it."""

from __future__ import annotations

import json
import shlex
from typing import Final

from llmspell.errors import PermissionDenied

__all__ = ["denied", "shortened"]

_LONGEST_SHOWN: Final = 200


def denied(permission: str, target: str, message: str, *entries: str) -> PermissionDenied:
    """Return the error for ``target``, which ``entries`` (by default itself) would allow."""
    wanted = entries or (target,)
    flag = f"--allow-{permission}={','.join(entry.replace(',', ',,') for entry in wanted)}"
    listed = json.dumps(list(wanted), ensure_ascii=False)
    return PermissionDenied(
        message,
        hint=f"allow it with {shlex.quote(flag)} before the script's name, or with "
        f"permissions.{permission} = {listed} in the configuration",
        permission=permission,
        target=target,
    )


def shortened(text: str) -> str:
    """Return a name as messages show it: a script may choose one of any length."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
