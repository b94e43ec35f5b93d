"""``--isolate process`` and the configuration's ``[sandbox]``, as users meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmspell import Runtime, Script

CONFIG = '[state]\nbackend = "memory"\n[sandbox]\nisolation = "process"\nworkers = 1\n'


def llmspell(
    folder: Path, *arguments: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmspell.cli", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_with_modules_and_arguments_runs_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "util.lua").write_text("return { double = function(x) return 2 * x end }")
    (tmp_path / "main.lua").write_text("print(require('lib.util').double(21), ARGS[1])")
    done = llmspell(tmp_path, "run", "--isolate", "process", "main.lua", "first")
    assert (done.stdout, done.stderr, done.returncode) == ("42\tfirst\n", "", 0)


def test_an_error_shows_the_line_and_the_module_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "broken.js").write_text("\nexports.f = () => nothing.here;\n")
    (tmp_path / "main.js").write_text('require("./broken").f();\n')
    inline = llmspell(tmp_path, "run", "main.js")
    isolated = llmspell(tmp_path, "run", "--isolate", "process", "main.js")
    assert "broken.js:2" in isolated.stderr
    assert (isolated.stderr, isolated.returncode) == (inline.stderr, inline.returncode)


def test_a_time_limit_ends_what_never_asks(tmp_path: Path) -> None:
    code = "return string.find(string.rep('a', 40), string.rep('a?', 40) .. string.rep('a', 40))"
    done = llmspell(
        tmp_path, "exec", "--isolate", "process", "--timeout", "300ms", code, "--engine", "lua"
    )
    assert done.returncode == 124
    assert "limit_exceeded" in done.stderr


def test_a_session_keeps_what_its_lines_define(tmp_path: Path) -> None:
    done = llmspell(
        tmp_path, "repl", "--isolate", "process", "--engine", "js", given="let x = 20\nx + 1\n"
    )
    assert done.stdout.split() == ["21"]


def test_the_configuration_chooses_the_level(tmp_path: Path) -> None:
    (tmp_path / "isolated.toml").write_text(CONFIG)
    done = llmspell(tmp_path, "-c", "isolated.toml", "doctor", "--json")
    assert json.loads(done.stdout)["isolation"] == "process"
    done = llmspell(tmp_path, "-c", "isolated.toml", "exec", "return 5", "--engine", "lua")
    assert done.stdout == "5\n"


@pytest.mark.parametrize(
    "line",
    ['isolation = "docker"', "workers = -1", "runs_per_worker = 0", "wait_s = -1", "worker = 2"],
)
def test_a_mistake_in_the_configuration_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "wrong.toml").write_text(f"[sandbox]\n{line}\n")
    done = llmspell(tmp_path, "-c", "wrong.toml", "config", "validate")
    assert done.returncode == 2
    assert "wrong.toml:2" in done.stderr


def test_a_map_runs_its_scripts_at_the_level_of_its_runtime(tmp_path: Path) -> None:
    script = Script("return INPUT * 2", "lua")
    with Runtime(profile="minimal", isolation="process") as runtime:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as executor:
            results = runtime.map(script, range(6), executor=executor)
            assert [each.value for each in results] == [0, 2, 4, 6, 8, 10]


def test_no_process_to_be_had_is_a_clear_error(tmp_path: Path) -> None:
    code = """
import resource
from llmspell import LlmSpellError, Runtime

resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
with Runtime(profile="minimal", isolation="process") as runtime:
    try:
        runtime.execute("return 1", engine="lua")
    except LlmSpellError as error:
        print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("sandbox_unavailable\n", "")
