"""Entries on their way out of the store: whole, with metadata, all of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from llmspell.state.entry import Metadata
from llmspell.store.base import Put, Reader, Row, Written
from llmspell.store.codec import checksum, decode, is_confidential, labels_of
from llmspell_bridges.values import Value

__all__ = ["ExportedEntry", "exported", "metadata_of", "written_metadata"]

_PAGE: Final = 1000


class ExportedEntry(NamedTuple):
    """One entry with its value, as exports carry it."""

    scope: str
    key: str
    value: Value
    metadata: Metadata


def exported(
    reader: Reader, scope: str | None, *, met: Callable[[Sequence[Row]], None] | None = None
) -> Iterator[ExportedEntry]:
    """Yield the entries of one scope, or of all, in order; a page at a time is in memory.

    ``met`` is told of each page before anybody sees it.
    """
    scopes = [text for text, _ in reader.scopes()] if scope is None else [scope]
    for text in scopes:
        after: str | None = None
        while rows := reader.scan(text, after=after, limit=_PAGE):
            if met is not None:
                met(rows)
            for row in rows:
                yield ExportedEntry(row.scope, row.key, decode(row.blob), metadata_of(row))
            after = rows[-1].key


def metadata_of(row: Row) -> Metadata:
    """Return what a stored row tells besides its value. Raises ``StorageError`` for damage."""
    return Metadata(
        row.version,
        row.created_at,
        row.updated_at,
        len(row.blob),
        checksum(row.blob),
        row.schema_version,
        row.state_class,
        row.correlation_id,
        row.expires_at,
        is_confidential(row.blob),
        labels_of(row.blob) or None,
    )


def written_metadata(put: Put, written: Written, correlation_id: str | None) -> Metadata:
    """Return what ``metadata_of`` would tell of an entry just written."""
    return Metadata(
        written.version,
        written.created_at,
        put.at,
        len(put.blob),
        checksum(put.blob),
        put.schema_version,
        put.state_class,
        correlation_id,
        put.expires_at,
        is_confidential(put.blob),
        labels_of(put.blob) or None,
    )
