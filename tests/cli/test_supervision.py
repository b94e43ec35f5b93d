"""Runs that do not end by themselves: time limits, Ctrl-C, crashes, closed pipes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from .conftest import Program

ENDLESS = {"lua": "print('before') while true do end", "js": "print('before'); for (;;) {}"}
# Loops in C, which no limit within the VM can stop.
ENDLESS_IN_C = {
    "lua": "print('before') local s = ('a'):rep(30) "
    "return s:find(('a?'):rep(30) .. ('.-'):rep(30) .. 'b')",
    "js": "print('before'); [].fill.call({length: 2 ** 53 - 1}, 0)",
}

PRINT = {"lua": "print('before')", "js": "print('before');"}
NOTE = {"lua": " State.save('global', 'begun', 1)", "js": " State.sync.save('global', 'begun', 1);"}

# Tells what was ended from what ended by itself, which would take minutes at least, on a machine
# that has much else to do.
SOON_S = 10.0


def child_of(pid: int) -> int:
    """Return the process that does the work for the supervisor ``pid``."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def runs(pid: int) -> bool:
    """Tell whether a process runs. The system may keep what is left of a dead one for seconds."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def started(llmspell: Program, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run and wait until its script has printed its first line."""
    process = llmspell.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert process.stdout is not None
    assert process.stdout.readline() == b"before\n"
    return process


def noting(engine: str, code: str) -> str:
    """Have a script save in the state that it has printed its first line."""
    return code.replace(PRINT[engine], PRINT[engine] + NOTE[engine])


def printed(llmspell: Program) -> list[str]:
    """Return what such a script may have printed: on a busy machine its time can end before it begins."""
    begun = llmspell.here("state", "get", "global", "begun").returncode == 0
    return ["before\n"] if begun else ["before\n", ""]


@pytest.mark.parametrize("code", [*ENDLESS.items(), *ENDLESS_IN_C.items()])
def test_the_time_limit_ends_any_loop_and_loses_no_output(
    llmspell: Program, code: tuple[str, str]
) -> None:
    began = time.monotonic()
    done = llmspell("exec", noting(*code), "--engine", code[0], "--timeout", "400ms")
    assert time.monotonic() - began < SOON_S
    assert done.returncode == 124
    assert done.stdout in printed(llmspell)
    assert done.stderr.startswith(
        "error[limit_exceeded]: the script ran longer than 400 ms (time limit)\n"
    )


def test_the_time_limit_can_come_from_the_configuration(llmspell: Program) -> None:
    llmspell.write("limits.toml", "[limits]\ntimeout_s = 0.3\n")
    done = llmspell("-c", "limits.toml", "exec", ENDLESS["lua"], "--engine", "lua")
    assert done.returncode == 124
    assert "300 ms" in done.stderr


def test_the_time_limit_as_json_keeps_the_output(llmspell: Program) -> None:
    code = noting("lua", ENDLESS["lua"])
    done = llmspell("exec", code, "--engine", "lua", "--timeout", "0.4", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (124, "")
    assert report["ok"] is False
    assert report["output"] in printed(llmspell)
    assert report["error"]["code"] == "limit_exceeded"


def test_a_run_within_its_limit_is_left_alone(llmspell: Program) -> None:
    done = llmspell("exec", "return 1", "--engine", "lua", "--timeout", "1m")
    assert (done.returncode, done.stdout) == (0, "1\n")


@pytest.mark.parametrize("code", [*ENDLESS.items(), *ENDLESS_IN_C.items()])
def test_ctrl_c_ends_any_loop(llmspell: Program, code: tuple[str, str]) -> None:
    process = started(llmspell, "exec", code[1], "--engine", code[0])
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert time.monotonic() - began < SOON_S
    assert (process.returncode, stderr) == (130, b"interrupted\n")


def test_ctrl_c_while_printing_loses_no_line(llmspell: Program) -> None:
    code = "print('before') for i = 1, 1e9 do print(i) end"
    process = started(llmspell, "exec", code, "--engine", "lua")
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=10)
    lines = stdout.decode().splitlines()
    assert process.returncode == 130
    assert lines == [str(number + 1) for number in range(len(lines))]
    assert stdout.endswith(b"\n")


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGKILL, 137, "memory"),
        (signal.SIGSEGV, 139, "crashed (SIGSEGV)"),
        (signal.SIGABRT, 134, "crashed (SIGABRT)"),
    ],
)
def test_a_killed_or_crashed_script_is_one_clear_error(
    llmspell: Program, number: int, code: int, message: str
) -> None:
    process = started(llmspell, "exec", ENDLESS["lua"], "--engine", "lua")
    os.kill(child_of(process.pid), number)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == code
    assert stderr.decode().startswith("error[")
    assert message in stderr.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_reaches_the_script(llmspell: Program, number: int) -> None:
    process = started(llmspell, "exec", ENDLESS["js"], "--engine", "js")
    child = child_of(process.pid)
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert not Path(f"/proc/{child}").exists()


