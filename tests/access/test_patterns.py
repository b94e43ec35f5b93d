"""Patterns of scopes: ``*`` is any text, ``{actor}`` the actor's name, everything else itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import InvalidArgument
from llmspell.security.access.pattern import check_pattern, compiled, own_patterns

TEXTS = st.text("ab:*", max_size=8)


@given(TEXTS, TEXTS)
def test_a_star_stands_for_any_text_and_everything_else_for_itself(
    pattern: str, scope: str
) -> None:
    expected = ".*".join(map(re.escape, pattern.split("*")))
    found = re.fullmatch(expected, scope, re.DOTALL) is not None
    assert compiled(pattern, "nobody").matches(scope) == found


@given(
    st.text("ab*", min_size=1, max_size=6), st.text("ab*", max_size=6), st.text("ab", max_size=4)
)
def test_a_pattern_that_covers_another_covers_all_that_one_does(
    wide: str, narrow: str, text: str
) -> None:
    if compiled(wide, "x").matches(narrow):
        assert compiled(wide, "x").matches(narrow.replace("*", text))


def test_an_actors_name_stands_for_itself_even_with_a_star_in_it() -> None:
    assert compiled("user:{actor}", "ada").matches("user:ada")
    assert compiled("user:{actor}", "*").matches("user:*")
    assert not compiled("user:{actor}", "*").matches("user:ada")


def test_a_pattern_of_many_stars_is_decided_at_once() -> None:
    assert not compiled("*a" * 200 + "b", "x").matches("a" * 256)
    assert compiled("*a" * 200 + "*", "x").matches("a" * 256)


@pytest.mark.parametrize(
    ("actor", "scope", "owns"),
    [
        ("agent:gpt-4", "agent:gpt-4", True),
        ("agent:gpt-4", "agent:gpt-45", False),
        ("agent:gpt-4", "agent:gpt-4:notes", False),
        ("tool:search", "tool:search", True),
        ("session:9", "session:9", True),
        ("workflow:42", "workflow:42", True),
        ("workflow:42", "workflow:42:step:collect", True),
        ("workflow:42", "workflow:421", False),
        ("workflow:42:step:a", "workflow:42:step:a:step:b", False),
        ("workflow:42:step:a", "workflow:42", False),
        ("workflow:42", "workflow:42:other", False),
        ("agent:", "agent:", False),
        ("user:7", "user:7", False),
        ("global", "global", False),
        ("anonymous", "anonymous", False),
    ],
)
def test_who_is_named_as_an_agent_tool_workflow_or_session_owns_that_scope_alone(
    actor: str, scope: str, owns: bool
) -> None:
    assert any(pattern.matches(scope) for pattern in own_patterns(actor)) == owns


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("step:42:collect", "workflow:<id>:step:<name>"),
        ("custom:user:42", "user:42"),
        ("custom:*", "<beginning of the name>*"),
        ("agent:", "agent:*"),
        ("", "scopes:"),
        ("a\nb", "scopes:"),
        (None, "scopes:"),
        ("x" * 2000, "scopes:"),
    ],
)
def test_a_pattern_that_no_scope_can_match_is_refused_with_what_to_write(
    pattern: object, instead: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_pattern(pattern)
    assert instead in (caught.value.hint or "")
