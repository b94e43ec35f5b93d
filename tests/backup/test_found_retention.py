"""What restoring does to the backups that a policy counts."""

from __future__ import annotations

from llmspell import Runtime
from llmspell.backup.retention import CountBased


def test_restoring_some_times_does_not_cost_the_backups_to_restore_from(runtime: Runtime) -> None:
    state = runtime.state
    made = []
    for value in range(3):
        state.save("user:1", "k", value)
        made.append(state.create_backup("full").id)
    for backup_id in (made[0], made[1], made[0], made[1]):
        assert state.restore_backup(backup_id).pre_restore_backup_id is not None
    state.cleanup_backups(policy=CountBased(max_backups=3))
    left = [each.id for each in state.list_backups()]
    assert set(made) < set(left)
    assert len(left) == 6
