"""``Env``: the environment variables that are permitted."""

from __future__ import annotations

import os

import pytest

from .conftest import Host


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_NAME", "Grüße")
    monkeypatch.setenv("APP_EMPTY", "")
    monkeypatch.setitem(os.environb, b"APP_BYTES", b"\xff\xfe")


def test_a_variable_is_text_or_the_default(host: Host) -> None:
    host.permit(env=["APP_*"])
    assert host("Env.get", "APP_NAME") == "Grüße"
    assert host("Env.get", "APP_EMPTY", "default") == ""
    assert host("Env.get", "APP_NONE") is None
    assert host("Env.get", "APP_NONE", ["any", "value"]) == ["any", "value"]
    assert host("Env.get", "APP_BYTES") == b"\xff\xfe"


@pytest.mark.parametrize("name", ["PATH", "APP_NAME2", "app_name", "APP_", "NOT_SET"])
def test_a_variable_that_is_not_permitted_is_refused_whether_it_is_set_or_not(
    host: Host, name: str
) -> None:
    host.permit(env=["APP_NAME"])
    error = host.refusal("Env.get", name, "default")
    assert error.code == "permission_denied"
    assert error.details == {"permission": "env", "target": name}
    assert error.message == f"Env.get: reading the environment variable '{name}' is not permitted"
    assert f"--allow-env={name}" in (error.hint or "")


def test_the_variables_of_llmspell_itself_are_read_under_their_full_name_only(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "hidden")
    for grant in (True, ["LLM*"], ["LLMSPELL_*"]):
        host.permit(env=grant)
        assert host.refusal("Env.get", "LLMSPELL_MASTER_KEY").code == "permission_denied"
    host.permit(env=["LLMSPELL_MASTER_KEY"])
    assert host("Env.get", "LLMSPELL_MASTER_KEY") == "hidden"


@pytest.mark.parametrize("arguments", [[""], ["A=B"], ["A\0B"], [], [5], [b"\xff"], ["A", 1, 2]])
def test_what_is_no_name_is_refused(host: Host, arguments: list) -> None:
    host.permit(env=True)
    error = host.refusal("Env.get", *arguments)
    assert error.code == "invalid_argument"
