"""``run`` and ``exec``: output, values, arguments, failures, exit codes."""

from __future__ import annotations

import json
import os

import pytest

from .conftest import Program

HELLO = {"lua": "print('hello')", "js": "console.log('hello')"}


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_file_runs_in_the_engine_its_ending_names(llmspell: Program, engine: str) -> None:
    llmspell.write(f"hello.{engine}", HELLO[engine])
    done = llmspell("run", f"hello.{engine}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_dash_reads_the_script_from_the_standard_input(llmspell: Program, engine: str) -> None:
    done = llmspell("run", "--engine", engine, "-", stdin=HELLO[engine])
    assert (done.returncode, done.stdout) == (0, "hello\n")


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("lua", "print(ARGS[0], ARGS[1], ARGS.name, ARGS.v, ARGS.json)"),
        ("js", "print(ARGS[0], ARGS[1], ARGS.name, ARGS.v, ARGS.json)"),
    ],
)
def test_everything_after_the_file_goes_to_the_script(
    llmspell: Program, engine: str, code: str
) -> None:
    llmspell.write(f"args.{engine}", code)
    done = llmspell("run", f"args.{engine}", "one", "--name", "Ada", "--v", "--json")
    assert done.stdout.split() == [f"args.{engine}", "one", "Ada", "true", "true"]


def test_the_value_of_a_run_is_shown_only_as_json(llmspell: Program) -> None:
    llmspell.write("value.lua", "print('out') return {n = 1, list = {1, 2.0}}")
    assert llmspell("run", "value.lua").stdout == "out\n"
    report = json.loads(llmspell("run", "--json", "value.lua").stdout)
    assert report["ok"] is True
    assert report["value"] == {"n": 1, "list": [1, 2.0]}
    assert report["output"] == "out\n"
    assert report["warnings"] == []
    assert report["engine"] == "lua"
    assert report["script"].endswith("value.lua")
    assert report["duration_ms"] >= 0


@pytest.mark.parametrize(
    ("engine", "code", "shown"),
    [
        ("lua", "return 6 * 7", "42\n"),
        ("lua", "return 1.0", "1.0\n"),
        ("lua", "return 'text'", "text\n"),
        ("lua", "return nil", ""),
        ("lua", "return {a = {1, 2}}", '{"a": [1, 2]}\n'),
        ("js", "return 6 * 7", "42\n"),
        ("js", "return null", ""),
        ("js", "return await Promise.resolve([1, 'x'])", '[1, "x"]\n'),
        ("js", "return new Uint8Array([1, 255])", "<2 bytes: 01 ff>\n"),
        ("js", "return new Date(0)", "<1970-01-01T00:00:00.000000Z>\n"),
    ],
)
def test_exec_prints_the_value_readably(
    llmspell: Program, engine: str, code: str, shown: str
) -> None:
    done = llmspell("exec", code, "--engine", engine)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def test_exec_hands_arguments_on(llmspell: Program) -> None:
    done = llmspell(
        "exec", "return ARGS.name .. ARGS[1]", "--engine", "lua", "--", "--name", "Ada", "x"
    )
    assert done.stdout == "Adax\n"


def test_bytes_and_timestamps_are_text_in_json(llmspell: Program) -> None:
    code = "return {b: new Uint8Array([0, 1]), t: new Date(0)}"
    report = json.loads(llmspell("exec", code, "--engine", "js", "--json").stdout)
    assert report["value"] == {"b": "AAE=", "t": "1970-01-01T00:00:00.000000Z"}