def test_the_script_does_not_outlive_its_supervisor(llmspell: Program) -> None:
    process = started(llmspell, "exec", ENDLESS["lua"], "--engine", "lua")
    child = child_of(process.pid)
    process.kill()
    process.communicate(timeout=10)  # the pipes close when the child is gone too
    deadline = time.monotonic() + SOON_S
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_reader_that_has_seen_enough_ends_the_run_quietly(llmspell: Program) -> None:
    code = "print('before') for i = 1, 1e9 do print(i) end"
    process = started(llmspell, "exec", code, "--engine", "lua")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_list_cut_short_by_its_reader_ends_quietly(llmspell: Program) -> None:
    process = llmspell.start("config", "show", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=10) == 141


def test_tens_of_megabytes_of_lines_stream_in_flat_memory(llmspell: Program) -> None:
    code = """
        print('before')
        local long = ('x'):rep(2000)
        for i = 1, 12000 do print(long, i) end
    """
    process = started(llmspell, "exec", code, "--engine", "lua")
    assert process.stdout is not None
    status = Path(f"/proc/{child_of(process.pid)}/status")
    used_kib = []
    with io.BufferedReader(process.stdout) as output:  # type: ignore[arg-type]
        for lines, line in enumerate(output, 1):  # noqa: B007 - looked at afterwards
            if lines % 2_000 == 0 and lines < 12_000:
                memory = status.read_text().partition("VmRSS:")[2]
                used_kib.append(int(memory.split()[0]))
    assert (line[-8:], lines) == (b"x\t12000\n", 12_000)
    assert process.wait(timeout=10) == 0
    assert max(used_kib) - used_kib[0] < 10_000
    assert process.stderr is not None
    process.stderr.close()


def test_output_beyond_the_limit_of_a_json_run_is_an_error(llmspell: Program) -> None:
    llmspell.write("small.toml", "[limits]\noutput_bytes = 1000\n")
    code = "for i = 1, 1e6 do print('xxxxxxxxxx') end"
    done = llmspell("-c", "small.toml", "exec", code, "--engine", "lua", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["error"]["details"]["limit"] == "output_bytes"
    assert 900 < len(report["output"]) <= 1000


@pytest.mark.parametrize(
    "arguments",
    [
        ["config", "show"],
        ["exec", "print(1)", "--engine", "lua"],
        ["exec", "return 1", "--engine", "lua", "--json"],
    ],
)
def test_a_full_disk_behind_the_output_is_one_clear_error(
    llmspell: Program, arguments: list[str]
) -> None:
    with Path("/dev/full").open("wb") as full:
        process = llmspell.start(*arguments, stdout=full, stderr=subprocess.PIPE)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert stderr.startswith(b"error")
    assert stderr.count(b"\n") == 1
    assert b"No space left" in stderr
