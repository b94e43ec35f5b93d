"""Flushing what a relaxed store accepted, in order with what is written past it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from types import MappingProxyType
from typing import Final, TypeAlias

from llmspell.errors import LlmSpellError, StorageError
from llmspell.store.base import Operation, Store, WriteResult
from llmspell.store.forking import hold_over_fork
from llmspell.store.plan import touched
from llmspell.store.relaxed.flusher import Flusher
from llmspell.store.relaxed.pending import Address, Pending, Run
from llmspell.store.wrapper import StoreWrapper

__all__ = ["EVERYTHING", "Claim", "Moment", "RelaxedCore", "claims_of"]

#: What a direct write may change: a key or, with None, a whole scope.
Claim: TypeAlias = tuple[str, str | None]
#: What a restore may change.
EVERYTHING: Final[Claim] = ("", None)
#: Shift of the epoch, and the inner epoch at which a flush began that is still under way.
Frame: TypeAlias = tuple[int, int | None]
#: This store's own parts of the epoch when a direct write began.
Moment: TypeAlias = tuple[Frame, int]
_MOST_REMEMBERED: Final = 100_000


def claims_of(batch: Iterable[Operation]) -> list[Claim]:
    """Return what a batch may change. Raises InvalidArgument for what is no operation."""
    refs, scopes = touched(batch)
    return [*refs, *((scope, None) for scope in scopes)]


class RelaxedCore(StoreWrapper):
    """Knows what is pending, what is being written past it, and the epoch of it all.

    ``_lock`` guards everything here and is held for moments only; ``_flushing`` is held while
    runs are written, and is taken first. A direct write claims its keys, so that none of them
    can be accepted meanwhile, has what was accepted before it flushed, and only then writes,
    at the same time as other direct writes.

    The epoch is the inner one, plus the number of acceptances, minus what flushes moved: they
    change nothing that can be seen.
    """

    def __init__(self, inner: Store, flush_s: float) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self._flushing = Lock()
        self._flusher = Flusher(self.flush, self._end, flush_s)
        self._pending = Pending(self._flusher.wake)
        self._claimed: dict[Claim, int] = {}
        self._frame: Frame = (0, None)
        self._accepted = 0
        # Version and beginning of entries, as of the inner epoch ``_known_at``.
        self._known: dict[Address, tuple[int, int]] = {}
        self._known_at = -1
        # Moves with everything that is written: what was read before is then not relied on.
        self._stamp = 0
        # The journal's last position as far as this store was told.
        self._last = 0
        self._knows_last = True
        self._error: Exception | None = None
        self._ending = False
        self._accepts = True
        hold_over_fork(self)

    # Flushing ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Commit what was accepted before this call.

        Raises StorageError when that fails; what was accepted stays and is tried again.
        """
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            runs = self._pending.seal()
        for run in runs:
            try:
                with self._lock:
                    self._frame = (self._frame[0], self.inner.epoch())
                result = self.inner.write(run.batch(), origin=run.origin)
            except BaseException as error:
                with self._lock:
                    self._frame = (self._frame[0], None)
                    if isinstance(error, Exception):
                        self._error, self._accepts = error, False
                        raise self._failure() from error
                raise
            with self._lock:
                self._settle(run, result)

    def _settle(self, run: Run, result: WriteResult) -> None:
        """Take note that a run was written."""
        written, before, after, seq = result
        self._last = max(self._last, seq)
        known = self._known
        self._know(before, after)
        unchanged = before != -1 and after != -1
        for (ref, row), (version, created_at, _, _) in zip(run.rows.items(), written, strict=True):
            known[ref] = (version, created_at)
            if version != row[2] or created_at != row[3]:
                unchanged = False
        shift = self._frame[0]
        if unchanged:
            shift -= after - before
        self._pending.drop_first()
        self._frame = (shift, None)
        self._stamp += 1
        self._error, self._accepts = None, not self._ending

    def _failure(self) -> StorageError:
        """Make the error that tells what waits and why."""
        error, count = self._error, self._pending.count()
        why, hint, reason = type(error).__name__, None, "io"
        if isinstance(error, LlmSpellError):
            why, hint = error.message, error.hint
            reason = error.details.get("reason", "unavailable")
        return StorageError(
            f"{count} accepted writes could not be stored yet: {why}",
            hint=hint or "mend the cause; nothing was dropped, and it is tried again",
            reason=reason,
            waiting=count,
        )

    def _end(self) -> None:
        """Flush for the last time: from now on every write is direct.

        Raises StorageError when that fails; writes are accepted again then.
        """
        with self._lock:
            self._ending, self._accepts = True, False
        try:
            self.flush()
        except BaseException:
            with self._lock:
                self._ending, self._accepts = False, self._error is None
            raise

    # Direct writes -------------------------------------------------------------------------

    def _begin(self, claims: Sequence[Claim]) -> Moment:
        """Claim keys and flush what was accepted before."""
        claimed = self._claimed
        with self._lock:
            for claim in claims:
                claimed[claim] = claimed.get(claim, 0) + 1
            if not self._pending.runs:
                return self._frame, self._accepted
        try:
            self.flush()
        except BaseException:
            with self._lock:
                self._release(claims)
            raise
        with self._lock:
            return self._frame, self._accepted

    def _finish(
        self,
        claims: Sequence[Claim],
        begun: Moment,
        before: int,
        after: int,
        learned: Mapping[Address, tuple[int, int]] = MappingProxyType({}),
    ) -> tuple[int, int]:
        """Give keys free; turn the inner epochs around a write into those of this store.

        They are -1 when the write failed, and come back as -1 when others wrote meanwhile.
        ``learned`` is what the write told of entries that are there now.
        """
        frame, accepted = begun
        known = self._known
        with self._lock:
            self._release(claims)
            self._stamp += 1
            for scope, key in claims:
                if key is None:
                    known.clear()
                else:
                    known.pop((scope, key), None)
            if before != -1:
                self._know(before, after)
                known.update(learned)
            if frame is not self._frame or accepted != self._accepted or frame[1] is not None:
                return -1, -1
            own = frame[0] + accepted
            return -1 if before == -1 else before + own, -1 if after == -1 else after + own

    def _know(self, before: int, after: int) -> None:
        """Carry what is known over a write of this store, if nobody wrote before it."""
        if before == -1 or before != self._known_at or len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known_at = after

    def _release(self, claims: Sequence[Claim]) -> None:
        claimed = self._claimed
        for claim in claims:
            if claimed[claim] == 1:
                del claimed[claim]
            else:
                claimed[claim] -= 1

    # The epoch -----------------------------------------------------------------------------

    def epoch(self) -> int:
        while True:
            # What is counted here is read first. So the sum is never ahead of the truth, and
            # two equal sums mean that nothing happened in between.
            frame, accepted = self._frame, self._accepted
            number = self.inner.epoch()
            if frame is self._frame:
                return self._outer(number, frame, accepted)

    @staticmethod
    def _outer(number: int, frame: Frame, accepted: int) -> int:
        shift, during = frame
        # A flush that has moved the inner epoch is not settled yet; or somebody else did.
        if number == -1 or (during is not None and during != number):
            return -1
        return number + shift + accepted

    # Forks and the end ---------------------------------------------------------------------

    def close(self) -> None:
        """Flush, and close the inner store.

        Raises StorageError when the flush fails; the store stays open then, and its writes
        stay pending.
        """
        self._end()
        self._flusher.stop()
        self.inner.close()

    def before_fork(self) -> None:
        self._flushing.acquire()
        with suppress(Exception):  # kept for the next write; the parent goes on trying
            self._flush()
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """In the child, forget what is pending: the parent writes it."""
        if in_child:
            self._pending.clear()
            self._claimed.clear()
            self._error, self._accepts = None, not self._ending
            self._flusher.forget()
        self._lock.release()
        self._flushing.release()
