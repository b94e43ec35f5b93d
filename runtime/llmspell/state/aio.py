"""The state for asyncio programs: every method of ``StateManager``, awaited."""

from __future__ import annotations

from typing import Any, Final, Self

from llmspell.errors import InvalidArgument
from llmspell.state.awaited import Awaited, awaited, entered, iterated
from llmspell.state.manager import StateManager
from llmspell.threads import Threads

__all__ = ["AsyncStateManager"]

# What keeps a store whole over a fork is nothing a program calls.
_HIDDEN: Final = frozenset({"before_fork", "after_fork"})


class AsyncStateManager(Awaited[StateManager]):
    """Saves and loads without holding up the event loop; an async context manager.

    Made of a ``StateManager``, most often ``runtime.state``, which it does not close: who made
    that one does. Each method runs in one of ``max_threads`` worker threads (by default the
    processors + 4, at most 32), means what it means there and raises what it raises there;
    methods that return iterators are for ``async for``, context managers for ``async with``.
    Functions handed over, such as the one of ``update``, are called in the worker thread.

    Cancelling a task that awaits a method never leaves half of a write: one that waits for a
    thread is not begun, one that runs is done to its end. Usable from any event loop.
    """

    def __init__(self, state: StateManager, *, max_threads: int | None = None) -> None:
        if not isinstance(state, StateManager):
            has_state = hasattr(type(state), "state")
            raise InvalidArgument(
                f"the state must be a StateManager, not {type(state).__name__}",
                hint="pass runtime.state" if has_state else None,
                parameter="state",
            )
        super().__init__(state, Threads("the AsyncStateManager", max_threads=max_threads), _HIDDEN)

    # Every method works without a line here; the lines tell editors and type checkers of it.
    save = awaited(StateManager.save)
    load = awaited(StateManager.load)
    delete = awaited(StateManager.delete)
    update = awaited(StateManager.update)
    increment = awaited(StateManager.increment)
    transaction = entered(StateManager.transaction)
    run_transaction = awaited(StateManager.run_transaction)
    lock = entered(StateManager.lock)
    watch = awaited(StateManager.watch)
    unwatch = awaited(StateManager.unwatch)
    history = awaited(StateManager.history)
    load_version = awaited(StateManager.load_version)
    diff = awaited(StateManager.diff)
    revert = awaited(StateManager.revert)
    checkpoint = awaited(StateManager.checkpoint)
    list_checkpoints = awaited(StateManager.list_checkpoints)
    delete_checkpoint = awaited(StateManager.delete_checkpoint)
    rollback = awaited(StateManager.rollback)
    load_many = awaited(StateManager.load_many)
    save_many = awaited(StateManager.save_many)
    warm = awaited(StateManager.warm)
    list_keys = awaited(StateManager.list_keys)
    list_scopes = awaited(StateManager.list_scopes)
    key_exists = awaited(StateManager.key_exists)
    scope_exists = awaited(StateManager.scope_exists)
    clear = awaited(StateManager.clear)
    get_metadata = awaited(StateManager.get_metadata)
    get_stats = awaited(StateManager.get_stats)
    compact = iterated(StateManager.compact)
    verify = iterated(StateManager.verify)
    export_entries = iterated(StateManager.export_entries)
    import_entries = awaited(StateManager.import_entries)
    grant = awaited(StateManager.grant)
    revoke = awaited(StateManager.revoke)
    list_grants = awaited(StateManager.list_grants)
    explain = awaited(StateManager.explain)
    check_access = awaited(StateManager.check_access)
    key_facts = awaited(StateManager.key_facts)
    rotate_key = awaited(StateManager.rotate_key)
    change_master_key = awaited(StateManager.change_master_key)
    reencrypt = iterated(StateManager.reencrypt)
    verify_keys = iterated(StateManager.verify_keys)

    migrate = awaited(StateManager.migrate)
    migrate_all = awaited(StateManager.migrate_all)
    rollback_migration = awaited(StateManager.rollback_migration)
    migration_history = awaited(StateManager.migration_history)
    migration_status = awaited(StateManager.migration_status)
    schema_versions = awaited(StateManager.schema_versions)

    create_backup = awaited(StateManager.create_backup)
    list_backups = awaited(StateManager.list_backups)
    validate_backup = awaited(StateManager.validate_backup)
    restore_backup = awaited(StateManager.restore_backup)
    cleanup_backups = awaited(StateManager.cleanup_backups)
    delete_backup = awaited(StateManager.delete_backup)
    storage_usage = awaited(StateManager.storage_usage)
    backup_health = awaited(StateManager.backup_health)
    run_due_backups = awaited(StateManager.run_due_backups)

    async def close(self) -> None:
        """Wait for the calls under way and end the threads; closing again does nothing.

        Later calls raise ``RuntimeClosed``. The state itself stays open.
        """
        await self.threads.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()
