"""``llmspell audit``: what people and programs are shown."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Program
from llmspell.security.audit import AuditLog
from llmspell.security.audit.signing import public_key

from .conftest import KEY, sql

MINUTE_US = 60_000_000


@pytest.fixture
def audited(llmspell: Program) -> Program:
    """A log at the configured place, without a key as nothing configures one."""
    now = time.time_ns() // 1000
    ages = iter([now - 90 * MINUTE_US, now - 30 * MINUTE_US, now - 20 * MINUTE_US, now])
    with AuditLog(_path(llmspell), clock=lambda: next(ages, now)) as log:
        log.record("save", scope="user:42", key="prefs", version=1, origin=("ada", "r", "c-1"))
        log.record("delete", scope="user:7", key="a\x1b[31m\n", outcome="access_denied")
        log.record("load", scope="use?:[7]", key="k", origin=("bob", None, None))
        log.record("grant", details={"permission": "read"})
    return llmspell


def _path(llmspell: Program) -> Path:
    return llmspell.folder / ".llmspell" / "audit.db"


def answer(llmspell: Program, *arguments: str | Path) -> dict[str, Any]:
    done = llmspell.here("audit", *arguments, "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else told["error"].get("exit_code", 1))
    return told


def seqs(llmspell: Program, *arguments: str) -> list[int]:
    return [record["seq"] for record in answer(llmspell, *arguments)["records"]]


def test_tail_shows_the_latest_records_the_newest_at_the_end(audited: Program) -> None:
    done = audited.here("audit", "tail", "-n", "2")
    titles, *lines = done.stdout.splitlines()
    assert titles.split() == [
        "seq",
        "time",
        "actor",
        "action",
        "scope",
        "key",
        "version",
        "outcome",
        "details",
    ]
    assert [line.split()[0] for line in lines] == ["3", "4"]
    assert lines[1].endswith('{"permission":"read"}')
    assert seqs(audited, "tail") == [1, 2, 3, 4]
    assert seqs(audited, "tail", "-n", "0") == []


def test_nothing_that_is_shown_can_steer_the_terminal(audited: Program) -> None:
    shown = audited.here("audit", "tail").stdout
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 5


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), [4, 3, 2, 1]),
        (("--actor", "ada"), [1]),
        (("--action", "delete"), [2]),
        (("--scope", "user:*"), [2, 1]),
        (("--scope", "use?:[7]"), [3]),
        (("--scope", "*:4*"), [1]),
        (("--scope", "user:"), []),
        (("--key", "prefs"), [1]),
        (("--outcome", "access_denied"), [2]),
        (("--correlation", "c-1"), [1]),
        (("--since", "1h"), [4, 3, 2]),
        (("--since", "1h", "--until", "10m"), [3, 2]),
        (("--until", "2000-01-01"), []),
        (("--since", "1999-12-31T23:59:59+01:00", "--limit", "2"), [4, 3]),
        (("--actor", "ada", "--action", "delete"), []),
    ],
)
def test_search_finds_what_fits_all_options(
    audited: Program, asked: tuple[str, ...], expected: list[int]
) -> None:
    assert seqs(audited, "search", *asked) == expected


def test_a_search_in_an_empty_part_shows_nothing(audited: Program) -> None:
    done = audited.here("audit", "search", "--actor", "nobody")
    assert (done.returncode, done.stdout) == (0, "")


def test_follow_goes_on_with_the_records_to_come(audited: Program) -> None:
    process = audited.start(
        "audit", "tail", "-n", "1", "--follow", "--json", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["seq"] == 4
    with AuditLog(_path(audited)) as log:
        log.record_now("save")
    assert json.loads(process.stdout.readline())["seq"] == 5
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == b""
    assert process.returncode == 0


def test_verify_tells_that_all_is_well_and_what_is_worth_knowing(audited: Program) -> None:
    done = audited.here("audit", "verify")
    assert (done.returncode, done.stdout) == (0, "all well: 4 records\n")
    assert "the log has no key" in done.stderr
    told = answer(audited, "verify")
    assert (told["records"], told["head"]["seq"], told["public_key"]) == (4, 4, None)


def test_verify_lists_each_problem_and_ends_with_exit_code_1(audited: Program) -> None:
    sql(_path(audited), "DELETE FROM records WHERE seq = 2")
    sql(_path(audited), "UPDATE records SET actor = char(27) WHERE seq = 3")
    done = audited.here("audit", "verify")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "missing: record 2 missing",
        "changed: record 3 was changed",
    ]
    assert "error[audit_error]: the audit log does not verify: 3 problems" in done.stderr
    error = answer(audited, "verify")["error"]
    assert error["details"]["problems"][1] == {
        "kind": "changed",
        "seq": 3,
        "what": "record 3 was changed",
    }


def test_verify_compares_with_a_head_kept_elsewhere(audited: Program) -> None:
    kept = audited.folder / "kept.head"
    kept.write_bytes(_path(audited).with_name("audit.db.head").read_bytes())
    assert audited.here("audit", "verify", "--head", kept).returncode == 0
    for file in list(_path(audited).parent.iterdir()):
        file.unlink()
    with AuditLog(_path(audited)) as log:
        log.record("save")
    assert audited.here("audit", "verify").returncode == 0
    done = audited.here("audit", "verify", "--head", kept)
    assert "truncated: the end was cut off: kept.head tells of records 2 to 4" in done.stdout


def test_an_export_is_written_verified_and_only_for_its_owner(audited: Program) -> None:
    done = audited.here("audit", "export", "out.jsonl")
    assert (done.returncode, done.stderr) == (0, "exported 4 records to out.jsonl\n")
    assert (audited.folder / "out.jsonl").stat().st_mode & 0o077 == 0
    assert answer(audited, "verify", "--export", "out.jsonl")["records"] == 4
    lines = (audited.folder / "out.jsonl").read_bytes().splitlines(keepends=True)
    audited.folder.joinpath("cut.jsonl").write_bytes(b"".join(lines[:-2]))
    done = audited.here("audit", "verify", "--export", "cut.jsonl")
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "truncated")


def test_an_export_goes_to_the_standard_output_too(audited: Program) -> None:
    written = audited("audit", "export", "-", "--since", "1h").stdout.splitlines()
    assert [json.loads(line).get("seq") for line in written] == [2, 3, 4, None]
    assert audited("audit", "export", "-", "--format", "csv").stdout.count("\n") > 4
    assert answer(audited, "export", "out.csv") == {"ok": True, "file": "out.csv", "records": 4}
    assert (audited.folder / "out.csv").read_text().startswith("at,seq,")


def test_an_export_of_somebody_else_is_verified_with_their_public_key(audited: Program) -> None:
    from llmspell.security.audit.exporting import write_json_lines

    from .conftest import filled, rows

    records = rows(filled(audited.folder / "theirs.db", 3))
    with (audited.folder / "theirs.jsonl").open("wb") as file:
        write_json_lines(records, file.write, key=KEY)
    public = public_key(KEY).hex()
    verify = ("audit", "verify", "--export", "theirs.jsonl")
    assert audited.here(*verify, "--public-key", public).returncode == 0
    assert audited.here(*verify, "--public-key", "00" * 32).returncode == 1
    assert audited.here(*verify).returncode == 1


def test_compact_needs_an_age_and_a_key(audited: Program) -> None:
    done = audited.here("audit", "compact")
    assert (done.returncode, "audit.retention_days is 0" in done.stderr) == (2, True)
    done = audited.here("audit", "compact", "--older-than", "1d")
    assert (done.returncode, "to do it: --yes" in done.stderr) == (2, True)
    done = audited.here("audit", "compact", "--older-than", "1d", "--yes")
    assert (done.returncode, "without a key" in done.stderr) == (1, True)
    done = audited.here("audit", "compact", "--older-than", "30", "--yes")
    assert (done.returncode, "'30' has no unit" in done.stderr) == (2, True)
    assert len(seqs(audited, "tail")) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tail", "-n", "-1"), "-1"),
        (("tail", "-n", "many"), "many"),
        (("search", "--since", "yesterday"), "'yesterday' is not a time"),
        (("search", "--until", "31.12.2025"), "is not a time"),
        (("search", "--limit", "-5"), "-5"),
        (("verify", "--public-key", "00"), "--public-key is for an export"),
        (("verify", "--export", "nowhere"), "nowhere"),
        (("verify", "--export", "log.txt", "--head", "log.txt"), "--head is for the log"),
        (("verify", "--export", "log.txt", "--public-key", "xyz"), "64 hexadecimal digits"),
        (("export",), "FILE"),
        (("export", "-", "--json"), "--json needs a FILE"),
        (("export", "x", "--format", "xml"), "xml"),
        (("export", "."), "it is a directory"),
        (("export", "no/such/folder/x"), "No such file or directory"),
        (("compact", "--older-than", "never"), "not a length of time"),
        (("forget",), "no such command"),
    ],
)
def test_a_wrong_call_is_told_and_does_nothing(
    audited: Program, arguments: tuple[str, ...], told: str
) -> None:
    audited.write("log.txt", "no export\n")
    before = sorted(audited.folder.iterdir())
    done = audited.here("audit", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert sorted(audited.folder.iterdir()) == before


def test_what_is_no_export_and_no_log_is_told(audited: Program) -> None:
    audited.write("log.txt", "no export\n")
    done = audited.here("audit", "verify", "--export", "log.txt")
    assert (done.returncode, "this is no export of an audit log: line 1" in done.stderr) == (
        1,
        True,
    )
    audited.write("other.toml", '[audit]\npath = "log.txt"\n')
    for command in (("tail",), ("search",), ("verify",), ("export", "x"), ("compact",)):
        done = audited.here("-c", "other.toml", "audit", *command)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
    assert not (audited.folder / "x").exists()


def test_without_a_log_each_command_says_how_to_get_one(llmspell: Program) -> None:
    for command in (("tail",), ("tail", "--follow"), ("search",), ("verify",), ("export", "x")):
        done = llmspell.here("audit", *command)
        assert done.returncode == 1
        assert "there is no audit log at" in done.stderr
        assert "audit.enabled" in done.stderr
    assert list(llmspell.folder.iterdir()) == []


# With the key of the key ring --------------------------------------------------------------------

_KEYED = """
[state.security]
encryption_enabled = true
[audit]
enabled = true
records = "all"
"""


@pytest.fixture
def keyed(llmspell: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A state that was used under a configuration with a key and an audit log."""
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "5f" * 32)
    monkeypatch.setenv("LLMSPELL_CONFIG", str(llmspell.write("keyed.toml", _KEYED)))
    assert llmspell.here("state", "set", "global", "theme", '"dark"').returncode == 0
    assert llmspell.here("state", "get", "global", "theme").returncode == 0
    return llmspell


