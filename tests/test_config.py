"""Configuration files that exist: older ones, those in configs/, written ones, the reference."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.config import load_config
from llmspell.config.reference import MARKER, render

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

# Files written for the system this project follows.
BASIC = """
[state]
enabled = true
backend = "memory"

[state.performance]
cache_size = 10_000_000
fast_path_enabled = true
"""
PERSISTENT = """
[state]
enabled = true
backend = "sled"
path = "./example_state"

[state.sled]
cache_capacity = 50_000_000
use_compression = true
"""
FULL_FEATURES = """
[state]
enabled = true
backend = "rocksdb"
path = "./example_rocks_state"

[state.rocksdb]
max_open_files = 1000
cache_capacity = 100_000_000

[state.migration]
enabled = true
auto_migrate = true
validation_level = "strict"

[state.backup]
enabled = true
backup_dir = "./example_backups"
retention_days = 7

[state.security]
encryption_enabled = true
access_control_enabled = true

[state.performance]
fast_path_enabled = true
async_hooks = true
"""
OLDER = {"basic": BASIC, "persistent": PERSISTENT, "full_features": FULL_FEATURES}


@pytest.mark.parametrize("name", OLDER)
def test_files_of_the_older_system_load_as_they_stand(name, tmp_path):
    path = tmp_path / "older.toml"
    path.write_text(OLDER[name])
    shown = load_config(path, environ={}).to_dict()
    for table, values in tomllib.loads(OLDER[name])["state"].items():
        if isinstance(values, dict):
            assert (
                shown["state"][table].items()
                >= {
                    key: str(Path(value)) if key == "backup_dir" else value
                    for key, value in values.items()
                }.items()
            )


@pytest.mark.parametrize("name", OLDER)
def test_the_file_of_that_name_in_configs_sets_the_same_values(name):
    shipped = tomllib.loads((ROOT / "configs" / f"{name}.toml").read_text())
    assert shipped == tomllib.loads(OLDER[name])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_file_in_configs_loads_and_says_that_it_runs(path):
    load_config(path, environ={})
    assert "Runs with this version" in path.read_text().split("\n\n")[0]


@given(
    comments=st.booleans(),
    overrides=st.fixed_dictionaries(
        {},
        optional={
            "state.enabled": st.booleans(),
            "state.backend": st.sampled_from(["sqlite", "memory", "rocksdb"]),
            "state.path": st.text(
                st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
            ).filter(lambda text: text.strip() and not text.startswith("~")),
            "state.url": st.just('sqlite:///a "quoted"\\\x7f\n.db'),
            "state.performance.cache_size": st.integers(0, 2**63 - 1),
            "limits.depth": st.integers(1, 256),
            "limits.timeout_s": st.floats(0, 10**9),
        },
    ),
)
def test_what_is_written_loads_as_the_same_configuration(tmp_path_factory, comments, overrides):
    config = load_config(environ={}, overrides=overrides)
    path = tmp_path_factory.getbasetemp() / "written.toml"
    path.write_text(config.to_toml(comments=comments), encoding="utf-8", newline="")
    assert load_config(path, environ={}) == config


@pytest.mark.parametrize("comments", [True, False])
def test_what_is_written_of_backups_loads_as_the_same(tmp_path, comments):
    backup = {
        "max_backups": 3,
        "schedule": {"full": "@daily", "timezone": "Europe/Berlin"},
        "retention": {"kind": "importance", "scopes": {"agent:*": 180, 'a "quoted" one': 1}},
    }
    config = load_config(environ={}, overrides={"state.backup": backup})
    path = tmp_path / "written.toml"
    path.write_text(config.to_toml(comments=comments))
    assert load_config(path, environ={}) == config


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ada:hunter2@host/db",
        "postgresql://ada:p@/:hunter2@host/db",
        "postgresql://:hunter2@host/db",
        "postgresql://host/db?user=ada&sslpassword=hunter2",
        "host=here password=hunter2",
    ],
)
def test_a_password_is_never_shown(url):
    config = load_config(environ={}, overrides={"state.url": url})
    shown = config.to_toml() + repr(config) + str(config) + repr(config.to_dict())
    assert "hunter2" not in shown
    assert "***" in shown


def test_every_key_has_a_comment_in_the_written_file():
    lines = load_config(environ={}).to_toml().splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"\w+ = |\[", line):
            assert above.startswith("# "), line


def test_the_reference_page_is_fresh():
    generated = PAGE.partition(MARKER)[2].strip()
    assert generated == render().strip(), (
        "run: python -m llmspell.config.reference docs/configuration.md"
    )


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_of_the_reference_page_load(block, tmp_path):
    path = tmp_path / "page.toml"
    path.write_text(block)
    load_config(path, environ={})


def test_the_variables_of_the_reference_page_are_settings():
    block = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]
    environ = dict(line.split("=", 1) for line in block.splitlines())
    assert load_config(environ=environ).limits.timeout_s == 2.5


def test_pydantic_is_not_loaded_until_a_configuration_is():
    code = (
        "import sys, llmspell.config as c; assert c.nothing_configured(environ={});"
        "assert 'pydantic' not in sys.modules; c.load_config; assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
