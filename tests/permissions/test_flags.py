"""``--allow-...`` on run, exec and repl, beside what the configuration permits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Program

READ = "for _, path in ipairs(ARGS) do print((pcall(Fs.read, path))) end"
PROBE = """
local function tried(ok, problem)
  return ok or problem.code ~= "permission_denied"
end
return { read = tried(pcall(Fs.read, "data/a")), write = tried(pcall(Fs.write, "data/new", "")),
  env = tried(pcall(Env.get, "APP_A")), net = tried(pcall(Http.request, "http://127.0.0.1:1")) }
"""


@pytest.fixture
def llmspell(tmp_path: Path) -> Program:
    program = Program(tmp_path)
    program.write("data/a", "a")
    program.write("more/b", "b")
    program.write("c,d", "c")
    program.write("read.lua", READ)
    return program


def permitted(llmspell: Program, *flags: str) -> set[str]:
    """What a script may do, of everything the probe tries."""
    done = llmspell("-p", "minimal", "exec", "--json", "--engine", "lua", *flags, PROBE)
    return {kind for kind, allowed in json.loads(done.stdout)["value"].items() if allowed}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], set()),
        (["--allow-read"], {"read"}),
        (["--allow-write=data", "--allow-env=APP_*"], {"write", "env"}),
        (["--allow-net=127.0.0.1:1", "--allow-read=more"], {"net"}),
        (["--allow-net=*", "--allow-read=data/a,more"], {"read"}),
        (["--allow-net"], {"net"}),
        (["-A"], {"read", "write", "env", "net"}),
        (["--allow-all"], {"read", "write", "env", "net"}),
    ],
)
def test_each_flag_permits_what_it_says(
    llmspell: Program, flags: list[str], expected: set[str]
) -> None:
    assert permitted(llmspell, *flags) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--allow-read"], "true true true"),
        (["--allow-read=data"], "true false false"),
        (["--allow-read=data", "--allow-read=more"], "true true false"),
        (["--allow-read=data,c,,d"], "true false true"),
        (["--allow-read=data", "--allow-read"], "true true true"),
        (["--timeout", "9", "--allow-read", "--engine", "lua"], "true true true"),
    ],
)
def test_repeated_flags_add_up_and_one_without_a_value_permits_all(
    llmspell: Program, flags: list[str], expected: str
) -> None:
    done = llmspell("run", *flags, "read.lua", "data/a", "more/b", "c,d")
    assert (done.stderr, done.stdout.split()) == ("", expected.split())


def test_a_flag_after_the_file_is_the_scripts_own(llmspell: Program) -> None:
    llmspell.write("args.lua", "print(ARGS['allow-read'], pcall(Fs.read, 'data/a'))")
    done = llmspell("run", "args.lua", "--allow-read")
    assert done.stdout.startswith("true\tfalse\t")


def test_a_denial_ends_the_script_and_its_hint_makes_it_work(llmspell: Program) -> None:
    code = "return Fs.read('data/a')"
    done = llmspell("exec", "--engine", "lua", code)
    assert done.returncode == 1
    assert "error[permission_denied]: Fs.read: reading 'data/a' is not permitted" in done.stderr
    assert "--allow-read=data/a before the script's name, or with permissions.read" in done.stderr
    again = llmspell("exec", "--engine", "lua", code, "--allow-read=data/a")
    assert (again.returncode, again.stdout) == (0, "a\n")


def test_the_repl_takes_the_flags(llmspell: Program) -> None:
    done = llmspell("repl", "--engine", "js", "--allow-read=data", stdin="Fs.sync.read('data/a')\n")
    assert (done.returncode, done.stdout) == (0, '"a"\n')


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--allow-read=", "an empty text names no file"),
        ("--allow-read=a,", "an empty text names no file"),
        ("--allow-read=data/*", "a folder includes all below it"),
        ("--allow-net=https://example.com", "name the host alone"),
        ("--allow-net=a b", "is no host"),
        ("--allow-env=A=B", "holds no ="),
        ("--allow-all=x", "does not take a value"),
        ("--allow-rad", "allow-read"),
    ],
)
def test_a_flag_that_means_nothing_is_a_usage_error(
    llmspell: Program, flag: str, message: str
) -> None:
    done = llmspell("exec", "--engine", "lua", flag, "return 1")
    assert done.returncode == 2
    assert message in done.stderr


def test_flags_add_to_what_the_configuration_permits(llmspell: Program) -> None:
    llmspell.write("c.toml", '[permissions]\nread = ["data"]\n[state]\nbackend = "memory"\n')
    run = ("-c", "c.toml", "run")
    files = ("read.lua", "data/a", "more/b")
    assert llmspell(*run, *files).stdout.split() == ["true", "false"]
    assert llmspell(*run, "--allow-read=more", *files).stdout.split() == ["true", "true"]
    assert llmspell(*run, "--allow-env=X", *files).stdout.split() == ["true", "false"]


@pytest.mark.parametrize("language", ["lua", "js"])
def test_the_example_works_with_the_flags_it_names(llmspell: Program, language: str) -> None:
    example = Path(__file__).parents[2] / "examples" / language / f"files.{language}"
    command = next(line for line in example.read_text().splitlines() if "llmspell run" in line)
    flags = [word for word in command.split() if word.startswith("--allow")]
    done = llmspell("run", *flags, example, environ={"USER": "ada"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "the user has a name: true",
        "todo: Water the plants.",
        "todo: Call Ada.",
        "today.txt is a file of 28 bytes",
        "tomorrow: still free",
    ]
