"""What other processes need to reach the store of a runtime: the same one, or a clear refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel

from llmspell.errors import ConfigError

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.result import Runs

__all__ = ["DatabaseFile", "check_shareable", "for_other_processes"]

_ONE_PROCESS: Final = {
    "memory": "is in this process alone: nobody would see what the others write",
    "rocksdb": "can be open in one process only",
}
_SQLITE_URL: Final = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?):///(?P<path>.+)", re.DOTALL)
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """A database and the number its file has, which tells it from one elsewhere of that name."""

    path: Path
    inode: int

    @classmethod
    def at(cls, path: Path) -> DatabaseFile:
        """Describe the file. Raises ``ConfigError`` if it is not there."""
        return cls(path, _inode(path))

    def check(self) -> None:
        """Raise ``ConfigError`` unless this process sees the very same file."""
        if _inode(self.path) != self.inode:
            raise _not_here(self.path)


def check_shareable(config: Config) -> None:
    """Raise ``ConfigError`` for a store that only one process can use."""
    state = config.state
    if not state.enabled or state.url is not None or state.backend not in _ONE_PROCESS:
        return
    raise ConfigError(
        f"the {state.backend} store {_ONE_PROCESS[state.backend]}",
        hint="use threads: executor=ThreadPoolExecutor(); or a store for several processes: "
        'state.backend = "sqlite", or the url of a server',
        key="state.backend",
        backend=state.backend,
    )


def for_other_processes(runtime: Runs) -> tuple[Config, DatabaseFile | None]:
    """Return the configuration without relative paths, and the file of the store if it is one.

    Opens the store, so that what is wrong with it is told once, here.
    """
    config = _absolute(runtime.config)
    state = config.state
    if not state.enabled:
        return config, None
    match = _SQLITE_URL.fullmatch(state.url or "")
    if match:
        path = Path(unquote(match["path"])).absolute()
        url = f"{match['scheme']}:///{quote(path.as_posix())}"
        config = config.model_copy(update={"state": state.model_copy(update={"url": url})})
    elif state.url is not None or state.backend != "sqlite":
        return config, None
    else:
        path = state.path
    _ = runtime.state
    return config, DatabaseFile.at(path)


def _absolute(model: _Model) -> _Model:
    """Return a copy in which every path, in tables below too, starts at the root."""
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            changed[name] = _absolute(value)
        elif isinstance(value, Path):
            changed[name] = value.absolute()
        elif isinstance(value, tuple):
            changed[name] = tuple(
                item.absolute() if isinstance(item, Path) else item for item in value
            )
    return model.model_copy(update=changed)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        raise _not_here(path) from None


def _not_here(path: Path) -> ConfigError:
    return ConfigError(
        f"the database {path} of the program that started the map is not there",
        hint="programs on other machines, or in other folders, share a server: set state.url; "
        "if the current folder changed since the store was opened, set an absolute state.path",
        key="state.path",
    )
