"""Looking back: the versions of one key, what differs between them, and returning to one."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from llmspell.errors import VersionNotFound
from llmspell.state.batches import Batches
from llmspell.state.checks import check_integer
from llmspell.state.core import Scope
from llmspell.state.difference import Difference, differences
from llmspell.state.entry import Metadata, timestamp
from llmspell.store.base import Ref
from llmspell.store.changes import Change
from llmspell.store.codec import decode
from llmspell_bridges.values import INT_MAX, Value

__all__ = ["History", "Version"]


class Version(NamedTuple):
    """One version of a key. ``op`` is ``put``, ``delete`` or ``expire``; ``at_us`` its time.

    ``value`` is None for what is no ``put``, and when values were not asked for.
    """

    version: int
    op: str
    at_us: int
    size_bytes: int
    state_class: str
    schema_version: int
    expires_us: int | None
    actor: str | None
    run_id: str | None
    correlation_id: str | None
    value: Value

    def to_dict(self, *, value: bool) -> dict[str, Any]:
        """Return the version under the names scripts see, times as datetimes."""
        told: dict[str, Any] = {
            "version": self.version,
            "op": self.op,
            "at": timestamp(self.at_us),
            "size_bytes": self.size_bytes,
            "class": self.state_class,
            "schema_version": self.schema_version,
        }
        if self.expires_us is not None:
            told["expires_at"] = timestamp(self.expires_us)
        for name in ("actor", "run_id", "correlation_id"):
            if (known := getattr(self, name)) is not None:
                told[name] = known
        if value and self.op == "put":
            told["value"] = self.value
        return told


class History(Batches):
    """What the journal tells of a key. Each raises ``FeatureUnavailable`` without a journal."""

    def history(
        self,
        scope: Scope,
        key: str,
        *,
        limit: int | None = None,
        before: int | None = None,
        values: bool = False,
    ) -> list[Version]:
        """Return the versions of a key, the latest first, as far as the journal reaches.

        ``before`` leaves out that version and later ones: pass the last page's oldest.
        """
        self._need_journal("history")
        if limit is not None:
            check_integer("limit", limit, least=1)
        if before is not None:
            check_integer("before", before, least=1)
        ref = Ref(self._reads(scope), self._key(key))
        changes = self._store.history(ref, below=before, limit=limit)
        if self._audit is not None:
            self._audit.looked_back(ref, changes)
        return [_version(change, values=values) for change in changes]

    def load_version(self, scope: Scope, key: str, version: int) -> Any:
        """Return the value a key had at a version.

        Raises ``VersionNotFound`` when the journal does not have it, or the key was deleted by it.
        """
        return _value(self._version(self._reads(scope), key, version))

    def diff(self, scope: Scope, key: str, old: int, new: int) -> list[Difference]:
        """Return in which places two versions of a key differ. Raises ``VersionNotFound``."""
        text = self._reads(scope)
        versions = (_value(self._version(text, key, version)) for version in (old, new))
        return list(differences(*versions))

    def revert(self, scope: Scope, key: str, version: int) -> Metadata:
        """Save the value of an earlier version again, as a new version, and return its metadata.

        Class and schema version come back with it, a time to expire does not. Raises
        ``VersionNotFound``.
        """
        text = self._updates(scope)
        change = self._version(text, key, version)
        ref, value = (change.scope, change.key), _value(change)
        return self._save_at(ref, value, None, change.state_class, change.schema_version, None)

    def _version(self, scope: str, key: str, version: int) -> Change:
        self._need_journal("history")
        check_integer("version", version, least=1)
        ref = Ref(scope, self._key(key))
        found = self._store.history(ref, below=min(version + 1, INT_MAX), limit=1)
        if self._audit is not None:
            self._audit.looked_back(ref, found)
        if not found or found[0].version != version:
            raise VersionNotFound(
                f"version {version} of key {key!r} in scope '{ref.scope}' is not in the journal",
                hint="history lists the versions there are; older ones may be compacted",
                scope=ref.scope,
                key=key,
                version=version,
            )
        return found[0]


def _version(change: Change, *, values: bool) -> Version:
    return Version(
        change.version,
        change.op,
        change.at,
        len(change.blob),
        change.state_class,
        change.schema_version,
        change.expires_at,
        change.actor,
        change.run_id,
        change.correlation_id,
        decode(change.blob) if values and change.op == "put" else None,
    )


def _value(change: Change) -> Value:
    if change.op == "put":
        return decode(change.blob)
    raise VersionNotFound(
        f"key {change.key!r} in scope '{change.scope}' {_WAS[change.op]} by version"
        f" {change.version}: it has no value",
        hint=f"the value before that is version {change.version - 1}",
        scope=change.scope,
        key=change.key,
        version=change.version,
    )


_WAS: Final = {"delete": "was deleted", "expire": "expired"}
