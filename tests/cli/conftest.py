"""One fixture: the program, run in a folder of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from llmspell.cli import main


class Program:
    """Runs ``llmspell`` as a process, in ``folder``, with no configuration from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith("LLMSPELL_")
        } | {
            "XDG_STATE_HOME": str(folder / "xdg"),
            "NO_COLOR": "1",
        }

    def write(self, name: str, content: str) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def __call__(
        self,
        *arguments: str | Path,
        stdin: str | bytes = b"",
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end and return what it printed, as text."""
        done = subprocess.run(
            self._command(arguments),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environ | dict(environ or {}),
            timeout=60,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(),
        )

    def here(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Do the same within this process: quicker, for commands that run no script."""
        stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with chdir(self.folder), redirect_stdout(stdout), redirect_stderr(stderr):
            code = main([str(argument) for argument in arguments])
        shown = [_content(stream) for stream in (stdout, stderr)]
        return subprocess.CompletedProcess(arguments, code, *shown)

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start it and return the running process."""
        return subprocess.Popen(
            self._command(arguments), cwd=self.folder, env=self.environ, **options
        )

    @staticmethod
    def _command(arguments: tuple[str | Path, ...]) -> list[str]:
        return [sys.executable, "-m", "llmspell.cli", *map(str, arguments)]


def _content(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(errors="replace")


@pytest.fixture
def llmspell(tmp_path: Path) -> Program:
    return Program(tmp_path)
