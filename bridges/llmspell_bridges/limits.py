"""What one run of a script may use up, and the clock that tells how long it still has."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from time import monotonic
from typing import Any, Final, Self

from llmspell_bridges.errors import InvalidArgument, LimitExceeded, ScriptLimitExceeded

__all__ = [
    "LIMITS",
    "UNLIMITED",
    "Deadline",
    "Limits",
    "check_answer",
    "check_items",
    "current_deadline",
    "current_limits",
    "exceeded",
    "remaining_s",
]

#: Each limit by name: what a script did that hits it.
LIMITS: Final = {
    "timeout_s": "ran longer than {} s",
    "memory_bytes": "needs more than {} bytes of memory",
    "stack_bytes": "calls functions too deeply for its stack",
    "calls": "made more than {} calls of host functions",
    "call_bytes": "hands over or returns more than {} bytes at once",
}
#: An engine without any stack cannot even begin; beyond the upper bound a thread has none.
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "timeout_s": (0.001, 1e9),
    "memory_bytes": (1024 * 1024, 2**62),
    "stack_bytes": (128 * 1024, 6 * 1024 * 1024),
    "calls": (1, 2**62),
    "call_bytes": (1024, 2**31 - 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use up; raises ``InvalidArgument`` for nonsense.

    0 sets no limit. What is left out is as it is configured: for a run as for its ``Runtime``, for
    a ``Runtime`` as ``[limits]`` says; a sandbox that nobody configured has no limit then.

    ``timeout_s`` is wall clock time of a run (or of one call into it), in seconds;
    ``memory_bytes`` the memory of its VM; ``stack_bytes`` the stack of a JavaScript VM (Lua's is
    fixed: 200 levels of C, a million slots); ``calls`` how many calls of host functions (``State``,
    ``print``, ...) it may make; ``call_bytes`` how much text one of them may hand over, and a run
    may return. Hitting one raises ``LimitExceeded`` whose details name it.
    """

    timeout_s: float | None = None
    memory_bytes: int | None = None
    stack_bytes: int | None = None
    calls: int | None = None
    call_bytes: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, getattr(self, each.name))

    def over(self, base: Limits) -> Limits:
        """Return these limits with what they leave out taken from ``base``; None is no limit."""
        merged = {}
        for each in fields(self):
            own = getattr(self, each.name)
            merged[each.name] = (getattr(base, each.name) if own is None else own) or None
        return Limits(**merged)

    def spelled_out(self) -> Limits:
        """Return limits that say the same of every limit, whatever they are laid over."""
        return Limits(**{each.name: getattr(self, each.name) or 0 for each in fields(self)})

    def but(self, **changed: Any) -> Self:
        """Return these limits with some changed. Raises ``InvalidArgument`` for unknown names."""
        unknown = sorted(changed.keys() - LIMITS.keys())
        if unknown:
            raise InvalidArgument(
                f"unknown limit {unknown[0]!r}", hint=f"limits: {', '.join(LIMITS)}"
            )
        return replace(self, **changed)


def _check(name: str, value: Any) -> None:
    if value is None:
        return
    low, high = _BOUNDS[name]
    kinds = (int, float) if name == "timeout_s" else (int,)
    if type(value) not in kinds:
        raise InvalidArgument(
            f"{name} must be a number, not {type(value).__name__}", parameter=name
        )
    if value != 0 and not low <= value <= high:
        raise InvalidArgument(
            f"{name} must be between {low:,} and {high:,}, or 0 for no limit",
            parameter=name,
            minimum=low,
        )


#: No limits at all.
UNLIMITED: Final = Limits()


def exceeded(
    limit: str, maximum: float | None, *, language: str, **place: Any
) -> ScriptLimitExceeded:
    """Return the error of a run that hit a limit; ``place`` is where, as ``ScriptError`` takes it.

    Without a ``maximum`` the limit is the engine's own.
    """
    shown = f"{maximum:,}" if isinstance(maximum, int) else f"{maximum or 0:g}"
    return ScriptLimitExceeded(
        f"the script {LIMITS[limit].format(shown)} ({limit})",
        hint=None if maximum is None else f"if it has to, raise limits.{limit}",
        details={"limit": limit, "maximum": maximum},
        language=language,
        **place,
    )


class Deadline:
    """The moment until which the present run may last; ``at`` is on the monotonic clock."""

    __slots__ = ("at",)

    def __init__(self, timeout_s: float | None) -> None:
        self.at = None if timeout_s is None else monotonic() + timeout_s

    def passed(self) -> bool:
        """Tell whether the time is over."""
        return self.at is not None and monotonic() >= self.at


#: The deadline and the limits of the run that called the host function which asks, if any.
current_deadline: ContextVar[Deadline | None] = ContextVar("llmspell_deadline", default=None)
current_limits: ContextVar[Limits] = ContextVar("llmspell_limits", default=UNLIMITED)

#: What a decoded value costs the host at least, however short its text is.
_VALUE_BYTES: Final = 64
_SHORT: Final = 64 * 1024


def check_items(text: str | bytes) -> None:
    """Raise ``LimitExceeded`` for text of so many values that the host has no memory for them.

    The shortest text of a value has two characters, and what it stands for sixty bytes and more:
    the host is to spend no more on a script than the script itself may.
    """
    memory_bytes = current_limits.get().memory_bytes
    if memory_bytes is None or len(text) < _SHORT:
        return
    commas = text.count(",") if isinstance(text, str) else text.count(b",")
    most = memory_bytes // _VALUE_BYTES
    if commas > most:
        raise LimitExceeded(
            f"more than {most:,} values at once",
            hint="hand them over in parts, or raise limits.memory_bytes",
            limit="memory_bytes",
            maximum=memory_bytes,
        )


def check_answer(size: int) -> None:
    """Raise ``LimitExceeded`` for an answer of more bytes than the run may be given at once.

    It may be given no more than its memory holds.
    """
    limits = current_limits.get()
    for limit in ("call_bytes", "memory_bytes"):
        most = getattr(limits, limit)
        if most is not None and size > most:
            raise LimitExceeded(
                f"the answer would be {size:,} bytes; the limit is {most:,}",
                hint=f"ask for it in parts, or raise limits.{limit}",
                limit=limit,
                maximum=most,
            )


def remaining_s(wanted_s: float) -> float:
    """Return how long a host function may wait that would like to wait ``wanted_s`` seconds.

    No longer than the run it works for may last: what waits beyond that answers nobody.
    """
    deadline = current_deadline.get()
    if deadline is None or deadline.at is None:
        return wanted_s
    return max(0.0, min(wanted_s, deadline.at - monotonic()))
