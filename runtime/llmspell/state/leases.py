"""Locks that several processes and machines agree on: leases with fencing tokens.

A lease is an entry that expires, so a holder that dies frees it by itself. Its token comes from
a counter of all leases: it grows with each holder and never comes back, so a service that
remembers the highest token it has seen can turn away a holder whose lease has run out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from time import time_ns
from typing import Final

from llmspell.errors import InvalidArgument, LockLost, LockUnavailable, VersionConflict
from llmspell.state.checks import check_ttl
from llmspell.state.contention import backoff
from llmspell.state.core import Scope
from llmspell.state.transactions import Transactions
from llmspell.store.base import INTERNAL, Delete, Put, Ref
from llmspell_bridges.limits import remaining_s

__all__ = ["DEFAULT_TTL_S", "DEFAULT_WAIT_S", "Lease", "Leases"]

DEFAULT_TTL_S: Final = 30.0
DEFAULT_WAIT_S: Final = 10.0
_LOCKS: Final = INTERNAL + "lock:"
_TOKENS: Final = Ref(INTERNAL + "locks", "tokens")
_CLASS: Final = "lock"
_TTL_HINT: Final = "give the seconds after which the lock runs out by itself; 30 if left out"
_OWNER_BYTES: Final = 12
#: Waiting begins with short sleeps; a lock that is held long is asked for less often.
_LONGEST_SLEEP_S: Final = 0.05
#: More than anybody can wait, and less than what no float can hold.
_LONGEST_WAIT_S: Final = 1e300
#: Who has other things to do while he waits is kept for no longer than this at a time.
_MOMENT_S: Final = 0.02


class Lease:
    """A lock that is held. ``token`` is its fencing token; ``until_us`` when it runs out."""

    def __init__(
        self, leases: Leases, scope: str, key: str, *, owner: bytes, token: int, until_us: int
    ) -> None:
        self._leases = leases
        self._owner = owner
        self.scope, self.key = scope, key
        self.token = token
        self.until_us = until_us

    def extend(self, ttl: float = DEFAULT_TTL_S) -> None:
        """Hold the lock for ``ttl`` seconds from now. The token stays. Raises ``LockLost``."""
        self._leases._extend(self, ttl)

    def release(self) -> None:
        """Give the lock back. Raises ``LockLost`` when it was not this holder's any more."""
        self._leases._release(self)


