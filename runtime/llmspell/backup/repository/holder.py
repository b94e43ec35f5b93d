"""Who holds a lock, as it is written into it."""

from __future__ import annotations

import os
from socket import gethostname
from time import time_ns
from typing import NamedTuple

import orjson

from llmspell.backup.model import time_of

__all__ = ["Holder"]


class Holder(NamedTuple):
    """A process and what it does; ``pid`` 0 when nothing is known of it."""

    pid: int
    host: str
    purpose: str
    since_us: int

    @classmethod
    def here(cls, purpose: str) -> Holder:
        """Return this process."""
        return cls(os.getpid(), gethostname(), purpose, time_ns() // 1000)

    @classmethod
    def parse(cls, data: bytes) -> Holder:
        """Return who is written there; somebody unknown if that cannot be read."""
        try:
            found = orjson.loads(data)
            since_us = int(found["since_us"])
            time_of(since_us)  # anybody may have written it
            return cls(int(found["pid"]), str(found["host"]), str(found["purpose"]), since_us)
        except (ValueError, TypeError, KeyError, OverflowError):
            return cls(0, "", "", 0)

    def pack(self) -> bytes:
        """Return it as bytes."""
        return orjson.dumps(self._asdict())

    def told(self) -> str:
        """Return it in words."""
        if not self.pid:
            return "another process works with it"
        since = f"{time_of(self.since_us):%Y-%m-%d %H:%M:%S} UTC"
        return f"process {self.pid} on {self.host} works with it since {since} ({self.purpose})"
