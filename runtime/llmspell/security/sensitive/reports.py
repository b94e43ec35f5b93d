"""Errors on their way to people and other programs: what is sensitive is taken out of them."""

from __future__ import annotations

from typing import Any

from llmspell.errors import LlmSpellError, ScriptError
from llmspell.security.sensitive.redactor import redactor

__all__ = ["redact_error", "redact_names", "redacted_report"]


class _Unprintable(Exception):
    """Stands for an exception whose text was sensitive and could not be changed."""


def redact_error(error: BaseException) -> None:
    """Take what is sensitive out of an error and its causes, in place.

    Messages, hints, details, warnings and the source line are changed. What a script printed is
    its own and stays. A foreign exception whose text cannot be changed is replaced as a cause.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        _redact_texts(link)
        for name in ("__cause__", "__context__"):
            inner = getattr(link, name)
            if inner is not None and not _is_clean(inner):
                # Setting a cause hides the context, as it was if the cause was there before.
                hides = link.__suppress_context__
                setattr(link, name, _replaced(inner))
                link.__suppress_context__ = hides
        link = link.__cause__ or link.__context__


def _redact_texts(error: BaseException) -> None:
    redact = redactor().redact
    if isinstance(error, LlmSpellError):
        error.message = redact(error.message)
        error.hint = None if error.hint is None else redact(error.hint)
        error.details = redacted_report(error.details)
        error.warnings = tuple(map(redact, error.warnings))
    if isinstance(error, ScriptError) and error.source_line:
        error.source_line = redact(error.source_line)
    if not isinstance(error, OSError) or isinstance(error, LlmSpellError):
        error.args = redacted_report(error.args)
    if notes := getattr(error, "__notes__", None):
        error.__notes__ = redacted_report(notes)


def _is_clean(error: BaseException) -> bool:
    """Return whether an exception tells nothing sensitive, or can be mended."""
    _redact_texts(error)
    text = str(error)
    return redactor().redact(text) == text


def _replaced(error: BaseException) -> BaseException:
    stand_in = _Unprintable(f"{type(error).__name__}: {redactor().redact(str(error))}")
    stand_in.__cause__, stand_in.__context__ = error.__cause__, error.__context__
    return stand_in.with_traceback(error.__traceback__)


def redacted_report(value: Any) -> Any:
    """Return JSON-like data without what is sensitive in its texts and names."""
    kind = type(value)
    if kind is str:
        return redactor().redact(value)
    if kind is dict:
        return {redacted_report(name): redacted_report(member) for name, member in value.items()}
    if kind is list or kind is tuple:
        return kind(map(redacted_report, value))
    return value


def redact_names(names: list[str]) -> list[str]:
    """Return names of keys or scopes for a listing; each stays on its place."""
    redact = redactor().redact
    return [redact(name) for name in names]
