"""The hints that go with the mistakes script authors make most."""

from __future__ import annotations

import pytest

from llmspell import Runtime, ScriptError
from llmspell_bridges.advice import advise
from llmspell_bridges.api import Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import SandboxOptions, create_sandbox

MISTAKES = [
    ("lua", "State.saveMany('g', {})", "did you mean State.save_many?"),
    ("lua", "State:save('g', 'k', 1)", "with a dot"),
    ("js", "await State.savee('g', 'k', 1)", "did you mean State.save?"),
    ("js", "State.listKeys('g').forEach((key) => key)", "(await State.listKeys(...))"),
    ("js", "for (const key of State.listKeys('g')) key;", "(await State.listKeys(...))"),
    ("lua", "State.frobnicate()", "State has no function frobnicate"),
]


@pytest.mark.parametrize(("engine", "code", "hint"), MISTAKES)
def test_a_frequent_mistake_is_explained(engine: str, code: str, hint: str) -> None:
    with Runtime(profile="minimal") as runtime, pytest.raises(ScriptError) as caught:
        runtime.execute(code, engine=engine)
    assert hint in (caught.value.hint or "")


def test_a_hint_of_the_error_itself_stays() -> None:
    with Runtime(profile="minimal") as runtime, pytest.raises(ScriptError) as caught:
        runtime.execute("State.save('agent:', 'k', 1)", engine="lua")
    assert "agent:<id>" in (caught.value.hint or "")


def test_a_failed_script_still_tells_which_promise_was_forgotten() -> None:
    with Runtime(profile="minimal") as runtime, pytest.raises(ScriptError) as caught:
        runtime.execute(
            "const user = State.load('g', 'user');\nconsole.log(user.name.length)", engine="js"
        )
    assert caught.value.warnings == (
        "<exec>:1: the promise of State.load is never used; write `await State.load(...)`",
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda runtime: runtime.execute(5, engine="lua"), "code must be text"),
        (lambda runtime: runtime.execute("x", engine="lua", args=[5]), "arguments are text"),
        (lambda _: Runtime(5), "config must be"),  # type: ignore[arg-type]
    ],
)
def test_python_misuse_is_an_error_of_our_own(call: object, words: str) -> None:
    from llmspell.errors import InvalidArgument

    with Runtime(profile="minimal") as runtime, pytest.raises(InvalidArgument, match=words):
        call(runtime)  # type: ignore[operator]


def test_a_session_is_a_context_manager() -> None:
    with Runtime(profile="minimal") as runtime, runtime.session("lua") as session:
        assert session.evaluate("1 + 1") == "2"


def test_a_session_goes_on_after_an_interrupt_in_a_host_call() -> None:
    struck: list[str] = []

    def interrupt(text: str) -> None:
        struck.append(text)
        raise KeyboardInterrupt

    for engine, code in (("lua", "print(1)"), ("js", "print(1)")):
        with Runtime(profile="minimal", stdout=interrupt) as runtime:
            session = runtime.session(engine)
            with pytest.raises(KeyboardInterrupt):
                session.evaluate(code)
            assert session.evaluate("1 + 1") == "2"
            with pytest.raises(KeyboardInterrupt):
                session.evaluate(code)
            session.close()
    assert len(struck) == 4


@pytest.mark.parametrize(
    ("engine", "is_there", "call"),
    [
        ("lua", "return Vault.old_open == nil", "Vault.old_open()"),
        ("js", "typeof Vault.oldOpen === 'undefined'", "await Vault.oldOpen()"),
    ],
)
def test_a_gated_function_is_absent_and_calling_it_names_the_key_that_opens_it(
    engine: str, is_there: str, call: str
) -> None:
    vault = Global("Vault", "Has one function behind a gate.")

    @vault.function(result="text", gate="state.vault.enabled")
    def old_open(_: None) -> str:
        """Open it."""
        return "open"

    shut = BoundGlobal(vault, None)
    sandbox = create_sandbox(engine, SandboxOptions(globals=[shut]))
    sandbox.run("Vault = Vault or {}" if engine == "lua" else "var Vault = {}", name="setup")
    assert sandbox.run(is_there, name="script") is True
    with pytest.raises(ScriptError) as caught:
        sandbox.run(call, name="script")
    advise(caught.value, [shut])
    assert (
        caught.value.hint
        == "Vault.{} needs state.vault.enabled = true in the configuration".format(
            "old_open" if engine == "lua" else "oldOpen"
        )
    )
    sandbox.close()

    opened = BoundGlobal(vault, None, frozenset({"state.vault.enabled"}))
    sandbox = create_sandbox(engine, SandboxOptions(globals=[opened]))
    assert sandbox.run(f"return {call}", name="script") == "open"
    sandbox.close()
