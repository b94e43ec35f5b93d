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
        given = {"-c": settings.config, "-p": settings.profile}
        words = ["llmspell", *_options(given), name]
        if name == _WITH_ACTOR:
            words += _options({"--actor": settings.actor})
        return shlex.join(words)

    return _COMMAND.sub(command, text)


def _options(given: dict[str, object]) -> list[str]:
    named = [(name, str(value)) for name, value in given.items() if value is not None]
    return [part for pair in named for part in pair]
