"""Functions of schemas and migrations that are written in Lua or JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from llmspell.errors import LlmSpellError, SchemaError, ScriptError, ScriptLimitExceeded
from llmspell.sandboxed_function import MAY_TAKE, Given, SandboxedFunction

__all__ = ["ScriptFunction"]

_MOST_SHOWN: Final = 20
_FORMS: Final = {
    "lua": (
        "return function(value, config) ... end, or return {to_level = function(value, config)"
        " ... end}"
    ),
    "js": (
        "module.exports = (value, config) => ..., or module.exports = {toLevel(value, config)"
        " {...}}"
    ),
}
_GIVES: Final = {"lua": "returns", "js": "exports"}


class ScriptFunction:
    """A function ``(value, config)`` in a script: a transformer or a validator.

    The file gives one function, or a table (an object) of them of which ``name`` picks one.
    ``must_return`` refuses a call that ends without a result: what a transformer needs, and a
    validator does not. What it may use is what a ``SandboxedFunction`` may.

    Raises ``SchemaError``, naming file and line, for a script that cannot be loaded. Calling it
    raises ``ScriptError``, and ``ScriptLimitExceeded`` (which is one) for a call that takes more
    than a second or 64 MiB.
    """

    def __init__(self, path: Path, name: str | None = None, *, must_return: bool = False) -> None:
        self._shown = str(path) if name is None else f"{path}:{name}"
        try:
            self._function = SandboxedFunction(
                path, name, refuse=_refusing(path, name), must_return=must_return
            )
        except SchemaError:
            raise
        except LlmSpellError as error:
            raise _unusable(path, self._shown, error) from None

    def __call__(self, value: Any, config: dict[str, Any]) -> Any:
        return self._function(value, config)

    def __repr__(self) -> str:
        return f"<ScriptFunction {self._shown}>"


def _refusing(path: Path, name: str | None) -> Callable[[Given], SchemaError]:
    """Return what makes the error of a script that does not give the function wanted."""

    def refusal(given: Given) -> SchemaError:
        gives, form = _GIVES[given.language], f"write {_FORMS[given.language]}"
        there = ", ".join(given.names[:_MOST_SHOWN])
        if given.found == "async":
            problem = "the function is async, and nothing here can wait for it"
            form = "take away `async`: a function of a migration only computes"
        elif name is None and given.names:
            problem = f"it {gives} several functions, and none is named"
            form = f"name one, such as {path.name}:{given.names[0]}; there are: {there}"
        elif name is None or not (given.names or given.module == "function"):
            problem = f"it {gives} no function"
        elif given.names:
            problem, form = f"it {gives} no function {name!r}", f"there are: {there}"
        else:
            problem = f"it {gives} one function, which has no name"
            form = f"write {path.name} without {name!r}, or {_FORMS[given.language]}"
        return SchemaError(
            f"the script {path} cannot be used: {problem}",
            hint=form,
            file=str(path),
            function=name,
        )

    return refusal


def _unusable(path: Path, shown: str, error: LlmSpellError) -> SchemaError:
    """Return the error of a script that cannot be loaded."""
    line, text, hint = error.details.get("line"), error.message, error.hint
    if isinstance(error, ScriptLimitExceeded):
        hint = f"loading it may take {MAY_TAKE}"
    if isinstance(error, ScriptError):
        line, text = error.line, str(error)
    return SchemaError(
        f"the script {shown} cannot be used: {text}", hint=hint, file=str(path), line=line
    )
