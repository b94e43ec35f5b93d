"""However a host ends, nothing of it stays behind; and Ctrl-C ends a script at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from isolation.processes import all_gone

HOST = """
import sys
from llmspell import Runtime

runtime = Runtime(profile="minimal", isolation="process", stdout=lambda text: print(text, end="", flush=True))
{before}
try:
    runtime.execute(sys.argv[1], engine="lua")
except KeyboardInterrupt:
    print("interrupted", runtime.execute("return 6 * 7", engine="lua").value)
"""
FOREVER = "print('running') while true do end"
# A child that keeps copies of all sockets of its parent must not keep the workers alive.
FORKED = """
import os, time
runtime.execute("return 1", engine="lua")
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
"""


def host(before: str = "") -> subprocess.Popen[str]:
    """Start a host whose script runs for ever, and wait until it does."""
    started = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOST.format(before=before), FOREVER],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "running\n"
    return started


def is_fork(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] == [FOREVER]
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_host_that_is_killed(number: int) -> None:
    with host() as started:
        below = psutil.Process(started.pid).children(recursive=True)
        assert len(below) >= 2
        started.send_signal(number)
        assert all_gone(below)


def test_a_forked_child_of_the_host_does_not_keep_its_workers_alive() -> None:
    with host(FORKED) as started:
        below = psutil.Process(started.pid).children(recursive=True)
        try:
            started.kill()
            (forked,) = (each for each in below if is_fork(each))
            assert all_gone([each for each in below if each != forked])
        finally:
            for each in below:
                with suppress(psutil.NoSuchProcess):
                    each.kill()


def test_ctrl_c_ends_the_script_and_the_runtime_goes_on() -> None:
    with host() as started:
        os.kill(started.pid, signal.SIGINT)
        rest, _ = started.communicate(timeout=60)
    assert rest == "interrupted 42\n"
