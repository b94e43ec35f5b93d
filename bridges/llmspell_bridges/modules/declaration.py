"""The two host functions behind ``require``, and the preludes that build ``require`` on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from llmspell_bridges.api import Global, Param
from llmspell_bridges.modules.service import Modules
from llmspell_bridges.values import Value

__all__ = ["MODULES"]

_LANGUAGES: Final = ("lua", "js")


class _Preludes(Mapping[str, str]):
    """``lua/modules.lua`` and ``js/modules.js``, each read when its language is first used."""

    def __getitem__(self, language: str) -> str:
        if language not in _LANGUAGES:
            raise KeyError(language)
        return _read(language)

    def __iter__(self) -> Iterator[str]:
        return iter(_LANGUAGES)

    def __len__(self) -> int:
        return len(_LANGUAGES)


@cache
def _read(language: str) -> str:
    folder = Path(__file__).parents[1] / language
    return (folder / f"modules.{language}").read_text(encoding="utf-8")


MODULES: Final = Global("", "Modules of the script's own.", preludes=_Preludes())


@MODULES.function(
    Param("name", "text", "The module."),
    Param("file", "text"),
    internal=True,
    serves="require",
    result="value",
)
def find_module(modules: Modules, name: str, file: str) -> Value:
    """Return the shown name, the kind and the content of the module that ``file`` requires."""
    return list(modules.find(name, file))


@MODULES.function(internal=True, serves="module", result="value", languages=("js",))
def main_module(modules: Modules) -> Value:
    """Return the shown name of the script and of its folder."""
    return list(modules.main())
