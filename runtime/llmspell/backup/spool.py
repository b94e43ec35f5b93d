"""What is read once and needed again, in a temporary file that only this process can read."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final

import msgpack

from llmspell.backup.records import Changed
from llmspell.security.ciphers import CIPHERS, DEFAULT_CIPHER

__all__ = ["Spool"]

_LENGTH: Final = Struct(">I")


class Spool:
    """Changes of a journal, page by page.

    The file has no name, and is sealed with a key that is nowhere but here: what is encrypted in
    a store must not lie in the open beside it.
    """

    def __init__(self) -> None:
        cipher = CIPHERS[DEFAULT_CIPHER]
        self._nonce_bytes = cipher.nonce_bytes
        self._cipher = cipher.make(secrets.token_bytes(cipher.key_bytes))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._pages = 0

    def add(self, changes: Sequence[Changed]) -> None:
        """Keep a page."""
        data = self._cipher.encrypt(self._nonce(self._pages), msgpack.packb(list(changes)), None)
        self._file.write(_LENGTH.pack(len(data)))
        self._file.write(data)
        self._pages += 1

    def __iter__(self) -> Iterator[list[Changed]]:
        """Yield the pages from the first one on."""
        self._file.seek(0)
        for page in range(self._pages):
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            data = self._cipher.decrypt(self._nonce(page), self._file.read(length), None)
            yield [Changed(*fields) for fields in msgpack.unpackb(data)]

    def close(self) -> None:
        """Let go of the file, and thereby of what is in it."""
        self._file.close()

    def _nonce(self, page: int) -> bytes:
        return page.to_bytes(self._nonce_bytes, "big")
