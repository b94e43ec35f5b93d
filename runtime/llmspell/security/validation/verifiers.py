"""Verifiers: functions of the application that decide whether a value may be kept."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from llmspell.errors import InvalidArgument, ScriptError, ScriptLimitExceeded
from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.rule import Where
from llmspell_bridges.values import canonical

__all__ = ["Verifier"]

_MAX_MESSAGE: Final = 300
#: No error tells of more.
_MOST_PROBLEMS: Final = 20
_MAX_PATH: Final = 200
_DEEPEST: Final = 1024


class Verifier:
    """A function that is asked about each value of a scope and key before it is kept.

    ``fn`` gets a ``Candidate``; its values are copies, so that changing them changes nothing. It
    returns ``None`` or ``True`` to accept the value, ``False``, a text or a list of texts and
    ``Problem``s to refuse it. Its texts reach logs and errors: they must not repeat the value.
    One that raises, or returns anything else, refuses the value too. It runs in the thread that
    writes, and again whenever a write is tried again, so it should be quick and must not write
    to the same place itself. ``every_class`` asks it about classes trusted and ephemeral as well.
    Raises ``InvalidArgument`` for what is no function of one argument.
    """

    stage = 2
    needs_former = True
    guards_deletion = False
    judges_changes = False

    def __init__(
        self,
        fn: Callable[[Candidate], Any],
        *,
        scope: str = "*",
        key: str = "*",
        name: str | None = None,
        every_class: bool = False,
    ) -> None:
        _check_function(fn)
        try:
            self.where = Where(scope, key)
        except ValueError as error:
            raise InvalidArgument(f"Verifier: {error}", parameter="scope") from None
        self.name = name or getattr(fn, "__name__", type(fn).__name__)
        self.every_class = every_class
        self._fn = fn
        self._rule = f"verifier.{self.name}"

    def __repr__(self) -> str:
        return f"Verifier({self.name!r}, scope={self.where.scope!r}, key={self.where.key!r})"

    def problems(self, candidate: Candidate) -> Iterable[Problem]:
        """Return what the function says, or that it failed."""
        copied = candidate._replace(
            value=canonical(candidate.value, max_depth=_DEEPEST),
            former=canonical(candidate.former, max_depth=_DEEPEST),
        )
        try:
            answer = self._fn(copied)
            return list(islice(self._read(answer), _MOST_PROBLEMS))
        except Exception as error:
            return [self._problem("$", f"verifier {self.name!r} {_failure(error)}")]

    def deletion_problems(self, candidate: Candidate) -> Iterable[Problem]:
        """Return nothing: verifiers are asked about values."""
        return ()

    def _read(self, answer: Any) -> Iterator[Problem]:
        if answer is None or answer is True:
            return
        if answer is False:
            yield self._problem("$", f"refused by verifier {self.name!r}")
        # A script's empty list is a map; one table of a problem is as good as a list of it.
        elif isinstance(answer, list | tuple) and not isinstance(answer, Problem):
            for part in answer:
                yield self._one(part)
        elif answer != {}:
            yield self._one(answer)

    def _one(self, answer: Any) -> Problem:
        if isinstance(answer, str):
            return self._problem("$", answer)
        path: Any = None
        message: Any = None
        if isinstance(answer, Problem):
            path, message = answer.path, answer.message
        elif isinstance(answer, dict):
            path, message = answer.get("path", "$"), answer.get("message")
        if isinstance(path, str) and isinstance(message, str):
            return self._problem(path, message)
        if inspect.iscoroutine(answer):
            answer.close()
        what = type(answer).__name__
        return self._problem("$", f"verifier {self.name!r} returned what is no answer ({what})")

    def _problem(self, path: str, message: str) -> Problem:
        said = _printable(message, _MAX_MESSAGE) or f"refused by verifier {self.name!r}"
        return Problem(_printable(path, _MAX_PATH) or "$", said, self._rule)


def _printable(text: str, most: int) -> str:
    shown = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(char if char.isprintable() else " " for char in shown).strip()


def _failure(error: Exception) -> str:
    """Return the kind of an error and where it arose. What it says may hold the value."""
    if isinstance(error, ScriptError):
        place = f"{os.path.basename(error.file)}:{error.line}" if error.file else "no place known"
        if isinstance(error, ScriptLimitExceeded):
            return f"hit its limit {error.details.get('limit')} ({place})"
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return f"failed with {type(error).__name__} ({place})"


def _check_function(fn: Any) -> None:
    if not callable(fn):
        raise InvalidArgument(
            f"a verifier is a function, not {type(fn).__name__}",
            hint="write Verifier(check, scope='user:*')",
            parameter="fn",
        )
    if inspect.iscoroutinefunction(fn):
        raise InvalidArgument(
            "a verifier cannot be async: what it says is needed at once",
            hint="use a plain function",
            parameter="fn",
        )
    try:
        inspect.signature(fn).bind(None)
    except TypeError:
        raise InvalidArgument(
            "a verifier takes one argument, the candidate",
            hint="write def check(candidate): ...",
            parameter="fn",
        ) from None
    except ValueError:  # a function of C that does not tell
        return
