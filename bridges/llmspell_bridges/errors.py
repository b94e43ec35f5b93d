"""Errors every floor of the house shares: one base class, one stable ``code`` each.

A message says what happened, where, and what to do. It never carries a stored value or a
secret. Each class is also the natural builtin, so ``except ValueError`` works as a Python
program expects. ``llmspell.errors`` adds the host's own errors to this tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

__all__ = [
    "Frame",
    "InvalidArgument",
    "InvalidValue",
    "LimitExceeded",
    "LlmSpellError",
    "ModuleError",
    "ModuleNotFound",
    "SandboxClosed",
    "SandboxCrashed",
    "SandboxUnavailable",
    "ScriptError",
    "ScriptLimitExceeded",
    "ScriptSyntaxError",
]


class LlmSpellError(Exception):
    """Base of every error llmspell raises.

    ``code`` is stable across releases and equal in Lua, JavaScript and Python. ``details``
    holds facts a program may act on (scope, key, path, limit); it is JSON-like and free of
    stored values. ``hint`` says what to do. ``exit_code`` is what the command line ends with.
    ``output`` is what a failed run had printed, when it was not streamed, and ``warnings`` its
    mistakes that are no errors.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.output = ""
        self.warnings: tuple[str, ...] = ()
        self.details = {name: value for name, value in details.items() if value is not None}

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error travel to another process with all it knows.

        Of its causes the errors of llmspell go along. Others stay behind: whether a driver's
        error can be made again elsewhere nobody knows.
        """
        state = dict(self.__dict__)
        if isinstance(self.__cause__, LlmSpellError):
            state["__cause__"] = self.__cause__
        return _remade, (type(self), self.args), state

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data: code, message, details and, when there is one, hint."""
        data: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "details": dict(self.details),
        }
        if self.hint:
            data["hint"] = self.hint
        return data


def _remade(kind: type[LlmSpellError], args: tuple[Any, ...]) -> LlmSpellError:
    """Return an error without calling its ``__init__``; pickle then restores what it held."""
    error = kind.__new__(kind)
    error.args = args
    return error


class InvalidValue(LlmSpellError, ValueError):
    """A value that cannot be stored exactly; ``details["path"]`` says where (``$.tags[3]``)."""

    code = "invalid_value"


class InvalidArgument(LlmSpellError, TypeError):
    """A call with the wrong number or types of arguments; ``details["parameter"]`` names it."""

    code = "invalid_argument"


class LimitExceeded(LlmSpellError, RuntimeError):
    """A configured limit was hit; ``details`` hold the ``limit``'s name and its ``maximum``."""

    code = "limit_exceeded"


class ModuleError(LlmSpellError, ImportError):
    """A module that ``require`` found cannot be loaded: no text, bad JSON, a circle of modules."""

    code = "module_error"


class ModuleNotFound(ModuleError, ModuleNotFoundError):
    """There is no such module where a script may look; ``details`` name it and who required it.

    What lies outside the module folders is not found either, whether it exists or not.
    """

    code = "module_not_found"


class SandboxClosed(LlmSpellError, RuntimeError):
    """A sandbox was used after it was closed, or by a thread that does not own it."""

    code = "sandbox_closed"


class SandboxCrashed(LlmSpellError, RuntimeError):
    """The process of a sandbox died, or broke off, in the middle of its work.

    ``details`` hold the ``signal`` or ``exit_code`` it ended with, where that is known. The host
    is untouched, and so is what it stored: a call of the script was done whole or not at all.
    """

    code = "sandbox_crashed"


class SandboxUnavailable(LlmSpellError, OSError):
    """No sandbox process could be made, or not with the protection that is required."""

    code = "sandbox_unavailable"


_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a script traceback, innermost first. ``line`` and ``column`` count from 1."""

    file: str
    line: int | None = None
    column: int | None = None
    function: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place} in {self.function}" if self.function else place


class ScriptError(LlmSpellError, RuntimeError):
    """A script failed: it raised an error, or a host function it called refused.

    ``code`` is ``script_error`` unless the script (or a host function) raised an error with a
    code of its own, which is then kept. ``frames`` is the script traceback, innermost first;
    no Python frame is in it. ``__cause__`` is the host error when there was one.
    """

    code = "script_error"

    def __init__(
        self,
        message: str,
        *,
        language: str,
        code: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        source_line: str | None = None,
        frames: tuple[Frame, ...] = (),
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        # Not as keywords: a script may name its details as it likes, "message" and "hint" included.
        self.details = {name: value for name, value in (details or {}).items() if value is not None}
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may carry the script's own code
        self.language = language
        self.file = file
        self.line = line
        self.column = column
        self.source_line = source_line
        self.frames = frames

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data, with its place in the script and the traceback."""
        data = super().to_dict()
        data |= {
            "language": self.language,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "source_line": self.source_line,
            "traceback": [str(frame) for frame in self.frames],
        }
        return data


def error_code(code: str | None) -> str | None:
    """Return the code a script gave its error, or ``None`` if it does not look like one."""
    return code if code and _CODE.fullmatch(code) else None


class ScriptSyntaxError(ScriptError):
    """The script does not parse. Nothing of it has run."""

    code = "syntax_error"


class ScriptLimitExceeded(ScriptError, LimitExceeded):
    """A run hit one of its limits and was ended; ``details`` hold ``limit`` and ``maximum``.

    The sandbox is of no further use: what the script was at in that moment stays unfinished.
    """

    code = "limit_exceeded"
