"""Who may write: many past the ephemeral entries, or one on both layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Lock

from llmspell.store.base import Operation, Ref
from llmspell.store.plan import touched

__all__ = ["Gate"]


class Gate:
    """Knows which keys are ephemeral; some of them may have expired.

    Writes that touch none of these go past, together. A batch on both layers is made
    ``alone``; ``rounds`` counts those, and who read while one was made reads again. ``turn``
    keeps such batches out, but not what goes past. A restore goes past as well, and holds
    ``restoring``: it takes long, and a batch that had to wait for it with the turn would keep
    readers waiting, too.
    """

    def __init__(self) -> None:
        self.keys: dict[str, set[str]] = {}
        self.rounds = 0
        self.is_taken = False
        self.turn = Lock()
        self.restoring = Lock()
        self._lock = Lock()
        self._idle = Condition(self._lock)
        self._past = 0

    def pass_by(self, batch: Sequence[Operation]) -> bool:
        """Begin to write to the inner store alone, if the batch touches nothing ephemeral."""
        with self._lock:
            if self.is_taken or (self.keys and self._touches(batch)):
                return False
            self._past += 1
            return True

    def pass_by_with(self, scope: str, key: str) -> bool:
        """Do what ``pass_by`` does, for the write of one key."""
        with self._lock:
            if self.is_taken or (self.keys and key in self.keys.get(scope, ())):
                return False
            self._past += 1
            return True

    def leave(self) -> None:
        """End a write that passed by."""
        with self._lock:
            self._past -= 1
            if self.is_taken and not self._past:
                self._idle.notify()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for all writes that are under way and let no other begin."""
        with self.restoring, self.alone_in_restore():
            yield

    @contextmanager
    def alone_in_restore(self) -> Iterator[None]:
        """Do what ``alone`` does, for who is ``restoring``."""
        with self.turn:
            try:
                with self._lock:
                    self.is_taken = True
                    while self._past:
                        self._idle.wait()
                    self.rounds += 1
                yield
            finally:
                with self._lock:
                    self.is_taken = False

    def hides(self, refs: Iterable[Ref]) -> bool:
        """Tell whether any of these keys is ephemeral."""
        return any(key in self.keys.get(scope, ()) for scope, key in refs)

    def _touches(self, batch: Sequence[Operation]) -> bool:
        refs, scopes = touched(batch)
        return any(scope in self.keys for scope in scopes) or self.hides(refs)

    def note(self, ref: Ref, *, ephemeral: bool) -> None:
        """Note what has become of a key."""
        scope, key = ref
        with self._lock:
            keys = self.keys.setdefault(scope, set())
            if ephemeral:
                keys.add(key)
            else:
                keys.discard(key)
            if not keys:
                del self.keys[scope]

    def before_fork(self) -> None:
        self.turn.acquire()
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        if in_child:  # the threads whose writes were under way are the parent's
            self._past = 0
            self.restoring = Lock()
            self._idle = Condition(self._lock)
        self._lock.release()
        self.turn.release()
