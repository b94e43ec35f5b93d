"""What is recorded under which configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.config import load_config
from llmspell.errors import ConfigError
from llmspell.security.audit import AuditLog, Auditor, open_auditor

from .conftest import KEY, kinds, rows

WHAT = (
    ("load", "ok", "standard"),
    ("load", "ok", "sensitive"),
    ("load", "access_denied", "standard"),
    ("save", "ok", "standard"),
    ("save", "version_conflict", "standard"),
    ("grant", "ok", None),
    ("never_heard_of", "ok", None),
)


@pytest.mark.parametrize(
    ("records", "left_out"), [("denied", {0, 3, 4}), ("changes", {0}), ("all", set())]
)
def test_refusals_security_and_the_class_sensitive_are_recorded_always(
    path: Path, records: str, left_out: set[int]
) -> None:
    auditor = Auditor(AuditLog(path, key=KEY), records=records)  # type: ignore[arg-type]
    for number, (action, outcome, state_class) in enumerate(WHAT):
        auditor.note(action, outcome=outcome, state_class=state_class, version=number)
    auditor.close()
    assert {record.version for record in rows(path)} == set(range(len(WHAT))) - left_out
    assert auditor.reads is (records == "all")


def test_the_class_sensitive_is_written_before_the_access_returns(path: Path) -> None:
    auditor = Auditor(AuditLog(path, key=KEY))
    auditor.note("save", state_class="sensitive")
    assert len(rows(path)) == 1
    auditor.close()


def test_audit_is_off_unless_it_is_configured(path: Path) -> None:
    assert open_auditor(load_config(environ={}).audit, key=None) is None
    assert not path.parent.joinpath(".llmspell").exists()


def test_a_configuration_opens_the_log_it_names(path: Path) -> None:
    config = load_config(
        environ={}, overrides={"audit.enabled": True, "audit.path": str(path), "audit.fsync": True}
    )
    auditor = open_auditor(config.audit, key=None)
    assert auditor is not None
    auditor.note("save")
    auditor.close()
    assert kinds(path, None) == set()


@pytest.mark.parametrize("profile", ["secure", "full"])
def test_the_profiles_for_security_write_an_audit_log(profile: str) -> None:
    assert load_config(profile=profile, environ={}).audit.enabled


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enabled", "yes"),
        ("path", ""),
        ("path", "a\0b"),
        ("records", "some"),
        ("records", ["all"]),
        ("retention_days", -1),
        ("retention_days", 1.5),
        ("retention_days", 10**9),
        ("fsync", 1),
        ("level", "high"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"audit.{key}"):
        load_config(environ={}, overrides={f"audit.{key}": value})
