"""A chain of backups over a change of the master key, and the store lost."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.errors import WrongKey
from llmspell.security.keys.master import MasterKey


def test_the_new_master_key_restores_a_chain_that_began_with_the_old_one(
    open_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", old)
    with open_runtime() as runtime:
        state = runtime.state
        state.save("global", "k", "full", state_class="sensitive")
        full = state.create_backup("full").id
        state.change_master_key(MasterKey.parse(new, origin="a test"))
        state.save("global", "n", "later", state_class="sensitive")
        incremental = state.create_backup("incremental").id
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", new)
    for path in Path().glob("state.db*"):
        path.unlink()
    with open_runtime() as runtime:
        assert runtime.state.validate_backup(incremental).valid
        assert runtime.state.restore_backup(incremental).restored == 2
        assert runtime.state.load("global", "k") == "full"
        assert runtime.state.restore_backup(full).deleted == 1
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", secrets.token_hex(32))
    with open_runtime(state={"path": "other.db"}) as runtime, pytest.raises(WrongKey):
        runtime.state.restore_backup(incremental)
