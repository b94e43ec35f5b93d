"""``run --watch``: run a script again whenever a file changes that it may be made of.

Two children, no threads: one does the run, one watches the folders of the script and of its modules
and sends a line for every change. A change during a run ends that run and starts the next.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from llmspell.cli import exits
from llmspell.cli.child import Link, run_child
from llmspell.cli.launch import Job, conclude, work
from llmspell.cli.report import print_note, use_colour
from llmspell.cli.supervise import Ending, Supervisor, can_supervise

__all__ = ["watch_and_run"]

_SUFFIXES = (".lua", ".js", ".mjs", ".cjs", ".json")
_DEBOUNCE_MS = 200
_STEP_MS = 50
_RULE_WIDTH = 60
_FAILED = b"\0"


def watch_and_run(job: Job, file: str) -> int:
    """Run ``job`` now and after every change, until Ctrl-C; failures do not end the watch."""
    if not can_supervise():
        from llmspell.cli.failures import UsageFailure

        raise UsageFailure("--watch needs a system that can fork (Linux, macOS)")
    with Supervisor() as supervisor:
        watcher, changes = _start_watcher(lambda: _folders(Path(file), job))
        try:
            while supervisor.stop_request is None:
                if _run_once(supervisor, job, changes):
                    _await_change(supervisor, changes)
            return _leave(supervisor.stop_request)
        finally:
            os.kill(watcher, signal.SIGKILL)
            os.waitpid(watcher, 0)
            os.close(changes)


def _folders(script: Path, job: Job) -> list[Path]:
    """Return the script's folder, where a link to it leads, and the module folders there are.

    A wrong configuration is for the run to report; the script's folder is watched all the same.
    """
    from llmspell.config import nothing_configured
    from llmspell.errors import LlmSpellError

    real = Path(os.path.realpath(script))
    folders = [script.absolute().parent, real.parent, *job.settings.module_paths]
    with suppress(LlmSpellError):
        if not nothing_configured(job.settings.config, profile=job.settings.profile):
            folders += job.settings.load().modules.existing
    return list(dict.fromkeys(folder.absolute() for folder in folders))


def _run_once(supervisor: Supervisor, job: Job, changes: int) -> bool:
    """Run once and print how it went; return False when a change cut the run short."""
    started = time.monotonic()
    supervisor.start(lambda link: work(job, link, None), timeout_s=job.timeout_s)
    while supervisor.ending is None:
        if supervisor.wait(changes):
            name = _read_change(changes)
            supervisor.kill()
            print_note("note", f"{name} changed, starting again")
            return False
    if supervisor.stop_request is None:
        code = conclude(supervisor.ending)
        _print_rule(code, time.monotonic() - started)
    return True


def _await_change(supervisor: Supervisor, changes: int) -> None:
    while supervisor.stop_request is None:
        if supervisor.wait(changes):
            print_note("note", f"{_read_change(changes)} changed, running again")
            return


def _leave(ending: Ending) -> int:
    # Ctrl-C is how a watch is meant to end.
    return exits.OK if ending.signal == signal.SIGINT else ending.code


def _print_rule(code: int, duration_s: float) -> None:
    result = "ok" if code == exits.OK else f"failed (exit code {code})"
    text = f"── {result} · {duration_s:.2f} s · {time.strftime('%H:%M:%S')} · waiting for changes "
    rule = text + "─" * max(2, _RULE_WIDTH - len(text))
    sys.stdout.flush()
    sys.stderr.write(f"\x1b[2m{rule}\x1b[0m\n" if use_colour(sys.stderr) else f"{rule}\n")
    sys.stderr.flush()


def _read_change(changes: int) -> str:
    data = os.read(changes, 65_536)
    if not data or data.startswith(_FAILED):
        from llmspell.cli.failures import UsageFailure

        reason = data[len(_FAILED) :].decode(errors="replace") or "the watcher ended"
        raise UsageFailure(f"cannot watch the script's folder: {reason}")
    return data.decode(errors="replace").splitlines()[0]


def _start_watcher(folders: Callable[[], Sequence[Path]]) -> tuple[int, int]:
    """Fork the process that watches the folders; return its id and the pipe it writes names to."""
    read_fd, write_fd = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
        run_child(lambda _: _watch(folders(), write_fd), Link(None), parent=parent, signals=())
    os.close(write_fd)
    return pid, read_fd


def _watch(folders: Sequence[Path], fd: int) -> int:
    from watchfiles import Change, DefaultFilter, watch

    class ScriptFiles(DefaultFilter):
        """Script files, outside the folders that hold no sources (.git, node_modules, ...)."""

        def __call__(self, change: Change, path: str) -> bool:
            # A new folder counts: its files may have been there before it could be watched.
            new_folder = change is Change.added and _is_visible_folder(path)
            return (path.endswith(_SUFFIXES) or new_folder) and super().__call__(change, path)

    try:
        for batch in watch(
            *folders,
            watch_filter=ScriptFiles(),
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            raise_interrupt=False,
        ):
            names = sorted(os.path.relpath(path, folders[0]) for _, path in batch)
            os.write(fd, "".join(f"{name}\n" for name in names).encode()[:4096])
    except OSError as error:
        os.write(fd, _FAILED + str(error).encode())
    return exits.OK


def _is_visible_folder(path: str) -> bool:
    # Hidden ones are not: a run makes .llmspell itself.
    return not os.path.basename(path).startswith(".") and os.path.isdir(path)
