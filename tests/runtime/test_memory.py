"""A script that saves and loads for long holds the host's memory flat."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from llmspell import Runtime
from llmspell.config import Config

def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

engine, script = sys.argv[1:]
with Runtime(Config(state={"backend": "memory"})) as runtime:
    runtime.execute(script, engine=engine, args=["30000"])
    before = resident_kib()
    runtime.execute(script, engine=engine, args=["90000"])
    print(resident_kib() - before)
"""
SCRIPTS = {
    "lua": "for i = 1, tonumber(ARGS[1]) do State.save('global', 'k' .. i % 1000, {n = i})"
    " State.load('global', 'k' .. i % 1000) end",
    "js": "for (let i = 0; i < Number(ARGS[1]); i++) { State.sync.save('global', 'k' + i % 1000,"
    " {n: i}); State.sync.load('global', 'k' + i % 1000); }",
}


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_ninety_thousand_saves_over_a_thousand_keys_stay_flat(engine: str) -> None:
    """What one save leaves behind, be it only a few dozen bytes, would add up to more."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, engine, SCRIPTS[engine]],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(done.stdout) < 4 * 1024
