"""Whatever a script hands over, the host gets a canonical value or an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmspell.output import Output
from llmspell.state.manager import StateManager
from llmspell.state.scripting import ScriptState
from llmspell.store import open_store
from llmspell_bridges.door import BoundGlobal, Door
from llmspell_bridges.errors import InvalidValue, LimitExceeded
from llmspell_bridges.js.replies import JsReplies
from llmspell_bridges.lua.replies import LuaReplies
from llmspell_bridges.values import canonical
from llmspell_bridges.wire import decode
from llmspell_stdlib.registry import GLOBALS

from .hostile import EXPRESSIONS
from .hosts.budget import PLENTY_S
from .hosts.client import Host

# A way for a value to leave a script, by language.
WAYS = {
    "lua": [
        "State.save('attack', 'k', VALUE) return State.load('attack', 'k')",
        "return VALUE",
        "error(VALUE, 0)",
        "State.update('attack', 'k', function() return VALUE end)",
        "State.load(VALUE, VALUE)",
        "JSON.parse(JSON.stringify(VALUE))",
        "State.transaction(function(tx) tx.save('attack', 'k', VALUE) error(VALUE, 0) end)",
        "print(VALUE, VALUE)",
        "return State.load('attack', 'none', VALUE)",
        "return require(VALUE)",
    ],
    "js": [
        "State.sync.save('attack', 'k', VALUE); State.sync.load('attack', 'k')",
        "await 0; return VALUE",
        "throw VALUE",
        "State.sync.update('attack', 'k', () => VALUE)",
        "await State.load(VALUE, VALUE)",
        "JSON.parse(JSON.stringify(VALUE))",
        "await State.transaction(async (tx) => { await tx.save('attack', 'k', VALUE); throw VALUE })",
        "print(VALUE, VALUE)",
        "await VALUE",
        "Promise.reject(VALUE); 1",
        "(VALUE)",
        "require(VALUE)",
    ],
}
#: What a run may end with when nothing is wrong with the host.
FINE = {
    "invalid_argument", "invalid_key", "invalid_scope", "invalid_value", "limit_exceeded", "module_not_found",
    "script_error",
}  # fmt: skip
quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def inline_host() -> Iterator[Host]:
    host = Host("held", "inline")
    yield host
    host.close()


@pytest.fixture(scope="module")
def process_host() -> Iterator[Host]:
    host = Host("held", "process")
    yield host
    host.close()


def check_a_value(host: Host, language: str, data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(WAYS[language]))
    expression = data.draw(EXPRESSIONS[language])
    script = way.replace("VALUE", f"({expression})")
    answer = host.ask(language=language, script=script, in_tree=False, timeout_s=PLENTY_S)
    assert "died" not in answer, f"{answer['died']}: {script}"
    assert "exception" not in answer, f"{answer['exception']}: {script}"
    if "code" in answer and not has_a_code_of_its_own(script):
        assert answer["code"] in FINE, f"{answer}: {script}"
    assert answer["kept"], script
    assert set(answer["again"].values()) == {"untouched3xx"}, script


@pytest.mark.parametrize("language", ["lua", "js"])
@quick
@given(data=st.data())
def test_any_value_of_a_script_is_a_value_or_an_error_of_ours(
    inline_host: Host, language: str, data: st.DataObject
) -> None:
    check_a_value(inline_host, language, data)


# Each example takes three fresh processes.
@pytest.mark.parametrize("language", ["lua", "js"])
@settings(quick, max_examples=25)
@given(data=st.data())
def test_any_value_of_a_script_in_another_process_is_one_too(
    process_host: Host, language: str, data: st.DataObject
) -> None:
    check_a_value(process_host, language, data)


def has_a_code_of_its_own(script: str) -> bool:
    return "code" in script


def door_of(language: str) -> tuple[Door[Any], int]:
    """Return a door with every function behind it, and how many entries it has."""
    replies: Any = LuaReplies() if language == "lua" else JsReplies()
    door: Door[Any] = Door(replies)
    services = {"": Output(None, None, 1 << 20), "State": ScriptState(lambda: STATE)}
    last = 0
    for declared in GLOBALS:
        if declared.name not in ("", "State", "JSON", "Time"):
            continue
        bound = BoundGlobal(
            declared, services.get(declared.name), frozenset({"state.journal.enabled"})
        )
        for function in bound.functions(language):
            last = door.add(bound, function) + function.keeps
    return door, last + 1


STATE = StateManager(open_store("memory"))
MEMBERS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=4),
        st.sampled_from(["l", "b", "x", "t", "i", "f", "~", "global", "k", "attack"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def texts() -> st.SearchStrategy[str]:
    """Text like the bridge's own, near it, and nothing like it."""
    import json

    proper = st.lists(MEMBERS, max_size=5).map(lambda value: json.dumps(value))
    tagged = st.lists(MEMBERS, max_size=5).map(lambda value: "~" + json.dumps(["l", *value]))
    loose = MEMBERS.map(lambda value: "~" + json.dumps(value))
    return st.one_of(
        proper,
        tagged,
        loose,
        st.text(max_size=20),
        st.tuples(proper, st.integers(0, 30)).map(lambda pair: pair[0][: pair[1]]),
        st.integers(1, 400).map(lambda depth: "[" * depth + "]" * depth),
        st.sampled_from(
            [
                "",
                "~",
                "~[",
                "[]",
                "~[]",
                "null",
                '~["l"',
                '~{"a":["l"]}',
                "[1e999]",
                "[NaN]",
                '["\\ud800"]',
            ]
        ),
    )


