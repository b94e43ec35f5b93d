"""Other processes and threads that work on the same SQLite file as a test."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PRELUDE = """
import os, sys, time
from pathlib import Path
from llmspell.errors import LlmSpellError
from llmspell.state.manager import StateManager
from llmspell.store import open_store
path, args = Path(sys.argv[1]), sys.argv[2:]
state = StateManager(open_store("sqlite", path=path))
def tell(text):
    print(text, flush=True)
"""

Program = subprocess.Popen[str]


def start(path: Path, program: str, *args: object) -> Program:
    """Start a Python program that finds ``state`` open on the file, ``args`` and ``tell``."""
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + program, str(path), *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: Program) -> str:
    """Return the next line that a program told, once it is there."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: Program) -> None:
    """Let a program that reads a line from its input go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(*processes: Program) -> list[str]:
    """Wait for programs, which must succeed, and return what each told."""
    told = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return told


def end(process: Program) -> None:
    """End a program, whatever it does."""
    process.kill()
    process.communicate()


def wait_until(condition: Callable[[], bool], *, within_s: float = 20.0) -> float:
    """Wait for something to become true, and return how many seconds that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        time.sleep(0.002)
    return time.monotonic() - began
