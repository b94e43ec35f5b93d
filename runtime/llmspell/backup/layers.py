"""What a restore reads: backups, one after the other, and what the journal tells after them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, cast

from llmspell.backup.model import Manifest
from llmspell.backup.reading import iter_chunks
from llmspell.backup.records import Changed, Gone, Record, Row
from llmspell.backup.spool import Spool
from llmspell.errors import BackupDamaged, PointUnreachable
from llmspell.store.base import Ref, Store
from llmspell.store.changes import RESTORE_RUN, Change

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.point import Until
    from llmspell.backup.sealing import BackupKey

__all__ = ["BackupLayer", "Layer", "spool_journal"]

_PAGE: Final = 2000
_HELD: Final[dict[str, frozenset[type]]] = {
    "full": frozenset({Row}),
    "scope": frozenset({Row}),
    "differential": frozenset({Row, Gone}),
    "incremental": frozenset({Changed}),
}


class Layer(Protocol):
    """Records, page by page, as often as they are asked for."""

    def __iter__(self) -> Iterator[list[Record]] | Iterator[list[Changed]]: ...


@dataclass(frozen=True, slots=True)
class BackupLayer:
    """The records of one backup."""

    manifest: Manifest
    get: Callable[[str], bytes]
    key: BackupKey | None

    @classmethod
    def of(cls, catalogue: Catalogue, manifest: Manifest, key: BackupKey | None) -> BackupLayer:
        """Make the layer of a backup in the place of the catalogue."""
        return cls(manifest, partial(catalogue.repository.read, manifest.id), key)

    def __iter__(self) -> Iterator[list[Record]]:
        """Yield the records of one chunk after the other. Raises BackupDamaged."""
        pages = iter_chunks(self.get, self.manifest, self.key)
        with closing(cast("Generator[list[Record], None, None]", pages)):
            for page in pages:
                self._check(page)
                yield page

    def _check(self, page: list[Record]) -> None:
        manifest = self.manifest
        wrong = not _HELD[manifest.type].issuperset(map(type, page))
        if not wrong and manifest.type == "scope":
            wrong = {each.scope for each in page} != {manifest.scope}
        if wrong:
            problem = f"it has records that do not belong into a {manifest.type} backup"
            raise BackupDamaged(
                f"backup {manifest.id} is damaged: {problem}",
                hint="restore from another backup",
                backup=manifest.id,
                problems=[problem],
            )


def spool_journal(journal: Store, after: int, until: Until) -> Spool:
    """Return the changes after a position and up to a point; the caller closes the spool.

    They are read before the restore begins, since nothing but the entries can be read while it
    writes. Raises PointUnreachable when the journal was compacted meanwhile.
    """
    spool = Spool()
    try:
        start, last = after, journal.span().last
        while after < last and (page := _page(journal, after, last, until)):
            after = page[-1].seq
            if counting := until.counting(page):
                spool.add(_with_times(journal, counting))
            if until.is_behind(after):
                break
        if journal.span().floor > start:
            raise PointUnreachable(
                "the journal was compacted while it was read", hint="try again", floor=start
            )
    except BaseException:
        spool.close()
        raise
    return spool


def _page(journal: Store, after: int, last: int, until: Until) -> list[Change]:
    """Return the next changes: with their values, but where none of them counts."""
    limit = min(_PAGE, last - after)
    page = journal.changes(after, limit=limit, values=False)
    return journal.changes(after, limit=len(page)) if until.counting(page) else page


def _with_times(journal: Store, page: list[Change]) -> list[Changed]:
    """Return changes with the facts of their entries: only a restore's are not the journal's."""
    refs = [
        Ref(each.scope, each.key) for each in page if (each.run_id or "").startswith(RESTORE_RUN)
    ]
    rows = {Ref(row.scope, row.key): row for row in journal.read(refs) if row} if refs else {}
    return [Changed.of(each, rows.get(Ref(each.scope, each.key))) for each in page]