def test_what_a_command_does_to_the_state_is_recorded_under_the_key(keyed: Program) -> None:
    records = answer(keyed, "tail")["records"]
    done = {(r["action"], r["scope"], r["outcome"]) for r in records if r["key"] == "theme"}
    assert done == {("save", "global", "ok"), ("load", "global", "ok")}
    assert "dark" not in str(records)
    told = answer(keyed, "verify")
    assert told["notes"] == []
    assert len(bytes.fromhex(told["public_key"])) == 32


def test_an_export_verifies_elsewhere_with_the_public_key_alone(
    keyed: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = answer(keyed, "verify")["public_key"]
    assert keyed.here("audit", "export", "out.jsonl").returncode == 0
    monkeypatch.delenv("LLMSPELL_CONFIG")
    verify = ("verify", "--export", "out.jsonl", "--public-key", public)
    assert answer(keyed, *verify)["ok"]


def test_compact_leaves_a_log_that_verifies(keyed: Program) -> None:
    before = len(seqs(keyed, "tail"))
    told = answer(keyed, "compact", "--older-than", "1ms", "--yes")
    assert (told["removed"], told["checkpoint"]["seq"]) == (before, before)
    assert [record["action"] for record in answer(keyed, "tail")["records"]] == ["compact"]
    assert keyed.here("state", "get", "global", "theme").stdout == "dark\n"
    assert answer(keyed, "verify")["records"] > 1
