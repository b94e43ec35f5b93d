"""JavaScript's promises: awaited, rejected, forgotten, never settled; where `await` may stand."""

from __future__ import annotations

import pytest

from llmspell_bridges.errors import ScriptError, ScriptSyntaxError

from .conftest import Bench, Make


@pytest.fixture
def bench(make: Make) -> Bench:
    return make("js")


def run(bench: Bench, script: str) -> object:
    return bench.sandbox.run(script, name="script")


@pytest.mark.parametrize(
    "script",
    [
        "Promise.resolve(7)",
        "await Promise.resolve(7)\nreturn 7",
        "return 7",
        "return await Promise.resolve(7)",
        "(async () => 7)()",
        "const [a, b] = await Promise.all([3, Promise.resolve(4)]); return a + b",
        "return State.save('global', 'n', 7).then(() => State.load('global', 'n'))",
        "State.save('global', 'n', 7).then(() => State.load('global', 'n'))",
        "for await (const n of [Promise.resolve(7)]) return n",
        "return Promise.race([State.set('n', 7).then(() => 7), new Promise(() => {})])",
    ],
)
def test_a_script_gives_what_its_promise_resolves_to(bench: Bench, script: str) -> None:
    assert run(bench, script) == 7
    assert bench.warnings == []


@pytest.mark.parametrize(
    "script",
    [
        "async function f() { throw new Error('lost') }\nf()\n1",
        "print(1)\nasync function f() { throw new Error('lost') }\nf()\nprint(2)",
        "Promise.reject(new Error('lost')); 1",
        "queueMicrotask(() => { throw new Error('lost') }); 1",
        "Promise.resolve().then(() => { throw new Error('lost') }); 1",
        "await 1\nPromise.reject(new Error('lost'))\nreturn 2",
        "return Promise.reject(new Error('lost'))",
        "throw new Error('lost')",
        "new Promise((_, reject) => reject(new Error('lost'))).finally(() => 1); 1",
        "Map.prototype.set = Map.prototype.delete = () => {}; Promise.reject(new Error('lost')); 1",
    ],
)
def test_a_rejection_nobody_handles_fails_the_script(bench: Bench, script: str) -> None:
    with pytest.raises(ScriptError, match="lost") as caught:
        run(bench, script)
    assert caught.value.line is not None


@pytest.mark.parametrize(
    "script",
    [
        "const p = Promise.reject(new Error('x')); queueMicrotask(() => p.catch(() => 1)); 5",
        "const p = Promise.reject(new Error('x')); await 1; await 1; try { await p } catch {}\n"
        "return 5",
        "Promise.reject(new Error('x')).catch(() => 1); 5",
        "await Promise.allSettled([State.save('', '', 1)]); return 5",
        "try { await State.save('', '', 1) } catch { return 5 }",
    ],
)
def test_a_rejection_handled_late_is_no_failure(bench: Bench, script: str) -> None:
    assert run(bench, script) == 5


def test_a_rejection_of_one_run_does_not_fail_the_next(bench: Bench) -> None:
    with pytest.raises(ScriptError, match="lost"):
        run(bench, "Promise.reject(new Error('lost')); 1")
    assert run(bench, "2") == 2


def test_a_rejected_host_call_tells_the_line_of_the_call(bench: Bench) -> None:
    with pytest.raises(ScriptError, match="the key is empty") as caught:
        run(bench, "print(1)\nState.save('global', '', 1)\nprint(2)")
    assert caught.value.line == 2
    assert bench.printed == "1\n2\n"


def test_every_function_rejects_instead_of_throwing(bench: Bench) -> None:
    assert run(bench, "const p = State.save(); return p.then(() => 1, (e) => e.code)") == (
        "invalid_argument"
    )


@pytest.mark.parametrize(
    "script",
    ["await new Promise(() => {})", "return new Promise(() => {})", "new Promise(() => 1)"],
)
def test_a_promise_that_never_settles_is_an_error(bench: Bench, script: str) -> None:
    with pytest.raises(ScriptError, match="nothing will ever settle") as caught:
        run(bench, script)
    assert "resolve or reject" in str(caught.value.hint)


