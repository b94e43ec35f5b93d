"""The way to a point in time: which backups lead there, and whether the journal must help."""

from __future__ import annotations

from collections.abc import Sequence
from time import time_ns
from typing import Final, NamedTuple, TypeVar

from llmspell.backup.chain import Catalogue
from llmspell.backup.latest import check_damaged, is_another, latest_of
from llmspell.backup.model import Manifest, time_of
from llmspell.backup.records import Changed
from llmspell.errors import BackupError, BackupNotFound, PointUnreachable
from llmspell.store.base import Store
from llmspell.store.changes import Change

__all__ = ["Route", "Until", "find_route", "route"]

_Any = TypeVar("_Any", Change, Changed)

_TRY: Final = "choose another point; `llmspell backup list` shows when backups were made"


class Until(NamedTuple):
    """A point in time: after the change ``seq``, or after all that were made up to ``at_us``."""

    seq: int | None
    at_us: int | None

    def counting(self, changes: list[_Any]) -> list[_Any]:
        """Return the changes that count: they are as old as this point, or older.

        Each has the time of the machine that made it. Where one that was ahead wrote, what others
        wrote after it counts all the same.
        """
        if self.seq is not None:
            return [change for change in changes if change.seq <= self.seq]
        return [change for change in changes if change.at <= (self.at_us or 0)]

    def is_behind(self, seq: int) -> bool:
        """Tell whether no change after that of position ``seq`` can count."""
        return self.seq is not None and self.seq <= seq

    def distance(self, manifest: Manifest) -> int | None:
        """Return how far this point lies behind a backup, 0 if it is exactly that moment.

        None when they cannot be compared: the store kept no journal.
        """
        if self.seq is None:
            return (self.at_us or 0) - manifest.snapshot_us
        return None if manifest.journal is None else self.seq - manifest.journal.seq

    def __str__(self) -> str:
        if self.at_us is not None:
            return f"{time_of(self.at_us):%Y-%m-%d %H:%M:%S.%f} UTC"
        return f"position {self.seq} of the journal"


class Route(NamedTuple):
    """The backups to read, the full one first, and where to stop.

    ``tail`` tells that the changes after the last of them come from the journal.
    """

    chain: list[Manifest]
    until: Until | None = None
    tail: bool = False


def route(
    chain: list[Manifest], until: Until | None, journal: Store, store_id: str | None
) -> Route:
    """Return the way to a point along one chain. Raises PointUnreachable.

    ``journal`` is the store whose journal may tell what came after a backup, if ``store_id``
    says that it is the one the backups are of.
    """
    if until is None:
        return Route(chain)
    position = chain[-1].journal
    if until.seq is not None and store_id and position and position.store_id != store_id:
        foreign = f"backup {chain[-1].id} is of another store, whose positions are others"
        raise _unreachable(until, foreign, chain[-1])
    distances = [_distance(until, each) for each in chain]
    if distances[0] < 0:
        raise _unreachable(until, f"it lies before {_moment(until, chain[0])}", chain[0])
    reached = next((at for at, each in enumerate(distances) if each < 0), len(chain))
    last = chain[reached - 1]
    # Of a time, there may be changes of the same microsecond that the backup has not seen.
    is_there = distances[reached - 1] == 0
    if is_there and until.seq is not None:
        return Route(chain[:reached])
    if reached < len(chain) and chain[reached].type == "incremental":
        return Route(chain[: reached + 1], until)
    why = _why_no_tail(last, until, journal, store_id)
    if why is not None and is_there:
        return Route(chain[:reached])
    if why is not None:
        raise _unreachable(until, f"backup {last.id} shows {_moment(until, last)}, and {why}", last)
    return Route(chain[:reached], until, tail=True)


