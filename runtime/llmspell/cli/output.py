"""Where a script's output goes: quick to write to, never further behind than a moment.

A sink collects text and writes it in large pieces; a small thread writes what is left over every
50 ms, also while the script keeps the interpreter's main thread inside a VM. On a terminal every
line is written at once. Memory stays flat: a slow reader slows the script down.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import IO, NoReturn

from llmspell.cli import exits

__all__ = ["FileSink", "Sinks", "Spool"]

_FLUSH_CHARACTERS = 32_768
_FLUSH_INTERVAL_S = 0.05
_LOCK_PATIENCE_S = 0.2


class FileSink:
    """Write text to a file descriptor as UTF-8; lone surrogates become ``?``.

    ``on_broken_pipe`` is called, and does not return, when the reader has gone: an exception
    could not travel from here through the VM that printed.
    """

    def __init__(self, fd: int, *, on_broken_pipe: Callable[[], NoReturn]) -> None:
        self._fd = fd
        self._pending: list[str] = []
        self._size = 0
        self._lock = threading.Lock()
        self._flusher: threading.Thread | None = None
        self._by_line = os.isatty(fd)
        self._on_broken_pipe = on_broken_pipe

    def write(self, text: str) -> None:
        """Take ``text``; it is written soon, or at once on a terminal."""
        with self._lock:
            self._pending.append(text)
            self._size += len(text)
            if self._size >= _FLUSH_CHARACTERS or (self._by_line and "\n" in text):
                self._drain()
            elif self._flusher is None:
                self._start_flusher()

    def flush(self) -> bool:
        """Write everything taken so far; return False when another thread is stuck writing."""
        # Also called from signal handlers, which may have interrupted the holder of the lock.
        if not self._lock.acquire(timeout=_LOCK_PATIENCE_S):
            return False
        try:
            self._drain()
        finally:
            self._lock.release()
        return True

    def _drain(self) -> None:
        if not self._pending:
            return
        text = "".join(self._pending)
        self._pending.clear()
        self._size = 0
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = text.encode(errors="replace")
        self._write_all(data)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BrokenPipeError:
                self._on_broken_pipe()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> NoReturn:
        if error.errno in (errno.EIO, errno.EBADF):  # the terminal went away
            self._on_broken_pipe()
        os.write(
            2, f"error[system_error]: cannot write the script's output: {error.strerror}\n".encode()
        )
        os._exit(exits.SCRIPT)

    def _start_flusher(self) -> None:
        self._flusher = threading.Thread(target=self._flush_often, name="output", daemon=True)
        self._flusher.start()

    def _flush_often(self) -> None:
        idle = threading.Event()
        while not idle.wait(_FLUSH_INTERVAL_S):
            self.flush()


class Spool:
    """Collect text in a file that parent and child share, so that it outlives a killed child.

    ``on_full`` is called, and does not return, when more than ``limit_bytes`` were printed.
    """

    def __init__(self, limit_bytes: int) -> None:
        import tempfile

        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - ends with us
        self._written = 0
        self.limit_bytes = limit_bytes
        self.on_full: Callable[[], NoReturn] | None = None
        self.sink = FileSink(self._file.fileno(), on_broken_pipe=_gone)

    def write(self, text: str) -> None:
        """Take ``text``, or end the run when it would exceed the limit."""
        self._written += len(text) if text.isascii() else len(text.encode(errors="replace"))
        if self._written > self.limit_bytes and self.on_full is not None:
            self.on_full()
        self.sink.write(text)

    def text(self) -> str:
        """Return everything collected so far, by this process or a child that has ended."""
        self.sink.flush()
        self._file.seek(0)
        return self._file.read().decode(errors="replace")


class Sinks:
    """The two streams of a script: its output, and its warnings on the standard error."""

    def __init__(self, spool: Spool | None = None) -> None:
        self._err = FileSink(2, on_broken_pipe=_gone)
        self._out: FileSink | Spool = spool or FileSink(1, on_broken_pipe=self._reader_gone)

    def stdout(self, text: str) -> None:
        """Take a piece of the script's output."""
        self._out.write(text)

    def stderr(self, text: str) -> None:
        """Take a warning; what was printed before it is written first."""
        self.flush()
        self._err.write(text)
        self._err.flush()

    def flush(self) -> None:
        """Write everything taken so far to both streams."""
        (self._out.sink if isinstance(self._out, Spool) else self._out).flush()
        self._err.flush()

    def _reader_gone(self) -> NoReturn:
        self._err.flush()
        _gone()


def _gone() -> NoReturn:
    # The customary end of a program whose reader has closed the pipe: quiet, at once.
    os._exit(exits.BROKEN_PIPE)
