"""Where the modules of a run come from: its script's folder, then the module folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell.errors import InvalidArgument
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.modules import MODULES, Modules
from llmspell_bridges.values import MAX_DEPTH

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["ModulePaths", "modules_for", "with_module_paths"]

ModulePaths = Sequence["str | os.PathLike[str]"]


def modules_for(
    config: Config | None, *, engine: str, name: str, folder: str | os.PathLike[str] | None
) -> BoundGlobal:
    """Return what gives one run its ``require``."""
    modules = Modules(
        language=engine,
        name=name,
        folder=folder,
        paths=() if config is None else config.modules.paths,
        max_depth=MAX_DEPTH if config is None else config.limits.depth,
    )
    return BoundGlobal(MODULES, modules)


def with_module_paths(config: Config | None, paths: ModulePaths) -> Config | None:
    """Return a configuration whose module folders start with ``paths``.

    Raises ``InvalidArgument`` for what is no series of paths.
    """
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Sequence):
        raise _wrong("must be a list of folders", 'write module_paths=["lib"]')
    folders = [_folder(path) for path in paths]
    if not folders:
        return config
    if config is None:
        from llmspell.config import default_config

        config = default_config()
    # One that several of the sources name is searched once.
    together = tuple(dict.fromkeys((*folders, *config.modules.paths)))
    return config.model_copy(
        update={"modules": config.modules.model_copy(update={"paths": together})}
    )


def _folder(path: Any) -> Path:
    try:
        text = os.fspath(path)
    except TypeError:
        raise _wrong(f"must hold texts or paths, not {type(path).__name__}") from None
    if not isinstance(text, str):
        raise _wrong("must hold texts, not bytes")
    if not text.strip() or "\0" in text:
        raise _wrong("holds an empty text, or one with a NUL")
    return Path(text).expanduser()


def _wrong(problem: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"module_paths {problem}", hint=hint, parameter="module_paths")
