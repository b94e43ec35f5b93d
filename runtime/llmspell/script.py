"""A script: its text, its engine, and how one on disk is found and read."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from llmspell.errors import InvalidArgument, ScriptNotFound
from llmspell_bridges.sandbox import ENGINES, EXTENSIONS, engine_of

__all__ = ["Script", "pick_engine", "read_script"]

_KINDS: Final = ", ".join(EXTENSIONS)


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the engine that runs it; what ``Runtime.map`` takes besides a path.

    ``name`` is the file errors show, and ``ARGS[0]`` without its folders. ``folder`` is where its
    modules are: without one it finds those of the module folders alone. Raises
    ``InvalidArgument`` for what is no text or no engine.
    """

    code: str = field(repr=False)
    engine: str
    name: str = "<exec>"
    folder: str | None = None

    def __post_init__(self) -> None:
        for parameter in ("code", "engine", "name", "folder"):
            given = getattr(self, parameter)
            if not isinstance(given, str) and not (given is None and parameter == "folder"):
                raise InvalidArgument(
                    f"{parameter} must be text, not {type(given).__name__}", parameter=parameter
                )
        if self.engine not in ENGINES:
            raise InvalidArgument(
                f"unknown engine {self.engine!r}",
                hint=f"engines: {', '.join(ENGINES)}",
                engine=self.engine,
            )

    @classmethod
    def read(cls, path: str | Path, *, engine: str | None = None) -> Script:
        """Read a script file; its extension names the engine unless ``engine`` does.

        Raises ``ScriptNotFound``.
        """
        file = Path(path)
        code, kind = read_script(file), pick_engine(file, engine)
        # Of a link the folder it leads to: that is where the rest of its program is.
        return cls(code, kind, str(path), os.path.dirname(os.path.realpath(file)))


def read_script(path: Path) -> str:
    """Return a script's text. Raises ``ScriptNotFound``, saying what is there instead."""
    shown = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ScriptNotFound(
            f"there is no script {shown}", hint=_neighbour_hint(path), path=shown
        ) from None
    except IsADirectoryError:
        raise ScriptNotFound(
            f"{shown} is a directory, not a script", hint="name a file in it", path=shown
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScriptNotFound(f"cannot read {shown}: {reason}", path=shown) from error
    if b"\0" in data:
        raise ScriptNotFound(
            f"{shown} is not a script: it holds NUL bytes, as binary files do", path=shown
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScriptNotFound(
            f"{shown} is not UTF-8 text (line {line})",
            hint="save it with UTF-8 encoding",
            path=shown,
            line=line,
        ) from None


def pick_engine(path: Path, engine: str | None) -> str:
    """Return the engine asked for, or the one the file's extension names."""
    chosen = engine or engine_of(path)
    if chosen is None:
        raise ScriptNotFound(
            f"cannot tell the language of {path} from its extension",
            hint=f"known extensions: {_KINDS}; or name the engine: {' or '.join(ENGINES)}",
            path=str(path),
        )
    return chosen


def _neighbour_hint(path: Path) -> str | None:
    """Suggest a file with a similar name in the same folder."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in EXTENSIONS]
    except OSError:
        return f"there is no folder {path.parent} either" if str(path.parent) != "." else None
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else None
