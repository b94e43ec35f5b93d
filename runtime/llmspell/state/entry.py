"""What is known about an entry besides its value."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, NamedTuple

from llmspell_bridges.values import EPOCH

__all__ = ["Metadata", "timestamp"]


@lru_cache(maxsize=256)  # a batch has one time for all its entries
def timestamp(microseconds: int) -> dt.datetime:
    """Return microseconds since 1970 as an aware UTC datetime."""
    return EPOCH + dt.timedelta(microseconds=microseconds)


class Metadata(NamedTuple):
    """Facts about one stored entry; times are microseconds since 1970, UTC.

    ``created_at``, ``updated_at`` and ``expires_at`` give the times as datetimes. ``version``
    counts the writes and deletes of the key. ``size_bytes`` is the size of the encoded value and
    ``checksum`` its CRC-32 in hexadecimal, both before encryption. ``encrypted`` tells whether
    it is stored so, ``sensitive`` names what was found in it when it was saved, with commas.
    """

    version: int
    created_us: int
    updated_us: int
    size_bytes: int
    checksum: str
    schema_version: int
    state_class: str
    correlation_id: str | None
    expires_us: int | None
    encrypted: bool
    sensitive: str | None = None

    @property
    def created_at(self) -> dt.datetime:
        """When the present life of the entry began."""
        return timestamp(self.created_us)

    @property
    def updated_at(self) -> dt.datetime:
        """When the entry was last written."""
        return timestamp(self.updated_us)

    @property
    def expires_at(self) -> dt.datetime | None:
        """When the entry ends by itself, if ever."""
        return None if self.expires_us is None else timestamp(self.expires_us)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts under the names scripts see, times as datetimes."""
        return {
            "version": self.version,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "size_bytes": self.size_bytes,
            "checksum": self.checksum,
            "schema_version": self.schema_version,
            "class": self.state_class,
            "correlation_id": self.correlation_id,
            "expires_at": self.expires_at,
            "encrypted": self.encrypted,
            "sensitive": self.sensitive,
        }
