"""The local file beneath a failover log: sealed whole, if anything can be sealed."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell.errors import WrongKey
from llmspell.store.base import Ref, Row, Store
from llmspell.store.clock import Clock
from llmspell.store.codec import decode, is_unopened
from llmspell.store.wrapper import StoreWrapper

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.store.sealed.sealing import Sealing
    from llmspell.store.sealed.store import SealedStore

__all__ = ["LocalStore", "open_local", "plain_name", "start_of"]


class LocalStore(StoreWrapper):
    """A store whose rows open or raise: what failover keeps is no value that tells by itself."""

    inner: SealedStore

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        return [None if row is None else _opened(row) for row in self.inner.read(refs)]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        rows = self.inner.scan(scope, prefix=prefix, after=after, limit=limit, values=values)
        return [_opened(row) for row in rows]

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        return [_opened(row) for row in self.inner.walk(after, limit=limit)]

    def change_master_key(self, master: MasterKey | Passphrase) -> None:
        """Have another master key unwrap the key ring of this file."""
        keeper = self.inner.keeper
        assert keeper is not None  # without a key it is no LocalStore
        keeper.refresh()
        keeper.rewrap(master)

    def hidden_name(self, ref: Ref) -> str:
        """Return what an entry is called here when its key is to be hidden."""
        keeper = self.inner.keeper
        assert keeper is not None
        start = start_of(ref.scope)
        secret = keeper.ring.secret("index/failover")
        hashed = hmac.digest(secret, (start + ref.key).encode(), "sha256")
        return start + base64.b32encode(hashed[:20]).decode().lower()


def open_local(
    path: Path,
    scopes: Sequence[str],
    *,
    durability: str,
    sealing: Sealing | None,
    hides_keys: bool,
    clock: Clock,
) -> tuple[Store, Callable[[Ref], str]]:
    """Open the file, and return what names an entry in it.

    What lies in the open in one of its ``scopes``, from before there was a key, is sealed now.
    Raises as ``open_store`` does.
    """
    from llmspell.store import open_store

    try:
        store = open_store(
            "sqlite", path=path, durability=durability, journal=False, sealing=sealing, clock=clock
        )
    except WrongKey as error:
        raise WrongKey(
            f"the key does not open the local file of failover, {path}",
            hint="it was sealed with another one, which alone opens it: move the file away, and"
            " keep it if writes may wait in it",
            path=str(path),
        ) from error
    if sealing is None:
        return store, plain_name
    from llmspell.store.sealed.reencryption import reencrypt
    from llmspell.store.sealed.store import SealedStore

    assert isinstance(store, SealedStore)
    local = LocalStore(store)
    try:
        assert store.keeper is not None
        if not store.keeper.ring.complete:
            for _ in reencrypt(store, everything=True, scopes=scopes):
                pass
    except BaseException:
        store.close()
        raise
    return local, local.hidden_name if hides_keys else plain_name


def plain_name(ref: Ref) -> str:
    """Return what an entry is called here; never joined without saying where the scope ends."""
    return start_of(ref.scope) + ref.key


def start_of(scope: str) -> str:
    """Return what the names of all entries of a scope begin with."""
    return f"{len(scope)}:{scope}"


def _opened(row: Row) -> Row:
    if is_unopened(row.blob):
        decode(row.blob)
    return row
