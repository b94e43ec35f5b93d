"""Counting requests: at most so many in a window of time, per actor and grant."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, Final

__all__ = ["Counters"]

#: Who has asked longest ago is forgotten first, so that names made up at will fill no memory.
_MOST_COUNTERS: Final = 10_000


class Counters:
    """The requests of the last moments, in this process. Thread-safe."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic_s
        self._lock = threading.Lock()
        self._windows: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def after_fork(self) -> None:
        """Go on in a child process, where no other thread holds the lock."""
        self._lock = threading.Lock()

    def take(self, key: Hashable, most: int, window_s: float, *, is_burst: bool) -> bool:
        """Count a request and return True, or return False when there were too many.

        Of the two ways to count, the sliding window never lets more than ``most`` pass in any
        ``window_s``; the bucket (``is_burst``) fills up steadily, ``most`` in ``window_s``.
        """
        with self._lock:
            if is_burst:
                return self._take_token(key, most, window_s, spend=True)
            return self._take_place(key, most, window_s, spend=True)

    def has_room(self, key: Hashable, most: int, window_s: float, *, is_burst: bool) -> bool:
        """Return what ``take`` would, and count nothing."""
        with self._lock:
            if is_burst:
                return self._take_token(key, most, window_s, spend=False)
            return self._take_place(key, most, window_s, spend=False)

    def _take_place(self, key: Hashable, most: int, window_s: float, *, spend: bool) -> bool:
        now, times = self._now(), self._windows.setdefault(key, deque())
        while times and times[0] <= now - window_s:
            times.popleft()
        if len(times) >= most:
            return False
        if spend:
            times.append(now)
        _trim(self._windows, key)
        return True

    def _take_token(self, key: Hashable, most: int, window_s: float, *, spend: bool) -> bool:
        now = self._now()
        tokens, then = self._buckets.get(key, (float(most), now))
        tokens = min(float(most), tokens + (now - then) * most / window_s)
        has_one = tokens >= 1
        self._buckets[key] = (tokens - 1 if has_one and spend else tokens, now)
        _trim(self._buckets, key)
        return has_one


def _trim(counters: OrderedDict[Hashable, Any], key: Hashable) -> None:
    counters.move_to_end(key)
    if len(counters) > _MOST_COUNTERS:
        counters.popitem(last=False)
