"""SQLite's statements are compiled before they are shipped."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from llmspell.store.sqlite.composing import compose
from llmspell.store.sqlite.statements import FILE

USE_STATE = """
import sys
from pathlib import Path
from llmspell.state.manager import StateManager
from llmspell.store import open_store

with_state = StateManager(open_store("sqlite", path=Path(sys.argv[1])))
with_state.save("s", "k", 1)
assert with_state.history("s", "k") and with_state.list_keys("s") == ["k"]
print([name for name in sys.modules if name.startswith("sqlalchemy")])
"""


def test_the_statements_are_those_that_are_written_down() -> None:
    """If this fails: python -m llmspell.store.sqlite.composing."""
    assert json.loads(FILE.read_text()) == compose()


@pytest.mark.parametrize("name", ["walk", "scan after limit values"])
def test_a_page_begins_where_the_one_before_it_ended(name: str) -> None:
    """The last page costs what the first does: each is a range of the index, nothing is sorted."""
    composed = compose()
    statement, parameters = composed["statements"][name]
    with closing(sqlite3.connect(":memory:")) as database:
        for table in composed["tables"] + composed["indexes"]:
            database.execute(table)
        plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * len(parameters))
        (step,) = [row[-1] for row in plan]
    assert "USING INDEX sqlite_autoindex_entries_1" in step
    assert step.endswith(("((scope,key)>(?,?))", "(scope=? AND key>?)"))


def test_using_state_does_not_wait_for_sqlalchemy(tmp_path: Path) -> None:
    """Its import would take longer than most scripts."""
    command = [sys.executable, "-c", USE_STATE, str(tmp_path / "state.db")]
    assert subprocess.check_output(command, text=True) == "[]\n"
