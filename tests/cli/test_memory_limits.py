"""A command's script is ended when it outgrows its memory, with exit code 137 and nothing torn."""

from __future__ import annotations

import json

import pytest

from .conftest import Program

GREEDY = {
    "lua": "local kept = {}\nfor i = 1, 1e9 do kept[i] = { i } end",
    "js": "const kept = [];\nfor (let i = 0; ; i++) kept.push([i]);",
}


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_the_engines_memory_is_limited(llmspell: Program, engine: str) -> None:
    llmspell.write("small.toml", "[limits]\nmemory_bytes = 33554432\n")
    script = llmspell.write(f"greedy.{engine}", GREEDY[engine])
    done = llmspell("run", "-c", "small.toml", script.name)
    assert done.returncode == 137
    assert "error[limit_exceeded]: the script needs more than 33,554,432 bytes" in done.stderr
    assert "limits.memory_bytes" in done.stderr


def test_the_process_of_a_script_is_limited_too(llmspell: Program) -> None:
    llmspell.write("small.toml", "[limits]\nprocess_memory_bytes = 67108864\n")
    script = llmspell.write("greedy.lua", "State.save('g', 'k', 'kept')\n" + GREEDY["lua"])
    done = llmspell("run", "-c", "small.toml", script.name)
    assert done.returncode == 137
    assert "more than 67,108,864 bytes of memory" in done.stderr
    assert "limits.process_memory_bytes" in done.stderr
    assert llmspell("state", "get", "g", "k").stdout == "kept\n"


def test_programs_read_the_name_of_the_limit(llmspell: Program) -> None:
    llmspell.write("small.toml", "[limits]\nmemory_bytes = 16777216\n")
    done = llmspell("exec", "-c", "small.toml", "--json", "--engine", "js", GREEDY["js"])
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 137
    assert error["details"] == {"limit": "memory_bytes", "maximum": 16777216}


def test_calls_are_limited_by_the_configuration(llmspell: Program) -> None:
    llmspell.write("few.toml", "[limits]\ncalls = 3\n")
    done = llmspell("exec", "-c", "few.toml", "--engine", "lua", "for i = 1, 9 do print(i) end")
    assert done.stdout == "1\n2\n3\n"
    assert "made more than 3 calls of host functions" in done.stderr
    assert done.returncode == 1
