"""What can be asked of a restore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from llmspell.backup.point import Until
from llmspell.errors import InvalidArgument
from llmspell.store.base import INTERNAL

__all__ = ["ON_ERROR", "POLICIES", "RestoreOptions"]

POLICIES: Final = ("replace", "keep", "newer")
ON_ERROR: Final = ("stop", "skip")
#: A time in microseconds is above this since 1973, one in seconds or milliseconds below it.
_LEAST_AT_US: Final = 10**14


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """Which entries are restored, as of when, and what becomes of those that are there.

    ``scope`` and, in it, ``keys`` choose; without them it is all a backup holds. ``at_us`` or
    ``seq`` is the point in time: a moment, or a position of the journal. Policy ``replace`` makes
    the chosen entries what they were; ``keep`` brings back only what is missing; ``newer`` that
    and what was updated later in the backup than where it goes. ``delete_extra`` removes what
    was not there then: None means with ``replace``. ``verify`` reads the whole chain before
    anything else; what is read is compared with its checksums in any case. An entry that cannot
    be restored ends everything, or with ``on_error`` ``"skip"`` is left as it is and counted.

    Raises InvalidArgument.
    """

    policy: str = "replace"
    delete_extra: bool | None = None
    scope: str | None = None
    keys: tuple[str, ...] | None = None
    at_us: int | None = None
    seq: int | None = None
    dry_run: bool = False
    verify: bool = True
    on_error: str = "stop"

    def __post_init__(self) -> None:
        _one_of("policy", self.policy, POLICIES)
        _one_of("on_error", self.on_error, ON_ERROR)
        for name in ("dry_run", "verify"):
            if type(getattr(self, name)) is not bool:
                raise _wrong(name, "is true or false")
        if self.delete_extra is not None and type(self.delete_extra) is not bool:
            raise _wrong("delete_extra", "is true, false or left out")
        if self.delete_extra and self.policy != "replace":
            raise _wrong("delete_extra", "goes with policy replace only: the others remove nothing")
        self._check_selection()
        self._check_point()

    def _check_selection(self) -> None:
        scope, keys = self.scope, self.keys
        if scope is not None and (type(scope) is not str or not scope or scope[0] <= INTERNAL):
            raise _wrong("scope", "is the name of a scope, such as 'user:42'")
        if keys is None:
            return
        if scope is None:
            raise _wrong("keys", "are those of a scope: name that, too")
        if type(keys) is not tuple or not all(type(key) is str and key for key in keys):
            raise _wrong("keys", "are texts that are not empty")
        if not keys:
            raise _wrong("keys", "names no key: leave it out to restore the whole scope")

    def _check_point(self) -> None:
        at_us, seq = self.at_us, self.seq
        if at_us is not None and seq is not None:
            raise _wrong("at_us", "and seq both name a point in time: give one of them")
        if at_us is not None and (type(at_us) is not int or at_us < _LEAST_AT_US):
            raise _wrong("at_us", "is a time in microseconds since 1970, UTC")
        if seq is not None and (type(seq) is not int or seq < 0):
            raise _wrong("seq", "is a position of the journal: a number, 0 or above")

    @property
    def until(self) -> Until | None:
        """The point in time, None without one."""
        if self.at_us is None and self.seq is None:
            return None
        return Until(self.seq, self.at_us)

    @property
    def deletes(self) -> bool:
        """Whether what was not there then is removed."""
        return self.policy == "replace" if self.delete_extra is None else self.delete_extra


def _one_of(name: str, value: Any, names: tuple[str, ...]) -> None:
    if type(value) is not str or value not in names:
        raise _wrong(name, f"is one of: {', '.join(names)}")


def _wrong(name: str, rule: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {rule}", parameter=name)
