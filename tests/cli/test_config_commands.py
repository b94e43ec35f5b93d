"""``config``: show, validate, init, profiles."""

from __future__ import annotations

import json
import tomllib

from .conftest import Program


def test_show_prints_the_effective_configuration_as_toml(llmspell: Program) -> None:
    llmspell.write("a.toml", "[state]\nbusy_timeout_ms = 5\n")
    done = llmspell.here("config", "show", "-c", "a.toml", "-p", "production")
    shown = tomllib.loads(done.stdout)
    assert shown["state"]["busy_timeout_ms"] == 5
    assert shown["state"]["durability"] == "fsync"


def test_show_has_a_json_form(llmspell: Program) -> None:
    report = json.loads(llmspell.here("config", "show", "--json").stdout)
    assert report["config"]["state"]["backend"] == "sqlite"


def test_validate_accepts_a_good_file_and_places_every_mistake(llmspell: Program) -> None:
    llmspell.write("good.toml", '[state]\nbackend = "memory"\n')
    assert llmspell.here("config", "validate", "good.toml").stdout.startswith("ok: good.toml")
    llmspell.write("bad.toml", '[state]\nbackend = "memry"\nbusy_timeout = 1\n')
    done = llmspell.here("config", "validate", "bad.toml")
    assert done.returncode == 2
    assert "bad.toml:2" in done.stderr
    assert "bad.toml:3" in done.stderr
    assert "did you mean" in done.stderr
    report = llmspell.here("config", "validate", "bad.toml", "--json")
    assert (report.returncode, json.loads(report.stdout)["ok"]) == (2, False)


def test_init_writes_a_commented_file_that_validates(llmspell: Program) -> None:
    done = llmspell.here("config", "init", "mine.toml", "--profile", "production")
    assert done.returncode == 0
    text = (llmspell.folder / "mine.toml").read_text()
    assert "# " in text
    assert tomllib.loads(text)["state"]["durability"] == "fsync"
    assert llmspell.here("config", "validate", "mine.toml").returncode == 0


def test_init_does_not_overwrite_unless_forced(llmspell: Program) -> None:
    path = llmspell.write("llmspell.toml", "mine")
    refused = llmspell.here("config", "init")
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert path.read_text() == "mine"
    assert llmspell.here("config", "init", "--force").returncode == 0
    assert path.read_text() != "mine"


def test_profiles_are_listed_with_what_they_are_for(llmspell: Program) -> None:
    lines = llmspell.here("config", "profiles").stdout.splitlines()
    assert [line.split()[0] for line in lines][:2] == ["minimal", "development"]
    assert all(len(line.split()) > 3 for line in lines)
