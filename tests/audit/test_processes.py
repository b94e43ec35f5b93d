"""Many processes, forks, killed writers, and the end of the interpreter."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llmspell.security.audit import AuditLog

from .conftest import KEY, filled, kinds, rows

_PROGRAM = """
import os, sys, threading
from pathlib import Path
from llmspell.security.audit import AuditLog
log = AuditLog(Path(sys.argv[1]), key=bytes(range(32)))
"""


def start(path: Path, work: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM + work, str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_several_processes_append_and_the_chain_holds(path: Path) -> None:
    work = """
for number in range(150):
    (log.record_now if number % 5 == 0 else log.record)("save", key=sys.argv[2], version=number)
log.close()
"""
    processes = [start(path, work, str(n)) for n in range(4)]
    assert [end(process) for process in processes] == [(0, "", "")] * 4
    assert kinds(path) == set()
    for name in map(str, range(4)):
        versions = [record.version for record in rows(path) if record.key == name]
        assert versions == list(range(150))


def test_a_writer_that_is_killed_leaves_a_whole_chain_with_all_it_was_told(path: Path) -> None:
    work = """
number = int(sys.argv[2])
while True:
    number += 1
    log.record("load", version=number)
    log.record_now("save", version=number)
    os.write(1, b"%d\\n" % number)
"""
    last = 0
    for _ in range(5):
        process = start(path, work, str(last))
        assert process.stdout is not None
        told = process.stdout.readline()
        time.sleep(random.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        last = int((told + rest).split()[-1])
        assert kinds(path) == set()
        saved = [record.version for record in rows(path) if record.action == "save"]
        assert last in saved
        last = saved[-1] or 0


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise SystemExit"])
def test_what_waits_when_the_interpreter_ends_is_written(path: Path, ending: str) -> None:
    done = end(start(path, f"log.record('save')\n{ending}"))
    assert (done[1], done[2]) == ("", "")
    assert len(rows(path)) == 1
    assert kinds(path) == set()


def test_what_cannot_be_written_when_the_interpreter_ends_is_told(path: Path) -> None:
    filled(path, 1, key=bytes(32))
    code, _, told = end(start(path, "log.record('save')"))
    assert code == 0
    assert told.startswith("llmspell: 1 audit records were not written: the audit log")
    assert "Traceback" not in told


def test_both_sides_of_a_fork_go_on_and_each_record_is_written_once(path: Path) -> None:
    work = """
import warnings
warnings.simplefilter("ignore")
log.record("before")
for number in range(5):
    if os.fork() == 0:
        log.record("child", version=number)
        log.record_now("child", version=number)
        log.close()
        os._exit(0)
    log.record("parent", version=number)
for number in range(5):
    print(os.wait()[1])
log.close()
"""
    assert end(start(path, work)) == (0, "0\n" * 5, "")
    actions = sorted(record.action for record in rows(path))
    assert actions == ["before"] + ["child"] * 10 + ["parent"] * 5
    assert kinds(path) == set()
    assert len({record.process for record in rows(path)}) == 6


def test_a_fork_amid_the_work_of_other_threads_hangs_nobody(path: Path) -> None:
    work = """
import warnings
warnings.simplefilter("ignore")
stop = threading.Event()
def work():
    while not stop.is_set():
        log.record_now("parent")
        log.record("parent")
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for number in range(10):
    child = os.fork()
    if child == 0:
        log.record_now("child")
        os._exit(0)
    print(os.waitpid(child, 0)[1])
stop.set()
for thread in threads: thread.join()
log.close()
"""
    assert end(start(path, work)) == (0, "0\n" * 10, "")
    assert len([record for record in rows(path) if record.action == "child"]) == 10
    assert kinds(path) == set()


def _record_in_worker(path: str) -> None:
    AuditLog(path, key=KEY).record("worker")


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_waits_when_a_multiprocessing_child_ends_is_written(path: Path, way: str) -> None:
    child = multiprocessing.get_context(way).Process(target=_record_in_worker, args=(str(path),))
    child.start()
    child.join(60)
    assert [record.action for record in rows(path)] == ["worker"]
    assert kinds(path) == set()


def test_processes_that_make_the_same_log_at_once_make_one(path: Path) -> None:
    work = "log.record_now('save')\nlog.close()"
    processes = [start(path, work) for _ in range(4)]
    assert [end(process) for process in processes] == [(0, "", "")] * 4
    assert len(rows(path)) == 4
    assert kinds(path) == set()


def test_a_log_is_closed_while_others_record_and_nothing_is_lost_silently(path: Path) -> None:
    log = AuditLog(path, key=KEY)
    taken = [0] * 3

    def work(place: int) -> None:
        from llmspell.errors import AuditError

        try:
            while True:
                log.record("save")
                taken[place] += 1
                if taken[place] % 50 == 0:
                    time.sleep(0.001)
        except AuditError:
            pass

    threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    while not all(taken):
        time.sleep(0.001)
    log.close()
    for thread in threads:
        thread.join()
    assert len(rows(path)) == sum(taken)
    assert kinds(path) == set()


def test_a_process_is_named_with_its_host(path: Path) -> None:
    filled(path, 1)
    assert rows(path)[0].process.startswith(f"{os.getpid()}@")