@pytest.mark.parametrize("language", ["lua", "js"])
@settings(quick, max_examples=400)
@given(number=st.integers(0, 10**6), text=texts())
@example(number=1, text="")
@example(number=1, text='~["t",1,2]')
@example(number=1, text="~[[]]")
@example(number=2, text='~["l",["b",1]]')
@example(number=2, text='~["l",["t","x",[]]]')
@example(number=2, text='~["l",["i","99999999999999999999"]]')
@example(number=2, text='~["l",["f","nan"]]')
@example(number=2, text='~["l",["f","inf"],["x","\\u0100"]]')
def test_any_text_at_the_door_is_answered_and_never_a_defect(
    language: str, number: int, text: str
) -> None:
    door, count = door_of(language)
    enter = door.opened()
    sent: Any = text.encode("utf-8", "replace") if language == "lua" else text
    reply = enter(number % count, sent)
    assert isinstance(reply, str | bytes | bool)
    assert door.error is None or door.error.code != "internal_error", door.error.__cause__
    door.close()


@pytest.mark.parametrize("kind", [str, str.encode])
@settings(quick, max_examples=400)
@given(text=texts())
@example(text='~["f","nan"]')
@example(text='~["f","-inf"]')
@example(text="18446744073709551615")
@example(text='~["l",18446744073709551615]')
@example(text="[1e999]")
@example(text='~["t",1,1000000]')
@example(text='~["t",true,0]')
@example(text='~["t",1.5,0]')
@example(text='~["i","1_0"]')
@example(text='~["i"," 7 "]')
@example(text='~["i",7]')
@example(text='~["x","\\u0100"]')
@example(text='~["b","!"]')
@example(text='~["b"]')
@example(text='~["f",1]')
@example(text="~[]")
@example(text="")
@example(text="~")
def test_any_text_decodes_to_a_canonical_value_or_to_an_error_of_ours(kind: Any, text: str) -> None:
    try:
        sent = kind(text)
    except UnicodeEncodeError:
        return
    try:
        value = decode(sent)
    except (InvalidValue, LimitExceeded):
        return
    try:
        exact = canonical(value)
    except InvalidValue as error:
        # No VM writes such an integer; what comes from a process is looked at once more.
        assert "integer beyond 64 bits" in error.message
        return
    assert repr(exact) == repr(value)
