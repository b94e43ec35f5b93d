"""Which entries of a backup a store can take, and in what form it keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmspell.errors import KeyMissing
from llmspell.store.base import Row
from llmspell.store.codec import (
    CONFIDENTIAL,
    confidential,
    decode,
    has_confidential_members,
    is_confidential,
    is_plain,
)

__all__ = ["Writable"]

#: The first bytes of values in the open that nobody has to encrypt, compressed or not.
_PLAIN: Final = frozenset((b"\x01", b"\x11", b"\x81", b"\x91"))
_SENSITIVE: Final = "sensitive"


@dataclass(frozen=True, slots=True)
class Writable:
    """What is known of the store that entries go to.

    ``has_key`` tells whether it can encrypt, ``encrypts_all`` whether it does with every value;
    where not, it does with those of class sensitive only. ``check`` raises LlmSpellError for an
    entry that may not be written for another reason.
    """

    has_key: bool = False
    encrypts_all: bool = False
    check: Callable[[Row], object] | None = None

    def takes_as_they_are(self, rows: list[Row]) -> bool:
        """Return whether none of the rows needs a look of its own."""
        if self.encrypts_all or self.check is not None:
            return False
        return _PLAIN.issuperset([row[9][:1] for row in rows])

    def fitted(self, row: Row) -> Row:
        """Return the row as the store takes it.

        Raises KeyMissing for what must be encrypted and cannot be, and for a value that was not
        readable when the backup was made what it raises then.
        """
        if self.check is not None:
            self.check(row)
        blob = row.blob
        if not is_plain(blob):
            decode(blob)
        if (is_confidential(blob) or has_confidential_members(blob)) and not self.has_key:
            raise KeyMissing(
                "its value is encrypted, and the store it goes to has no master key",
                hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file",
            )
        if self.encrypts_all or row.state_class == _SENSITIVE:
            return row._replace(blob=confidential(blob)) if self.has_key else row
        if is_confidential(blob):
            # Only what is of that class, or all values, may be encrypted as a whole in a store.
            return row._replace(blob=bytes((blob[0] & ~CONFIDENTIAL,)) + blob[1:])
        return row