def find_route(
    catalogue: Catalogue,
    until: Until | None,
    journal: Store,
    store_id: str | None,
    ignore: Sequence[str] = (),
) -> Route:
    """Return the best way to a point: along backups alone if they go there, else by the journal.

    Without a point it is the latest backup of everything. Backups of other stores count when
    those of this one do not lead there. Raises BackupNotFound and PointUnreachable.
    """
    found = [
        each for each in catalogue.manifests() if each.type != "scope" and each.id not in ignore
    ]
    if not found:
        if catalogue.damaged:
            catalogue.get(max(catalogue.damaged))  # tells what is wrong with it
        raise BackupNotFound(
            "there is no backup of everything to restore",
            hint="`llmspell backup list` shows what there is; one of a scope must be named",
        )
    own = [each for each in found if each.journal and each.journal.store_id == store_id]
    if until is None:
        latest = latest_of(found, own, journal)
        check_damaged(catalogue, latest)
        return Route(catalogue.chain(latest.id))
    try:
        return _best(catalogue, own or found, until, journal, store_id)
    except BackupError:
        # A position means another moment in another store.
        if not own or until.seq is not None or len(own) == len(found):
            raise
    others = [each for each in found if each not in own]
    return _best(catalogue, others, until, journal, store_id)


def _best(
    catalogue: Catalogue,
    found: list[Manifest],
    until: Until,
    journal: Store,
    store_id: str | None,
) -> Route:
    first_error: BackupError | None = None
    for manifest in _candidates(found, until):
        try:
            return route(catalogue.chain(manifest.id), until, journal, store_id)
        except BackupError as error:
            first_error = first_error or error
    if first_error is not None:
        raise first_error
    earliest = min((each for each in found if each.type == "full"), key=_snapshot, default=None)
    if earliest is None:
        raise _unreachable(until, "there is no full backup before it", None)
    raise _unreachable(until, f"it lies before {_moment(until, earliest)}", earliest)


def _candidates(found: list[Manifest], until: Until) -> list[Manifest]:
    """Return the backups to try: that moment's own, those it lies within, those before it."""
    by_id = {each.id: each for each in found}
    exact: list[Manifest] = []
    within: list[Manifest] = []
    before: list[tuple[int, Manifest]] = []
    for manifest in found:
        distance = until.distance(manifest)
        base = by_id.get(manifest.base or "")
        if distance is None:
            continue
        if distance == 0:
            exact.append(manifest)
        elif distance > 0:
            before.append((distance, manifest))
        elif manifest.type == "incremental" and base and (until.distance(base) or -1) > 0:
            within.append(manifest)
    nearest = [manifest for _, manifest in sorted(before, key=lambda pair: pair[0])]
    return exact + sorted(within, key=lambda each: len(each.chain)) + nearest


def _distance(until: Until, manifest: Manifest) -> int:
    distance = until.distance(manifest)
    if distance is None:
        raise _unreachable(until, f"backup {manifest.id} is of a store without a journal", manifest)
    return distance


def _why_no_tail(
    manifest: Manifest, until: Until, journal: Store, store_id: str | None
) -> str | None:
    """Return why the journal does not lead from a backup to a point, None if it does."""
    position = manifest.journal
    if position is None:
        return "its store kept no journal"
    if until.at_us is not None and until.at_us > time_ns() // 1000:
        return "the point lies in the future"
    if store_id != position.store_id:
        return "what came after it is in the journal of another store than this one"
    span = journal.span()
    if span.floor > position.seq:
        return "the journal does not reach back to it any more"
    if position.seq > span.last:
        return f"the journal ends before it, at position {span.last}"
    if is_another(manifest, journal):
        return "the journal has gone another way since: the store was put back before that"
    if until.seq is not None and until.seq > span.last:
        return f"the journal ends at position {span.last}"
    return None


def _unreachable(until: Until, why: str, nearest: Manifest | None) -> PointUnreachable:
    details = {} if nearest is None else {"nearest_us": nearest.snapshot_us}
    return PointUnreachable(f"{until} cannot be reached: {why}", hint=_TRY, **details)


def _moment(until: Until, manifest: Manifest) -> str:
    """Say which moment a backup shows, in the terms the point was asked for."""
    if until.at_us is None and manifest.journal is not None:
        return str(Until(manifest.journal.seq, None))
    return str(Until(None, manifest.snapshot_us))


def _snapshot(manifest: Manifest) -> int:
    return manifest.snapshot_us
