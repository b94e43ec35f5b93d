"""One means of confining a process: whether it is in force here, and why if not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Measure", "Unsupported", "attempt"]


@dataclass(frozen=True, slots=True)
class Measure:
    """``detail`` says what it does when it is active, and why it is not otherwise."""

    name: str
    active: bool
    detail: str


class Unsupported(Exception):
    """This system does not have the means; the message says what is missing."""


def attempt(name: str, apply: Callable[[], str]) -> Measure:
    """Apply a measure and tell how it went. ``apply`` returns what it achieved."""
    try:
        return Measure(name, True, apply())
    except Unsupported as error:
        return Measure(name, False, str(error))
    except OSError as error:
        return Measure(name, False, error.strerror or str(error))
