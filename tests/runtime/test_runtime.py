"""The runtime as a Python program embeds it: results, output, errors, threads, life cycle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.config import Config
from llmspell.errors import (
    InvalidArgument,
    LlmSpellError,
    RuntimeClosed,
    ScriptError,
    ScriptNotFound,
    ScriptSyntaxError,
)


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime(Config(state={"backend": "memory"})) as runtime:  # type: ignore[arg-type]
        yield runtime


def test_a_result_tells_value_output_warnings_and_engine(runtime: Runtime) -> None:
    script = "print('hello'); State.load('global', 'k'); ({a: 1})"
    result = runtime.execute(script, engine="js", name="demo")
    assert (result.value, result.output) == ({"a": 1}, "hello\n")
    assert result.warnings[0].startswith("demo:1: the promise of State.load")
    assert (result.engine, result.script) == ("js", "demo")
    assert result.duration_ms > 0


def test_the_extension_names_the_engine(runtime: Runtime, tmp_path: Path) -> None:
    for name, source in (
        ("a.lua", "return 1"),
        ("b.js", "2"),
        ("c.mjs", "3"),
        ("D.LUA", "return 4"),
    ):
        (tmp_path / name).write_text(source)
    names = ["a.lua", "b.js", "c.mjs", "D.LUA"]
    assert [runtime.run(tmp_path / name).value for name in names] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.lua", None, "there is no script"),
        ("folder.lua", "", "is a directory"),
        ("binary.lua", b"\x1bLua\0\1", "NUL bytes"),
        ("latin.js", b"// caf\xe9", "not UTF-8 text"),
        ("text.txt", b"x", "cannot tell the language"),
        ("plain", b"x", "cannot tell the language"),
    ],
)
def test_a_file_that_is_no_script_is_one_clear_error(
    runtime: Runtime, tmp_path: Path, name: str, content: bytes | str | None, message: str
) -> None:
    if content == "":
        (tmp_path / name).mkdir()
    elif isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ScriptNotFound, match=message):
        runtime.run(tmp_path / name)


def test_a_mistyped_name_is_told_its_neighbour(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "quickstart.lua").write_text("return 1")
    with pytest.raises(ScriptNotFound) as caught:
        runtime.run(tmp_path / "quickstrat.lua")
    assert "quickstart.lua" in str(caught.value.hint)


def test_what_a_failed_run_printed_is_in_its_error(runtime: Runtime) -> None:
    with pytest.raises(ScriptError) as caught:
        runtime.execute("print('before') error('x')", engine="lua")
    assert caught.value.output == "before\n"
    with pytest.raises(ScriptSyntaxError):
        runtime.execute("print('before') x x", engine="lua")


def test_output_streams_to_the_hosts_functions_as_it_comes() -> None:
    out: list[str] = []
    err: list[str] = []
    config = Config(state={"backend": "memory"})  # type: ignore[arg-type]
    with Runtime(config, stdout=out.append, stderr=err.append) as runtime:
        result = runtime.execute("console.log('a'); console.error('b')", engine="js")
    assert (out, err, result.output) == (["a\n"], ["b\n"], "")


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_output_that_is_kept_has_a_limit_in_bytes(engine: str) -> None:
    config = Config(state={"backend": "memory"}, limits={"output_bytes": 100})  # type: ignore[arg-type]
    with Runtime(config) as runtime:
        with pytest.raises(ScriptError, match="more than 100 bytes") as caught:
            runtime.execute("print('é'.repeat(51))" if engine == "js" else
                            "print(('é'):rep(51))", engine=engine)  # fmt: skip
        assert caught.value.code == "limit_exceeded"
        assert caught.value.message.startswith("print: ")


def test_runs_share_the_state_and_nothing_else(runtime: Runtime) -> None:
    runtime.execute("leak = 1 State.save('global', 'k', 1)", engine="lua")
    assert runtime.execute(
        "return {leak == nil, State.load('global', 'k')}", engine="lua"
    ).value == [
        True,
        1,
    ]


def test_threads_may_run_scripts_at_the_same_time(runtime: Runtime) -> None:
    values: list[object] = []

    def run(number: int) -> None:
        engine = ("lua", "js")[number % 2]
        result = runtime.execute(f"return {number} * 2", engine=engine)
        values.append(result.value)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(values) == [n * 2 for n in range(16)]  # type: ignore[type-var]


def test_a_closed_runtime_refuses_and_closes_again(runtime: Runtime) -> None:
    runtime.close()
    runtime.close()
    for use in (lambda: runtime.execute("1", engine="js"), lambda: runtime.state,
                lambda: runtime.session("lua"), lambda: runtime.run("x.lua")):  # fmt: skip
        with pytest.raises(RuntimeClosed):
            use()


def test_an_unknown_engine_is_refused(runtime: Runtime) -> None:
    with pytest.raises(InvalidArgument, match="unknown engine"):
        runtime.execute("1", engine="py")


def test_no_store_is_opened_until_the_script_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Runtime() as runtime:
        runtime.execute("return 1", engine="lua")
        assert list(tmp_path.iterdir()) == []
        runtime.execute("State.save('global', 'k', 1)", engine="lua")
    assert (tmp_path / ".llmspell" / "state.db").exists()


def test_state_that_is_switched_off_is_absent() -> None:
    with Runtime(Config(state={"enabled": False})) as runtime:  # type: ignore[arg-type]
        assert runtime.execute("return State == nil", engine="lua").value is True
        assert runtime.execute("typeof State", engine="js").value == "undefined"


def test_a_session_keeps_what_its_inputs_define(runtime: Runtime) -> None:
    for engine, define in (("lua", "x = 20"), ("js", "let x = 20")):
        session = runtime.session(engine)
        assert session.evaluate(define) is None
        assert session.evaluate("x + 1") == "21"
        with pytest.raises(LlmSpellError):
            session.evaluate("nonsense(")
        assert session.evaluate("x") == "20"
        session.close()


def test_deep_recursion_of_scripts_is_an_error_and_ordinary_recursion_is_not(
    runtime: Runtime,
) -> None:
    for engine, sum_up in (
        ("lua", "local function f(n) return n == 0 and 0 or 1 + f(n - 1) end return f(%d)"),
        ("js", "const f = (n) => n === 0 ? 0 : 1 + f(n - 1); f(%d)"),
    ):
        assert runtime.execute(sum_up % 1000, engine=engine).value == 1000
        with pytest.raises(ScriptError, match=r"(?i)stack"):
            runtime.execute(sum_up % 10**7, engine=engine)
