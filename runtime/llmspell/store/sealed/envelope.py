"""What becomes of one blob on its way into a store and out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from llmspell.errors import EncryptionError, IntegrityFailed, KeyMissing, StorageError
from llmspell.store.base import INTERNAL, KEY_RING
from llmspell.store.codec import (
    SEALED,
    confidential,
    decode,
    has_confidential_members,
    is_confidential,
    is_plain,
    map_members,
)
from llmspell.store.problems import unopened

if TYPE_CHECKING:
    from llmspell.security.keys.sealer import Sealer

__all__ = ["ACCESS", "LOCKS", "NAMES", "RING", "Envelope"]

RING: Final = KEY_RING
#: The class whose values are always sealed.
SENSITIVE: Final = "sensitive"
#: Where the names of hidden keys are kept.
NAMES: Final = INTERNAL + "names"
#: Where grants are kept: who could put one there without the key would have what it grants.
ACCESS: Final = INTERNAL + "access"

#: What the scopes of locks begin with: their keys are names that users chose.
LOCKS: Final = INTERNAL + "lock:"


class Envelope:
    """Seals blobs that are confidential and opens what is sealed.

    ``everything`` seals every blob of every scope, whatever it holds. ``all_values`` tells whether
    all values of users are sealed, ``refuses_plain`` whether those that are not count as forged.
    Without a ``sealer`` there is no
    key: nothing is opened, and nothing that is confidential is stored.
    """

    def __init__(
        self,
        sealer: Sealer | None,
        *,
        everything: bool = False,
        all_values: Callable[[], bool] = lambda: False,
        refuses_plain: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sealer = sealer
        self._everything = everything
        self._all_values = all_values
        self._refuses_plain = refuses_plain

    def seal(self, scope: str, key: str, version: int, schema_version: int, blob: bytes) -> bytes:
        """Return what is stored of a blob. Raises EncryptionError for what must not be."""
        if scope[:1] == INTERNAL or self._everything:
            if not blob or not self._is_whole(scope):
                return blob
            return self._needed().seal(scope, key, version, schema_version, blob)
        if not is_plain(blob):
            decode(blob)  # a value that was not opened must not become that of another version
        if is_confidential(blob) or self._all_values():
            return self._needed().seal(scope, key, version, schema_version, blob)
        if not has_confidential_members(blob):
            return blob
        sealer = self._needed()
        return map_members(
            blob,
            lambda at, data: sealer.seal(scope, key, version, schema_version, data, _member(at)),
            sealed=True,
        )

    def open(
        self,
        scope: str,
        key: str,
        version: int,
        schema_version: int,
        blob: bytes,
        state_class: str = SENSITIVE,
    ) -> bytes:
        """Return the blob in the open; what does not open tells why when it is decoded.

        Where only class sensitive is sealed, ``state_class`` must be that: who has changed it
        wants the next version in the open.
        """
        whole = self._is_whole(scope)
        sealer = self._sealer
        if sealer is None or (scope[:1] == INTERNAL and not whole):
            return blob
        if not blob and whole:
            return blob
        try:
            if not blob:
                raise _damaged(scope, key, version)
            if blob[0] == SEALED:
                opened = sealer.open(scope, key, version, schema_version, blob)
                if whole:
                    return opened
                if state_class != SENSITIVE and not self._all_values():
                    raise _damaged(scope, key, version)
                return confidential(opened)
            if _is_close_to_sealed(blob[0]):
                raise _damaged(scope, key, version)
            if self._refuses_plain():
                raise _not_sealed(scope, key, version)
            if whole or not has_confidential_members(blob):
                return blob
            return map_members(
                blob,
                lambda at, data: sealer.open(
                    scope, key, version, schema_version, data, _member(at)
                ),
                sealed=False,
            )
        except EncryptionError as error:
            return unopened(error)
        except StorageError as error:
            if error.details.get("reason") != "corrupt":
                raise  # the store could not be asked for the keys: this says nothing of the value
            return unopened(_damaged(scope, key, version))

    def _is_whole(self, scope: str) -> bool:
        """Return whether whatever is stored in a scope is sealed, be it a value or not."""
        if scope[:1] != INTERNAL or self._everything:
            return self._everything and scope != RING.scope
        return scope in (ACCESS, NAMES)

    def sealed_parts(self, blob: bytes) -> list[bytes]:
        """Return what is sealed in a stored blob: the whole of it, members, or nothing."""
        if blob and blob[0] == SEALED:
            return [blob]
        found: list[bytes] = []
        if has_confidential_members(blob):

            def note(_: int, data: bytes) -> bytes:
                found.append(data)
                return data

            map_members(blob, note, sealed=False)
        return found

    def is_current(self, scope: str, blob: bytes, *, everything: bool) -> bool:
        """Return whether a stored blob is sealed as it would be now, if it has to be at all."""
        if not blob or ((everything or self._is_whole(scope)) and blob[0] != SEALED):
            return not blob
        needed = self._needed()
        return all(needed.is_current(part) for part in self.sealed_parts(blob))

    def _needed(self) -> Sealer:
        if self._sealer is None:
            raise KeyMissing(
                "this value must be encrypted, and no master key is configured",
                hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file;"
                " `llmspell keys generate` makes a key",
            )
        return self._sealer


def _member(position: int) -> str:
    # No key has control characters, so with this behind one it is the name of nothing else.
    return f"\0{position}"


def _is_close_to_sealed(first: int) -> bool:
    """Return whether one flipped bit makes the first byte that of a sealed blob."""
    return (first ^ SEALED).bit_count() == 1


def _damaged(scope: str, key: str, version: int) -> IntegrityFailed:
    return IntegrityFailed(
        f"the stored value of key {key!r} in scope '{scope}' is damaged",
        hint="restore it from a backup, or overwrite or delete the entry",
        scope=scope,
        key=key,
        version=version,
    )


def _not_sealed(scope: str, key: str, version: int) -> IntegrityFailed:
    return IntegrityFailed(
        f"the stored value of key {key!r} in scope '{scope}' is not encrypted, though all values"
        " of this store are: somebody has put it there",
        hint="restore it from a backup, or overwrite or delete the entry",
        scope=scope,
        key=key,
        version=version,
    )
