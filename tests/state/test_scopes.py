"""Scopes and keys: their grammar, and that no two of them ever meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import InvalidKey, InvalidScope
from llmspell.state.scope import StateScope

from .conftest import Desk

part = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
tricky = part | st.sampled_from(
    ["global", "custom", "agent", "agent:x", "workflow:w:step:s", "a:step:b", ":step:", "custom:x",
     "step:a:b", ":", "::", "session:", "custom:", "agent:"]
)  # fmt: skip
MAKERS: list[Callable[..., StateScope]] = [
    StateScope.agent,
    StateScope.workflow,
    StateScope.session,
    StateScope.custom,
]


def made(maker: Callable[..., StateScope], *parts: str) -> StateScope | None:
    try:
        return maker(*parts)
    except InvalidScope:
        return None


@given(st.sampled_from(MAKERS), tricky)
def test_a_scope_read_from_its_own_text_is_the_same_scope(
    maker: Callable[..., StateScope], name: str
) -> None:
    scope = made(maker, name)
    assert scope is None or StateScope.parse(str(scope)) == scope


@given(tricky, tricky)
def test_a_step_read_from_its_own_text_is_the_same_or_was_refused(workflow: str, step: str) -> None:
    scope = made(StateScope.workflow_step, workflow, step)
    assert scope is None or StateScope.parse(str(scope)) == scope


@given(st.text(max_size=40))
def test_any_text_is_a_scope_that_stays_itself_or_is_refused(text: str) -> None:
    try:
        scope = StateScope.parse(text)
    except InvalidScope as error:
        assert error.hint
        return
    assert StateScope.parse(str(scope)) == scope
    assert str(StateScope.parse(str(scope))) == str(scope)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("global", StateScope.global_()),
        ("agent:gpt-4", StateScope.agent("gpt-4")),
        ("agent:a:b", StateScope.agent("a:b")),
        ("workflow:w", StateScope.workflow("w")),
        ("workflow:w:step:s", StateScope.workflow_step("w", "s")),
        ("step:w:s", StateScope.workflow_step("w", "s")),
        ("session:1", StateScope.session("1")),
        ("custom:x", StateScope.custom("x")),
        ("x", StateScope.custom("x")),
        ("user:42", StateScope.custom("user:42")),
        ("custom:user:42", StateScope.custom("user:42")),
        ("custom", StateScope.custom("custom")),
        ("workflow", StateScope.custom("workflow")),
        ("custom:global", StateScope.custom("global")),
        ("custom:agent:x", StateScope.custom("agent:x")),
        ("Global", StateScope.custom("Global")),
    ],
)
def test_every_form_means_what_the_grammar_says(text: str, scope: StateScope) -> None:
    assert StateScope.parse(text) == scope


@pytest.mark.parametrize(
    "text",
    ["", "agent:", "workflow:", "session:", "custom:", "step:", "step:w", "step:w:", "step::s",
     "workflow:w:step:", "workflow::step:s", "a\nb", "\0", "a\x9fb", "s" * 257, "é" * 129,
     "\ud800", None, 5, b"x", [], {}],
)  # fmt: skip
def test_what_is_no_scope_is_refused_with_the_forms_there_are(desk: Desk, text: Any) -> None:
    with pytest.raises(InvalidScope) as caught:
        desk.state.save(text, "k", 1)
    assert "agent:<id>" in str(caught.value.hint)


@pytest.mark.parametrize("key", ["", "a\0", "\n", "\x7f", "\x85", "k" * 1025, "é" * 513, "\ud800",
                                 None, 5, b"k", []])  # fmt: skip
def test_what_is_no_key_is_refused(desk: Desk, key: Any) -> None:
    for use in (
        lambda: desk.state.save("global", key, 1),
        lambda: desk.state.load("global", key),
        lambda: desk.state.delete("global", key),
        lambda: desk.state.load_many("global", [key]),
    ):
        with pytest.raises(InvalidKey):
            use()


@pytest.mark.parametrize("key", ["k" * 1024, "é" * 512, " ", "a:b/c?d%e_", "😀", "\u2028", "\xa0"])
def test_every_other_text_is_a_key(desk: Desk, key: str) -> None:
    desk.state.save("s" * 256, key, 1)
    assert desk.state.list_keys("s" * 256) == [key]
    assert desk.state.load("s" * 256, key) == 1


def test_scope_and_key_never_run_together(desk: Desk, engine: str) -> None:
    desk.state.save("agent:a", "b:c", 1)
    desk.state.save("agent:a:b", "c", 2)
    desk.state.save("agent", "a:b:c", 3)
    found = desk.run(
        engine,
        "return {State.load('agent:a', 'b:c'), State.load('agent:a:b', 'c'),"
        " State.load('agent', 'a:b:c'), State.agent_get('a', 'b:c'), State.agent_get('a:b', 'c')}",
        "const S = State.sync; return [S.load('agent:a', 'b:c'), S.load('agent:a:b', 'c'),"
        " S.load('agent', 'a:b:c'), S.agentGet('a', 'b:c'), S.agentGet('a:b', 'c')]",
    )
    assert found == [1, 2, 3, 1, 2]
    assert desk.state.clear("agent:a") == 1
    assert desk.state.load("agent:a:b", "c") == 2


def test_scopes_may_be_objects_or_text(desk: Desk) -> None:
    desk.state.save(StateScope.agent("x"), "k", 1)
    assert desk.state.load("agent:x", "k") == 1
