"""Keep stores whole over ``os.fork``.

A lock that another thread holds at the moment of a fork stays locked in the child for ever,
and a database connection must never be used on both sides. So a fork waits until no store is
in the middle of a call, and afterwards every store is told on which side it is.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Protocol
from weakref import ReferenceType, ref

__all__ = ["Forkable", "hold_over_fork"]


class Forkable(Protocol):
    """What a store does around a fork of its process."""

    def before_fork(self) -> None:
        """Finish what is under way and keep others out."""
        ...

    def after_fork(self, *, in_child: bool) -> None:
        """Let others in again; in the child first drop what only the parent may use."""
        ...


# The latest first: who uses a store registers after it, and takes its lock before the store's.
_stores: dict[int, ReferenceType[Forkable]] = {}
_held: list[Forkable] = []
# Two threads that fork at once would each wait for what the other has taken.
_one_fork = Lock()


def hold_over_fork(store: Forkable) -> None:
    """Have ``store`` told before and after each fork, for as long as it lives."""
    identity = id(store)
    _stores[identity] = ref(store, lambda _: _stores.pop(identity, None))


def _before() -> None:
    _one_fork.acquire()
    for reference in reversed(list(_stores.values())):
        store = reference()
        if store is not None:
            store.before_fork()
            _held.append(store)


def _after(in_child: bool) -> None:
    for store in reversed(_held):
        store.after_fork(in_child=in_child)
    _held.clear()
    _one_fork.release()


if hasattr(os, "register_at_fork"):  # absent on Windows, which has no fork
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(False),
        after_in_child=lambda: _after(True),
    )
