"""Verifiers in Python: functions that decide whether a value may be kept."""

from __future__ import annotations

import datetime as dt

import pytest

from llmspell.errors import InvalidArgument, ValidationFailed
from llmspell.security.validation import Candidate, Problem, Validator, Verifier

CANDIDATE = Candidate("user:42", "profile", {"age": -1}, {"age": 1}, "standard", "ann")


def refused(answer):
    """Return what a function that answers so says about a value: path, message and rule."""
    validator = Validator([Verifier(lambda candidate: answer, name="age")])
    with pytest.raises(ValidationFailed) as caught:
        validator.check(CANDIDATE)
    return [tuple(problem.values()) for problem in caught.value.details["problems"]]


@pytest.mark.parametrize("answer", [None, True, [], (), {}])
def test_nothing_to_say_accepts_the_value(answer):
    Validator([Verifier(lambda candidate: answer)]).check(CANDIDATE)


@pytest.mark.parametrize(
    ("answer", "path", "message"),
    [
        (False, "$", "refused by verifier 'age'"),
        ("too young", "$", "too young"),
        ("", "$", "refused by verifier 'age'"),
        (["too young"], "$", "too young"),
        ([Problem("$.age", "too young")], "$.age", "too young"),
        (Problem("$.age", "too young", "mine"), "$.age", "too young"),
        ({"path": "$.age", "message": "too young"}, "$.age", "too young"),
        ([{"message": "too young"}], "$", "too young"),
        ("a\x1b[31m\nb", "$", "a [31m b"),
        ("x" * 1000, "$", "x" * 299 + "…"),
    ],
)
def test_a_text_or_a_problem_refuses_it(answer, path, message):
    assert refused(answer) == [(path, message, "verifier.age")]


@pytest.mark.parametrize(
    "answer",
    [5, 0, b"x", object(), {"path": 5, "message": "x"}, {"message": 5}, [None], [[]], {"x": 1}],
)
def test_an_answer_that_is_none_refuses_it(answer):
    ((_, message, _),) = refused(answer)
    assert message.startswith("verifier 'age' returned what is no answer")


def test_a_coroutine_is_no_answer_and_leaves_no_warning():
    async def later():
        return None

    assert "no answer (coroutine)" in refused(later())[0][1]


def test_a_verifier_that_raises_refuses_the_value_without_its_text():
    def careless(candidate):
        raise KeyError(f"hunter2 {candidate.value}")

    with pytest.raises(ValidationFailed) as caught:
        Validator([Verifier(careless)]).check(CANDIDATE)
    assert "verifier 'careless' failed with KeyError (test_verifiers.py:" in caught.value.message
    assert "hunter2" not in str(caught.value.details)


def test_a_verifier_gets_everything_that_is_known_of_the_write():
    seen = []
    Validator([Verifier(seen.append)]).check(CANDIDATE)
    assert seen == [CANDIDATE]


def test_what_a_verifier_changes_changes_nothing():
    moment = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    deep = [moment]
    for _ in range(200):
        deep = [deep]
    candidate = Candidate("s", "k", {"tags": ["a"], "deep": deep}, {"tags": []})

    def careless(candidate):
        candidate.value["tags"].append("b")
        candidate.former.clear()

    Validator([Verifier(careless)]).check(candidate)
    assert candidate.value["tags"] == ["a"]
    assert candidate.former == {"tags": []}


def test_verifiers_are_asked_only_about_what_fits_the_other_rules():
    asked = []
    validator = Validator([Verifier(asked.append)])
    with pytest.raises(ValidationFailed):
        validator.check(CANDIDATE._replace(value="a\0b", state_class="external"))
    assert asked == []


@pytest.mark.parametrize("state_class", ["trusted", "ephemeral"])
def test_what_the_application_made_itself_is_not_asked_about_unless_every_class_is(state_class):
    candidate = CANDIDATE._replace(state_class=state_class)
    Validator([Verifier(lambda candidate: "no")]).check(candidate)
    with pytest.raises(ValidationFailed):
        Validator([Verifier(lambda candidate: "no", every_class=True)]).check(candidate)


async def asynchronous(candidate):
    return None


@pytest.mark.parametrize(
    ("fn", "options", "message"),
    [
        ("check", {}, "a verifier is a function, not str"),
        (None, {}, "a verifier is a function"),
        (asynchronous, {}, "cannot be async"),
        (lambda: None, {}, "takes one argument"),
        (lambda value, former: None, {}, "takes one argument"),
        (lambda candidate, *, strict: None, {}, "takes one argument"),
        (lambda candidate: None, {"scope": ""}, "must be a pattern"),
        (lambda candidate: None, {"key": 5}, "must be a pattern"),
        (lambda candidate: None, {"scope": "custom:user:1"}, "write it as 'user:1'"),
    ],
)
def test_what_can_be_no_verifier_is_refused_when_it_is_made(fn, options, message):
    with pytest.raises(InvalidArgument, match=message):
        Verifier(fn, **options)


def test_of_endless_problems_only_those_that_are_told_are_looked_at():
    class Endless(list):
        def __iter__(self):
            while True:
                yield "too young"

    assert len(refused(Endless())) == 20
