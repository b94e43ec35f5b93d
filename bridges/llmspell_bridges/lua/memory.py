"""Holding a Lua VM to the memory it may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["Memory"]

#: What a reply needs beside its own bytes, at most.
_ROOM_BYTES: Final = 64 * 1024

_RELIEF_BYTES: Final = 8 * 1024 * 1024

Door = Callable[[int, bytes], bytes | bool | None]


class Memory:
    """The memory of one VM: ``limit_bytes`` more than it uses when this is made.

    A Lua state that finds no memory jumps out of whatever called it. So the limit is in force only
    while Lua code runs, which begins with a call of ``hold``, and no reply is handed over that the
    VM has no room for: ``on_full`` is called, and the VM gets nothing.
    """

    def __init__(self, vm: Any, limit_bytes: int, on_full: Callable[[str], None]) -> None:
        self._used: Callable[[bool], int] = vm.get_memory_used
        self._set: Callable[[int, bool], None] = vm.set_max_memory
        self._maximum = self._used(True) + limit_bytes
        self._on_full = on_full

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
        return self._used(True) + size + _ROOM_BYTES <= self._maximum

    def guarding(self, door: Door) -> Door:
        """Return a door that hands over only what there is room for."""
        used, highest, on_full = self._used, self._maximum - _ROOM_BYTES, self._on_full

        def guarded(index: int, text: bytes) -> bytes | bool | None:
            reply = door(index, text)
            if type(reply) is bytes and used(True) + len(reply) > highest:
                on_full("memory_bytes")
                return None
            return reply

        return guarded
