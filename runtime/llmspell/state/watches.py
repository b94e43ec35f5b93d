"""Watching: being told of changes, those of this process at once, those of others soon after."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final, NamedTuple

from llmspell.errors import InvalidArgument
from llmspell.security.sensitive.logs import get_log
from llmspell.state.checks import check_text
from llmspell.state.core import Scope
from llmspell.state.entry import timestamp
from llmspell.state.hub import Hub
from llmspell.state.leases import Leases
from llmspell.state.origin import ADDRESS, CURRENT, acting_again
from llmspell.store.changes import Change
from llmspell.store.codec import decode
from llmspell_bridges.values import Value

__all__ = ["Event", "Subscription", "Watches"]

#: A subscription nobody takes from keeps this many events; then the oldest are dropped.
MAX_WAITING: Final = 10_000
#: What Python can wait for; about three hundred years.
_LONGEST_WAIT_S: Final = threading.TIMEOUT_MAX / 2
_log = get_log("llmspell.watch")


class Event(NamedTuple):
    """One change, as a watcher is told of it. ``op`` is ``put``, ``delete`` or ``expire``."""

    scope: str
    key: str
    op: str
    version: int
    at_us: int
    actor: str | None
    run_id: str | None
    correlation_id: str | None
    blob: bytes

    @property
    def value(self) -> Value:
        """A fresh copy of the value that was saved; None for what is no ``put``."""
        return decode(self.blob) if self.op == "put" else None

    def to_dict(self) -> dict[str, Any]:
        """Return the event under the names scripts see."""
        told: dict[str, Any] = {
            "scope": self.scope,
            "key": self.key,
            "op": self.op,
            "version": self.version,
            "at": timestamp(self.at_us),
        }
        for name in ("actor", "run_id", "correlation_id"):
            if (known := getattr(self, name)) is not None:
                told[name] = known
        if self.op == "put":
            told["value"] = self.value
        return told


class Subscription:
    """Events that wait to be taken, in order."""

    def __init__(self, state: Watches) -> None:
        self._state = state
        self._queue: queue.Queue[tuple[int, Event]] = queue.Queue()
        self.watches: set[int] = set()
        self.dropped = 0

    def watch(self, scope: Scope, prefix: str = "") -> int:
        """Add the changes of a scope's keys that start with ``prefix``; return the watch's id."""
        number = next(self._state._watch_numbers)
        # Noted first: what an interrupt leaves half begun is ended with the others.
        self.watches.add(number)
        self._state._watch(number, scope, prefix, lambda event: self._put(number, event))
        return number

    def _put(self, number: int, event: Event) -> None:
        if self._queue.qsize() >= MAX_WAITING:
            with suppress(queue.Empty):  # it may just have been taken
                self._queue.get_nowait()
                self.dropped += 1
                if self.dropped == 1:
                    _log.warning(
                        "more than %d changes wait to be taken: the oldest are dropped", MAX_WAITING
                    )
        self._queue.put((number, event))

    def take(self, timeout_s: float = 0.0) -> list[tuple[int, Event]]:
        """Return what waits, with each event's watch; if nothing does, wait for it up to a time.

        What this thread has changed before is among it.
        """
        hub = self._state._hub
        if hub is not None:
            hub.settle()
        taken: list[tuple[int, Event]] = []
        deadline = time.monotonic() + min(timeout_s, _LONGEST_WAIT_S)
        while True:
            try:
                remaining = deadline - time.monotonic()
                wait = not taken and remaining > 0
                taken.append(self._queue.get(wait, remaining if wait else None))
            except queue.Empty:
                readable = set(self._state._readable({event.scope for _, event in taken}))
                return [each for each in taken if each[1].scope in readable]

    def unwatch(self, number: int) -> bool:
        """End one watch; return whether it was this subscription's."""
        if number not in self.watches:
            return False
        self.watches.discard(number)
        return self._state.unwatch(number)

    def close(self) -> None:
        """End all watches."""
        for number in list(self.watches):
            self.unwatch(number)


class Watches(Leases):
    """Being told of changes. Each raises ``FeatureUnavailable`` without a journal."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._watch_numbers = count(1)
        self._hub: Hub | None = None
        self._hub_lock = threading.Lock()

    def watch(self, scope: Scope, prefix: str, fn: Callable[[Event], None]) -> int:
        """Call ``fn(event)`` for every change of a scope's keys that start with ``prefix``.

        Changes of this process are told right after their commit, by the thread that made them
        unless another one is telling already; those of others by a thread of llmspell's own.
        Either way one at a time, in the order they were committed, each once. What ``fn`` raises
        is logged and ends nothing; what it does it does as whoever began the watch. What is saved
        with the class ``bulk`` is told once it is flushed. Returns an id for ``unwatch``.
        """
        if not callable(fn):
            raise InvalidArgument(
                f"argument 'fn' must be callable, not {type(fn).__name__}", parameter="fn"
            )
        number = next(self._watch_numbers)
        self._watch(number, scope, prefix, fn)
        return number

    def unwatch(self, watch_id: int) -> bool:
        """End a watch; return whether there was one."""
        hub = self._hub
        return hub is not None and type(watch_id) is int and hub.remove(watch_id)

    def subscribe(self) -> Subscription:
        """Return a queue of changes, to be taken by a thread when it likes."""
        self._need_journal("watch")
        self._takes_part()
        return Subscription(self)

    def close(self) -> None:
        """Tell nobody any more, write what is waiting and close the store."""
        if self._hub is not None:
            self._hub.stop()
            self._listeners.clear()
        super().close()

    def after_fork(self, *, in_child: bool) -> None:
        """In the child nobody watches: the callbacks belong to the parent."""
        if in_child:
            self._hub = None
            self._hub_lock = threading.Lock()
            self._listeners.clear()
        super().after_fork(in_child=in_child)

    def _watch(self, number: int, scope: Scope, prefix: str, fn: Callable[[Event], None]) -> None:
        self._need_journal("watch")
        check_text("prefix", prefix)
        text = self._reads(scope)
        may_read, watcher, audit = self._right_to_read(text), self._origin(), self._audit
        actor, address = CURRENT.get()[0], ADDRESS.get()

        def deliver(change: Change) -> None:
            if change.scope == text and change.key.startswith(prefix) and may_read():
                if audit is not None:
                    audit.told(change, watcher)
                with acting_again(actor, address):  # not as whoever made the change
                    fn(_event(change))

        with self._hub_lock:
            if self._hub is None:
                self._hub = Hub(self._store)
                self._listeners.append(self._hub.notify)
        self._hub.add(number, deliver)


def _event(change: Change) -> Event:
    return Event(
        change.scope,
        change.key,
        change.op,
        change.version,
        change.at,
        change.actor,
        change.run_id,
        change.correlation_id,
        change.blob,
    )
