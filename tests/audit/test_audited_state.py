"""What the state has recorded of what is done to it, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from llmspell import Runtime, StateManager, acting
from llmspell.config import load_config
from llmspell.errors import AccessDenied, KeyMissing, LlmSpellError, ValidationFailed

from .conftest import rows

Open = Callable[..., StateManager]
MASTER_KEY = "42" * 32
S, SECRET = "user:1", {"state_class": "sensitive"}
SCORE = {"scope": "game", "inline": {"type": "integer", "maximum": 10}}
STATUS = {
    "scope": "order",
    "field": "status",
    "initial": ["done"],
    "allowed": {},
    "terminal": ["done"],
    "keep": True,
}


@pytest.fixture
def audited(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a state in memory that has its doings recorded at ``path``."""
    monkeypatch.delenv("LLMSPELL_MASTER_KEY", raising=False)
    with ExitStack() as stack:

        def open_one(records: str = "denied", *, keyed: bool = True, **rules: Any) -> StateManager:
            if keyed:
                monkeypatch.setenv("LLMSPELL_MASTER_KEY", MASTER_KEY)
            given = {"state.backend": "memory", "audit.enabled": True, "audit.path": str(path)}
            named = {name.replace("__", "."): rule for name, rule in rules.items()}
            config = load_config(overrides=given | {"audit.records": records} | named)
            return stack.enter_context(Runtime(config)).state

        yield open_one


def told(path: Path) -> list[tuple[Any, ...]]:
    return [(each.action, each.scope, each.key, each.outcome) for each in rows(path)]


def _commit(state: StateManager, work: Callable[[Any], object]) -> None:
    state.run_transaction(work)


REMOVED: dict[str, Callable[[StateManager], object]] = {
    "delete": lambda state: state.delete(S, "k"),
    "clear": lambda state: state.clear(S),
    "transaction": lambda state: _commit(state, lambda tx: tx.delete(S, "k")),
}


@pytest.mark.parametrize("way", REMOVED)
def test_that_a_sensitive_value_was_removed_is_on_record_before_the_call_returns(
    audited: Open, path: Path, way: str
) -> None:
    state = audited()
    state.save(S, "k", 1, **SECRET)
    REMOVED[way](state)
    last = told(path)[-1]
    assert last in [("delete", S, "k", "ok"), ("clear", S, None, "ok")]


def test_of_other_classes_a_removal_is_no_refusal_and_not_recorded(
    audited: Open, path: Path
) -> None:
    state = audited()
    state.save(S, "k", 1)
    state.delete(S, "k")
    state.clear(S)
    state.close()
    assert told(path) == []


READ_AGAIN: dict[str, Callable[[StateManager], object]] = {
    "history": lambda state: state.history(S, "k", values=True),
    "load_version": lambda state: state.load_version(S, "k", 1),
    "diff": lambda state: state.diff(S, "k", 1, 2),
    "export": lambda state: list(state.export_entries(S)),
}


@pytest.mark.parametrize("way", READ_AGAIN)
def test_whatever_way_a_sensitive_value_is_read_is_on_record(
    audited: Open, path: Path, way: str
) -> None:
    state = audited()
    for value in (1, 2):
        state.save(S, "k", value, **SECRET)
    with acting("ada"):
        READ_AGAIN[way](state)
    found = [(each.actor, each.scope, each.key) for each in rows(path)[2:]]
    assert found
    assert set(found) == {("ada", S, "k")}


def test_a_watcher_who_is_told_a_sensitive_value_is_on_record_by_his_own_name(
    audited: Open, path: Path
) -> None:
    state = audited()
    events = SimpleQueue[Any]()
    with acting("eve"):
        state.watch(S, "", events.put)
    with acting("ada"):
        state.save(S, "k", 1, **SECRET)
    assert events.get(timeout=30).value == 1
    assert [(each.actor, each.action) for each in rows(path)] == [("ada", "save"), ("eve", "watch")]


def test_a_batch_of_sensitive_values_is_recorded_as_one(audited: Open, path: Path) -> None:
    state = audited()
    state.save_many(S, {f"k{number}": number for number in range(50)}, **SECRET)
    found = rows(path)
    assert [each.key for each in found] == [f"k{number}" for number in range(50)]
    assert len({each.at_us for each in found}) == 1


WRITES: dict[str, Callable[[StateManager], object]] = {
    "save": lambda state: state.save("game", "score", 11),
    "save_many": lambda state: state.save_many("game", {"lives": 3, "score": 11}),
    "update": lambda state: state.update("game", "score", lambda _: 11),
    "transaction": lambda state: _commit(state, lambda tx: tx.save("game", "score", 11)),
    "import": lambda state: state.import_entries([("game", "score", 11)]),
}


@pytest.mark.parametrize("way", WRITES)
def test_a_value_that_broke_its_rules_is_on_record_with_the_rules(
    audited: Open, path: Path, way: str
) -> None:
    state = audited(state__validation__schemas=[SCORE])
    with pytest.raises(ValidationFailed):
        WRITES[way](state)
    state.close()
    (record,) = rows(path)
    assert (record.action, record.scope, record.key) == ("validate", "game", "score")
    assert (record.outcome, record.details) == (
        "validation_failed",
        '{"rules":["schema.maximum"]}',
    )


def test_a_deletion_that_a_rule_refused_is_on_record(audited: Open, path: Path) -> None:
    state = audited(state__validation__transitions=[STATUS])
    state.save("order", "o1", {"status": "done"})
    with pytest.raises(ValidationFailed):
        state.delete("order", "o1")
    state.close()
    assert told(path) == [("validate", "order", "o1", "validation_failed")]


def test_a_sensitive_value_for_which_there_was_no_key_is_on_record(
    audited: Open, path: Path
) -> None:
    state = audited(keyed=False)
    with pytest.raises(KeyMissing):
        state.save(S, "k", 1, **SECRET)
    state.close()
    assert told(path) == [("protect", S, "k", "key_missing")]


def test_who_gives_no_name_is_refused_as_anonymous(audited: Open, path: Path) -> None:
    state = audited(state__security__access_control_enabled=True)
    with pytest.raises(AccessDenied):
        state.load(S, "k")
    with acting("bob"), pytest.raises(AccessDenied):
        state.load(S, "k")
    state.close()
    assert [each.actor for each in rows(path)] == ["anonymous", "bob"]


def test_what_is_done_to_more_than_an_entry_is_recorded(audited: Open, path: Path) -> None:
    state = audited("all")
    mark = state.checkpoint()
    state.import_entries([(S, "k", 1)])
    list(state.export_entries(S))
    state.rollback(mark, S)
    state.delete_checkpoint(mark)
    with state.lock(S, "l"):
        state.list_keys(S)
    list(state.compact())
    state.list_scopes()
    state.get_stats()
    state.close()
    wanted = {"checkpoint", "import", "export", "rollback", "delete_checkpoint"}
    wanted |= {"lock", "unlock", "list", "compact", "stats"}
    assert wanted <= {action for action, *_ in told(path)}
    actions = [action for action, *_ in told(path)]
    assert actions.count("list") == 2


def test_no_record_holds_a_value(audited: Open, path: Path) -> None:
    state = audited("all", state__validation__schemas=[SCORE | {"scope": "*"}])
    for value in ("s3cret", {"s3cret": "s3cret"}):
        for work in WRITES.values():
            try:
                work(state)
                state.save(S, "k", value, **SECRET)
            except LlmSpellError:
                continue
    state.close()
    assert all("s3cret" not in str(record) for record in rows(path))
