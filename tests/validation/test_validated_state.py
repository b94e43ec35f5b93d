"""Rules hold on every way into the state, and what breaks them changes nothing."""

from __future__ import annotations

import itertools
import threading

import pytest

from llmspell import Runtime, load_config
from llmspell.errors import InvalidArgument, ScriptError, ValidationFailed
from llmspell.security.validation import Verifier

ORDER = {
    "scope": "order:*",
    "field": "status",
    "initial": ["draft"],
    "allowed": {"draft": ["review"], "review": ["draft", "done"]},
    "terminal": ["done"],
    "keep": True,
}
PROFILE = {"scope": "user:*", "key": "profile", "inline": {"required": ["name"]}}
DRAFT, REVIEW, DONE = ({"status": status} for status in ("draft", "review", "done"))


def configured(tmp_path, **more):
    rules = {"state.validation.schemas": [PROFILE], "state.validation.transitions": [ORDER]}
    overrides = {"state.path": str(tmp_path / "state.db")} | rules | more
    return load_config(environ={}, overrides=overrides)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    with Runtime(configured(tmp_path_factory.mktemp("validated"))) as runtime:
        yield runtime


@pytest.fixture
def state(runtime):
    """Return a state in which order:1 is in review, and user:1 has a profile."""
    for scope in ("user:1", "order:new"):
        runtime.state.clear(scope)
    if not runtime.state.key_exists("order:1", "order"):
        runtime.state.save("order:1", "order", DRAFT)
        runtime.state.save("order:1", "order", REVIEW)
    runtime.state.save("user:1", "profile", {"name": "Ada"})
    return runtime.state


def save_in_transaction(state, scope, key, value):
    with state.transaction() as tx:
        tx.save(scope, key, value)


WAYS_IN = {
    "save": lambda state, *entry: state.save(*entry),
    "save if new": lambda state, *entry: state.save(*entry, if_version=0),
    "save with ttl": lambda state, *entry: state.save(*entry, ttl=60),
    "save critical": lambda state, *entry: state.save(*entry, state_class="critical"),
    "save bulk": lambda state, *entry: state.save(*entry, state_class="bulk"),
    "save_many": lambda state, scope, key, value: state.save_many(
        scope, {"another": value, key: value}
    ),
    "update": lambda state, scope, key, value: state.update(scope, key, lambda _: value),
    "transaction": save_in_transaction,
    "import_entries": lambda state, *entry: state.import_entries([entry]),
}
BREAKING = [("user:new", "profile", {"age": 1}), ("order:new", "order", DONE)]


@pytest.mark.parametrize("entry", BREAKING, ids=["schema", "transition"])
@pytest.mark.parametrize("way", WAYS_IN)
def test_no_way_in_leads_past_the_rules(state, way, entry):
    with pytest.raises(ValidationFailed) as caught:
        WAYS_IN[way](state, *entry)
    assert caught.value.details["scope"] == entry[0]
    assert state.list_keys(entry[0]) == []


@pytest.mark.parametrize("way", ["save", "save_many", "update", "transaction"])
def test_what_keeps_the_rules_is_stored(state, way):
    scope = f"order:{way}"
    for value in (DRAFT, REVIEW, DONE, DONE):
        WAYS_IN[way](state, scope, "order", value)
    assert state.load(scope, "order") == DONE
    with pytest.raises(ValidationFailed):
        WAYS_IN[way](state, scope, "order", REVIEW)


def test_a_batch_of_which_one_breaks_a_rule_is_refused_whole(state):
    with pytest.raises(ValidationFailed):
        state.save_many("order:new", {"a": DRAFT, "b": REVIEW})
    assert state.list_keys("order:new") == []


def test_a_transaction_goes_through_states_as_it_sees_them(state):
    with state.transaction() as tx:
        for value in (DRAFT, REVIEW, DONE):
            tx.save("order:within", "order", value)
        with pytest.raises(ValidationFailed):
            tx.save("order:within", "order", DRAFT)
    assert state.load("order:within", "order") == DONE
    with state.transaction() as tx, pytest.raises(ValidationFailed, match="is kept"):
        tx.delete("order:within", "order")
    assert state.load("order:within", "order") == DONE


def test_a_class_does_not_lead_past_a_machine_but_trusted_is_spared_the_schemas(state):
    state.save("user:1", "profile", {"age": 1}, state_class="trusted")
    for state_class in ("trusted", "ephemeral"):
        with pytest.raises(ValidationFailed):
            state.save("order:1", "order", DRAFT | DONE | {"status": 5}, state_class=state_class)
    assert state.load("order:1", "order") == REVIEW


