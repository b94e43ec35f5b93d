"""Mistakes in ``[state.sensitive]`` are told with their place, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.config import load_config
from llmspell.errors import ConfigError

HEAD = "[state.sensitive]\n"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('action = "drop"', 2, 'must be one of "tag", "redact"'),
        ('actions = { emial = "hash" }', 2, 'did you mean "email"?'),
        ('actions = { email = "drop" }', 2, "must be one of"),
        ('detectors = ["paymentcard"]', 2, 'did you mean "payment_card"?'),
        ("detectors = [1]", 2, "must be a list of texts"),
        ("patterns = { id = 'a(b' }", 2, "is not a regular expression"),
        ("patterns = { id = 'a*' }", 2, "matches an empty text"),
        ("patterns = { id = '\\b' }", 2, "matches an empty text"),
        ("patterns = { email = 'x' }", 2, "is the name of a detector"),
        ("patterns = { 'Bad name' = 'x' }", 2, "use at most 40 small letters"),
        ('encrypt_fields = ["a..b"]', 2, "is no path of a field"),
        ('redact_fields = "password"', 2, "must be a list of texts"),
        ('refuse_fields = [""]', 2, "must not be empty"),
        ('allow = "x"', 2, "must be a list of texts"),
        ("enabled = 1", 2, "must be true or false"),
        ("enable = true", 2, 'did you mean "state.sensitive.enabled"?'),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, line: int, told: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f"{HEAD}{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert caught.value.details["line"] == line
    assert told in f"{caught.value}\n{caught.value.hint}"


def test_patterns_and_their_actions_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        f"{HEAD}enabled = true\n[state.sensitive.patterns]\nemployee_id = 'EMP-\\d{{6}}'\n"
        "[state.sensitive.actions]\nemployee_id = 'redact'\nemail = 'tag'\n"
    )
    section = load_config(file).state.sensitive
    assert section.patterns == {"employee_id": r"EMP-\d{6}"}
    assert section.actions == {"employee_id": "redact", "email": "tag"}


def test_it_survives_being_written_and_read(tmp_path: Path) -> None:
    config = load_config(
        overrides={
            "state.sensitive.enabled": True,
            "state.sensitive.patterns": {"employee_id": r"EMP-\d{6}"},
            "state.sensitive.encrypt_fields": ["user.api_key", 'a["b c"]'],
        }
    )
    file = tmp_path / "c.toml"
    file.write_text(config.to_toml())
    assert load_config(file).state.sensitive == config.state.sensitive
