"""Verifiers that are scripts, in both languages."""

from __future__ import annotations

import threading

import pytest

from llmspell.config import load_config
from llmspell.errors import ConfigError, ValidationFailed
from llmspell.script_verifier import ScriptVerifier
from llmspell.security.validation import Candidate
from llmspell.security.validation.opening import open_validator

LANGUAGES = {
    "lua": """
      local words = require "words"
      local asked = 0
      return function(candidate)
        asked = asked + 1
        local value = candidate.value
        if value == "endless" then while true do end end
        if value == "large" then local t = {} while true do t[#t + 1] = ("x"):rep(1e6) .. #t end end
        if value == "raise" then error("hunter2") end
        if value == "globals" then
          return tostring(State or Fs or Http or Env or print or io or "none")
        end
        if value == "count" then return tostring(asked) end
        if value == "all" then
          return table.concat({ candidate.scope, candidate.key, candidate.former.n,
            candidate.class, candidate.actor }, " ")
        end
        return words[value]
      end
    """,
    "js": """
      const words = require("./words");
      let asked = 0;
      module.exports = async ({ value, ...rest }) => {
        asked += 1;
        const { scope, key, former, actor } = rest;
        if (value === "endless") for (;;);
        if (value === "large") { const t = []; for (;;) t.push("x".repeat(1e6) + t.length); }
        if (value === "raise") throw new Error("hunter2");
        if (value === "globals") {
          const seen = [typeof State, typeof Fs, typeof Http, typeof Env, typeof print];
          return seen.every((type) => type === "undefined") ? "none" : seen.join();
        }
        if (value === "count") return String(asked);
        if (value === "all") return [scope, key, former.n, rest.class, actor].join(" ");
        return words[value];
      };
    """,
}
WORDS = """{"yes": true, "no": false, "text": "a reason", "number": 5,
  "list": [{"path": "$.n", "message": "a reason"}], "empty": []}"""


@pytest.fixture(scope="module", params=LANGUAGES)
def verified(request, tmp_path_factory):
    """Return a function that gives the message about a value, or None when it is accepted."""
    folder = tmp_path_factory.mktemp("verifiers")
    script = folder / f"check.{request.param}"
    script.write_text(LANGUAGES[request.param])
    (folder / "words.json").write_text(WORDS)
    rules = [{"script": str(script), "scope": "user:*"}]
    config = load_config(environ={}, overrides={"state.validation.verifiers": rules})
    validator = open_validator(config.state.validation, scripts=ScriptVerifier)

    def message(value):
        try:
            validator.check(Candidate("user:42", "k", value, {"n": 1}, "standard", "ann"))
        except ValidationFailed as error:
            return error.message.partition(": $")[2]
        return None

    return message


@pytest.mark.parametrize("value", ["unknown", "yes", "empty"])
def test_nothing_true_and_an_empty_list_accept_a_value(verified, value):
    assert verified(value) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no", ": refused by verifier 'check."),
        ("text", ": a reason"),
        ("list", ".n: a reason"),
        ("number", "returned what is no answer (int)"),
        ("raise", "failed with ScriptError (check."),
    ],
)
def test_everything_else_refuses_it(verified, value, message):
    assert message in verified(value)
    assert "hunter2" not in verified(value)


def test_it_is_told_all_that_is_known_of_the_write(verified):
    assert verified("all") == ": user:42 k 1 standard ann"


def test_it_has_neither_state_nor_files_nor_hosts_nor_output(verified):
    assert verified("globals") == ": none"


@pytest.mark.parametrize(("value", "limit"), [("endless", "timeout_s"), ("large", "memory_bytes")])
def test_one_that_takes_too_much_refuses_the_value_and_starts_anew(verified, value, limit):
    assert f"hit its limit {limit}" in verified(value)
    assert verified("count") == ": 1"


def test_each_thread_has_a_sandbox_of_its_own(verified):
    verified("count")
    told = []
    thread = threading.Thread(target=lambda: told.append(verified("count")))
    thread.start()
    thread.join()
    assert told == [": 1"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.lua", "return 5", "returns no function"),
        ("a.js", "exports.check = () => {}", "module.exports is no function"),
        ("a.lua", "retrun 5", "a.lua:1: syntax error"),
        ("a.js", "\nthrow new Error('x')", "a.js:2: x"),
        ("a.lua", 'require "none"', "'none' not found"),
        ("a.lua", "State.save()", "a.lua:1:"),
        ("a.b.lua", "return print", "dots stand for folders"),
        ("a.txt", "x", "cannot tell the language"),
        ("a.lua", "\0", "NUL bytes"),
        ("none.lua", None, "there is no script"),
    ],
)
def test_a_script_that_cannot_serve_is_a_config_error_at_opening(tmp_path, name, text, message):
    script = tmp_path / name
    if text is not None:
        script.write_text(text)
    with pytest.raises(ConfigError) as caught:
        ScriptVerifier(script)
    assert message in caught.value.message
    assert str(script) in caught.value.message


def test_a_link_to_a_verifier_is_the_verifier_it_leads_to(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "check.lua").write_text(
        'local util = require "util" return function() return util end'
    )
    (tmp_path / "scripts" / "util.lua").write_text('return "no"')
    link = tmp_path / "link.lua"
    link.symlink_to(tmp_path / "scripts" / "check.lua")
    assert ScriptVerifier(link)({}) == "no"
