"""Making the tables of a SQLite database, and bringing older ones to the present form."""

from __future__ import annotations

import sqlite3
from typing import Final

from llmspell.store.sqlite.statements import table_texts

__all__ = ["SCHEMA_VERSION", "keeps_journal", "make_tables"]

#: Raised with every change of the tables; a store made by a newer one is refused.
SCHEMA_VERSION: Final = 2

#: What leads from each older version to the next one. Version 1 had no journal: what was there
#: becomes its beginning, for a rollback must find each entry as of every position.
_UPGRADES: Final = {
    1: (
        "ALTER TABLE entries ADD COLUMN last_seq BIGINT",
        "ALTER TABLE entries DROP COLUMN born_version",
        "UPDATE entries SET expires_at = updated_at + 604800000000 WHERE blob IS NULL",
        "INSERT INTO journal SELECT row_number() OVER (ORDER BY updated_at), updated_at, scope,"
        " key, 'put', version, created_at, schema_version, state_class, expires_at, NULL, NULL,"
        " correlation_id, NULL, blob FROM entries WHERE blob IS NOT NULL",
        "UPDATE entries SET last_seq = journal.seq FROM journal"
        " WHERE journal.scope = entries.scope AND journal.key = entries.key",
        "INSERT INTO facts SELECT 'floor', coalesce(max(seq), 0) FROM journal",
    ),
}


def make_tables(raw: sqlite3.Connection, *, journal: bool) -> None:
    """Bring a database that is empty or of an older version to the present tables.

    To be called inside a transaction that has the right to write.
    """
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    tables, indexes = table_texts()
    for text in tables:
        raw.execute(text)
    for since, statements in _UPGRADES.items():
        if version and version <= since:
            for statement in statements:
                raw.execute(statement)
    for text in indexes:
        raw.execute(text)
    keeps = journal or bool(version)
    raw.execute("INSERT OR IGNORE INTO facts VALUES ('journal', ?)", (keeps,))


def keeps_journal(raw: sqlite3.Connection) -> bool:
    """Tell whether the database was made with a journal."""
    (keeps,) = raw.execute("SELECT value FROM facts WHERE name = 'journal'").fetchone()
    return bool(keeps)
