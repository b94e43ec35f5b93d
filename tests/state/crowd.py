"""Processes that share one store with a test, on either backend that several may share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .beside import Program, end, go, line

__all__ = ["Crowd", "release"]

_PRELUDE = """
import json, os, sys, threading, time
from pathlib import Path
from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.state.manager import StateManager
from llmspell.store import open_store
where, args = json.loads(sys.argv[1]), sys.argv[2:]
if "path" in where:
    where["path"] = Path(where["path"])
state = StateManager(open_store(**where))
def tell(*facts):
    print(json.dumps(facts), flush=True)
def ready():
    tell()
    sys.stdin.readline()
"""


class Crowd:
    """Opens one store in any number of processes; all of them end with it."""

    def __init__(self, **where: Any) -> None:
        self._where = where
        self._programs: list[Program] = []
        self._states: list[StateManager] = []

    def open(self) -> StateManager:
        """Open the store in this process."""
        where = dict(self._where)
        if "path" in where:
            where["path"] = Path(where["path"])
        self._states.append(StateManager(open_store(**where)))
        return self._states[-1]

    def start(self, program: str, *args: object, **options: Any) -> Program:
        """Start a program that finds ``state`` open, with these options of ``open_store``.

        It has ``args``, ``tell`` for what it finds out, and ``ready``, which waits for
        ``release``.
        """
        where = json.dumps(self._where | options)
        started = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + program, where, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._programs.append(started)
        return started

    def close(self) -> None:
        for program in self._programs:
            end(program)
        for state in self._states:
            state.close()


def release(programs: list[Program]) -> None:
    """Let programs go on together, once all are ready."""
    for program in programs:
        assert line(program) == "[]"
    for program in programs:
        go(program)
