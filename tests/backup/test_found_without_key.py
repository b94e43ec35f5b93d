"""A restore into an encrypted store that was opened without its key."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from llmspell import Runtime
from llmspell.errors import RestoreFailed

OpenRuntime = Callable[..., Runtime]


@pytest.fixture
def backup_id(open_runtime: OpenRuntime, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backup from before the store had a key and two values encrypted with it."""
    with open_runtime() as runtime:
        runtime.state.save("global", "plain", "before")
        runtime.state.save("global", "turned", "before")
        made = runtime.state.create_backup("full").id
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", secrets.token_hex(32))
    with open_runtime() as runtime:
        for key in ("turned", "secret"):
            runtime.state.save("global", key, "sealed", state_class="sensitive")
        runtime.state.save("global", "plain", "after")
    return made


def values(runtime: Runtime) -> dict[str, object]:
    return {key: runtime.state.load("global", key) for key in runtime.state.list_keys("global")}


@pytest.mark.parametrize("scope", [None, "global"])
def test_what_no_backup_could_be_made_of_ends_it(
    open_runtime: OpenRuntime,
    monkeypatch: pytest.MonkeyPatch,
    backup_id: str,
    scope: str | None,
) -> None:
    with monkeypatch.context() as without_key:
        without_key.delenv("LLMSPELL_MASTER_KEY")
        with open_runtime() as runtime, pytest.raises(RestoreFailed, match="no master key"):
            runtime.state.restore_backup(backup_id, scope=scope)
    assert values(open_runtime()) == {"plain": "after", "turned": "sealed", "secret": "sealed"}


@pytest.mark.parametrize("scope", [None, "global"])
def test_it_stays_when_others_are_to_be_restored(
    open_runtime: OpenRuntime,
    monkeypatch: pytest.MonkeyPatch,
    backup_id: str,
    scope: str | None,
) -> None:
    with monkeypatch.context() as without_key:
        without_key.delenv("LLMSPELL_MASTER_KEY")
        with open_runtime() as runtime:
            done = runtime.state.restore_backup(backup_id, scope=scope, on_error="skip")
            assert (done.restored, done.deleted, done.failed) == (1, 0, 2)
    assert values(open_runtime()) == {"plain": "before", "turned": "sealed", "secret": "sealed"}


def test_with_the_key_all_is_as_it_was(open_runtime: OpenRuntime, backup_id: str) -> None:
    runtime = open_runtime()
    before = runtime.state.restore_backup(backup_id).pre_restore_backup_id
    assert values(runtime) == {"plain": "before", "turned": "before"}
    runtime.state.restore_backup(before)
    assert values(runtime) == {"plain": "after", "turned": "sealed", "secret": "sealed"}


def test_the_next_backup_is_not_based_on_one_that_lacks_what_could_not_be_opened(
    open_runtime: OpenRuntime, monkeypatch: pytest.MonkeyPatch, backup_id: str
) -> None:
    with monkeypatch.context() as without_key:
        without_key.delenv("LLMSPELL_MASTER_KEY")
        with open_runtime() as runtime:
            lacking = runtime.state.create_backup("full", skip_unreadable=True)
            assert lacking.unreadable == 2
    runtime, empty = open_runtime(), open_runtime(state={"path": "empty.db"})
    made = runtime.state.create_backup("incremental")
    assert made.base == backup_id
    runtime.state.restore_backup(made.id, into=empty.state)
    assert values(empty) == {"plain": "after", "turned": "sealed", "secret": "sealed"}
