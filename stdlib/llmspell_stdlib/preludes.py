"""The Lua and JavaScript files beside the modules, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["Preludes"]

_LANGUAGES: Final = ("lua", "js")


class Preludes(Mapping[str, str]):
    """The preludes of one global by language, read when a sandbox of that language is made."""

    def __init__(self, name: str, *, languages: tuple[str, ...] = _LANGUAGES) -> None:
        self._name = name
        self._languages = languages

    def __getitem__(self, language: str) -> str:
        if language not in self._languages:
            raise KeyError(language)
        return _read(f"{self._name}.{language}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._languages)

    def __len__(self) -> int:
        return len(self._languages)


@cache
def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
