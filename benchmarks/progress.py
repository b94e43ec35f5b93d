"""One line that tells how far a run is.

It is written between measurements by the thread that measures: a spinner with a thread of its own
would be in every figure.
"""

from __future__ import annotations

import shutil
from time import monotonic
from typing import TextIO

__all__ = ["ProgressLine"]


class ProgressLine:
    """Writes to a terminal one line over the other; elsewhere a line for each new stage."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._overwrites = stream.isatty()
        self._stage = ""
        self._started = monotonic()

    def show(self, stage: str, what: str = "") -> None:
        """Tell the stage, such as the round, and what is measured in it."""
        text = f"{monotonic() - self._started:4.0f} s  {stage}"
        if self._overwrites:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[2K" + f"{text}  {what}"[:width])
        elif stage != self._stage:
            self._write(text + "\n")
        self._stage = stage

    def clear(self) -> None:
        """Take the line away."""
        if self._overwrites:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
