"""From a configuration to an open StateManager, with everything that guards its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmspell.config import defaults
from llmspell.state.access_opening import NOBODY_IN_PARTICULAR, Acting, configured_access
from llmspell.state.maintenance import Retention
from llmspell.state.manager import StateLimits, StateManager
from llmspell.state.origin import WARN
from llmspell.state.safeguards import Safeguards
from llmspell.state.sealing import configured_sealing, key_ring_of
from llmspell.store import Store, open_store

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.config import Config
    from llmspell.config.models import State
    from llmspell.config.state_sections import Failover, Journal
    from llmspell.migration.versioning import Versioning
    from llmspell.security.keys.ring import KeyRing
    from llmspell.security.validation.opening import ScriptRunner
    from llmspell.security.validation.rule import Rule
    from llmspell.state.core import StateCore
    from llmspell.store.sealed.sealing import Sealing

__all__ = ["configured_audit_key", "open_default_state", "open_state"]

_DAY_US: Final = 24 * 3600 * 1_000_000


def open_default_state(
    rules: Sequence[Rule] = (),
    *,
    scripts: ScriptRunner,
    acting: Acting = NOBODY_IN_PARTICULAR,
) -> StateManager:
    """Open what an empty configuration names, without the cost of reading one."""
    sealing = configured_sealing(None)
    store = open_store(
        defaults.BACKEND,
        path=Path(defaults.DATABASE),
        durability=defaults.DURABILITY,
        busy_timeout_ms=defaults.BUSY_TIMEOUT_MS,
        sealing=sealing,
    )
    try:
        safeguards = _safeguards(store, None, sealing, rules, scripts)
        return StateManager(
            store, cache_bytes=defaults.CACHE_BYTES, safeguards=safeguards, actor=acting.actor
        )
    except BaseException:
        store.close()
        raise


def open_state(
    config: Config,
    rules: Sequence[Rule] = (),
    *,
    scripts: ScriptRunner,
    acting: Acting = NOBODY_IN_PARTICULAR,
    versioning: Versioning | None = None,
) -> StateManager:
    """Open the store a configuration names; ``rules`` validate values besides its own.

    ``scripts`` makes functions of verifiers that are scripts. ``versioning`` is what
    ``open_versioning`` makes of the configuration, where migrations are on.

    Raises ``StorageError``, ``EncryptionError``, ``AuditError`` or ``ConfigError``.
    """
    state, limits = config.state, config.limits
    if versioning is not None:
        rules = (*rules, *versioning.rules(_warn))
    sealing = configured_sealing(state.security)
    store = _open_store(state, sealing)
    try:
        safeguards = _safeguards(store, config, sealing, rules, scripts)
        return StateManager(
            store,
            limits=StateLimits(
                value_bytes=limits.value_bytes,
                depth=limits.depth,
                key_bytes=limits.key_bytes,
                scope_bytes=limits.scope_bytes,
            ),
            cache_bytes=state.performance.cache_size,
            journal=state.journal.enabled,
            retention=_retention(state.journal),
            flush_ms=state.flush_ms,
            safeguards=safeguards,
            actor=acting.actor,
            access=configured_access(config, acting),
            versioning=versioning,
            backups=_opens_backups(state),
        )
    except BaseException:
        store.close()
        raise


def _opens_backups(state: State) -> Callable[[StateCore], BackupManager] | None:
    """Return what makes the backups of a state; None where they are off."""
    if not state.backup.enabled:
        return None

    def opened(manager: StateCore) -> BackupManager:
        from llmspell.state.backing_up import open_backups

        return open_backups(state, lambda: manager, lambda: manager)

    return opened


def _warn(scope: str, key: str, problem: str) -> None:
    WARN.get()(f"key {key!r} in scope '{scope}' does not fit its schema: {problem}")


def configured_audit_key(config: Config) -> bytes | None:
    """Return the key of the audit log that a configuration has; None if it encrypts nothing.

    It is in the key ring, and that in the store, which is opened for it.
    """
    sealing = configured_sealing(config.state.security)
    if sealing is None:
        return None
    with closing(_open_store(config.state, sealing)) as store:
        return _audit_key(key_ring_of(store))


def _audit_key(ring: KeyRing | None) -> bytes | None:
    return None if ring is None else ring.secret("audit")


def _open_store(state: State, sealing: Sealing | None) -> Store:
    return open_store(
        state.backend,
        path=state.path,
        url=state.url,
        durability=state.durability,
        flush_ms=state.flush_ms,
        busy_timeout_ms=state.busy_timeout_ms,
        journal=state.journal.enabled,
        max_stale_ms=state.performance.max_stale_ms,
        rocksdb=state.rocksdb.model_dump(),
        failover=_failover(state.failover),
        sealing=sealing,
    )


def _safeguards(
    store: Store,
    config: Config | None,
    sealing: Sealing | None,
    rules: Sequence[Rule],
    scripts: ScriptRunner,
) -> Safeguards:
    """Return what values pass on their way in, made of the configuration and the key ring."""
    ring = key_ring_of(store) if sealing is not None else None
    everything = sealing is not None and (sealing.everything or (ring and ring.everything))
    validator = protection = audit = None
    if rules or (config is not None and config.state.validation.model_fields_set):
        from llmspell.security.validation.opening import open_validator

        section = None if config is None else config.state.validation
        validator = open_validator(section, rules, scripts=scripts)
    if config is not None and config.state.sensitive.model_fields_set:
        from llmspell.security.sensitive.protection import Protection

        made = Protection(
            config.state.sensitive,
            hash_key=None if ring is None else ring.secret("hash"),
            can_encrypt=sealing is not None,
        )
        protection = made if made.concerns("standard") or made.concerns("trusted") else None
    if config is not None and config.audit.enabled:
        from llmspell.security.audit.opening import open_auditor
        from llmspell.state.recording import Recording

        auditor = open_auditor(config.audit, key=_audit_key(ring))
        audit = None if auditor is None else Recording(auditor)
    return Safeguards(
        has_key=sealing is not None,
        encrypts_all=bool(everything),
        compresses=config is None or config.state.security.compression_before_encryption,
        protection=protection,
        validator=validator,
        audit=audit,
    )


def _failover(section: Failover) -> dict[str, Any] | None:
    if not section.enabled:
        return None
    return {
        "local": section.path,
        "failures": section.failures,
        "retry_s": section.retry_s,
        "cache_bytes": section.cache_bytes,
    }


def _retention(section: Journal) -> Retention:
    """Return the bounds of the journal; 0 in the configuration sets none."""
    age_us = round(section.retention_days * _DAY_US) or None
    return Retention(age_us, section.max_changes or None)
