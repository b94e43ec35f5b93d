"""Functions that schemas and migrations name: built in, registered by the application, scripts."""

from __future__ import annotations

import inspect
import os
import re
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

from llmspell.errors import InvalidArgument, SchemaError, ScriptError, ScriptLimitExceeded

__all__ = ["Function", "Functions", "ScriptLoader", "failure"]

Function: TypeAlias = Callable[[Any, dict[str, Any]], Any]
"""What is named: it gets a value and the ``config`` written beside the name."""

ScriptLoader: TypeAlias = Callable[[Path, str | None], Function]
"""What makes a function of a script, or of a function that the script defines."""

_SCRIPT: Final = re.compile(r"(?P<file>.+\.(?:lua|js))(?::(?P<function>.*))?", re.DOTALL)
#: What is said of a script, not by it, holds no data: so it can be told.
_SAID_BY_US: Final = {
    "the function returned nothing": "returned nothing; end it with `return value`",
    "the function returned a promise": "returned a promise, and nothing here can wait for it",
}
_FUNCTION_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


class Functions:
    """The functions that names stand for; ``what`` is what they are called, such as validator.

    A registered function goes before a built-in one of the same name, so that a release with
    more built-in ones changes nothing. A name that ends in ``.lua`` or ``.js``, with
    ``:function`` behind it or not, is a script beside the file where it is named. Raises
    ``InvalidArgument`` for what is no plain function of two arguments.
    """

    def __init__(
        self,
        what: str,
        builtin: Mapping[str, Function],
        registered: Mapping[str, Function] | None = None,
        scripts: ScriptLoader | None = None,
    ) -> None:
        self.what = what
        for name, function in (registered or {}).items():
            _check(what, name, function)
        self._known = {**builtin, **(registered or {})}
        self._scripts = scripts
        self._loaded: dict[tuple[Path, str | None], Function] = {}

    @property
    def names(self) -> list[str]:
        """The names there are, scripts left out."""
        return sorted(self._known)

    def find(self, name: str, source: Path | None = None) -> Function:
        """Return the function called ``name`` in the file ``source``.

        A script is relative to the folder of ``source``, or to the current folder without one,
        and is loaded once. Raises ``SchemaError`` for a name that stands for nothing.
        """
        if (known := self._known.get(name)) is not None:
            return known
        if script := _SCRIPT.fullmatch(name):
            return self._script(name, script["file"], script["function"], source)
        guesses = get_close_matches(name, self._known, n=3)
        meant = " or ".join(map(repr, guesses))
        raise SchemaError(
            f"there is no {self.what} {name!r}",
            hint=f"did you mean {meant}?"
            if guesses
            else f"there are {', '.join(self.names)}; others are registered by the application, "
            "or are scripts such as 'checks.lua:is_even'",
            file=None if source is None else str(source),
        )

    def _script(self, name: str, file: str, function: str | None, source: Path | None) -> Function:
        where = None if source is None else str(source)
        if self._scripts is None:
            raise SchemaError(
                f"the {self.what} {name!r} is a script, and scripts cannot be used here",
                hint="name a built-in function, or one that the application registers",
                file=where,
            )
        if function is not None and not _FUNCTION_NAME.fullmatch(function):
            raise SchemaError(
                f"the {self.what} {name!r} names no function of the script",
                hint="write the file and the function as in 'checks.lua:is_even'",
                file=where,
            )
        path = (Path() if source is None else source.parent) / file
        if not os.path.isfile(path):  # which knows no errors: of names that are too long, say
            raise SchemaError(f"there is no script {path} for the {self.what} {name!r}", file=where)
        key = (path.resolve(), function)
        if key not in self._loaded:
            self._loaded[key] = self._scripts(path, function)
        return self._loaded[key]


def failure(error: Exception) -> str:
    """Return the kind of an error and where it arose. What it says may hold a value."""
    if isinstance(error, ScriptError):
        place = os.path.basename(error.file) if error.file else "no place known"
        if error.file and error.line is not None:
            place += f":{error.line}"
        if isinstance(error, ScriptLimitExceeded):
            return f"hit its limit {error.details.get('limit')} ({place})"
        for said, meant in _SAID_BY_US.items():
            if said in error.message:
                return f"{meant} ({place})"
        return f"failed with {type(error).__name__} ({place})"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"failed with {type(error).__name__}"
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"
    return f"failed with {type(error).__name__} ({place})"


def _check(what: str, name: Any, function: Any) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidArgument(f"the name of a {what} is text and not empty", parameter=f"{what}s")
    if not callable(function):
        raise InvalidArgument(
            f"the {what} {name!r} is a {type(function).__name__}, not a function",
            hint="write def fn(value, config): ...",
            parameter=f"{what}s",
        )
    call = getattr(function, "__call__", None)  # noqa: B004 - that of an object may be async
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call):
        raise InvalidArgument(
            f"the {what} {name!r} cannot be async: its answer is needed at once",
            hint="use a plain function",
            parameter=f"{what}s",
        )
    try:
        inspect.signature(function).bind(None, {})
    except TypeError:
        raise InvalidArgument(
            f"the {what} {name!r} has to take two arguments: the value and its config",
            hint="write def fn(value, config): ...",
            parameter=f"{what}s",
        ) from None
    except ValueError:  # a function of C that does not tell
        return
