"""Where the modules of a run come from: its script's folder, then the module folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import InvalidArgument
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.modules import MODULES, Modules
from llmspell_bridges.values import MAX_DEPTH, is_unicode

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["ModulePaths", "folder_text", "modules_for", "with_module_paths"]

_PATHS: Final = "module_paths"
ModulePaths = Sequence["str | os.PathLike[str]"]


def folder_text(folder: str | os.PathLike[str] | None) -> str | None:
    """Return the folder of a script given as text. Raises ``InvalidArgument`` if it can be none."""
    return None if folder is None else str(_folder(folder, "folder"))


def modules_for(
    config: Config | None, *, engine: str, name: str, folder: str | None
) -> BoundGlobal:
    """Return what gives one run its ``require``."""
    modules = Modules(
        language=engine,
        name=name,
        folder=folder if config is None or config.modules.own_folder else None,
        paths=() if config is None else config.modules.paths,
        max_depth=MAX_DEPTH if config is None else config.limits.depth,
    )
    return BoundGlobal(MODULES, modules)


def with_module_paths(config: Config | None, paths: ModulePaths) -> Config | None:
    """Return a configuration whose module folders start with ``paths``.

    Raises ``InvalidArgument`` for what is no series of paths.
    """
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Sequence):
        raise _wrong(_PATHS, "must be in a list", 'write module_paths=["lib"]')
    folders = [_folder(path, _PATHS) for path in paths]
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


def _folder(path: Any, parameter: str) -> Path:
    try:
        text = os.fspath(path)
    except TypeError:
        raise _wrong(parameter, f"must be text or a path, not {type(path).__name__}") from None
    if not isinstance(text, str) or not is_unicode(text):
        raise _wrong(parameter, "must be valid Unicode text, not bytes")
    if not text.strip() or "\0" in text:
        raise _wrong(parameter, "must not be empty, or hold a NUL", 'write "." for the current one')
    return Path(text)


def _wrong(parameter: str, problem: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"{parameter}: a folder {problem}", hint=hint, parameter=parameter)
