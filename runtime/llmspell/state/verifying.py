"""Checking a whole store: values, the journal, and whether the two agree.

It goes by the Store protocol alone, beside readers and writers, and holds no more than a few
values and a bounded number of keys: a long journal is walked several times, each time for a part
of the keys. What looks wrong is looked at again, since somebody may just have written it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from llmspell.errors import EncryptionError, KeyMissing, StorageError
from llmspell.state.agreement import disagreement, is_lost
from llmspell.state.chains import Chains, Gaps
from llmspell.state.classes import CLASSES
from llmspell.state.verified import Problem, Verified
from llmspell.store.base import Ref, Row, Store
from llmspell.store.changes import Change, JournalSpan
from llmspell.store.codec import decode

__all__ = ["verify"]

#: How many keys are remembered at a time; together they take about 60 MiB.
_KEYS: Final = 250_000
_MOST_PARTS: Final = 100
_PAGE: Final = 1000
#: How many values are read at a time: each may be some megabytes.
_VALUES: Final = 32
#: Entries of these classes live in this process alone, and the journal knows nothing of them.
_NEVER_STORED: Final = frozenset(name for name, policy in CLASSES.items() if not policy.stored)


def verify(store: Store, *, journal: bool = True) -> Iterator[Verified]:
    """Check everything and tell it step by step.

    Every value must open and decode, in the entries and in the journal. Above its floor the
    journal must have no gap; each change must point to the one before it of its key, with a
    lower version; each entry must be what its latest change says. On SQLite the file is checked,
    too.
    ``journal`` tells whether the store keeps one.

    Raises what reading the store raises, except that damage is told as a problem.
    """
    return _Verification(store, journal).steps()


class _Verification:
    def __init__(self, store: Store, journal: bool) -> None:
        self._store = store
        self._journal = journal
        self._span = JournalSpan(0, 0, 0)
        self._scopes: list[str] = []
        self._done, self._total = 0, 1
        self._compares = journal

    def steps(self) -> Iterator[Verified]:
        for begin in (self._check_file, self._measure_journal, self._list_scopes):
            yield from self._guarded(begin())
        # A damaged last number must not make endless work.
        parts = min(max(1, -(-self._span.rows // _KEYS)), _MOST_PARTS)
        self._total += parts * self._span.rows
        for part in range(parts):
            chains = Chains(part, parts, lambda: self._store.span().floor)
            yield from self._guarded(self._walk(chains, first=part == 0))
            yield from self._guarded(self._compare(chains))
            if self._compares:
                yield from self._guarded(self._seek_lost(chains))
        yield self._step(share=1.0)

    def _guarded(self, steps: Iterator[Verified]) -> Iterator[Verified]:
        """Turn damage that keeps a part of the work from being done into a problem."""
        try:
            yield from steps
        except StorageError as error:
            if error.details.get("reason") != "corrupt":
                raise
            self._compares = False  # with what was not reached
            yield self._step(problems=[Problem(error.message)])

    def _check_file(self) -> Iterator[Verified]:
        try:
            facts = self._store.stats()
        except StorageError as error:
            facts = error.details  # they name the file, too
            if facts.get("reason") != "corrupt":
                raise
        path = Path(facts.get("path", "")).absolute()
        if path.is_file():  # other backends have folders and addresses
            from llmspell.store.sqlite.integrity import damages

            found = damages(path)
            yield self._step(problems=[Problem(f"the database file: {line}") for line in found])

    def _measure_journal(self) -> Iterator[Verified]:
        self._span = self._store.span()
        yield self._step()

    def _list_scopes(self) -> Iterator[Verified]:
        scopes = self._store.scopes()
        self._scopes = [name for name, _ in scopes]
        self._total += sum(count for _, count in scopes)
        yield self._step()

    # The journal ---------------------------------------------------------------------------

    def _walk(self, chains: Chains, *, first: bool) -> Iterator[Verified]:
        """Read the journal up to where it reached; the first time with values and for gaps."""
        gaps, at, last = Gaps(lambda: self._store.span().floor), 0, self._span.last
        while at < last:
            page = self._store.changes(at, limit=_VALUES if first else _PAGE, values=first)
            problems = [problem for change in page for problem in _wrongs(change, chains, first)]
            at = page[-1].seq if page else last
            if first:
                reached = [change.seq for change in page] or [last + 1]
                problems += [Problem(gap) for seq in reached for gap in gaps.reach(seq)]
            yield self._step(changes=len(page) * first, units=len(page), problems=problems)

    # The entries ---------------------------------------------------------------------------

    def _compare(self, chains: Chains) -> Iterator[Verified]:
        for scope in self._scopes:
            after: str | None = None
            while listed := self._store.scan(scope, after=after, limit=_PAGE, values=False):
                after = listed[-1].key
                mine = [
                    ref for row in listed if chains.number(ref := Ref(scope, row.key)) is not None
                ]
                while mine:
                    page, mine = mine[:_VALUES], mine[_VALUES:]
                    yield self._compare_page(chains, page)

    def _compare_page(self, chains: Chains, refs: Sequence[Ref]) -> Verified:
        rows = [row for row in self._store.read(refs) if row is not None]
        links = {row[:2]: chains.last.pop(hash(row[:2]), None) for row in rows}
        seqs = [link.seq for link in links.values() if link is not None]
        changes = self._store.recall(seqs)
        problems: list[Problem] = []
        for row in rows:
            if damage := _undecodable(row.blob):
                problems.append(_problem(damage, row))
            if not self._compares or row.state_class in _NEVER_STORED:
                continue
            link = links[row[:2]]
            change = None if link is None else changes.get(link.seq)
            if what := disagreement(self._store, row, link, change):
                problems.append(_problem(what, row, link and link.seq))
        return self._step(entries=len(rows), units=len(refs), problems=problems)

    def _seek_lost(self, chains: Chains) -> Iterator[Verified]:
        """Look for keys that the journal says hold something, and that were not met."""
        seqs = [link.seq for link in chains.last.values() if link.lives]
        for start in range(0, len(seqs), _VALUES):
            found = self._store.recall(seqs[start : start + _VALUES])
            lost = [change for change in found.values() if is_lost(self._store, change)]
            what = "the journal tells of it, but there is no such entry"
            yield self._step(problems=[_problem(what, change, change.seq) for change in lost])

    # Steps ---------------------------------------------------------------------------------

    def _step(
        self,
        *,
        entries: int = 0,
        changes: int = 0,
        units: int = 0,
        share: float | None = None,
        problems: Sequence[Problem] = (),
    ) -> Verified:
        self._done += units
        if share is None:
            share = min(self._done / self._total, 1.0)
        return Verified(entries, changes, share, tuple(problems))


def _problem(what: str, place: Row | Change, seq: int | None = None) -> Problem:
    return Problem(what, place.scope, place.key, place.version, seq)


def _wrongs(change: Change, chains: Chains, values: bool) -> Iterator[Problem]:
    """Yield what is wrong with a change; ``values`` tells whether it came with its value."""
    damage = _undecodable(change.blob) if values and change.op == "put" else None
    for what in (chains.add(change), damage):
        if what:
            yield _problem(what, change, change.seq)


def _undecodable(blob: bytes) -> str | None:
    try:
        decode(blob)
    except KeyMissing:
        return None  # whether it opens is for those to see who have the key
    except (StorageError, EncryptionError) as error:
        return error.message
    return None
