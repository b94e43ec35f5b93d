"""The stored grants of access control, which every backup of a whole store carries along.

They are llmspell's own entries, which no chunk may hold. They come back only to a store that has
never had any: what was revoked there since stays revoked.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

import msgpack

from llmspell.errors import BackupDamaged
from llmspell.store.base import GRANTS, Reader, Restored
from llmspell.store.codec import is_unopened

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest
    from llmspell.backup.sealing import BackupKey

__all__ = ["count_grants", "grants_of", "packed_grants", "restored_grants"]

#: What they are bound to when they are sealed: no chunk is called so.
_NAME: Final = "grants"
#: The entry beside them: the number of the last one.
_NUMBER: Final = "last"


def packed_grants(reader: Reader, key: BackupKey | None) -> str | None:
    """Return the grants of a store as a manifest holds them, sealed with ``key``; None without."""
    rows = [(row.key, row.blob) for row in reader.scan(GRANTS) if not is_unopened(row.blob)]
    if not rows:
        return None
    data: bytes = msgpack.packb(rows)
    return base64.b64encode(data if key is None else key.seal(_NAME, data)).decode("ascii")


def grants_of(manifest: Manifest, key: BackupKey | None) -> list[tuple[str, bytes]]:
    """Return keys and values of the grants' entries. Raises BackupDamaged, DecryptionFailed."""
    if manifest.grants is None:
        return []
    try:
        data = base64.b64decode(manifest.grants, validate=True)
        found: Any = msgpack.unpackb(data if key is None else key.open(_NAME, data))
        rows = [(name, value) for name, value in found]
    except (binascii.Error, ValueError, TypeError) as error:
        if isinstance(error, BackupDamaged):
            raise
        raise _damaged(manifest) from error
    if not all(type(name) is str and name and type(value) is bytes for name, value in rows):
        raise _damaged(manifest)
    return rows


def restored_grants(reader: Reader, grants: list[tuple[str, bytes]], now_us: int) -> list[Restored]:
    """Return the writes that bring grants back to a store that never had any."""
    if not grants or reader.scan(GRANTS, limit=1):
        return []
    return [
        Restored(GRANTS, name, value, now_us, 1, now_us, now_us, 1, "standard", None, None)
        for name, value in grants
    ]


def count_grants(writes: list[Restored]) -> int:
    """Return how many grants are among these writes."""
    return sum(write.key != _NUMBER for write in writes)


def _damaged(manifest: Manifest) -> BackupDamaged:
    return BackupDamaged(
        f"backup {manifest.id} is damaged: the grants in it cannot be read",
        hint="restore from another backup",
        backup=manifest.id,
        problems=["manifest.json: the grants in it cannot be read"],
    )