@pytest.mark.parametrize(
    ("name", "source", "place"),
    [
        ("bad.lua", "print('first')\nerror('boom')\n", "bad.lua:2"),
        ("bad.js", "print('first');\nthrow new Error('boom');\n", "bad.js:2"),
    ],
)
def test_a_failing_script_shows_where_and_exits_with_1(
    llmspell: Program, name: str, source: str, place: str
) -> None:
    llmspell.write(name, source)
    done = llmspell("run", name)
    assert done.returncode == 1
    assert done.stdout == "first\n"
    assert "error[script_error]: " in done.stderr
    assert "boom" in done.stderr
    assert f"--> {place}" in done.stderr
    assert "2 | " + source.splitlines()[1] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failure_as_json_keeps_the_output_and_the_exit_code(llmspell: Program) -> None:
    llmspell.write("bad.lua", "print('first')\nerror('boom')\n")
    done = llmspell("run", "--json", "bad.lua")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (report["ok"], report["output"]) == (False, "first\n")
    assert report["error"]["code"] == "script_error"
    assert report["error"]["line"] == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.lua", None),
        ("script.py", b"print(1)"),
        ("noending", b"print(1)"),
        ("binary.lua", b"\x00\xff\xfe\x80"),
    ],
)
def test_a_file_that_is_no_script_is_a_usage_error(
    llmspell: Program, name: str, content: bytes | None
) -> None:
    if content is not None:
        (llmspell.folder / name).write_bytes(content)
    done = llmspell("run", name)
    assert done.returncode == 2
    assert done.stderr.startswith("error[")
    assert name in done.stderr


def test_a_folder_is_not_a_script(llmspell: Program) -> None:
    (llmspell.folder / "folder.lua").mkdir()
    done = llmspell("run", "folder.lua")
    assert done.returncode == 2
    assert "folder.lua" in done.stderr


def test_a_syntax_error_names_its_line(llmspell: Program) -> None:
    llmspell.write("bad.lua", "print('never')\nlocal x = = 1\n")
    done = llmspell("run", "bad.lua")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[syntax_error]" in done.stderr
    assert "bad.lua:2" in done.stderr


def test_warnings_go_to_the_standard_error_in_order(llmspell: Program) -> None:
    llmspell.write("warn.js", "console.log('a'); console.warn('careful'); console.log('b')")
    done = llmspell("run", "warn.js")
    assert done.stdout == "a\nb\n"
    assert "careful" in done.stderr


def test_output_that_is_not_utf_8_does_not_end_the_run(llmspell: Program) -> None:
    llmspell.write("odd.lua", "print('a\\xffb') print('é')")
    done = llmspell("run", "odd.lua")
    assert done.returncode == 0
    assert done.stdout.startswith("a")
    assert done.stdout.endswith("é\n")


def test_a_configuration_counts_before_and_after_the_command(llmspell: Program) -> None:
    llmspell.write("wrong.toml", "[state]\nbackend = 5\n")
    llmspell.write("a.lua", "print(1)")
    for arguments in (["-c", "wrong.toml", "run", "a.lua"], ["run", "-c", "wrong.toml", "a.lua"]):
        done = llmspell(*arguments)
        assert done.returncode == 2
        assert "wrong.toml:2" in done.stderr


def test_an_unexpected_failure_is_one_line_and_a_traceback_only_on_request(
    llmspell: Program,
) -> None:
    # An installation with a part missing stands for everything nobody foresaw.
    inherited = llmspell.environ.get("PYTHONPATH", "")
    environ = {"PYTHONPATH": f"{llmspell.folder}{os.pathsep}{inherited}"}
    llmspell.write("sitecustomize.py", "import sys\nsys.modules['llmspell.engine'] = None\n")
    llmspell.write("a.lua", "print(1)")
    done = llmspell("run", "a.lua", environ=environ)
    assert done.returncode == 70
    assert done.stderr.startswith("internal error: ")
    assert "Traceback" not in done.stderr
    verbose = llmspell("run", "a.lua", environ=environ | {"LLMSPELL_DEBUG": "1"})
    assert "Traceback" in verbose.stderr


def test_arguments_that_are_not_utf_8_are_refused(llmspell: Program) -> None:
    for arguments in (["return '\udcff'"], ["return 1", "\udcff"]):
        done = llmspell("exec", "--engine", "lua", *arguments)
        assert done.returncode == 2
        assert "is not valid UTF-8" in done.stderr
