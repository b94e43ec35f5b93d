"""What is sensitive does not reach logs, errors, listings or reports."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from llmspell import Runtime
from llmspell.config import load_config
from llmspell.errors import LlmSpellError, ScriptError, StorageError
from llmspell.security.sensitive import Redactor
from llmspell.security.sensitive.logs import get_log
from llmspell.security.sensitive.patterns import Pattern
from llmspell.security.sensitive.reports import redact_error

from .samples import API_KEYS, FOUND, JWT, PRIVATE_KEY
from .test_scan_law import texts

MAIL = "ada@example.com"
ROOT = Path(__file__).resolve().parents[2]
IN_REPORTS = [
    (name, text)
    for name in ("us_ssn", "payment_card", "email", "iban", "api_key", "jwt", "private_key")
    for text in FOUND[name]
]


@pytest.mark.parametrize(("name", "text"), IN_REPORTS)
def test_the_redactor_takes_it_out(name: str, text: str) -> None:
    assert Redactor().redact(f"cannot read {text}, sorry") == (
        f"cannot read [redacted:{name}], sorry"
    )


def test_the_password_of_an_address_is_taken_out_and_the_rest_stays() -> None:
    told = Redactor().redact("no answer from postgresql://bob:hunter2@db.example.org:5432/x")
    assert told == "no answer from postgresql://bob:[redacted:url_password]@db.example.org:5432/x"


@pytest.mark.parametrize(
    "text",
    [
        "run 123e4567-e89b-12d3-a456-426614174000 of agent:gpt-4 ended after 5,012 ms",
        "415-555-2671",
        "checksum 9f86d081884c7d659a2feaa0c55ad015 at 2024-01-02T10:00:00.123456Z",
        "see docs/state.md:12 and llmspell_bridges.values.member_path",
        "postgresql://user:password@host/db",
        "",
    ],
)
def test_identifiers_times_and_paths_stay(text: str) -> None:
    assert Redactor().redact(text) is text


@given(texts)
@settings(max_examples=150, deadline=None)
def test_redacting_again_changes_nothing(text: str) -> None:
    once = Redactor().redact(text)
    assert Redactor().redact(once) == once


def test_patterns_of_ones_own_are_taken_out_too() -> None:
    redact = Redactor([Pattern("employee_id", r"EMP-\d{6}")]).redact
    assert redact("EMP-123456 failed") == "[redacted:employee_id] failed"


def test_a_text_that_a_pattern_cannot_finish_is_left_out_as_a_whole() -> None:
    assert Redactor([Pattern("endless", "(x+x+)+y")]).redact("x" * 3000) == "[redacted]"


# Errors -------------------------------------------------------------------------------------


def test_an_error_is_redacted_with_all_it_tells() -> None:
    error = ScriptError(
        f"no {MAIL}",
        language="lua",
        hint=f"ask {MAIL}",
        source_line=f'State.save("global", "k", "{API_KEYS[0]}")',
        details={"who": [MAIL], MAIL: 1},
    )
    error.warnings = (f"unused {MAIL}",)
    error.__cause__ = StorageError(f"cannot read {MAIL}")
    error.__cause__.__cause__ = ValueError(f"bad {MAIL}", 3)
    redact_error(error)
    link: BaseException | None = error
    while link is not None:
        assert MAIL not in f"{link} {link.args} {vars(link)}"
        link = link.__cause__
    assert API_KEYS[0] not in str(error.to_dict())
    assert error.details["who"] == ["[redacted:email]"]


def test_a_foreign_cause_whose_text_cannot_be_changed_is_replaced() -> None:
    class Stubborn(Exception):
        def __str__(self) -> str:
            return f"always {MAIL}"

    error = LlmSpellError("it failed")
    error.__cause__ = Stubborn()
    redact_error(error)
    assert str(error.__cause__) == "Stubborn: always [redacted:email]"


def test_a_cause_without_anything_sensitive_stays_what_it_is() -> None:
    cause, error = FileNotFoundError(2, "No such file", "/x"), LlmSpellError("it failed")
    error.__cause__ = cause
    redact_error(error)
    assert error.__cause__ is cause
    assert (cause.errno, cause.filename) == (2, "/x")


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("lua", f'error("no account for {MAIL}")'),
        ("js", f'throw new Error("no account for {MAIL}")'),
        ("lua", f'local x = "{MAIL}" +'),
    ],
)
def test_what_a_script_fails_with_is_redacted_for_the_host_program(engine: str, code: str) -> None:
    with Runtime(load_config(environ={}, overrides={"state.backend": "memory"})) as runtime:
        with pytest.raises(ScriptError) as caught:
            runtime.execute(code, engine=engine)
        assert MAIL not in str(caught.value.to_dict())
        with runtime.session(engine) as session, pytest.raises(ScriptError) as caught:
            session.evaluate(code)
        assert MAIL not in str(caught.value.to_dict())


def test_what_a_script_prints_and_catches_is_its_own() -> None:
    with Runtime(load_config(environ={}, overrides={"state.backend": "memory"})) as runtime:
        code = f'local _, e = pcall(error, "{MAIL}"); print(e)'
        assert runtime.execute(code, engine="lua").output == f"{MAIL}\n"


# Logs ---------------------------------------------------------------------------------------


def test_everything_logged_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    log = get_log("llmspell.test")
    with caplog.at_level(logging.DEBUG, logger="llmspell"):
        log.warning("no %s for %d", MAIL, 3)
        try:
            raise ValueError(f"bad {JWT}")
        except ValueError:
            log.exception("failed")
    assert caplog.records[0].getMessage() == "no [redacted:email] for 3"
    assert caplog.records[0].funcName == "test_everything_logged_is_redacted"
    assert "ValueError: bad [redacted:jwt]" in caplog.text
    assert JWT not in caplog.text


def test_a_handler_of_the_program_sees_redacted_lines_only() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("llmspell")
    logger.addHandler(handler)
    try:
        get_log("llmspell.watch").error("card %s", "4111 1111 1111 1111")
    finally:
        logger.removeHandler(handler)
    assert stream.getvalue() == "card [redacted:payment_card]\n"


def test_nothing_in_the_sources_logs_past_the_redactor() -> None:
    known = {"logs.py": "its own", "quiet.py": "of others", "postgres_session.py": "of others"}
    for folder in ("bridges", "stdlib", "runtime"):
        for file in (ROOT / folder).rglob("*.py"):
            calls = [
                node
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                if isinstance(node, ast.Attribute) and node.attr == "getLogger"
            ]
            assert not calls or file.name in known, file


# The command line -----------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Any:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llmspell", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin", "NO_COLOR": "1", "HOME": str(tmp_path)},
            timeout=60,
            check=False,
        )

    return run


def test_reports_of_a_failed_script_are_redacted_and_its_output_is_not(program: Any) -> None:
    code = f'print("to {MAIL}") error("no {MAIL}, key {API_KEYS[5]}")'
    done = program("exec", "--engine", "lua", code)
    assert done.returncode == 1
    assert done.stdout == f"to {MAIL}\n"
    assert MAIL not in done.stderr
    assert API_KEYS[5] not in done.stderr
    done = program("exec", "--engine", "lua", "--json", code)
    report = json.loads(done.stdout)
    assert report["output"] == f"to {MAIL}\n"
    assert report["error"]["message"] == "no [redacted:email], key [redacted:api_key]"
    assert API_KEYS[5] not in done.stdout


def test_listings_hide_names_and_get_shows_what_was_asked_for(program: Any) -> None:
    scope, key = f"user:{MAIL}", "card 4111111111111111"
    assert program("state", "set", scope, key, json.dumps(MAIL)).returncode == 0
    assert program("state", "scopes").stdout == "user:[redacted:email]\n"
    assert program("state", "list", scope).stdout == "card [redacted:payment_card]\n"
    listed = json.loads(program("state", "list", scope, "--json").stdout)
    assert listed["keys"] == ["card [redacted:payment_card]"]
    told = json.loads(program("state", "history", scope, key, "--json", "--values").stdout)
    assert (told["scope"], told["key"]) == ("user:[redacted:email]", "card [redacted:payment_card]")
    assert told["versions"][0]["value"] == MAIL
    assert program("state", "get", scope, key).stdout.strip() == MAIL


def test_labels_of_checkpoints_are_redacted_in_listings(program: Any) -> None:
    label = f"for {MAIL}"
    assert program("state", "checkpoint", label).stdout == "c1\n"
    assert program("state", "checkpoints").stdout.endswith("usable  for [redacted:email]\n")
    told = json.loads(program("state", "checkpoints", "--json").stdout)
    assert told["checkpoints"][0]["label"] == "for [redacted:email]"
    done = program("state", "rollback", label, "--dry-run")
    assert (done.returncode, MAIL in done.stderr) == (0, False)


def test_an_internal_error_is_redacted(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from llmspell.cli.guard import report_failure

    monkeypatch.setenv("LLMSPELL_DEBUG", "1")
    try:
        raise RuntimeError(f"unexpected {PRIVATE_KEY}")
    except RuntimeError as error:
        report_failure(error, as_json=False)
    told = capsys.readouterr().err
    assert "MIIEow" not in told
    assert "[redacted:private_key]" in told
