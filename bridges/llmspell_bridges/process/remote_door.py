"""The door of a worker's sandbox: every call goes to the host, which has the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmspell_bridges.api import Function
from llmspell_bridges.door import BoundGlobal, Door, Replies
from llmspell_bridges.limits import Limits
from llmspell_bridges.process.frames import Kind
from llmspell_bridges.process.seeds import SEEDS
from llmspell_bridges.process.worker_channel import WorkerChannel
from llmspell_bridges.values import MAX_DEPTH

__all__ = ["RemoteDoor"]


class RemoteDoor(Door[Any]):
    """Has the indexes of the host's door, and of it nothing else.

    ``on_asked`` does what the host asks for while it has a call to answer: a host function may
    call back into the script.
    """

    def __init__(
        self,
        channel: WorkerChannel,
        is_text: bool,
        on_asked: Callable[[bytes], None],
        replies: Replies[Any],
        *,
        max_depth: int = MAX_DEPTH,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
    ) -> None:
        super().__init__(replies, max_depth=max_depth, limits=limits)
        self._channel = channel
        self._is_text = is_text
        self._on_asked = on_asked
        self._entries[0] = self._remote(0)

    def add(self, bound: BoundGlobal, function: Function) -> int:
        """Take the index the host's door gives the function."""
        if bound.declaration is SEEDS:
            return super().add(bound, function)
        index = len(self._entries)
        for _ in range(2 if function.keeps else 1):
            self._entries.append(self._remote(len(self._entries)))
            self._names.append((bound, function))
        return index

    def _remote(self, index: int) -> Callable[[Any], Any]:
        send, receive = self._channel.send, self._channel.receive_soon

        def ask_bytes(text: bytes) -> bytes | bool:
            send(Kind.CALL, index, text)
            kind, _, reply = receive()
            while kind == Kind.ASK:
                self._on_asked(reply)
                kind, _, reply = receive()
            return reply if kind == Kind.REPLY else kind == Kind.YES

        def ask_text(text: str) -> str | bool:
            reply = ask_bytes(text.encode())
            return reply.decode() if isinstance(reply, bytes) else reply

        return ask_text if self._is_text else ask_bytes
