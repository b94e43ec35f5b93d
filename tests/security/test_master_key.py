"""A master key comes from where it is configured, in one form, and shows itself nowhere."""

import base64
import copy
import hashlib
import os
import pickle
import stat
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import ConfigError
from llmspell.security.keys.derivation import new_derivation
from llmspell.security.keys.master import (
    DERIVATIONS,
    Derivation,
    MasterKey,
    MasterKeySource,
    Passphrase,
    read_key_file,
    write_key_file,
)

SECRET = bytes(range(100, 132))
HEX = SECRET.hex()
PASSPHRASE = "correct horse battery"

# Well-formed keys, but for the one thing that each of them says.
NO_KEYS = {
    "nothing": "",
    "blanks": " \n",
    "a word": "hunter2",
    "a digit short": HEX[:-1],
    "a digit long": HEX + "0",
    "no hex digit": HEX[:-1] + "g",
    "a blank within": HEX[:32] + " " + HEX[33:],
    "digits of another script": "٣" * 64,
    "31 bytes of base64": base64.b64encode(SECRET[:31]).decode(),
    "33 bytes of base64": base64.b64encode(SECRET + b"x").decode(),
    "two paddings": base64.b64encode(SECRET).decode() + "=",
    "a foreign sign in base64": "*" * 43,
    "letters beyond ASCII": "ä" * 43,
    "two keys": HEX + "\n" + HEX,
    "a NUL": HEX[:-1] + "\0",
    "a prefix": "0x" + HEX,
}


def key_file(folder: Path, text: str | bytes = HEX, *, mode: int = 0o600) -> Path:
    path = folder / "master.key"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def everything_told(error: BaseException) -> str:
    """All that a log could hold of an error: its chain, and what every error in it carries."""
    told = "".join(traceback.format_exception(error))
    while error is not None:
        told += repr(error.args) + repr(vars(error))
        told += repr(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return told


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", " ", "\n", "\r\n", "\t "]))
def test_a_key_is_read_from_hex_and_both_kinds_of_base64(secret: bytes, around: str) -> None:
    plain, safe = base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()
    for text in (secret.hex(), secret.hex().upper(), plain, safe, plain[:-1], safe[:-1]):
        assert MasterKey.parse(around + text + around, origin="x") == MasterKey(secret)


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_anything_else_is_refused_by_its_length_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MasterKey.parse(text, origin="LLMSPELL_MASTER_KEY")
    told = caught.value.message
    assert "LLMSPELL_MASTER_KEY does not hold a master key: expected 64 hex digits" in told
    assert told.endswith("found nothing" if not text.strip() else f"found {len(text)} characters")
    assert not text.strip() or text.strip() not in everything_told(caught.value)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_made_of_bytes_has_32_of_them(length: int) -> None:
    with pytest.raises(ConfigError, match=f"has 32 bytes, not {length}"):
        MasterKey(bytes(length))


def test_keys_are_equal_by_their_bytes() -> None:
    assert MasterKey(SECRET) == MasterKey(SECRET) != MasterKey(bytes(32))
    assert MasterKey(SECRET) != HEX


def test_a_key_file_is_read_with_or_without_the_marks_editors_leave(tmp_path: Path) -> None:
    for text in (HEX, f"{HEX}\n", f"\N{BYTE ORDER MARK}{HEX}\r\n"):
        assert read_key_file(key_file(tmp_path, text)) == MasterKey(SECRET)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o610, 0o620, 0o777])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}") as caught:
        read_key_file(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_link_to_a_key_file_is_as_good_as_the_file_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path))
    assert read_key_file(link) == MasterKey(SECRET)
    link.resolve().chmod(0o644)
    with pytest.raises(ConfigError, match="others than its owner"):
        read_key_file(link)


def test_what_is_no_readable_file_is_refused_by_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    expected = {
        tmp_path: "is a directory",
        tmp_path / "missing": "does not exist",
        tmp_path / "dangling": "does not exist",
        tmp_path / "round": "cannot be read",
        tmp_path / "pipe": "is no regular file",
        Path("/dev/null"): "is no regular file",
        tmp_path / "a\0b": "cannot be read",
        tmp_path / ("long" * 100): "cannot be read",
    }
    for path, told in expected.items():
        with pytest.raises(ConfigError, match=told):
            read_key_file(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n", "found nothing"),
        (b"hunter2hunter2", "found 14 characters"),
        (SECRET + b"\xff\xfe", "is not text"),
        (HEX.encode() * 100, "holds more than a key"),
    ],
    ids=["empty", "a newline", "no key", "raw bytes", "much more"],
)
def test_a_file_that_holds_no_key_is_refused_and_its_content_not_told(
    tmp_path: Path, content: bytes, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read_key_file(key_file(tmp_path, content))
    shown = everything_told(caught.value)
    assert "hunter2" not in shown
    assert HEX not in shown
    assert repr(SECRET)[2:-1] not in shown


def test_a_new_key_file_is_its_owners_alone_and_reads_back(tmp_path: Path) -> None:
    umask = os.umask(0o777)
    try:
        key = write_key_file(tmp_path / "new.key")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "new.key").stat().st_mode) == 0o600
    assert read_key_file(tmp_path / "new.key") == key
    assert key != write_key_file(tmp_path / "other.key")


def test_a_key_file_is_never_written_over(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for there in (path, tmp_path / "dangling", tmp_path):
        with pytest.raises(ConfigError, match="is there already; it was not changed"):
            write_key_file(there)
    assert path.read_text() == HEX
    assert not (tmp_path / "nowhere").exists()


def test_a_key_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "folder.key", tmp_path / "a\0b", key_file(tmp_path) / "in.key"):
        with pytest.raises(ConfigError, match="cannot be written"):
            write_key_file(path)


