"""The validator: which rules hold for which write, and what it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import StateError, ValidationFailed
from llmspell.security.validation import Candidate, Problem, Transitions, Validator, Verifier
from llmspell.security.validation.schemas import Schema
from llmspell.security.wildcard import wildcard


def refusing(scope="*", key="*", message="no", **options):
    return Verifier(lambda candidate: message, scope=scope, key=key, name=message, **options)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "global", "user:42\n"], []),
        ("user:42", ["user:42"], ["user:421", "user:4"]),
        ("user:*", ["user:42", "user:"], ["users:42", "a:user:42"]),
        ("workflow:*:step:plan", ["workflow:1:step:plan"], ["workflow:1", "workflow:1:step:plans"]),
        ("*profile*", ["profile", "my profiles"], ["profil"]),
        ("a.b[0]?", ["a.b[0]?"], ["axb0", "a.b[0]"]),
        ("**", ["", "a"], []),
    ],
)
def test_a_star_stands_for_any_text_and_nothing_else_is_special(pattern, matching, others):
    matches = wildcard(pattern).matches
    assert all(matches(text) for text in matching)
    assert not any(matches(text) for text in others)


@given(st.text("ab*", min_size=1, max_size=6), st.text("ab", max_size=6))
def test_a_pattern_matches_as_its_definition_says(pattern, text):
    def reference(pattern, text):
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(reference(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return text[:1] == pattern[0] and reference(pattern[1:], text[1:])

    assert wildcard(pattern).matches(text) == reference(pattern, text)


def test_rules_hold_for_their_scopes_and_keys_alone():
    validator = Validator([refusing("user:*", "profile"), refusing("user:1", "*", "never")])
    assert [rule.name for rule in validator.rules_for("user:1", "profile")] == ["no", "never"]
    assert [rule.name for rule in validator.rules_for("user:2", "profile")] == ["no"]
    assert validator.rules_for("user:2", "other") == ()
    assert validator.rules_for("global", "profile") == ()
    validator.check(Candidate("user:2", "other", 1))


def test_it_tells_beforehand_what_it_has_to_be_asked():
    validator = Validator(
        [
            Schema(True, scope="a"),
            refusing("b"),
            Transitions(scope="c", field="s", initial=["x"], allowed={}, terminal=["x"], keep=True),
        ]
    )

    def told(scope, state_class="standard"):
        needed = validator.needs_former(scope, "k", state_class)
        return validator.concerns(scope, "k", state_class), needed

    assert told("a") == (True, False)
    assert told("a", "trusted") == (False, False)
    assert told("b") == (True, True)
    assert told("b", "ephemeral") == (False, False)
    assert told("c", "trusted") == (True, True)
    assert told("d") == (False, False)
    assert told("d", "external") == (True, False)
    assert [validator.guards_deletion(scope, "k") for scope in "abcd"] == [
        False,
        False,
        True,
        False,
    ]
    assert [validator.guards_deletion(scope) for scope in "abcd"] == [False, False, True, False]


def test_without_rules_nothing_but_class_external_is_checked():
    assert not Validator.none.concerns("global", "k")
    assert Validator.none.concerns("global", "k", "external")
    Validator.none.check(Candidate("global", "k", "a\0b"))
    Validator.none.check_deletion(Candidate("global", "k", None, 1))


def test_a_refusal_names_the_entry_and_the_first_three_problems():
    found = [Problem(f"$.p{at}", f"problem {at}") for at in range(30)]
    validator = Validator([Verifier(lambda candidate: found, name="many")])
    with pytest.raises(ValidationFailed) as caught:
        validator.check(Candidate("user:42", "profile", {"secret": "hunter2"}))
    error = caught.value
    assert isinstance(error, StateError)
    assert isinstance(error, ValueError)
    assert error.code == "validation_failed"
    assert (error.details["scope"], error.details["key"]) == ("user:42", "profile")
    assert "'profile' in scope 'user:42': $.p0: problem 0; $.p1: problem 1; $.p2" in error.message
    assert "$.p3" not in error.message
    assert len(error.details["problems"]) == 20
    assert error.details["problems"][19] == {
        "path": "$.p19",
        "message": "problem 19",
        "rule": "verifier.many",
    }
    assert "hunter2" not in json.dumps(error.details)


def test_problems_of_all_schemas_are_told_together_and_before_any_verifier_is_asked():
    rules = [refusing(), Schema({"required": ["a"]}), Schema({"required": ["b"]})]
    with pytest.raises(ValidationFailed) as caught:
        Validator(rules).check(Candidate("s", "k", {}))
    told = [problem["message"] for problem in caught.value.details["problems"]]
    assert told == ['must have the member "a"', 'must have the member "b"']
