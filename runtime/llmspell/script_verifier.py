"""Verifiers that are scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from llmspell.errors import ConfigError, LlmSpellError, ScriptError, ScriptLimitExceeded
from llmspell.sandboxed_function import MAY_TAKE, Given, SandboxedFunction

__all__ = ["ScriptVerifier"]

_HINT: Final = (
    "it returns a function: return function(candidate) ... end in Lua, "
    "module.exports = (candidate) => ... in JavaScript"
)
_NO_FUNCTION: Final = {"lua": "it returns no function", "js": "module.exports is no function"}


class ScriptVerifier:
    """A function in a script: ``return function(candidate) ... end``, ``module.exports = ...``.

    Called with a map of ``scope``, ``key``, ``value``, ``former``, ``class`` and ``actor``, it
    returns what the function returns, which may be async. What it may use is what a
    ``SandboxedFunction`` may. Raises ``ConfigError`` for a script that cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._function = SandboxedFunction(path, refuse=_refusal, may_wait=True)
        except LlmSpellError as error:
            raise _unusable(path, error) from None

    def __call__(self, candidate: dict[str, Any]) -> Any:
        return self._function(candidate)


def _refusal(given: Given) -> ConfigError:
    return ConfigError(_NO_FUNCTION[given.language])


def _unusable(path: Path, error: LlmSpellError) -> ConfigError:
    """Return the error of a script that cannot serve."""
    hint = error.hint or _HINT
    if isinstance(error, ScriptLimitExceeded):
        hint = f"a verifier may take {MAY_TAKE}, and so may loading it"
    text = str(error) if isinstance(error, ScriptError) else error.message
    return ConfigError(
        f"the verifier {path} cannot be used: {text}",
        hint=hint,
        file=str(path),
        key="state.validation.verifiers",
    )
