"""Commands to paste: they are for the same store and the same actor as the one that was called."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmspell.cli.options import Settings

__all__ = ["again", "repeated"]

_COMMAND: Final = re.compile(r"\bllmspell (backup|keys|state)\b")
_WITH_ACTOR: Final = "backup"


def again(settings: Settings, *words: str) -> str:
    """Return a backup command with the configuration, profile and actor that were given."""
    return repeated(settings, shlex.join(["llmspell", "backup", *words]))


def repeated(settings: Settings, text: str) -> str:
    """Return a text whose commands have the configuration, profile and actor that were given."""

    def command(found: re.Match[str]) -> str:
        name = found[1]
        words = ["llmspell", *_option("-c", settings.config), *_option("-p", settings.profile)]
        actor = _option("--actor", settings.actor) if name == _WITH_ACTOR else []
        return shlex.join([*words, name, *actor])

    return _COMMAND.sub(command, text)


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]
