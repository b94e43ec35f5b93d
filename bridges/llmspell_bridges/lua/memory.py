"""Holding a Lua VM to the memory it may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["Memory"]

#: What a reply needs beside its own bytes, at most.
_ROOM_BYTES: Final = 64 * 1024

_RELIEF_BYTES: Final = 8 * 1024 * 1024


class Memory:
    """The memory of one VM: ``limit_bytes`` more than it uses when this is made.

    A Lua state that finds no memory jumps out of whatever called it. So the limit is in force only
    while Lua code runs, which begins with a call of ``hold``, and nothing may be handed over that
    the VM has no room for.
    """

    def __init__(self, vm: Any, limit_bytes: int) -> None:
        self._used: Callable[[bool], int] = vm.get_memory_used
        self._set: Callable[[int, bool], None] = vm.set_max_memory
        self._maximum = self._used(True) + limit_bytes
        self._highest = self._maximum - _ROOM_BYTES

    def hold(self) -> None:
        """Put the limit in force."""
        self._set(self._maximum, True)

    def release(self) -> None:
        """Lift the limit, so that the host can hand something over."""
        self._set(0, True)

    def relieve(self) -> None:
        """Give a VM that has no memory left a little more. Any thread may call this."""
        self._set(self._maximum + _RELIEF_BYTES, True)

    def has_room_for(self, size: int) -> bool:
        """Tell whether the VM can take as many bytes more."""
        room: bool = self._used(True) + size <= self._highest
        return room
