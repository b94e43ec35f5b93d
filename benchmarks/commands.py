"""Whole ``llmspell`` commands, beside a bare interpreter."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.candidate import Candidate, Opened, Setting, Subject
from benchmarks.packages import Unavailable

__all__ = ["SUBJECTS"]

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "version": ("--version",),
    "exec-lua": ("exec", "return 1", "--engine", "lua"),
    "exec-js": ("exec", "1", "--engine", "js"),
    "exec-state": ("exec", "return State.save('g', 'k', 1)", "--engine", "lua"),
}


def _open(setting: Setting) -> Opened:
    llmspell = shutil.which("llmspell", path=sysconfig.get_path("scripts"))
    if llmspell is None:
        raise Unavailable("the command llmspell is not installed: pip install -e .")
    folder = setting.folder / "commands"
    folder.mkdir()
    yield Candidate("command/shell/python", _repeated([sys.executable, "-c", "pass"], folder))
    for name, arguments in COMMANDS.items():
        yield Candidate(f"command/shell/{name}", _repeated([llmspell, *arguments], folder))


def _repeated(command: list[str], folder: Path) -> Callable[[int], None]:
    def run(calls: int) -> None:
        for _ in range(calls):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

    return run


SUBJECTS: Final = (
    Subject("command", ("shell/python", *(f"shell/{name}" for name in COMMANDS)), _open),
)