def test_a_revert_is_a_write_like_others_and_a_rollback_undoes_what_was_done(state):
    checkpoint = state.checkpoint("before")
    state.save("order:past", "order", DRAFT)
    state.save("order:past", "order", REVIEW)
    state.save("order:past", "order", DONE)
    with pytest.raises(ValidationFailed):
        state.revert("order:past", "order", 1)
    assert state.load("order:past", "order") == DONE
    state.rollback(checkpoint, "order:past")
    assert not state.key_exists("order:past", "order")


def test_an_ended_entry_is_neither_deleted_nor_cleared_away(state):
    for value in (DRAFT, REVIEW):
        state.save("order:kept", "order", value)
    assert state.delete("order:kept", "order")
    for value in (DRAFT, REVIEW, DONE):
        state.save("order:kept", "order", value)
    state.save("order:kept", "beside", DRAFT)
    for remove in (lambda: state.delete("order:kept", "order"), lambda: state.clear("order:kept")):
        with pytest.raises(ValidationFailed, match="is kept"):
            remove()
    assert state.list_keys("order:kept") == ["beside", "order"]


def test_of_many_who_take_the_same_step_each_takes_it_from_what_is_there(state):
    state.save("order:race", "order", DRAFT)
    state.save("order:race", "order", REVIEW)
    start, won, lost = threading.Barrier(4), [], []

    def finish(status):
        start.wait(timeout=30)
        try:
            state.save("order:race", "order", {"status": status})
            won.append(status)
        except ValidationFailed:
            lost.append(status)

    threads = [
        threading.Thread(target=finish, args=(s,)) for s in ("done", "draft", "done", "draft")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each step that was taken is one that the machine allows.
    steps = [
        state.load_version("order:race", "order", at)["status"] for at in range(1, 3 + len(won))
    ]
    for before, after in itertools.pairwise(steps):
        assert after == before or after in ORDER["allowed"].get(before, ())


IN_SCRIPTS = {
    "lua": """
      local ok, problem = pcall(State.save, "user:new", "profile", { age = 1 })
      return { problem.code, problem.details.problems[1].path, problem.details.problems[1].rule }
    """,
    "js": """
      try { await State.save("user:new", "profile", { age: 1 }); }
      catch (problem) {
        const [first] = problem.details.problems;
        return [problem.code, first.path, first.rule];
      }
    """,
}


@pytest.mark.parametrize("engine", IN_SCRIPTS)
def test_a_script_learns_what_is_wrong_and_where(runtime, engine):
    told = runtime.execute(IN_SCRIPTS[engine], engine=engine).value
    assert told == ["validation_failed", "$", "schema.required"]


def test_a_refusal_nobody_catches_ends_the_script_with_its_code(runtime):
    with pytest.raises(ScriptError) as caught:
        runtime.execute('State.save("user:new", "profile", {})', engine="lua")
    assert caught.value.code == "validation_failed"
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_a_script_that_verifies_is_asked_for_the_script_that_writes(tmp_path, isolation):
    check = tmp_path / "check.js"
    check.write_text(
        "module.exports = ({ value, former, actor }) =>\n"
        "  (former && value.n <= former.n ? `not above what ${actor} sees` : null);"
    )
    rules = [{"scope": "counter", "script": str(check)}]
    config = configured(tmp_path, **{"state.validation.verifiers": rules})
    with Runtime(config, isolation=isolation) as runtime:
        code = """
          State.save("counter", "n", { n = 1 })
          State.update("counter", "n", function(value) return { n = value.n + 1 } end)
          return select(2, pcall(State.save, "counter", "n", { n = 2 })).message
        """
        assert "not above what" in runtime.execute(code, engine="lua").value
        assert runtime.state.load("counter", "n") == {"n": 2}


def test_a_verifier_of_the_program_is_asked_with_the_present_value(tmp_path):
    asked = []
    verifiers = [Verifier(asked.append, scope="sensor:*", key="latest")]
    with Runtime(configured(tmp_path), verifiers=verifiers) as runtime:
        runtime.state.save("sensor:1", "latest", 1)
        runtime.state.save("sensor:1", "latest", 2)
        runtime.state.save("sensor:1", "other", 3)
    assert [(seen.value, seen.former) for seen in asked] == [(1, None), (2, 1)]


@pytest.mark.parametrize("verifiers", [len, [len], [None], None, "check", {"check": len}])
def test_what_is_no_list_of_verifiers_is_refused(verifiers):
    with pytest.raises(InvalidArgument, match="list of Verifier objects"):
        Runtime(verifiers=verifiers)
