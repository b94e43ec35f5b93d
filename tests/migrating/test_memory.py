"""In memory the journal bounds itself; a migration under way is not cut off by that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmspell.config.state_sections import Migration
from llmspell.errors import MigrationNotFound
from llmspell.migration.versioning import Given, open_versioning
from llmspell.state.manager import StateManager
from llmspell.store.memory.store import MemoryStore

from .profiles import STEP, V1, V2, new
from .test_many_entries import fill, values

KEPT = 5


@pytest.fixture
def state() -> Iterator[StateManager]:
    """A state whose journal keeps five changes or so."""
    versioning = open_versioning(Migration(batch_size=3), Given((V1, V2), (STEP,)))
    made = StateManager(MemoryStore(keep_changes=KEPT), versioning=versioning)
    yield made
    made.close()


def test_all_or_nothing_holds_for_more_entries_than_the_journal_keeps(state: StateManager) -> None:
    fill(state, 60, bad=59)
    before = values(state)
    assert state.migrate_all(atomic=True).status == "rolled_back"
    assert values(state) == before


def test_when_it_has_ended_the_journal_goes_to_its_size(state: StateManager) -> None:
    fill(state, 60)
    done = state.migrate_all()
    for _ in range(200):
        state.save("global", "k", 1)
    assert state.get_stats()["journal"]["rows"] < 100
    with pytest.raises(MigrationNotFound, match="no longer reaches"):
        state.rollback_migration(done.id)
    assert values(state)["p001"] == new(1)
