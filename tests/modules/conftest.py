"""A program in a folder of its own: a script, its modules, and files beside that it must not read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import ScriptError

SECRET = "the secret outside"


class Program:
    """Runs ``main.lua`` or ``main.js`` in ``folder``, which is the current folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = Runtime()

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, by its path from the program's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def lua(self, code: str, **files: str) -> Any:
        """Run Lua; ``lib__util`` is written as lib/util.lua first."""
        return self._run("lua", code, files)

    def js(self, code: str, **files: str) -> Any:
        """Run JavaScript; ``lib__util`` is written as lib/util.js first."""
        return self._run("js", code, files)

    def _run(self, language: str, code: str, files: dict[str, str]) -> Any:
        for name, content in files.items():
            self.write(f"{name.replace('__', '/')}.{language}", content)
        self.write(f"main.{language}", code)
        return self.runtime.run(f"main.{language}").value

    def require(self, language: str, name: str) -> Any:
        """Run a script that requires one module and returns its value."""
        quoted = "".join(f"\\u{{{ord(each):x}}}" for each in name)
        return self._run(language, f'{"return " * (language == "lua")}require("{quoted}")', {})


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    folder = tmp_path / "program"
    folder.mkdir()
    for ending in ("lua", "js", "json"):
        (tmp_path / f"outside.{ending}").write_text(secret_module(ending))
    monkeypatch.chdir(folder)
    made = Program(folder)
    yield made
    made.runtime.close()


def secret_module(ending: str) -> str:
    """Return what a file outside holds: a module that would load and give the secret away."""
    return {
        "lua": f"return '{SECRET}'",
        "js": f"module.exports = '{SECRET}'",
        "json": f'"{SECRET}"',
    }[ending]


@pytest.fixture(params=["lua", "js"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Failure = Callable[..., ScriptError]


@pytest.fixture
def failing(program: Program) -> Failure:
    """Run a script that must fail and return its error."""

    def fail(language: str, code: str, **files: str) -> ScriptError:
        with pytest.raises(ScriptError) as caught:
            getattr(program, language)(code, **files)
        return caught.value

    return fail


def link(target: str | Path, place: Path) -> None:
    """Make a symbolic link."""
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, place)
