"""What is wrong with a configuration is said with its place and what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.config import Config, load_config
from llmspell.errors import ConfigError


def refusal(path: Path, text: str | bytes) -> ConfigError:
    """The error of loading a file with this content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    assert (caught.value.code, caught.value.exit_code) == ("config_error", 2)
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file the test writes."""
    return tmp_path / "llmspell.toml"


@pytest.mark.parametrize(
    ("text", "line", "key", "meant"),
    [
        ('[state]\n\nbackand = "memory"', 3, "state.backand", "state.backend"),
        ("[stat]\nenabled = true", 1, "stat", "state"),
        ("state.performance.cache_sise = 1", 1, "state.performance.cache_sise", "cache_size"),
        ("[state]\ncache_size = 1", 2, "state.cache_size", "state.performance.cache_size"),
        ('[state]\nperformance = { "cash size" = 1 }', 2, 'state.performance."cash size"', "cache"),
        ("self = 1", 1, "self", ""),
        ('x = """\n[state]\n"""\n', 1, "x", ""),
        ("[[limits.dept]]\n", 1, "limits.dept", "limits.depth"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_what_was_meant(path, text, line, key, meant):
    error = refusal(path, text)
    assert str(error) == f'{path}:{line}: unknown key "{key}"'
    assert (error.details["line"], error.details["key"]) == (line, key)
    assert meant in error.hint


def test_an_unknown_key_lists_what_its_table_takes(path):
    hint = refusal(path, "[state.performance]\nzzz = 1").hint
    assert (
        hint
        == "[state.performance] takes: cache_size, max_stale_ms, fast_path_enabled, async_hooks"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[state]\nenabled = "yes"', '2: state.enabled must be true or false, not "yes"'),
        ("[state]\nflush_ms = 1.5", "2: state.flush_ms must be a whole number, not 1.5"),
        ("[state]\nflush_ms = true", "2: state.flush_ms must be a whole number, not true"),
        ("[state]\nflush_ms = -1", "2: state.flush_ms must be at least 0, not -1"),
        ("[state]\npath = 5", "2: state.path must be text in quotes, not 5"),
        ('[state]\npath = " "', '2: state.path must not be empty, not " "'),
        ("state = 5", "1: state must be a table, not 5"),
        ("[[state]]", "1: state must be a table, not a list"),
        ("[state]\nurl = 5", "2: state.url must be text in quotes"),
        ("[limits]\nkey_bytes = 1025", "2: limits.key_bytes must be at most 1024, not 1025"),
        ("[limits]\ntimeout_s = nan", "2: limits.timeout_s must be a finite number"),
        ("[limits]\ntimeout_s = false", "2: limits.timeout_s must be a number, not false"),
        (f"[state.sled]\ncache_capacity = {10**30}", "2: state.sled.cache_capacity must be at"),
    ],
)
def test_a_wrong_type_or_range_is_refused_with_its_line(path, text, message):
    assert str(refusal(path, text)).startswith(f"{path}:{message}")


def test_a_wrong_choice_is_refused_with_the_choices_and_the_closest(path):
    error = refusal(path, '[state]\ndurability = "fsink"')
    assert str(error).endswith(
        'state.durability must be one of "commit", "fsync", "relaxed", not "fsink"'
    )
    assert error.hint == 'did you mean "fsync"?'


def test_a_syntax_error_has_line_and_column(path):
    assert f"{path}:2:6: not valid TOML" in str(refusal(path, "[state]\npath \n"))
    assert f"{path}:1:" in str(refusal(path, 'a = "open'))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[state]\nx = '\xff'", "is not text in UTF-8"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"#" * 1_100_000, "larger than 1 MiB"),
        (b"a = 1" + b"0" * 5000, "not valid TOML"),
        (b"a = 1\0", "not valid TOML"),
    ],
    ids=["not UTF-8", "deep", "large", "long number", "NUL"],
)
def test_a_file_that_is_no_configuration_is_refused(path, content, message):
    assert message in str(refusal(path, content))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for name, message in {
        tmp_path / "none.toml": "does not exist",
        tmp_path: "is a folder",
        tmp_path / ("x" * 300): "cannot be read",
        "a\0b": "cannot be read",
        "": "is a folder",
    }.items():
        with pytest.raises(ConfigError, match=message):
            load_config(name, environ={})


def test_a_byte_order_mark_and_windows_line_ends_are_fine(path):
    path.write_bytes('\ufeff[state]\r\nbackend = "memory"\r\n'.encode())
    assert load_config(path, environ={}).state.backend == "memory"


def test_a_variable_that_sets_nothing_is_refused_with_the_one_meant():
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"LLMSPELL_STATE_BACKEND": "hunter2"})
    assert str(caught.value) == "LLMSPELL_STATE_BACKEND: unknown environment variable"
    assert "did you mean LLMSPELL_STATE__BACKEND?" in caught.value.hint
    assert "hunter2" not in repr(caught.value.to_dict())


def test_a_wrong_value_in_a_variable_names_the_variable():
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"LLMSPELL_LIMITS__DEPTH": "deep"})
    assert str(caught.value) == (
        'LLMSPELL_LIMITS__DEPTH: limits.depth must be a whole number, not "deep"'
    )


def test_what_is_wrong_with_a_section_names_the_variables_of_its_keys():
    environ = {
        "LLMSPELL_STATE__BACKUP__RETENTION__KIND": "size",
        "LLMSPELL_STATE__BACKUP__RETENTION__KEEP_DAILY": "3",
    }
    with pytest.raises(ConfigError) as caught:
        load_config(environ=environ)
    names = "LLMSPELL_STATE__BACKUP__RETENTION__KEEP_DAILY, LLMSPELL_STATE__BACKUP__RETENTION__KIND"
    assert str(caught.value).startswith(f"{names}: state.backup.retention ")


def test_a_wrong_override_names_its_key():
    with pytest.raises(ConfigError, match=r'unknown key "state\.bakend"'):
        load_config(environ={}, overrides={"state.bakend": "memory"})


def test_all_mistakes_of_all_sources_are_reported_together(path):
    path.write_text("[state]\nbackand = 1\nflush_ms = -1\n")
    environ = {"LLMSPELL_NONSENSE": "1", "LLMSPELL_STATE__FLUSH_MS": "5"}
    with pytest.raises(ConfigError) as caught:
        load_config(path, profile="mini", environ=environ, overrides={"limits.depth": 0})
    places = [problem.get("origin") for problem in caught.value.details["problems"]]
    assert places == [None, str(path), str(path), "LLMSPELL_NONSENSE", None]
    assert str(caught.value).startswith("5 mistakes in the configuration:\n")
    assert "did you mean" in str(caught.value)


def test_a_file_with_very_many_mistakes_is_refused_at_once_and_in_short(path):
    listing = "".join(f"  {number},\n" for number in range(20_000))
    mistakes = "".join(f"k{number} = 1\n" for number in range(2_000))
    error = refusal(path, f"[state]\n{mistakes}long = [\n{listing}]\nlast = 1\n")
    assert len(error.details["problems"]) == 2_002
    assert str(error).endswith("and 1982 more")


def test_wrong_arguments_of_config_are_a_config_error():
    with pytest.raises(ConfigError, match=r'unknown key "state\.nope"'):
        Config(state={"nope": 1})


@pytest.mark.parametrize(
    ("text", "line", "key", "problem", "hint"),
    [
        ('schedule.full = "61 * * * *"', 2, "schedule.full", "(bad minute)", "minute, hour, day"),
        ('schedule.full = "0 3 *"', 2, "schedule.full", "five fields, and has 3", "0 3 * * 0"),
        ('schedule.full = "@weeky"', 2, "schedule.full", "@weekly", "minute, hour"),
        ('schedule.full = "0 3 30 2 *"', 2, "schedule.full", "is no cron", "minute, hour"),
        ('schedule.timezone = "Europe/Berln"', 2, "schedule.timezone", "", "'Europe/Berlin'?"),
        ("[state.backup.schedule]\nfull = 3", 3, "schedule.full", "must be text", ""),
        ("retention.keep_daily = 7", 2, "retention", 'goes with kind = "count"', ""),
        ('retention.kind = "size"', 2, "retention", "needs max_total_bytes", ""),
        ('retention.kind = "count"', 1, "", "does not say how many", "max_backups"),
        ('retention.kind = "gfs"', 2, "retention.kind", "must be one of", ""),
        (
            'retention = { kind = "importance", scopes = { "" = 1 } }',
            2,
            "retention.scopes",
            "must be a pattern",
            "",
        ),
        (
            'retention = { kind = "importance", scopes = { "custom:agent" = 1 } }',
            2,
            "retention.scopes",
            "write it as 'agent'",
            "",
        ),
        (
            'retention = { kind = "importance", full_days = 0 }',
            2,
            "retention.full_days",
            "at least 1, not 0",
            "",
        ),
        ('backup_url = "bucket/folder"', 2, "backup_url", "s3://bucket/folder", "backup_dir"),
        ('backup_dir = "s3://bucket/folder"', 2, "backup_dir", "must be a folder", "backup_url"),
        ("max_load = 0", 2, "max_load", "at least 0.01, not 0", ""),
        ('encryption = "yes"', 2, "encryption", '"auto", "on", "off", not "yes"', ""),
    ],
)
def test_a_mistake_about_backups_is_found_when_the_file_is_loaded(
    path, text, line, key, problem, hint
):
    error = refusal(path, f"[state.backup]\n{text}")
    assert error.details["key"] == f"state.backup.{key}".rstrip(".")
    assert error.details["line"] == line
    assert problem in str(error)
    assert hint in (error.hint or "")


def test_incremental_backups_are_not_scheduled_where_there_is_no_journal(path):
    text = "[state]\njournal.enabled = false\n[state.backup]\nenabled = true\n"
    load_config(environ={}, overrides={"state.journal.enabled": False})
    error = refusal(path, f'{text}schedule = {{ full = "@daily", incremental = "@hourly" }}')
    assert "backup.schedule.incremental, and journal.enabled = false" in str(error)


def test_the_address_of_backups_does_not_show_its_password():
    config = Config(state={"backup": {"backup_url": "sftp://ada:hunter2@host/backups"}})
    shown = config.to_toml() + repr(config) + str(config.to_dict())
    assert "hunter2" not in shown
    assert "***" in shown
