"""What migrations need of the manager: the stored form of what they make, and writing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from llmspell.errors import LlmSpellError
from llmspell.state.classes import class_policy
from llmspell.state.core import STANDARD, StateCore
from llmspell.store.base import Put, Rewritten
from llmspell.store.changes import Origin
from llmspell.store.codec import decode, encode, unpacked_size
from llmspell_bridges.values import MAX_DEPTH, Value, depth_of, too_deep

if TYPE_CHECKING:
    from llmspell.state.lifting import Lifts

__all__ = ["Rewriting"]


class Rewriting(StateCore):
    """Writing what migrations make of entries."""

    #: What migrates entries as they are loaded, where that is configured.
    _lifting: Lifts | None = None

    def _migrated_blob(
        self,
        ref: tuple[str, str],
        value: Value,
        former: bytes,
        state_class: str,
        schema_version: int,
    ) -> bytes:
        """Return the stored form of what a migration made of a value; ``former`` is the blob of it.

        Raises what saving it would raise, except what a state machine has to say: a migration
        changes the shape of a value, not its state.
        """
        policy = STANDARD if state_class == "standard" else class_policy(state_class)
        depth, max_bytes = self._limits.depth, self._value_bytes
        if policy is not STANDARD:
            depth = min(depth, policy.depth or depth)
            max_bytes = min(max_bytes, policy.value_bytes or max_bytes)
        if self._looks or policy.strict:
            before, name = decode(former), policy.name
            self._validate(*ref, value, before, name, schema_version, is_migration=True)
        if policy is STANDARD and not self._looks:
            blob = encode(value, max_bytes=max_bytes, confidential=self._encrypts_all)
        else:
            blob = self._safeguards.encoded(*ref, value, policy, max_bytes)
        if depth_of(value) > depth:
            raise too_deep("$", depth)
        if self._check_written is not None:
            self._check_written(ref[0], blob, policy.name)
        return blob

    def _standard_encoder(
        self, family: str, version: int
    ) -> Callable[[Value], bytes | None] | None:
        """Return what ``_migrated_blob`` comes to for class standard, if it is so simple.

        It returns None for a value that does not fit the schema, which ``_migrated_blob`` tells.
        """
        fits = self._quick_check(family, version)
        simple = self._safeguards.protection is None and self._check_written is None
        if not simple or fits is None or self._limits.depth < MAX_DEPTH:
            return None
        max_bytes, confidential = self._value_bytes, self._encrypts_all

        def encoded(value: Value) -> bytes | None:
            if not fits(value):
                return None
            blob = encode(value, max_bytes=max_bytes, confidential=confidential)
            # Each level takes a byte: short values, which most are, need no look at them.
            if unpacked_size(blob) > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
                raise too_deep("$", MAX_DEPTH)
            return blob

        return encoded

    def _quick_check(self, family: str, version: int) -> Callable[[Value], bool] | None:
        """Return what tells whether a value breaks no rule, where schemas are the only rules."""
        validator, versioning = self._safeguards.validator, self._versioning
        if validator is None:
            return lambda _value: True
        if versioning is None or not versioning.makes(validator.rules):
            return None
        registry = versioning.registry
        if version not in registry.versions(family):
            return None
        return partial(registry.fits, family, version)

    def _rewrite(
        self, puts: Sequence[Put], origin: Origin, *, durability: str | None = None
    ) -> Rewritten:
        """Write a batch of a migration; nothing of it is kept in the cache.

        Raises ``VersionConflict`` when an entry is not at the version its put demands.
        """
        try:
            done = self._store.rewrite(puts, durability=durability, origin=origin)
        except LlmSpellError as error:
            if self._audit is not None:
                self._audit.migrated(puts, error.code, origin)
            raise
        forgotten = dict.fromkeys([(put[0], put[1]) for put in puts])
        self._cache.finish_all(forgotten, done.epoch_before, done.epoch_after)
        if self._audit is not None:
            self._audit.migrated(puts, "ok", origin)
        self._written(puts[0].at)
        return done
