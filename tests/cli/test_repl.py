"""``repl``, with lines from a pipe and at a terminal."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from .conftest import Program


def test_piped_lines_share_one_sandbox_and_print_their_values(llmspell: Program) -> None:
    done = llmspell("repl", "--engine", "lua", stdin="x = 20\nx + 1\nprint('hi')\n'text'\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == ["21", "hi"]
    assert "text" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("lua", "for i = 1, 2 do\n  print(i)\nend\n"),
        ("js", "for (let i = 1; i < 3; i++) {\n  print(i)\n}\n"),
    ],
)
def test_incomplete_input_continues_on_the_next_line(
    llmspell: Program, engine: str, code: str
) -> None:
    done = llmspell("repl", "--engine", engine, stdin=code)
    assert done.stdout.splitlines()[:2] == ["1", "2"]


def test_a_failing_line_does_not_end_the_session(llmspell: Program) -> None:
    done = llmspell("repl", "--engine", "js", stdin="throw new Error('boom')\n1 + 1\n")
    assert done.stdout == "2\n"
    assert "boom" in done.stderr
    assert done.returncode == 1


def test_exit_ends_the_session(llmspell: Program) -> None:
    done = llmspell("repl", "--engine", "lua", stdin=".help\n.exit\nprint('never')\n")
    assert done.returncode == 0
    assert ".exit" in done.stdout
    assert "never" not in done.stdout


class Terminal:
    """A session at a pseudo terminal."""

    def __init__(self, llmspell: Program, *arguments: str) -> None:
        leader, follower = pty.openpty()
        llmspell.environ["TERM"] = "xterm"
        self.process = llmspell.start(
            *arguments, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
        )
        os.close(follower)
        self._leader = leader
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def wait_for(self, text: str, *, timeout_s: float = 15) -> None:
        """Read until ``text`` has appeared after what was waited for before."""
        self._until(lambda: text in self.seen, timeout_s)
        assert text in self.seen
        self.seen = self.seen.partition(text)[2]

    def end(self) -> int:
        self._until(lambda: self.process.poll() is not None, 15)
        os.close(self._leader)
        return self.process.wait(timeout=10)

    def _until(self, reached: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not reached() and time.monotonic() < deadline:
            if select.select([self._leader], [], [], 0.05)[0]:
                with suppress(OSError):
                    self.seen += os.read(self._leader, 65_536).decode(errors="replace")


def test_a_terminal_session_prompts_evaluates_and_remembers(llmspell: Program) -> None:
    terminal = Terminal(llmspell, "repl", "--engine", "lua")
    terminal.wait_for("lua>")
    terminal.type("21 * 2\r")
    terminal.wait_for("42")
    terminal.wait_for("lua>")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "21 * 2" in (llmspell.folder / "xdg/llmspell/history-lua").read_text()


def test_ctrl_c_at_the_prompt_drops_the_input_and_goes_on(llmspell: Program) -> None:
    terminal = Terminal(llmspell, "repl", "--engine", "js")
    terminal.wait_for("js>")
    terminal.type("this is dropped\x03")
    terminal.wait_for("js>")
    terminal.type("1 + 1\r")
    terminal.wait_for("2")
    terminal.type(".exit\r")
    assert terminal.end() == 0
