"""A plan works out what batches do, exactly as the plain model of a store does it."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import InvalidArgument, VersionConflict
from llmspell.store import Check, Clear, Delete, Operation, Put, Ref, Written
from llmspell.store.changes import NOBODY, Change, Origin
from llmspell.store.plan import Known, Plan, Record, touched
from llmspell.testing.machine import operations, origins, refs
from llmspell.testing.model import StoreModel

NOW = 1_000

Batch = tuple[Sequence[Operation], Origin]


class Shelf:
    """The records that plans have made so far: the least a store can be."""

    def __init__(self, *, journal: bool = True) -> None:
        self.journal = journal
        self.records: dict[Ref, Record] = {}
        self.changes: list[Change] = []

    def known(self, batches: Sequence[Batch]) -> dict[Ref, Known]:
        """Return what a plan for these batches has to know, and not a key more."""
        named, scopes = touched([operation for batch, _ in batches for operation in batch])
        return {
            ref: Known(r.version, r.created_at, r.expires_at, r.blob is not None, r.last_seq)
            for ref, r in self.records.items()
            if ref in named or (ref.scope in scopes and r.blob is not None)
        }

    def plan(self, *batches: Batch) -> Plan:
        return Plan(self.known(batches), len(self.changes), journal=self.journal)

    def keep(self, plan: Plan) -> None:
        self.records |= plan.records
        self.changes += plan.changes
        assert plan.last == len(self.changes)

    def write(self, *batches: Batch) -> list[Any]:
        """Apply the batches in one plan; a conflict is its details."""
        plan = self.plan(*batches)
        results = [outcome(plan, batch) for batch in batches]
        self.keep(plan)
        return results


def outcome(plan: Plan | StoreModel, batch: Batch) -> Any:
    try:
        return plan.apply(*batch)
    except VersionConflict as conflict:
        return conflict.details


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Batch], StoreModel, list[Any]]:
    """Draw batches, together with the model that has applied them and what it said to each."""
    model, batches, results = StoreModel(), [], []
    for now in range(NOW, NOW + draw(st.integers(1, 8))):
        some = st.lists(operations(refs, model, now), min_size=1, max_size=4)
        batches.append((draw(some), draw(origins)))
        results.append(outcome(model, batches[-1]))
    return batches, model, results


def record_of(change: Change, latest: int | None) -> tuple[Any, ...]:
    """What is stored for an entry that this change made."""
    _, at, scope, key, _, version, created_at, *rest = change
    schema_version, state_class, expires_at, _, _, correlation_id, _, blob = rest
    kept = (schema_version, state_class, expires_at, correlation_id, blob)
    return scope, key, version, created_at, at, *kept, latest


@given(stories())
def test_a_plan_does_what_the_model_does(story: tuple[list[Batch], StoreModel, list[Any]]) -> None:
    """Results, changes, entries and versions are the model's, for any batches one by one."""
    batches, model, results = story
    shelf = Shelf()
    assert [shelf.write(batch)[0] for batch in batches] == results
    assert shelf.changes == list(model.journal.values())
    alive = {ref: record for ref, record in shelf.records.items() if record.blob is not None}
    assert alive == {
        ref: record_of(change, model.latest.get(ref)) for ref, change in model.entries.items()
    }
    versions = {ref: record.version for ref, record in shelf.records.items()}
    assert versions == model.versions


@given(stories())
def test_batches_in_one_plan_are_batches_in_a_row(
    story: tuple[list[Batch], StoreModel, list[Any]],
) -> None:
    """Writes that share a commit cannot tell; a conflict fails its own batch alone."""
    batches, _, results = story
    apart, together = Shelf(), Shelf()
    for batch in batches:
        apart.write(batch)
    assert together.write(*batches) == results
    assert together.changes == apart.changes
    assert together.records == apart.records


@given(stories())
def test_without_a_journal_entries_are_the_same(
    story: tuple[list[Batch], StoreModel, list[Any]],
) -> None:
    """Only the changes are missing, and the records' place in them."""
    batches, _, results = story
    with_one, without = Shelf(), Shelf(journal=False)
    for batch in batches:
        with_one.write(batch)
    assert [without.write(batch)[0] for batch in batches] == results
    assert without.changes == []
    assert without.records == {
        ref: record._replace(last_seq=None) for ref, record in with_one.records.items()
    }


def test_a_conflict_leaves_the_plan_as_it_was() -> None:
    """Even after every kind of operation on keys old and new."""
    shelf = Shelf()
    shelf.write(([Put("s", "a", b"", 1), Put("s", "ends", b"", 1, expires_at=5)], NOBODY))
    batch: list[Operation] = [
        Put("s", "a", b"new", 9),
        Put("s", "new", b"", 9),
        Check("s", "ends", 9, 0),
        Clear("s", 9),
        Put("s", "a", b"last", 9, if_version=77),
    ]
    plan = shelf.plan((batch, NOBODY))
    plan.apply([Put("s", "a", b"before", 8)], NOBODY)
    before = dict(plan.records), list(plan.changes), plan.last
    for _ in range(2):
        with pytest.raises(VersionConflict):
            plan.apply(batch, NOBODY)
        assert (plan.records, plan.changes, plan.last) == before
    assert plan.apply([Delete("s", "a", 9, 2)], NOBODY) == [Written(3, 1, True, 1)]


def test_a_record_is_the_last_word_on_its_key() -> None:
    """However often a batch writes a key, there is one record to store."""
    shelf = Shelf()
    plan = shelf.plan(([Put("s", "k", b"", 1)], NOBODY))
    plan.apply([Put("s", "k", b"1", 1), Delete("s", "k", 2), Put("s", "k", b"2", 3)], NOBODY)
    expected = Record("s", "k", 3, 3, 3, 1, "standard", None, None, b"2", 3)
    assert plan.records == {Ref("s", "k"): expected}


def test_a_sweep_takes_only_what_has_expired() -> None:
    """It tells whether it did; a tombstone and an entry without an end are left alone."""
    shelf = Shelf()
    keys = {"ends": 5, "later": 6, "stays": None}
    shelf.write(([Put("s", key, b"", 1, expires_at=end) for key, end in keys.items()], NOBODY))
    shelf.write(([Put("s", "gone", b"", 1), Delete("s", "gone", 1)], NOBODY))
    plan = shelf.plan(([Clear("s", 9), Check("s", "gone", 9, 0)], NOBODY))
    assert [plan.sweep(Ref("s", key), 5) for key in (*keys, "gone", "ends")] == [
        True, False, False, False, False,
    ]  # fmt: skip
    ((ref, record),) = plan.records.items()
    assert (ref.key, record.version, record.updated_at, record.blob) == ("ends", 2, 5, None)
    assert [(change.op, change.at, change.previous) for change in plan.changes] == [
        ("expire", 5, 1)
    ]


def test_touched_names_each_key_and_each_cleared_scope_once() -> None:
    """In the order of the batch; what is no operation is refused by its name."""
    batch: list[Operation] = [
        Put("s", "b", b"", 1),
        Check("s", "a", 1, 0),
        Delete("s", "b", 1),
        Clear("t", 1),
        Clear("t", 2),
    ]
    assert touched(batch) == ([Ref("s", "b"), Ref("s", "a")], ["t"])
    stranger: Any = ("s", "k")
    with pytest.raises(InvalidArgument, match="tuple"):
        touched([stranger])
