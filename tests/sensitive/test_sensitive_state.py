"""Sensitive data is protected on every way into the state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.config import load_config
from llmspell.errors import ConfigError, ScriptError, SensitiveData

CARD = "4111 1111 1111 1111"
MAIL = "ada@example.com"
CLEAN = {"mail": "[redacted:email]"}


def configured(folder: Path, **more: Any) -> Any:
    rules = {
        "state.path": str(folder / "state.db"),
        "state.sensitive.enabled": True,
        "state.sensitive.action": "redact",
        "state.sensitive.actions": {"payment_card": "refuse"},
    }
    return load_config(environ={}, overrides=rules | more)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with Runtime(configured(tmp_path_factory.mktemp("sensitive"))) as runtime:
        yield runtime


def _in_transaction(state: Any, value: Any) -> None:
    with state.transaction() as tx:
        tx.save("s", "k", value)


WAYS = {
    "save": lambda state, value: state.save("s", "k", value),
    "save_many": lambda state, value: state.save_many("s", {"k": value}),
    "update": lambda state, value: state.update("s", "k", lambda _: value),
    "transaction": _in_transaction,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_is_protected(runtime: Runtime, way: str) -> None:
    WAYS[way](runtime.state, {"mail": MAIL})
    assert runtime.state.load("s", "k") == CLEAN


@pytest.mark.parametrize("way", WAYS)
def test_a_refused_value_changes_nothing_and_is_not_told(runtime: Runtime, way: str) -> None:
    runtime.state.save("s", "k", "before")
    with pytest.raises(SensitiveData) as caught:
        WAYS[way](runtime.state, {"card": CARD})
    assert runtime.state.load("s", "k") == "before"
    assert caught.value.details["path"] == "$.card"
    assert "4111" not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("lua", 'State.save("s", "k", {{card = "{0}"}})'),
        ("js", 'await State.save("s", "k", {{card: "{0}"}})'),
        ("js", 'State.sync.save_many("s", {{k: {{card: "{0}"}}}})'),
        ("lua", 'State.transaction(function(tx) tx.save("s", "k", {{card = "{0}"}}) end)'),
    ],
)
def test_scripts_get_the_error_with_its_code(runtime: Runtime, engine: str, code: str) -> None:
    with pytest.raises(ScriptError) as caught:
        runtime.execute(code.format(CARD), engine=engine)
    assert caught.value.code == "sensitive_data"
    assert "4111" not in str(caught.value.to_dict())


def test_neither_the_database_nor_its_journal_holds_what_was_redacted(tmp_path: Path) -> None:
    with Runtime(configured(tmp_path)) as runtime:
        runtime.state.save("s", "k", {"mail": MAIL, "note": ["x", f"to {MAIL}"]})
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"[redacted:email]" in stored
    assert MAIL.encode() not in stored


def test_encrypted_fields_load_as_they_were_and_are_not_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "07" * 32)
    fields = {"state.sensitive.encrypt_fields": ["user.password"]}
    value = {"user": {"name": "Ada", "password": ["open", "sesame-4711"]}}
    with Runtime(configured(tmp_path, **fields)) as runtime:
        runtime.state.save("s", "k", value)
    with Runtime(configured(tmp_path, **fields)) as runtime:
        assert runtime.state.load("s", "k") == value
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"sesame-4711" not in stored
    assert b"Ada" in stored


def test_rules_without_the_key_they_need_are_refused_when_the_state_opens(tmp_path: Path) -> None:
    config = configured(tmp_path, **{"state.sensitive.hash_fields": ["pin"]})
    with Runtime(config) as runtime, pytest.raises(ConfigError, match="no key"):
        runtime.state.save("s", "k", 1)
