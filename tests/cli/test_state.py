"""``state``: everything scripts have stored, from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Program


def stored(llmspell: Program, **values: object) -> None:
    for key, value in values.items():
        assert llmspell.here("state", "set", "global", key, json.dumps(value)).returncode == 0


def test_what_is_set_is_got_and_seen_by_scripts(llmspell: Program) -> None:
    stored(llmspell, theme="dark", size={"w": 1, "h": 2.5})
    assert llmspell.here("state", "get", "global", "theme").stdout == "dark\n"
    assert llmspell.here("state", "get", "global", "size").stdout == '{"w": 1, "h": 2.5}\n'
    code = "return State.load('global', 'size').h"
    assert llmspell("exec", code, "--engine", "lua").stdout == "2.5\n"


def test_a_value_can_be_text_or_come_from_a_file_or_a_pipe(llmspell: Program) -> None:
    llmspell.write("value.json", "[1, 2]")
    llmspell.here("state", "set", "global", "text", "Hello, {}", "--text")
    llmspell.here("state", "set", "global", "file", "--file", "value.json")
    llmspell("state", "set", "global", "pipe", "--file", "-", stdin="true")
    shown = [
        llmspell.here("state", "get", "global", key).stdout for key in ("text", "file", "pipe")
    ]
    assert shown == ["Hello, {}\n", "[1, 2]\n", "true\n"]


def test_text_that_is_not_json_is_refused_with_the_way_out(llmspell: Program) -> None:
    done = llmspell.here("state", "set", "global", "theme", "dark")
    assert done.returncode == 1
    assert "not valid JSON" in done.stderr
    assert "--text" in done.stderr
    assert llmspell.here("state", "list", "global").stdout == ""


@pytest.mark.parametrize("command", ["get", "delete"])
def test_a_missing_key_exits_with_1_and_says_which(llmspell: Program, command: str) -> None:
    done = llmspell.here("state", command, "global", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[no_such_key]: scope 'global' has no key 'nope'")


def test_delete_removes_the_key(llmspell: Program) -> None:
    stored(llmspell, a=1, b=2)
    assert llmspell.here("state", "delete", "global", "a").returncode == 0
    assert llmspell.here("state", "list", "global").stdout == "b\n"


def test_keys_and_scopes_are_listed_sorted_and_in_pages(llmspell: Program) -> None:
    code = """
        for i = 1, 7 do State.save('user:42', 'k' .. i, i) end
        State.save('agent:a', 'x', 1) State.save('user:42', 'other', 1)
    """
    assert llmspell("exec", code, "--engine", "lua").returncode == 0
    listed = llmspell.here(
        "state", "list", "user:42", "--prefix", "k", "--after", "k2", "--limit", "3"
    )
    assert listed.stdout.split() == ["k3", "k4", "k5"]
    assert len(llmspell.here("state", "list", "user:42").stdout.split()) == 8
    scopes = llmspell.here("state", "scopes").stdout.split()
    assert scopes == sorted(scopes)
    assert len(scopes) == 2
    assert llmspell.here("state", "scopes", "--prefix", "agent:").stdout == "agent:a\n"


def test_every_command_has_a_json_form(llmspell: Program) -> None:
    def report(*arguments: str) -> dict[str, object]:
        done = llmspell.here("state", *arguments, "--json")
        parsed: dict[str, object] = json.loads(done.stdout)
        assert parsed["ok"] is (done.returncode == 0)
        return parsed

    assert report("set", "global", "a", "[1]")["metadata"]
    assert report("get", "global", "a")["value"] == [1]
    assert report("list", "global")["keys"] == ["a"]
    assert report("scopes")["scopes"] == ["global"]
    assert report("stats")["stats"]
    assert report("export", "all.json")["entries"] == 1
    assert report("import", "all.json")["entries"] == 1
    assert report("delete", "global", "a")["key"] == "a"
    assert report("get", "global", "a")["error"]["code"] == "no_such_key"  # type: ignore[index]
    assert report("list", "agent:")["error"]["code"] == "invalid_scope"  # type: ignore[index]


@pytest.mark.parametrize("name", ["all.json", "all.msgpack"])
def test_an_export_imports_into_another_store_exactly(llmspell: Program, name: str) -> None:
    code = """
        await State.save('global', 'bytes', new Uint8Array([0, 255]));
        await State.save('global', 'time', new Date(1234567890123));
        await State.save('user:42', 'big', 9007199254740993n);
        await State.save('user:42', 'list', [1, null, {a: ''}]);
    """
    assert llmspell("exec", code, "--engine", "js").returncode == 0
    llmspell("exec", "State.save('global', 'float', 1.0)", "--engine", "lua")
    assert llmspell.here("state", "export", name).returncode == 0
    llmspell.write("other.toml", '[state]\npath = "other.db"\n')
    assert llmspell.here("-c", "other.toml", "state", "import", name).returncode == 0
    for arguments in (["global", "bytes"], ["global", "time"], ["user:42", "big"]):
        before = json.loads(llmspell.here("state", "get", *arguments, "--json").stdout)
        after = json.loads(
            llmspell.here("-c", "other.toml", "state", "get", *arguments, "--json").stdout
        )
        assert after["value"] == before["value"]
    code = """
        local list = State.load('user:42', 'list')
        return math.type(State.load('global', 'float')) .. #list .. list[3].a
    """
    done = llmspell("-c", "other.toml", "exec", code, "--engine", "lua")
    assert done.stdout == "float3\n"


def test_an_export_can_be_one_scope_and_go_through_a_pipe(llmspell: Program) -> None:
    stored(llmspell, a=1)
    llmspell.here("state", "set", "user:42", "b", "2")
    piped = llmspell.here("state", "export", "-", "--scope", "global").stdout
    assert [entry["key"] for entry in json.loads(piped)["entries"]] == ["a"]
    llmspell.here("state", "delete", "global", "a")
    assert llmspell("state", "import", "-", stdin=piped).returncode == 0
    assert llmspell.here("state", "get", "global", "a").stdout == "1\n"


def test_an_import_can_keep_what_is_there(llmspell: Program) -> None:
    stored(llmspell, a=1, b=2)
    llmspell.here("state", "export", "all.json")
    stored(llmspell, a="changed")
    llmspell.here("state", "delete", "global", "b")
    kept = llmspell.here("state", "import", "all.json", "--keep")
    assert "imported 1 entry, kept 1" in kept.stderr
    assert llmspell.here("state", "get", "global", "a").stdout == "changed\n"
    assert llmspell.here("state", "get", "global", "b").stdout == "2\n"
    llmspell.here("state", "import", "all.json")
    assert llmspell.here("state", "get", "global", "a").stdout == "1\n"


def test_one_bad_entry_refuses_the_whole_file(llmspell: Program) -> None:
    entries = [
        {"scope": "global", "key": "good", "value": 1},
        {"scope": "global", "key": "bad", "value": {"a": [{"$bytes": "?"}]}},
    ]
    document = {"format": "llmspell-state", "version": 1, "entries": entries}
    llmspell.write("bad.json", json.dumps(document))
    done = llmspell.here("state", "import", "bad.json")
    assert done.returncode == 1
    assert "entry 2 ('global', 'bad'): $.a[0] is not a valid base64" in done.stderr
    assert llmspell.here("state", "list", "global").stdout == ""


def test_a_failed_export_leaves_nothing_behind(llmspell: Program) -> None:
    stored(llmspell, a=1)
    done = llmspell.here("state", "export", "no/such/folder/all.json")
    assert done.returncode == 2
    assert "no/such/folder/all.json" in done.stderr
    (llmspell.folder / "target.json").mkdir()
    assert llmspell.here("state", "export", "target.json").returncode == 2
    assert not list(llmspell.folder.glob(".*partial"))


def test_a_file_that_is_not_a_database_is_one_clear_error(llmspell: Program) -> None:
    llmspell.write(".llmspell/state.db", "this is a text file, and not a short one\n" * 50)
    before = Path(llmspell.folder / ".llmspell/state.db").read_bytes()
    done = llmspell.here("state", "list", "global")
    assert done.returncode == 1
    assert "error[storage_error]" in done.stderr
    assert "Traceback" not in done.stderr
    assert Path(llmspell.folder / ".llmspell/state.db").read_bytes() == before


def test_a_value_can_be_saved_with_the_version_of_its_shape(llmspell: Program) -> None:
    done = llmspell.here("state", "set", "global", "k", "1", "--schema-version", "3", "--json")
    assert json.loads(done.stdout)["metadata"]["schema_version"] == 3
    assert (
        llmspell.here("state", "set", "global", "k", "1", "--schema-version", "0").returncode == 2
    )
