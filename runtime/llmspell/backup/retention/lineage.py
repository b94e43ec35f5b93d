"""Which backup is made from which: by their bases alone, since a clock may have been wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from llmspell.backup.model import Manifest, is_before_restore, is_pinned, with_entries

__all__ = ["Lineage", "always_kept", "lines", "newest_first"]


class Lineage:
    """Some backups and what each needs; ``broken`` are those that cannot be restored, and why.

    ``doubtful`` are known to be among these, and why.
    """

    def __init__(
        self, backups: Iterable[Manifest], *, doubtful: Mapping[str, str] | None = None
    ) -> None:
        self.by_id = {backup.id: backup for backup in backups}
        self.broken = {id_: why for id_, why in (doubtful or {}).items() if id_ in self.by_id}
        self._depth: dict[str, int] = {}
        self._root: dict[str, str] = {}
        for backup in self.by_id.values():
            self._place(backup)

    def _place(self, backup: Manifest) -> None:
        path: dict[str, Manifest] = {}
        problem, depth, root = None, -1, backup.id
        at = backup
        while True:
            if at.id in self.broken:
                problem = self.broken[at.id]
            elif at.id in self._depth:
                depth, root = self._depth[at.id], self._root[at.id]
            elif at.id in path:
                problem = f"its bases go round in a circle at {at.id}"
            else:
                path[at.id] = at
                root = at.id
                if at.base is None:
                    break
                base = self.by_id.get(at.base)
                problem = _unfit(at, base)
                if base is not None and problem is None:
                    at = base
                    continue
            break
        for each in reversed(path):
            depth += 1
            if problem is None:
                self._depth[each], self._root[each] = depth, root
            else:
                self.broken[each] = problem

    def complete(self) -> list[Manifest]:
        """Return the backups that have all they need."""
        return [backup for backup in self.by_id.values() if backup.id not in self.broken]

    def upwards(self, backup_id: str) -> Iterator[Manifest]:
        """Yield a backup, its base, the base of that, up to the full one."""
        at: str | None = backup_id
        while at is not None:
            backup = self.by_id[at]
            yield backup
            at = backup.base

    def needed(self, backup_ids: Iterable[str]) -> dict[str, str]:
        """Return all that these backups need, and for each one of those that need it.

        Of what a broken one needs it is what is there.
        """
        found: dict[str, str] = {}
        entered: set[str] = set()
        for backup_id in backup_ids:
            open_ids = [backup_id]
            while open_ids:
                at = open_ids.pop()
                if at not in entered:
                    entered.add(at)
                    for base in self._bases(self.by_id[at]):
                        found.setdefault(base, backup_id)
                        open_ids.append(base)
        return found

    def _bases(self, backup: Manifest) -> list[str]:
        if backup.base is None or backup.base in self.by_id:
            return [] if backup.base is None else [backup.base]
        return [each for each in backup.chain if each in self.by_id]

    def last_before(self, backup_id: str) -> str | None:
        """Return the last complete backup of the whole store whose id, so whose time, is below."""
        whole = (backup.id for backup in self.complete() if backup.scope is None)
        return max((each for each in whole if each < backup_id), default=None)

    def deletion_order(self, backup_ids: Iterable[str]) -> list[str]:
        """Return them chain by chain, the oldest chain first, in each what needs others first.

        Wherever it is broken off, nothing that is left lacks what it needs.
        """

        def place(backup_id: str) -> tuple[int, str, int, str]:
            root = self.by_id[self._root[backup_id]]
            return root.created_us, root.id, -self._depth[backup_id], backup_id

        return sorted(backup_ids, key=place)


def _unfit(backup: Manifest, base: Manifest | None) -> str | None:
    if base is None:
        return f"its base {backup.base} is not there"
    if backup.base_checksum not in (None, base.checksum):
        return f"{base.id} is not the base it was made from"
    return None


def newest_first(backups: Iterable[Manifest], now_us: int) -> list[Manifest]:
    """Return backups by time, without those dated in the future: of these nobody knows when."""
    past = [backup for backup in backups if backup.created_us <= now_us]
    return sorted(past, key=lambda backup: (backup.created_us, backup.id), reverse=True)


def lines(backups: Sequence[Manifest], now_us: int) -> list[list[Manifest]]:
    """Return the backups of the whole store and those of each scope apart, each newest first.

    A backup of one scope stands in for none of another, so they are not counted together. Nor are
    those that were made before a restore: some attempts to restore must not cost all others.
    """
    found: dict[tuple[str | None, bool], list[Manifest]] = {}
    for backup in newest_first(backups, now_us):
        found.setdefault((backup.scope, is_before_restore(backup)), []).append(backup)
    return list(found.values())


def always_kept(backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
    """Return what no policy removes: id to reason.

    That is what is pinned; what is dated in the future, whose age nobody knows; and of each
    store that there is a backup of the newest one of the whole store, or of anything where there
    is none: a store that was lost, and is a new one since, is the one that backups are for. Of
    those that have entries, and were not made before a restore, the newest stays as well.
    """
    past = newest_first(backups, now_us)
    full = with_entries(past)
    has_some = [each for each in past if each.id in full and not is_before_restore(each)]
    kept = dict.fromkeys(_newest(has_some), "the newest backup with entries")
    kept |= dict.fromkeys(_newest(past), "the newest backup")
    for backup in backups:
        if backup.created_us > now_us:
            kept[backup.id] = "dated in the future: a clock was wrong"
        if is_pinned(backup.label):
            kept[backup.id] = "pinned by its label"
    return kept


def _newest(backups: Sequence[Manifest]) -> list[str]:
    """Return for each store the first of its backups, one of the whole store if there is any."""
    newest: dict[str | None, Manifest] = {}
    for backup in backups:
        found = newest.setdefault(_store_of(backup), backup)
        if found.scope is not None and backup.scope is None:
            newest[_store_of(backup)] = backup
    return [backup.id for backup in newest.values()]


def _store_of(backup: Manifest) -> str | None:
    """Return which store it is of; None for those without a journal: nothing tells these apart."""
    return None if backup.journal is None else backup.journal.store_id