class Leases(Transactions):
    """Locks named by a scope and a key. They have nothing to do with the entry of that name."""

    @contextmanager
    def lock(
        self,
        scope: Scope,
        key: str,
        *,
        ttl: float = DEFAULT_TTL_S,
        wait: float = DEFAULT_WAIT_S,
    ) -> Iterator[Lease]:
        """Hold a lock during the block; nobody else holds it at that time, on any machine.

        Waits up to ``wait`` seconds (0: does not wait) and raises ``LockUnavailable`` after
        that. The lock runs out by itself after ``ttl`` seconds: a block that takes longer must
        call ``extend`` on what it is given. Raises ``LockLost`` at the end of a block that
        lost it. A lock cannot be taken twice, not even by its holder.
        """
        lease = self.acquire_lock(scope, key, ttl=ttl, wait=wait)
        try:
            yield lease
        except BaseException:
            self.release_quietly(lease)
            raise
        lease.release()

    def acquire_lock(
        self,
        scope: Scope,
        key: str,
        *,
        ttl: float = DEFAULT_TTL_S,
        wait: float = DEFAULT_WAIT_S,
    ) -> Lease:
        """Take a lock as ``lock`` does, and return it; the caller releases it."""
        return self._acquire(self._writes(scope), self._key(key), ttl, wait)

    def _acquire(
        self, text: str, checked: str, ttl: float, wait: float, *, mark: bytes = b""
    ) -> Lease:
        duration = check_ttl(ttl, hint=_TTL_HINT)
        _check_wait(wait)
        deadline = time.monotonic() + remaining_s(wait)
        owner = os.urandom(_OWNER_BYTES) + mark
        attempt = 0
        while True:
            now = time_ns() // 1000
            until = now + duration
            take = Put(_LOCKS + text, checked, owner, now, 1, _CLASS, until, 0)
            try:
                _, token = self._write_internal((take, Put(*_TOKENS, b"", now))).written
                self._record("lock", text, checked)
                return Lease(self, text, checked, owner=owner, token=token.version, until_us=until)
            except VersionConflict:
                if time.monotonic() >= deadline:
                    raise _unavailable(text, checked, wait) from None
            attempt = self._wait_for_lock(attempt, deadline)

    def _ask_for_lock(
        self,
        scope: Scope,
        key: str,
        own: Iterable[Lease],
        waited_s: float,
        *,
        ttl: float = DEFAULT_TTL_S,
        wait: float = DEFAULT_WAIT_S,
    ) -> Lease | None:
        """Take a lock for one who waits and has other things to do; None if he is to ask again.

        ``own`` are the locks he holds: nothing frees those while he is kept here. ``waited_s``
        is how long he has been asking. Raises what ``acquire_lock`` raises.
        """
        _check_wait(wait)
        name, now = (self._writes(scope), self._key(key)), time_ns() // 1000
        left = wait - waited_s
        if left > 0 and any((each.scope, each.key) == name and each.until_us > now for each in own):
            if waited_s > 1:  # it is not just about to be given back
                time.sleep(0.001)
            return None
        try:
            return self._acquire(*name, ttl, max(0, min(left, _MOMENT_S)))
        except LockUnavailable:
            if left > _MOMENT_S:
                return None
            raise _unavailable(*name, wait) from None

    def _wait_for_lock(self, attempt: int, deadline: float) -> int:
        remaining = deadline - time.monotonic()
        if remaining > 0:
            backoff(attempt, longest_s=min(_LONGEST_SLEEP_S, remaining))
        return attempt + 1

    def _extend(self, lease: Lease, ttl: float) -> None:
        if lease.scope[:1] != INTERNAL:
            self._writes(lease.scope)
        duration, now = check_ttl(ttl, hint=_TTL_HINT), time_ns() // 1000
        ref, version = self._held(lease)
        put = Put(*ref, lease._owner, now, 1, _CLASS, now + duration, version)
        try:
            self._write_internal((put,))
        except VersionConflict:
            raise _lost(lease) from None
        lease.until_us = now + duration

    def _release(self, lease: Lease) -> None:
        ref, version = self._held(lease)
        try:
            self._write_internal((Delete(*ref, time_ns() // 1000, version),))
        except VersionConflict:
            raise _lost(lease) from None
        self._record("unlock", lease.scope, lease.key)

    def _held(self, lease: Lease) -> tuple[Ref, int]:
        """Return where a lease is stored and its version there. Raises ``LockLost``."""
        ref = Ref(_LOCKS + lease.scope, lease.key)
        row = self._store.read((ref,))[0]
        if row is None or row.blob != lease._owner:
            raise _lost(lease)
        return ref, row.version

    def _mark_of_holder(self, text: str, checked: str) -> tuple[bytes, int] | None:
        """Return the mark with which a lock was taken and its version; None if nobody holds it."""
        row = self._store.read((Ref(_LOCKS + text, checked),))[0]
        return None if row is None else (row.blob[_OWNER_BYTES:], row.version)

    def _break_lock(self, text: str, checked: str, version: int) -> None:
        """Free a lock whose holder is known to be no more, unless somebody else has it now."""
        with suppress(VersionConflict):
            self._write_internal((Delete(_LOCKS + text, checked, time_ns() // 1000, version),))

    def release_quietly(self, lease: Lease) -> None:
        """Give a lock back if it is still held: for when something worse has happened already."""
        try:
            self._release(lease)
        except LockLost:
            return


def _check_wait(wait: object) -> None:
    if not isinstance(wait, int | float) or type(wait) is bool or not 0 <= wait <= _LONGEST_WAIT_S:
        raise InvalidArgument(
            "argument 'wait' must be a number of seconds, 0 or more", parameter="wait"
        )


def _unavailable(scope: str, key: str, wait: float) -> LockUnavailable:
    waited = f"for {wait:g} s" if wait else "at this moment"
    return LockUnavailable(
        f"the lock {key!r} in scope '{scope}' was held by somebody else {waited}",
        hint="raise `wait`, or do without and try again later",
        scope=scope,
        key=key,
        wait=wait,
    )


def _lost(lease: Lease) -> LockLost:
    return LockLost(
        f"the lock {lease.key!r} in scope '{lease.scope}' ran out before its holder was done",
        hint="raise `ttl`, or extend the lock during long work; what was done meanwhile may have"
        " met another holder's work, unless it was fenced with the token",
        scope=lease.scope,
        key=lease.key,
        token=lease.token,
    )
