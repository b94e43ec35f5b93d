"""State machines: which values a field may have one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import ValidationFailed
from llmspell.security.validation import Candidate, Transitions, Validator

ORDER = {
    "field": "status",
    "initial": ["draft"],
    "allowed": {"draft": ["review"], "review": ["draft", "done"]},
    "terminal": ["done"],
}


def found(value, former, **changed):
    rule = Transitions(**ORDER | changed)
    return [tuple(problem) for problem in rule.problems(Candidate("s", "k", value, former))]


def rules_broken(value, former, **changed):
    return [rule for _, _, rule in found(value, former, **changed)]


def order(status):
    return {"status": status, "total": 5}


def test_a_field_goes_only_where_its_machine_allows():
    assert found(order("review"), order("draft")) == []
    assert found(order("done"), order("draft")) == [
        ("$.status", "may go from 'draft' only to 'review'", "transition.forbidden")
    ]


def test_a_new_entry_begins_in_an_initial_state():
    assert found(order("draft"), None) == []
    assert found(order("review"), None) == [
        ("$.status", "must begin as 'draft'", "transition.initial")
    ]


@pytest.mark.parametrize("former", [{}, order("gone"), order(5), [], "draft", {"status": None}])
def test_what_has_no_state_that_is_known_begins_anew(former):
    assert rules_broken(order("draft"), former) == []
    assert rules_broken(order("done"), former) == ["transition.initial"]


@pytest.mark.parametrize("value", [{}, None, [], "draft", order(None), order(5), order(["draft"])])
def test_a_value_without_the_field_is_refused(value):
    assert rules_broken(value, order("draft")) == ["transition.missing"]


def test_a_state_that_no_rule_knows_is_refused_and_not_repeated():
    ((path, message, rule),) = found(order("hunter2"), order("draft"))
    assert (path, rule) == ("$.status", "transition.unknown")
    assert "hunter2" not in message


def test_a_terminal_state_is_never_left():
    assert found(order("draft"), order("done")) == [
        ("$.status", "must stay 'done', where it ends", "transition.terminal")
    ]
    assert found({"status": "done", "total": 6}, order("done")) == []


def test_a_state_may_stay_unless_the_rule_is_strict():
    assert rules_broken(order("draft"), order("draft")) == []
    assert rules_broken(order("draft"), order("draft"), strict=True) == ["transition.forbidden"]
    again = {"draft": ["draft", "done"]}
    assert rules_broken(order("draft"), order("draft"), allowed=again, strict=True) == []


def test_the_field_may_be_a_member_of_a_member():
    nested = {"field": "order.status"}
    assert found({"order": order("draft")}, None, **nested) == []
    assert found({"order": 5}, None, **nested)[0][0] == "$.order.status"


def test_an_ended_entry_is_deleted_unless_it_is_kept():
    ended = Candidate("s", "k", None, order("done"))
    Validator([Transitions(**ORDER)]).check_deletion(ended)
    kept = Validator([Transitions(**ORDER, keep=True)])
    kept.check_deletion(ended._replace(former=order("review")))
    with pytest.raises(ValidationFailed, match="an entry that has ended as 'done' is kept"):
        kept.check_deletion(ended)


@pytest.mark.parametrize("state_class", ["trusted", "ephemeral", "external", "bulk"])
def test_no_class_gets_around_a_machine(state_class):
    candidate = Candidate("s", "k", order("done"), order("draft"), state_class)
    validator = Validator([Transitions(**ORDER)])
    assert validator.needs_former("s", "k", state_class)
    with pytest.raises(ValidationFailed):
        validator.check(candidate)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"initial": []}, "at least one state"),
        ({"initial": [""]}, "empty text"),
        ({"field": ""}, "name of a member"),
        ({"field": "order."}, "name of a member"),
        ({"terminal": ["done", "review"]}, "'review' is terminal"),
        ({"terminal": []}, "nothing may follow 'done'"),
        ({"initial": ["darft"]}, "nothing may follow 'darft'"),
        ({"terminal": ["done", "lost"], "allowed": {"draft": []}}, "nothing may follow 'draft'"),
        ({"scope": "step:1:plan"}, "workflow:<id>:step:<name>"),
        ({"key": ""}, "must be a pattern"),
    ],
)
def test_a_machine_that_contradicts_itself_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        Transitions(**ORDER | changed)


states = st.sampled_from("abcde")


@given(
    allowed=st.dictionaries(states, st.lists(states, max_size=4)),
    initial=st.sets(states, min_size=1, max_size=2),
    strict=st.booleans(),
    walk=st.lists(states | st.just("unknown"), max_size=8),
)
def test_a_walk_is_accepted_step_by_step_as_the_table_says(allowed, initial, strict, walk):
    known = initial | set(allowed) | {state for after in allowed.values() for state in after}
    terminal = {state for state in known if not allowed.get(state)}
    rule = Transitions(
        field="s",
        initial=sorted(initial),
        allowed=allowed,
        terminal=sorted(terminal),
        strict=strict,
    )
    present = None
    for state in walk:
        former = None if present is None else {"s": present}
        accepted = not list(rule.problems(Candidate("s", "k", {"s": state}, former)))
        if present is None:
            assert accepted == (state in initial)
        else:
            stays = state == present and not strict
            assert accepted == (state in known and (stays or state in allowed.get(present, ())))
        if accepted:
            present = state
