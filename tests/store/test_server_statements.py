"""What is asked of a database server is one range of an index, however the server says that."""

import sqlite3
from contextlib import closing

from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateTable

from llmspell.store.server.statements import walk
from llmspell.store.server.tables import entries


def test_a_page_of_a_walk_begins_where_the_one_before_it_ended() -> None:
    """SQLite, which stands for others in the tests, need neither skip rows nor sort."""
    statement = walk.compile(dialect=sqlite.dialect())
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(str(CreateTable(entries).compile(dialect=sqlite.dialect())))
        plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", ["a", "a", 1, 1, 0])
        (step,) = [row[-1] for row in plan]
    assert step.endswith("((scope,key)>(?,?))")


def test_each_server_is_asked_in_the_way_it_sees_a_range() -> None:
    """PostgreSQL by comparing pairs; others in words, which nothing is compared with."""
    asked = {
        dialect.name: " ".join(
            str(walk.compile(dialect=dialect)).replace("llmspell_entries.", "").split()
        )
        for dialect in (postgresql.dialect(), mysql.dialect())
    }
    assert "WHERE (scope, key) > (" in asked["postgresql"]
    assert "WHERE (scope > %s OR scope = %s AND `key` > %s) AND `blob`" in asked["mysql"]
