"""What confines a worker, tried out in a worker and reported by it."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from llmspell.errors import SandboxUnavailable
from llmspell_bridges.limits import Limits
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.process.hardening import MEASURES
from llmspell_bridges.process.hardening.seccomp import filter_program
from llmspell_bridges.process.hardening.system_calls import ARCHITECTURES
from llmspell_bridges.process.inspection import inspect_worker
from llmspell_bridges.process.probes import PROBES
from llmspell_bridges.sandbox import SandboxOptions

LIMITED = SandboxOptions(limits=Limits(memory_bytes=64 << 20))


def test_every_measure_is_reported_once_with_a_reason() -> None:
    found = inspect_worker(LIMITED)
    assert sorted(measure.name for measure in found.measures) == sorted(MEASURES)
    assert all(measure.detail for measure in found.measures)


def test_what_the_measures_promise_is_refused_when_it_is_tried() -> None:
    found = inspect_worker(LIMITED)
    active = {measure.name for measure in found.measures if measure.active}
    assert found.probes.keys() == PROBES.keys()
    assert found.probes["read the host's environment"] is not None
    if "files" in active:
        assert found.probes["open a file"] is not None
        assert found.probes["write a file"] is not None
    if "system calls" in active:
        assert None not in found.probes.values()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_filter_of_system_calls_allows_what_is_listed_and_nothing_else(name: str) -> None:
    architecture = ARCHITECTURES[name]
    program = list(struct.iter_unpack("<HBBI", filter_program(architecture)))

    def verdict(number: int, third: int = 0, audit: int = architecture.audit) -> int:
        """Run the filter as the kernel does."""
        seen, at = 0, 0
        looked_at = {0: number, 4: audit, 32: third}
        while True:
            operation, if_true, if_false, operand = program[at]
            if operation == 0x06:
                return int(operand)
            if operation == 0x20:
                seen, at = looked_at[operand], at + 1
                continue
            holds = {0x15: seen == operand, 0x35: seen >= operand, 0x45: bool(seen & operand)}
            at += 1 + (if_true if holds[operation] else if_false)

    allowed = {number for number in range(1000) if verdict(number) == 0x7FFF0000}
    assert allowed == {*architecture.allowed, *architecture.guarded}
    assert {verdict(number, third=4) for number in architecture.guarded} == {0x00050001}
    assert verdict(architecture.allowed[0], audit=1) == 0x80000000


def test_a_worker_without_a_required_measure_runs_nothing() -> None:
    with WorkerPool(size=1, required=frozenset({"memory limit"})) as pool:
        pool.sandbox("lua", LIMITED).close()
        with pytest.raises(SandboxUnavailable, match="memory limit") as caught:
            pool.sandbox("lua", SandboxOptions())
        assert caught.value.details == {"measure": "memory limit"}


def test_workers_keep_the_time_zone_of_the_host_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with WorkerPool(size=1) as pool:
        sandbox = pool.sandbox("lua", SandboxOptions())
        assert sandbox.run("return os.date('%H', 0)", name="script") == "09"
        sandbox.close()


def test_workers_are_made_where_no_file_can_be_written(tmp_path: Path) -> None:
    code = (
        "import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "from llmspell import Runtime;"
        "r = Runtime(profile='minimal', isolation='process');"
        "v = r.execute('return 5', engine='lua').value; r.close(); os._exit(v)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"TMPDIR": str(tmp_path / "none")}, check=False
    )
    assert done.returncode == 5


SCARCE = """
import os, resource
from llmspell import Runtime
from llmspell.errors import SandboxUnavailable

held = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
with Runtime(profile="minimal", isolation="process") as runtime:
    resource.setrlimit(resource.{limit}, ({most}, resource.getrlimit(resource.{limit})[1]))
    try:
        print(runtime.execute("return 1", engine="lua").value)
    except SandboxUnavailable as error:
        print(error.code)
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.{limit}, (200, resource.getrlimit(resource.{limit})[1]))
    print(runtime.execute("return 2", engine="lua").value)
"""


def test_a_host_without_a_descriptor_to_spare_is_told_and_recovers() -> None:
    code = SCARCE.format(limit="RLIMIT_NOFILE", most=24)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("sandbox_unavailable\n2\n", 0), done.stderr


def test_doctor_tells_what_is_active_and_what_was_tried() -> None:
    told = json.loads(
        subprocess.run(
            [sys.executable, "-m", "llmspell.cli", "doctor", "--json"],
            capture_output=True,
            check=True,
        ).stdout
    )
    assert {each["name"] for each in told["measures"]} == set(MEASURES)
    assert told["probes"].keys() == PROBES.keys()
    shown = subprocess.run(
        [sys.executable, "-m", "llmspell.cli", "doctor"], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in shown for name in (*MEASURES, *PROBES))
