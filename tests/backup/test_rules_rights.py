"""Who may do what with backups, and what is on record of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.conftest import rows
from llmspell import Config, Runtime, acting
from llmspell.errors import AccessDenied

GRANTS = {"boss": {"grants": [{"scope": "*", "permission": "admin"}]}}


def opened(folder: Path, name: str, **sections: object) -> Runtime:
    backup = {"enabled": True, "backup_dir": str(folder / "backups")}
    state = {"path": str(folder / f"{name}.db"), "backup": backup} | sections
    audit = {"enabled": True, "path": str(folder / "audit.db"), "records": "all"}
    return Runtime(Config(state=state, audit=audit))


def test_who_may_restore_here_may_not_restore_into_a_store_that_is_not_his(tmp_path: Path) -> None:
    guard = {"security": {"access_control_enabled": True}, "access": {"actors": GRANTS}}
    with opened(tmp_path, "own") as own, opened(tmp_path, "other", **guard) as other:
        own.state.save("global", "k", "own")
        made = own.state.create_backup()
        with acting("boss"):
            other.state.save("global", "k", "other")
        with acting("eve"), pytest.raises(AccessDenied):
            own.state.restore_backup(made.id, into=other.state, delete_extra=True)
        with acting("boss"):
            assert other.state.load("global", "k") == "other"


def test_what_is_done_to_backups_is_on_record_and_what_is_only_tried_is_not(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, "own") as runtime:
        state = runtime.state
        state.save("global", "k", 1)
        made = state.create_backup()
        state.restore_backup(made.id, dry_run=True)
        state.cleanup_backups(dry_run=True)
        state.save("global", "k", 2)
        state.restore_backup(made.id)
        state.cleanup_backups()
    actions = [each.action for each in rows(tmp_path / "audit.db")]
    kept = [each for each in actions if each in ("backup", "restore", "delete_backup")]
    assert kept == ["backup", "restore", "delete_backup"]
