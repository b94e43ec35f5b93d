"""What a failover store stands on: the line to its primary, the local log, the copies it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from llmspell.errors import LlmSpellError, StorageError
from llmspell.store.base import INTERNAL, Ref, Store
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock, system_clock
from llmspell.store.failover.breaker import Breaker
from llmspell.store.failover.copies import Copies, Known
from llmspell.store.failover.identity import recognize
from llmspell.store.failover.line import Line
from llmspell.store.failover.local import open_local
from llmspell.store.failover.log import LOG_SCOPES, FailoverLog
from llmspell.store.failover.primary import OnlyPrimary
from llmspell.store.failover.replay import Replay

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.security.keys.ring import KeyRing
    from llmspell.store.sealed.sealing import Sealing

__all__ = ["Failover", "away"]

T = TypeVar("T")


class Failover(OnlyPrimary):
    """Opens and closes, keeps what will be wanted during an outage, and brings back what waits."""

    def __init__(
        self,
        open_primary: Callable[[], Store],
        local: Path,
        *,
        failures: int = 3,
        retry_s: float = 5.0,
        cache_bytes: int = 16 * 1024 * 1024,
        durability: str = "commit",
        sealing: Sealing | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._local = local
        # What waits in the local file is packed: all of it is sealed, if anything can be. Names
        # of keys are parts of its own keys, which it hides itself.
        self._hides_keys = sealing is not None and sealing.hides_keys
        self._primary_sealing = sealing
        self._sealing = sealing and replace(
            sealing, everything=True, every_blob=True, hides_keys=False
        )
        self._cache_bytes = cache_bytes
        self._durability = durability
        self._clock = clock
        self._copies = Copies(cache_bytes)
        self._stumbles: dict[str, int] = {}
        self._primary: str | None = None
        self._log: FailoverLog | None = None
        self._line = Line(
            open_primary,
            Breaker(failures=failures, retry_s=retry_s),
            clock,
            on_down=self._keep_copies,
            bring_back=self._bring_back,
        )
        if self._has_log():  # otherwise nothing waits
            self._open_log().tidy()
        try:
            self._line.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._line.up is not None:
            self._keep_copies()
        try:
            self._line.close()
        finally:
            with self._line.lock:
                if self._log is not None:
                    self._log.close()

    def key_ring(self) -> KeyRing | None:
        """Return the key ring of the primary; while it is away, the last one that was known."""
        sealing = self._primary_sealing
        if sealing is None or sealing.master is None:
            return None
        if sealing.ring is None and self._has_log():
            sealing.ring = self._open_log().kept_ring(sealing.master)
        return sealing.ring

    def change_master_key(self, master: MasterKey | Passphrase) -> None:
        """Have the local file opened by another master key from now on, as the primary is."""
        if self._sealing is not None:
            if self._has_log():
                self._open_log().change_master_key(master)
                if (ring := self.key_ring()) is not None:
                    self._open_log().keep_ring(ring, master)
            self._sealing.master = master

    def ask(self, work: Callable[[Store], T]) -> T:
        """Return ``work(primary)``. Raises StorageError, ``unavailable``, while it is away."""
        cause = None
        while (up := self._line.up) is not None:
            try:
                result = work(up.primary)
            except LlmSpellError as error:
                self._line.failed(up, error)
                cause = error
                continue
            self._line.answered()
            return result
        self._attend()
        raise away("this cannot be done without it") from cause

    def _attend(self) -> None:
        self._check_open()
        self._line.attend()

    def _check_open(self) -> None:
        if self._line.closed:
            raise closed_error()

    def _has_log(self) -> bool:
        """Tell whether this or another process has ever needed one."""
        return self._log is not None or self._local.exists()

    def _open_log(self) -> FailoverLog:
        with self._line.lock:
            if self._log is None:
                self._check_open()
                store, name = open_local(
                    self._local,
                    LOG_SCOPES,
                    durability=self._durability,
                    sealing=self._sealing,
                    hides_keys=self._hides_keys,
                    clock=self._clock,
                )
                self._log = FailoverLog(
                    store, cache_bytes=self._cache_bytes, clock=self._clock, name=name
                )
                self._line.guard()
                if self._primary is not None:
                    self._log.belong_to(self._primary)
            return self._log

    def _keep_copies(self) -> None:
        """Write down what is known; where that fails, less can be read during the outage."""
        known = self._copies.drain()
        if known.views or (self._has_log() and known != Known({}, set(), set())):
            sealing = self._primary_sealing
            with suppress(LlmSpellError):
                self._open_log().keep(known)
                if sealing is not None and sealing.ring is not None and sealing.master is not None:
                    self._open_log().keep_ring(sealing.ring, sealing.master)

    def _keep_late(self, absent: Sequence[Ref] = ()) -> None:
        """Write down what was noted when the line may have gone down already.

        Others can have written here since: theirs is what counts then. ``absent`` are keys
        that a read did not find.
        """
        with self._line.lock:
            if self._line.up is not None or self._line.closed:
                return  # it is in memory, for the next time
            self._keep_copies()
            absent = [ref for ref in absent if ref.scope[:1] != INTERNAL]
            if absent:
                with suppress(LlmSpellError):
                    self._open_log().keep_absent(absent)

    def _bring_back(self, primary: Store, finally_: bool) -> None:
        """Replay what waits. The last time, under the lock, nothing can join it."""
        log = self._open_log() if self._has_log() else None
        head = log.head() if log is not None else None
        waiting = head is not None and head.waiting > 0
        if not finally_:
            belongs_to = head.primary if head is not None and waiting else None
            self._primary = recognize(primary, self._primary or belongs_to, self._clock)
            if log is not None and self._primary is not None:
                log.belong_to(self._primary)
        if log is None or not waiting:
            return
        replay = Replay(
            primary, log, clock=self._clock, stumbles=self._stumbles, check=self._check_open
        )
        if finally_:
            replay.run()
            return
        # What comes in during the first pass is left to the second, and so on: little is left
        # for the last, which keeps writers waiting.
        for _ in range(2):
            replay.run(log.head().version)


def away(what: str) -> StorageError:
    """Make the error of what cannot be done while the primary is away."""
    return StorageError(
        f"the primary store cannot be reached, and {what}",
        hint="try again when it is back; `llmspell state stats` shows how it is",
        reason="unavailable",
    )
