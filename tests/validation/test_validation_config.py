"""``[state.validation]`` in a configuration file: what it makes, and its mistakes."""

from __future__ import annotations

import pytest

from llmspell.config import load_config
from llmspell.errors import ConfigError, ValidationFailed
from llmspell.script_verifier import ScriptVerifier
from llmspell.security.validation import Candidate
from llmspell.security.validation.opening import open_validator

WHOLE = """
[state.validation.external]
max_items = 2

[[state.validation.schemas]]
scope = "user:*"
file = "user.json"

[[state.validation.schemas]]
scope = "team:*"
inline = { required = ["a b"], properties = { "a b" = { enum = [1.5, 10_000, true, "x"] } } }

[[state.validation.transitions]]
scope = "order:*"
field = "status"
initial = ["draft"]
allowed = { draft = ["in review"], "in review" = ["draft", "done"] }
terminal = ["done"]
keep = true

[[state.validation.verifiers]]
scope = "tool:*"
script = "check.lua"
name = "tools"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user.json").write_text('{"type": "object"}')
    (tmp_path / "check.lua").write_text('return function() return "not now" end')
    return tmp_path / "llmspell.toml"


def opened(file, text):
    file.write_text(text)
    return open_validator(load_config(file, environ={}).state.validation, scripts=ScriptVerifier)


@pytest.mark.parametrize(
    ("candidate", "rule"),
    [
        (Candidate("user:1", "k", 5), "schema.type"),
        (Candidate("team:1", "k", {}), "schema.required"),
        (Candidate("team:1", "k", {"a b": 2}), "schema.enum"),
        (Candidate("order:1", "k", {"status": "done"}), "transition.initial"),
        (Candidate("tool:1", "k", 5), "verifier.tools"),
        (Candidate("any", "k", [1, 2, 3], None, "external"), "external.max_items"),
    ],
)
def test_what_is_configured_holds(file, candidate, rule):
    with pytest.raises(ValidationFailed) as caught:
        opened(file, WHOLE).check(candidate)
    assert [problem["rule"] for problem in caught.value.details["problems"]] == [rule]


@pytest.mark.parametrize("comments", [True, False])
def test_what_is_written_loads_as_the_same_configuration(file, comments):
    file.write_text(WHOLE)
    config = load_config(file, environ={})
    file.write_text(config.to_toml(comments=comments))
    assert load_config(file, environ={}) == config


def test_nothing_configured_is_nothing_to_ask(file):
    assert opened(file, "") is None
    assert open_validator(None, scripts=ScriptVerifier) is None


def test_the_written_defaults_leave_room_for_rules(file):
    text = load_config(environ={}).to_toml()
    rule = '[[state.validation.schemas]]\ninline = { type = "string" }\n'
    assert len(opened(file, f"{text}\n{rule}").rules) == 1


def test_a_variable_may_hold_a_list_of_rules(file):
    name = "LLMSPELL_STATE__VALIDATION__SCHEMAS"
    config = load_config(environ={name: '[{scope = "a:*", inline = {}}]'})
    assert config.state.validation.schemas[0].scope == "a:*"


SCHEMAS = "[[state.validation.schemas]]\ninline = {}\n"
MACHINE = "[[state.validation.transitions]]\nfield = 's'\ninitial = ['a']\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SCHEMAS + SCHEMAS + "scop = 'x'", 5, 'unknown key "state.validation.schemas.1.scop"'),
        (SCHEMAS + SCHEMAS + "\n\nscope = 5", 7, "schemas.1.scope must be text in quotes, not 5"),
        (SCHEMAS + SCHEMAS + "scope = 'step:*'", 3, "schemas.1 is wrong: no scope is called"),
        (SCHEMAS + "scope = 'custom:*'", 1, "write it as '*'"),
        (SCHEMAS + "key = ''", 1, "must be a pattern"),
        (SCHEMAS + "file = 'x.json'", 1, "must have either file or inline"),
        (SCHEMAS + "every_class = 'yes'", 3, "must be true or false"),
        ("[[state.validation.schemas]]", 1, "must have either file or inline"),
        ("[state.validation.schemas]\nfile = 'x'", 1, "a list of tables: [[state.validation.sch"),
        ("[state.validation]\nverifiers = 'x.lua'", 2, "a list of tables: [[state.validation.ver"),
        ("[state.validation]\nschemas = ['x.json']", 2, "schemas.0 must be a table"),
        (MACHINE, 1, "transitions.0.allowed must be given"),
        (MACHINE + "allowed = { a = 'b' }", 4, "must be a table of lists of texts"),
        (MACHINE + "allowed = ['b']", 4, "must be a table of lists of texts"),
        (MACHINE + "allowed = { a = ['b'] }", 1, "nothing may follow 'b'"),
        (MACHINE + "[state.validation.transitions.allowed]\na = [5]", 4, "lists of texts"),
        ("[[state.validation.verifiers]]\nname = 'x'", 1, "verifiers.0.script must be given"),
        ("[[state.validation.verifiers]]\nscript = ''", 2, "must not be empty"),
        ("[state.validation.external]\nmax_itms = 1", 2, 'unknown key "state.validation.external.'),
        ("[state.validation.external]\nmax_items = -1", 2, "must be at least 0"),
    ],
)
def test_a_mistake_is_told_with_its_line(file, text, line, message):
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ={})
    assert message in caught.value.message
    assert f"{file}:{line}: " in caught.value.message


def test_an_unknown_key_of_a_rule_is_told_with_the_one_that_was_meant(file):
    file.write_text(SCHEMAS + "every_clas = true")
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ={})
    assert 'did you mean "state.validation.schemas.0.every_class"?' in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[state.validation.schemas]]\nfile = 'none.json'", "there is no such schema file"),
        ("[[state.validation.schemas]]\ninline = { type = 5 }", "$.type"),
        ("[[state.validation.schemas]]\ninline = { const = 2026-01-31 }", "Unsupported type"),
        ("[[state.validation.verifiers]]\nscript = 'none.lua'", "there is no script none.lua"),
    ],
)
def test_a_schema_or_script_that_cannot_be_used_is_told_when_the_state_opens(file, text, message):
    with pytest.raises(ConfigError) as caught:
        opened(file, text)
    assert message in caught.value.message
