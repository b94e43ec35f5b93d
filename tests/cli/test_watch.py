"""``run --watch``: run again on every change."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .conftest import Program


class Watch:
    """A running ``run --watch`` whose lines can be waited for."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 20
        seen = []
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                continue
            seen.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} did not appear in {seen}")

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode())


@contextmanager
def watching(llmspell: Program, name: str) -> Iterator[Watch]:
    process = llmspell.start(
        "run", "--watch", name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Watch(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def writing(llmspell: Program, name: str, text: str) -> Iterator[None]:
    """Write a file again and again: the watch may not have begun at the first time."""
    seen = threading.Event()

    def write() -> None:
        number = 0
        while not seen.wait(1.0 if number else 0.0):
            number += 1
            llmspell.write(name, text + number * "\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        seen.set()
        writer.join()


def test_a_change_runs_the_script_again_also_after_a_failure(llmspell: Program) -> None:
    llmspell.write("a.lua", "State.save('global', 'a', 1) print('first')")
    with watching(llmspell, "a.lua") as watch:
        watch.wait_for("first")
        watch.wait_for("waiting for changes")
        with writing(llmspell, "a.lua", "error('broken')"):
            watch.wait_for("broken")
            watch.wait_for("failed")
        with writing(llmspell, "lib/helper.lua", "return 1"):
            watch.wait_for("note: lib")
            watch.wait_for("broken")
        with writing(llmspell, "a.lua", "print('repaired')"):
            watch.wait_for("repaired")
            watch.wait_for("ok")


def test_a_change_restarts_a_script_that_never_ends(llmspell: Program) -> None:
    llmspell.write("a.js", "print('endless'); for (;;) {}")
    with watching(llmspell, "a.js") as watch:
        watch.wait_for("endless")
        with writing(llmspell, "a.js", "print('done')"):
            watch.wait_for("a.js changed")
            watch.wait_for("done")
