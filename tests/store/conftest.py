import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("llmspell.testing")

PRELUDE = """
import os, sys, time
from pathlib import Path
from llmspell.errors import LlmSpellError
from llmspell.store import Clear, Delete, Put, Ref, open_store
path = Path(sys.argv[1])
"""


@pytest.fixture
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Start a Python program beside the test; it finds the store's names and ``path`` ready."""

    def start(program: str, path: Path, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, str(path), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., str]:
    """Run such a program to its end and return what it printed."""

    def run(program: str, path: Path, *arguments: object) -> str:
        with start(program, path, *arguments) as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return output.strip()

    return run
