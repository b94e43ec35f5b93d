"""Where a run's output goes: to the host's functions, or into the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmspell.errors import LimitExceeded

__all__ = ["Output"]

Sink = Callable[[str], None]
MAX_CAPTURED_BYTES: Final = 16 * 1024 * 1024


class Output:
    """Takes what a script prints.

    With a ``stdout`` function text is handed on as it comes, of any length; ``stderr`` gets what
    is meant for the error output, by default the same place. Without one everything is kept for
    the result, up to ``max_bytes``; more raises ``LimitExceeded`` in the script.
    """

    def __init__(self, stdout: Sink | None, stderr: Sink | None, max_bytes: int) -> None:
        self._stdout = stdout
        self._stderr = stderr or stdout
        self._max_bytes = max_bytes
        self._captured: list[str] = []
        self._size = 0

    def write(self, stream: str, text: str) -> None:
        """Take text for ``"out"`` or ``"err"``."""
        sink = self._stderr if stream == "err" else self._stdout
        if sink is not None:
            sink(text)
            return
        self._size += len(text) if text.isascii() else len(text.encode())
        if self._size > self._max_bytes:
            raise LimitExceeded(
                f"the script printed more than {self._max_bytes} bytes, which are kept in memory",
                hint="pass stdout= to stream the output, or raise limits.output_bytes",
                limit="output_bytes",
                maximum=self._max_bytes,
            )
        self._captured.append(text)

    @property
    def captured(self) -> str:
        """What was kept, in the order it was printed."""
        return "".join(self._captured)
