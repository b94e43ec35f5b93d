"""Where settings come from: defaults, profile, file, environment, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.config import PROFILES, default_config, load_config, nothing_configured
from llmspell.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that sets two keys."""
    path = tmp_path / "llmspell.toml"
    path.write_text('[state]\nbackend = "memory"\nbusy_timeout_ms = 7\n')
    return path


def test_without_any_source_state_is_sqlite_below_the_current_folder():
    config = load_config(environ={})
    assert config == default_config()
    assert (config.state.backend, config.state.path) == ("sqlite", Path(".llmspell/state.db"))


def test_a_file_in_the_current_folder_is_not_read_unless_named(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert load_config(environ={}) == default_config()


def test_each_source_wins_over_the_one_before_key_by_key(file):
    base = {"profile": "production", "environ": {}}
    assert load_config(**base).state.durability == "fsync"

    config = load_config(file, **base)
    assert (config.state.backend, config.state.busy_timeout_ms) == ("memory", 7)
    assert config.state.durability == "fsync"

    base["environ"] = {"LLMSPELL_STATE__BUSY_TIMEOUT_MS": "8"}
    config = load_config(file, **base)
    assert (config.state.backend, config.state.busy_timeout_ms) == ("memory", 8)

    config = load_config(file, **base, overrides={"state.busy_timeout_ms": 9})
    assert (config.state.backend, config.state.busy_timeout_ms) == ("memory", 9)


def test_two_variables_name_the_file_and_the_profile(file):
    environ = {"LLMSPELL_CONFIG": str(file), "LLMSPELL_PROFILE": "production"}
    config = load_config(environ=environ)
    assert (config.state.backend, config.state.durability) == ("memory", "fsync")


def test_a_named_file_and_profile_win_over_the_variables(file):
    environ = {"LLMSPELL_CONFIG": "/nowhere.toml", "LLMSPELL_PROFILE": "nonsense"}
    config = load_config(file, profile="production", environ=environ)
    assert (config.state.backend, config.state.durability) == ("memory", "fsync")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("STATE__ENABLED", "false", "enabled", False),
        ("STATE__FLUSH_MS", "1_000", "flush_ms", 1000),
        ("STATE__DURABILITY", "fsync", "durability", "fsync"),
        ("STATE__DURABILITY", '"fsync"', "durability", "fsync"),
        ("STATE__PATH", "2024", "path", Path("2024")),
        ("STATE__PATH", "a # b.db", "path", Path("a # b.db")),
        ("STATE__URL", "", "url", None),
    ],
)
def test_variables_are_written_as_in_toml_and_text_needs_no_quotes(name, text, key, value):
    config = load_config(environ={f"LLMSPELL_{name}": text})
    assert getattr(config.state, key) == value


def test_a_number_for_seconds_may_be_whole_or_not():
    for text, seconds in (("2", 2.0), ("2.5", 2.5)):
        config = load_config(environ={"LLMSPELL_LIMITS__TIMEOUT_S": text})
        assert config.limits.timeout_s == seconds


def test_variables_with_other_meanings_are_no_settings():
    environ = {"LLMSPELL_MASTER_KEY": "k", "LLMSPELL_DEBUG": "1", "PATH": "/bin"}
    assert load_config(environ=environ) == default_config()
    assert nothing_configured(environ=environ)


@pytest.mark.parametrize("name", ["LLMSPELL_CONFIG", "LLMSPELL_PROFILE", "LLMSPELL_STATE__URL"])
def test_a_variable_with_a_value_configures_something(name):
    assert nothing_configured(environ={name: ""})
    assert not nothing_configured(environ={name: "x"})


def test_the_process_environment_is_used_when_none_is_given(monkeypatch):
    monkeypatch.setenv("LLMSPELL_STATE__BACKEND", "memory")
    assert load_config().state.backend == "memory"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_loads_and_says_in_a_sentence_what_it_is_for(name):
    config = load_config(profile=name, environ={})
    assert config.to_toml()
    assert PROFILES[name].description.endswith(".")


def test_the_full_profile_runs_with_a_key_and_a_grant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "5a" * 32)
    grants = {"ada": {"grants": [{"scope": "*", "permission": "admin"}]}}
    config = load_config(profile="full", overrides={"state.access.actors": grants})
    with Runtime(config, actor="ada") as runtime:
        code = "State.save('global', 'k', 1) return State.create_backup('full')"
        backup = runtime.execute(code, engine="lua").value
        assert runtime.backups.get(backup).encryption is not None


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match='unknown profile "prodution"') as caught:
        load_config(profile="prodution", environ={})
    assert 'did you mean "production"?' in caught.value.hint
    assert "high-performance" in caught.value.hint


def test_sled_means_sqlite_in_its_folder_and_says_so(tmp_path):
    folder = tmp_path / "old.d"
    folder.mkdir()
    for path, database in {
        "./example_state": Path("example_state/state.db"),
        str(folder): folder / "state.db",
        str(tmp_path / "own.db"): tmp_path / "own.db",
        "x" * 300: Path("x" * 300) / "state.db",
    }.items():
        config = load_config(environ={}, overrides={"state.backend": "sled", "state.path": path})
        assert (config.state.backend, config.state.path) == ("sqlite", database)
        assert str(database) in config.notices[0]
        written = tmp_path / "written.toml"
        written.write_text(config.to_toml())
        assert load_config(written, environ={}).to_dict() == config.to_dict()
    assert default_config().notices == ()


def test_a_configuration_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        default_config().limits.depth = 1