def test_a_load_whose_promise_is_never_used_is_a_warning_with_its_line(bench: Bench) -> None:
    run(bench, "\nconst value = State.load('global', 'k')\nprint(1)")
    assert bench.warnings == [
        "script:2: the promise of State.load is never used; write `await State.load(...)`"
    ]


@pytest.mark.parametrize(
    "script",
    [
        "await State.load('global', 'k')",
        "State.load('global', 'k').then(print)",
        "await Promise.all([State.load('global', 'a'), State.list_keys('global')])",
        "State.save('global', 'k', 1)",
        "State.sync.load('global', 'k')",
        "const p = State.load('global', 'k'); await 1; await p",
        "State.load('global', 'k')",
    ],
)
def test_what_is_used_or_only_writes_is_no_warning(bench: Bench, script: str) -> None:
    run(bench, script)
    assert bench.warnings == []


def test_a_loop_of_unused_loads_warns_a_bounded_number_of_times(bench: Bench) -> None:
    run(bench, "for (let i = 0; i < 5000; i++) State.load('global', 'k'); 1")
    assert 1 <= len(bench.warnings) <= 20


def test_promises_of_state_are_promises(bench: Bench) -> None:
    script = "const p = State.load('a', 'b'); return [p instanceof Promise, await p]"
    assert run(bench, script) == [True, None]


def test_a_value_with_a_then_member_is_no_promise(bench: Bench) -> None:
    run(bench, "await State.save('global', 'k', {then: 1})")
    assert run(bench, "return await State.load('global', 'k')") == {"then": 1}


def test_a_syntax_error_at_run_time_does_not_run_the_script_twice(bench: Bench) -> None:
    with pytest.raises(ScriptError, match="SyntaxError"):
        run(bench, "print('once'); eval('let = =')")
    with pytest.raises(ScriptError, match="SyntaxError"):
        run(bench, "print('once'); throw new SyntaxError('made up')")
    assert bench.printed == "once\nonce\n"


@pytest.mark.parametrize(
    "script",
    [
        "await 1; }); (function () { print('out') }",
        "await 1; }); print('out'); (async () => {",
        "return 1 } print('out'); {",
        "await 1\n}\nprint('out')\nasync function g() {",
        "await 1 }, print('out'), async () => {",
        "return 1 /*",
        "await `",
        "} await 1 {",
        "await 1 //\n}, (() => print('out'))(), async function () {",
    ],
)
def test_text_that_closes_the_function_around_it_does_not_parse(bench: Bench, script: str) -> None:
    with pytest.raises(ScriptSyntaxError):
        run(bench, script)
    assert bench.printed == ""


def test_errors_after_an_await_have_their_own_line(bench: Bench) -> None:
    with pytest.raises(ScriptError) as caught:
        run(bench, "await 1\n\nnull.x")
    assert (caught.value.line, caught.value.source_line) == (3, "null.x")
    with pytest.raises(ScriptSyntaxError) as refused:
        run(bench, "await 1\n\nlet = =")
    assert (refused.value.line, refused.value.source_line) == (3, "let = =")


def test_a_plain_script_keeps_the_semantics_of_scripts(bench: Bench) -> None:
    run(bench, "var a = 1; function f() { return this === globalThis }")
    assert run(
        bench, "[globalThis.a, f(), typeof await_ === 'undefined', this === globalThis]"
    ) == [
        1,
        True,
        True,
        True,
    ]
    assert run(bench, "undeclared = 5; undeclared") == 5


def test_strict_scripts_are_strict(bench: Bench) -> None:
    with pytest.raises(ScriptError, match="ReferenceError"):
        run(bench, "'use strict'; undeclared = 5")


def test_import_statements_are_refused_with_a_hint(bench: Bench) -> None:
    with pytest.raises(ScriptSyntaxError) as caught:
        run(bench, "import fs from 'fs'\nprint(1)")
    assert "not a module" in str(caught.value.hint)
