"""Ephemeral entries over a store: kept in this process, never written to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

from llmspell.errors import VersionConflict
from llmspell.store.base import (
    Check,
    Delete,
    Operation,
    Put,
    Reader,
    Ref,
    Restored,
    RestoreWork,
    Rewritten,
    Row,
    Store,
    WriteResult,
    Written,
)
from llmspell.store.changes import NOBODY, Origin, Swept
from llmspell.store.clock import Clock, system_clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.layered.batch import EPHEMERAL, LayeredBatch
from llmspell.store.layered.gate import Gate
from llmspell.store.layered.reader import LayeredReader
from llmspell.store.memory.store import MemoryStore
from llmspell.store.plan import touched
from llmspell.store.restoring import Batches, Restorer, ephemeral_restored
from llmspell.store.rewriting import check_rewrite
from llmspell.store.wrapper import StoreWrapper

__all__ = ["LayeredStore"]

T = TypeVar("T")
_Outcome = TypeVar("_Outcome", WriteResult, Rewritten)
_NEVER: Final = -1
_FAILS: Final = Check("", "", 0, _NEVER)


class LayeredStore(StoreWrapper):
    """A store whose entries of class ``ephemeral`` live and die with this process.

    Such an entry hides the stored one of the same address while it lives. Writing the address
    with another class ends it; deleting takes both. Preconditions look at what can be seen. An
    ephemeral entry counts versions of its own, which have nothing to do with those of the one
    it hides, and leaves no trace in the journal: ``seq`` of a batch that stores nothing is the
    last one this store was told. The child of a fork goes on with copies.

    What touches no ephemeral entry goes straight to ``inner``.
    """

    def __init__(self, inner: Store, *, clock: Clock = system_clock) -> None:
        super().__init__(inner)
        self._upper = MemoryStore(journal=False, clock=clock)
        self._reader = LayeredReader(self._upper, inner)
        self._gate = Gate()
        self._last = 0
        self._restorer = Restorer()
        hold_over_fork(self)

    # Writing -------------------------------------------------------------------------------

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        passed = self._past(self.inner.write, batch, durability, origin)
        return self._write_both(batch, durability, origin) if passed is None else passed

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        passed = self._past(self.inner.rewrite, batch, durability, origin)
        if passed is None:
            check_rewrite(batch)
            return Rewritten(*self._write_both(batch, durability, origin)[1:])
        return passed

    def _past(
        self,
        write: Callable[..., _Outcome],
        batch: Sequence[Operation],
        durability: str | None,
        origin: Origin,
    ) -> _Outcome | None:
        """Write to the inner store alone; None if the batch touches what is ephemeral."""
        ephemeral = any(type(o) is Put and o.state_class == EPHEMERAL for o in batch)
        if ephemeral or not self._gate.pass_by(batch):
            return None
        try:
            own = self._upper.epoch()
            result = write(batch, durability=durability, origin=origin)
        finally:
            self._gate.leave()
        self._last = max(self._last, result.seq)
        before, after = self._sums(result.epoch_before, result.epoch_after, own)
        return result._replace(epoch_before=before, epoch_after=after)

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        arguments = (scope, key, blob, at, schema_version, state_class, if_version, origin)
        if state_class == EPHEMERAL:
            if if_version is None:
                return self._put_above(arguments)
        elif self._gate.pass_by_with(scope, key):
            try:
                own = self._upper.epoch()
                version, created_at, before, after = self.inner.put(*arguments)
            finally:
                self._gate.leave()
            return version, created_at, *self._sums(before, after, own)
        operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
        ((done,), before, after, _) = self._write_both((operation,), None, origin)
        return done.version, done.created_at, before, after

    def _sums(self, before: int, after: int, own: int) -> tuple[int, int]:
        """Add this layer's epoch to the inner ones; unknown if it moved meanwhile."""
        if own != self._upper.epoch():
            return -1, -1
        return -1 if before == -1 else before + own, -1 if after == -1 else after + own

    def _put_above(self, arguments: tuple[Any, ...]) -> tuple[int, int, int, int]:
        with self._gate.turn:
            number = self.inner.epoch()
            self._gate.note(Ref(*arguments[:2]), ephemeral=True)
            version, created_at, before, after = self._upper.put(*arguments)
        if number == -1:
            return version, created_at, -1, -1
        return version, created_at, number + before, number + after

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Restore the inner store; ``work`` reads that one alone.

        Ephemeral entries at restored addresses end when that is done.
        """
        ended: dict[Ref, int] = {}

        def noted(reader: Reader) -> Iterator[Sequence[Restored | Delete]]:
            for batch in Batches(work, reader):
                for operation in batch if self._gate.keys else ():
                    if self._gate.hides([ref := Ref(*operation[:2])]):
                        ended[ref] = operation.at
                if any(type(it) is Restored and it.state_class == EPHEMERAL for it in batch):
                    raise ephemeral_restored()
                yield batch

        self._restorer.refuse_own()
        with self._gate.restoring, self._restorer.at_work():
            own = self._upper.epoch()
            before, after, seq = self.inner.restore(noted, durability=durability, origin=origin)
            self._last = max(self._last, seq)
            if not ended:
                return Rewritten(*self._sums(before, after, own), seq)
            with self._gate.alone_in_restore():
                self._upper.write([Delete(*ref, at) for ref, at in ended.items()])
                for ref in ended:
                    self._gate.note(ref, ephemeral=False)
            return Rewritten(-1, -1, seq)

    # Writing both layers -------------------------------------------------------------------

    def _write_both(
        self, batch: Sequence[Operation], durability: str | None, origin: Origin
    ) -> WriteResult:
        touches, clears = touched(batch)
        self._restorer.refuse_own()
        with self._gate.alone():
            refs = {Ref(*ref): None for ref in touches}
            for scope in clears:
                refs |= {Ref(scope, key): None for key in self._gate.keys.get(scope, ())}
            return self._apply(batch, list(refs), durability, origin)

    def _apply(
        self, batch: Sequence[Operation], refs: list[Ref], durability: str | None, origin: Origin
    ) -> WriteResult:
        above = {
            ref: row.expires_at
            for ref, row in zip(refs, self._upper.read(refs), strict=True)
            if row is not None
        }
        below = [
            ref for ref, row in zip(refs, self.inner.read(refs), strict=True) if row is not None
        ]
        layers = LayeredBatch(batch, above, below)
        self._rehearse(layers.upper)
        lower: list[Written] = []
        before = after = self.inner.epoch()
        if layers.lower:
            lower, before, after, seq = self.inner.write(
                layers.lower, durability=durability, origin=origin
            )
            self._last = max(self._last, seq)
        upper, own_before, own_after, _ = self._upper.write(layers.upper, origin=origin)
        for ref in refs:
            self._gate.note(ref, ephemeral=ref in layers.above)
        return WriteResult(
            layers.written(upper, lower),
            -1 if before == -1 else before + own_before,
            -1 if after == -1 else after + own_after,
            self._last,
        )

    def _rehearse(self, batch: Sequence[Operation]) -> None:
        """Raise VersionConflict if the batch would: what follows must not fail half-way."""
        if batch:
            try:
                self._upper.write([*batch, _FAILS])
            except VersionConflict as conflict:
                if conflict.details["expected"] != _NEVER:
                    raise

    # Reading -------------------------------------------------------------------------------

    def _ask(self, rounds: int, hides: bool, question: Callable[[Reader], T]) -> T:
        """Ask the inner store alone if nothing ephemeral matters and no round interferes.

        ``rounds`` is what it was before ``hides`` was found out.
        """
        if not hides and not self._gate.is_taken:
            answer = question(self.inner)
            if rounds == self._gate.rounds:
                return answer
        with self._gate.turn:
            return question(self._reader)

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        rounds = self._gate.rounds
        hides = bool(self._gate.keys) and self._gate.hides(refs)
        return self._ask(rounds, hides, lambda reader: reader.read(refs))

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        return self._ask(
            self._gate.rounds,
            scope in self._gate.keys,
            lambda reader: reader.scan(
                scope, prefix=prefix, after=after, limit=limit, values=values
            ),
        )

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        return self._ask(
            self._gate.rounds, bool(self._gate.keys), lambda reader: reader.scopes(prefix)
        )

    def versions(self) -> list[tuple[str, int, int]]:
        return self._ask(self._gate.rounds, bool(self._gate.keys), lambda reader: reader.versions())

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        with ExitStack() as stack:
            with self._gate.turn:
                upper = stack.enter_context(self._upper.snapshot())
                lower = stack.enter_context(self.inner.snapshot())
            yield LayeredReader(upper, lower)

    def stats(self) -> dict[str, Any]:
        with self._gate.turn:
            facts, own = self.inner.stats(), self._upper.stats()
            for scope, _ in self._upper.scopes():
                facts["entries"] += len(self._reader.alone(scope))
                facts["scopes"] += not self.inner.scan(scope, limit=1, values=False)
            facts["bytes"] += own["bytes"]
            return facts | {"ephemeral": own["entries"]}

    # Upkeep --------------------------------------------------------------------------------

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        own = self._upper.sweep(now, limit=limit)
        if own.expired:
            self._forget_expired()
        used = own.expired + own.purged
        if used >= limit:
            return own._replace(done=False)
        swept = self.inner.sweep(now, limit=limit - used)
        return Swept(
            own.expired + swept.expired, own.purged + swept.purged, own.done and swept.done
        )

    def _forget_expired(self) -> None:
        with self._gate.turn:
            for scope, keys in list(self._gate.keys.items()):
                living = {row.key for row in self._upper.scan(scope, values=False)}
                for key in keys - living:
                    self._gate.note(Ref(scope, key), ephemeral=False)

    def epoch(self) -> int:
        own = self._upper.epoch()
        number = self.inner.epoch()
        return -1 if number == -1 else number + own

    def close(self) -> None:
        self.inner.close()
        self._upper.close()

    def before_fork(self) -> None:
        self._gate.before_fork()

    def after_fork(self, *, in_child: bool) -> None:
        self._gate.after_fork(in_child=in_child)
        if in_child:
            self._restorer.forget_others()