def test_a_variable_wins_over_the_file_and_nothing_configured_is_none(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    of_variable = {"LLMSPELL_MASTER_KEY": "00" * 32}
    assert MasterKeySource(environ={}).find() is None
    assert MasterKeySource(path, {}).find() == MasterKey(SECRET)
    assert MasterKeySource(path, of_variable).find() == MasterKey(bytes(32))
    assert MasterKeySource(tmp_path / "missing", of_variable).find() == MasterKey(bytes(32))
    found = MasterKeySource(path, {"LLMSPELL_PASSPHRASE": PASSPHRASE}).find()
    assert isinstance(found, Passphrase)


def test_the_environment_of_the_process_is_the_one_that_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", HEX)
    monkeypatch.delenv("LLMSPELL_PASSPHRASE", raising=False)
    assert MasterKeySource().find() == MasterKey(SECRET)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"LLMSPELL_MASTER_KEY": HEX, "LLMSPELL_PASSPHRASE": PASSPHRASE}, "are both set"),
        ({"LLMSPELL_MASTER_KEY": ""}, "LLMSPELL_MASTER_KEY is set, but empty"),
        ({"LLMSPELL_PASSPHRASE": "  \n"}, "LLMSPELL_PASSPHRASE is set, but empty"),
        ({"LLMSPELL_MASTER_KEY": "hunter2"}, "found 7 characters"),
        ({"LLMSPELL_PASSPHRASE": "hunter2"}, "too short: 7 characters, at least 8"),
        ({"LLMSPELL_PASSPHRASE": "hunter2\ud800."}, "no text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_variable_that_gives_no_one_key_is_refused(
    tmp_path: Path, environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        MasterKeySource(key_file(tmp_path), environ).find()
    shown = everything_told(caught.value)
    assert all(secret not in shown for secret in ("hunter2", HEX, PASSPHRASE))


def test_a_passphrase_is_the_same_however_its_letters_were_composed() -> None:
    derivation = new_derivation("pbkdf2", pbkdf2_iterations=100_000)
    composed, apart = Passphrase("gr\u00fcner Tee"), Passphrase("gru\u0308ner Tee")
    assert composed.derive(derivation) == apart.derive(derivation)
    assert composed.derive(derivation) != Passphrase("gr\u00fcner Tee ").derive(derivation)
    assert Passphrase("gr\u00fcner Tee".encode()).derive(derivation) == composed.derive(derivation)


def test_a_passphrase_that_is_no_utf_8_counts_as_the_bytes_it_came_as() -> None:
    derivation = new_derivation("pbkdf2", pbkdf2_iterations=100_000)
    as_read = os.fsdecode(b"passphrase \xff")
    assert Passphrase(as_read).derive(derivation) == Passphrase(b"passphrase \xff").derive(
        derivation
    )


def test_eight_characters_are_enough_whatever_their_bytes() -> None:
    Passphrase("ää ää ää")
    with pytest.raises(ConfigError, match="too short: 7 characters"):
        Passphrase("ää ää ä")
    with pytest.raises(ConfigError, match="too short: 0 characters"):
        Passphrase(b"")


def test_pbkdf2_gives_what_another_implementation_gives() -> None:
    derivation = Derivation("pbkdf2", b"s" * 16, 100_000)
    expected = hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), b"s" * 16, 100_000)
    assert derivation.derive(PASSPHRASE.encode()) == expected


def test_argon2id_always_gives_the_same_key_for_the_same_salt() -> None:
    # Computed with argon2-cffi: 64 MiB, 3 passes, 4 lanes.
    derivation = Derivation("argon2id", b"s" * 16, 3, 65536, 4)
    assert derivation.derive(PASSPHRASE.encode()).hex() == (
        "e068c388184ebdedb6ce678c9f1f4296352e9742bbcb6820a4c286df1ab30d75"
    )


def test_new_derivations_have_the_recommended_costs_and_a_salt_of_their_own() -> None:
    argon, pbkdf2 = new_derivation(), new_derivation("pbkdf2")
    assert (argon.name, argon.memory_kib, argon.iterations, argon.lanes) == (
        "argon2id",
        65536,
        3,
        4,
    )
    assert (pbkdf2.iterations, pbkdf2.memory_kib, pbkdf2.lanes) == (600_000, 0, 0)
    assert len({new_derivation(name).salt for name in DERIVATIONS * 4}) == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"derivation": "scrypt"}, "there is no key derivation 'scrypt'"),
        ({"derivation": ""}, "there is no key derivation ''"),
        ({"derivation": "pbkdf2", "pbkdf2_iterations": 99_999}, "from 100,000 to 10,000,000"),
        ({"derivation": "pbkdf2", "pbkdf2_iterations": 0}, "from 100,000"),
        ({"derivation": "pbkdf2", "pbkdf2_iterations": 10**9}, "to 10,000,000"),
    ],
    ids=str,
)
def test_a_derivation_that_protects_nothing_or_never_ends_is_refused_at_once(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Passphrase(PASSPHRASE, **options)


@pytest.mark.parametrize(
    "secretive",
    [
        MasterKey(SECRET),
        Passphrase(PASSPHRASE),
        MasterKeySource(environ={"LLMSPELL_MASTER_KEY": HEX, "OTHER": PASSPHRASE}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_secret_is_printed_pickled_or_copied(secretive: object) -> None:
    for shown in (repr(secretive), str(secretive), f"{secretive}", repr([secretive])):
        assert all(secret not in shown for secret in (HEX, PASSPHRASE, repr(SECRET)))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(secretive, protocol)
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.deepcopy(secretive)
