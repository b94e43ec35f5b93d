"""An encrypted backup opens with the keys of the time it was made, and says which it needs."""

from __future__ import annotations

import base64
import pickle
from typing import Any

import pytest

from llmspell.backup.manifest_file import check_signature, pack, unpack
from llmspell.backup.model import Manifest
from llmspell.backup.reading import read_chunk
from llmspell.backup.sealing import BackupKey, backup_key
from llmspell.errors import BackupDamaged, ConfigError, KeyMissing, WrongKey
from llmspell.security.keys.master import MasterKey, Passphrase
from llmspell.security.keys.ring import KeyRing

from .chunk_samples import ID, MASTER, OTHER_ID, RING, Files, row, written

OTHER = MasterKey(b"o" * 32)
NOW_US = 1_700_000_000_000_001


def passphrase(text: str) -> Passphrase:
    return Passphrase(text, derivation="pbkdf2", pbkdf2_iterations=100_000)


def encrypted(ring: KeyRing = RING) -> tuple[Manifest, Files]:
    key = BackupKey.of(ring, "aes-256-gcm", ID)
    manifest, files = written([row()], key=key)
    return unpack(pack(manifest, key), ID), files


def opens(manifest: Manifest, files: Files, ring: KeyRing | None, master: Any) -> bool:
    key = backup_key(manifest, ring, master)
    check_signature(manifest, key)
    return read_chunk(files.__getitem__, manifest, manifest.chunks[0], key) == [row()]


def with_encryption(manifest: Manifest, **changes: str) -> Manifest:
    assert manifest.encryption is not None
    changed = manifest.encryption.model_copy(update=changes)
    return manifest.model_copy(update={"encryption": changed})


def test_the_ring_of_the_store_opens_it_without_the_master_key() -> None:
    assert opens(*encrypted(), RING, None)


def test_the_master_key_opens_it_when_the_store_is_lost() -> None:
    assert opens(*encrypted(), None, MASTER)


def test_the_ring_of_another_store_does_no_harm() -> None:
    assert opens(*encrypted(), KeyRing.create(OTHER, NOW_US), MASTER)


def test_a_ring_that_was_rotated_since_still_opens_it() -> None:
    assert opens(*encrypted(), RING.rotated(NOW_US), None)


def test_a_backup_made_after_a_rotation_opens_with_a_ring_from_before_and_the_master_key() -> None:
    manifest, files = encrypted(RING.rotated(NOW_US))
    assert opens(manifest, files, RING, MASTER)
    with pytest.raises(KeyMissing, match=ID):
        backup_key(manifest, RING, None)


def test_a_store_that_has_a_new_master_key_since_opens_it_but_that_key_alone_does_not() -> None:
    manifest, files = encrypted()
    assert opens(manifest, files, RING.rewrapped(OTHER), OTHER)
    with pytest.raises(WrongKey, match="of the time it was made"):
        backup_key(manifest, None, OTHER)


def test_without_any_key_it_says_which_one_is_needed() -> None:
    with pytest.raises(KeyMissing, match="the master key of the time it was made") as caught:
        backup_key(encrypted()[0], None, None)
    assert caught.value.details == {"backup": ID}
    assert caught.value.hint


def test_a_passphrase_opens_it_and_another_one_does_not() -> None:
    manifest, files = encrypted(KeyRing.create(passphrase("correct horse"), NOW_US))
    assert opens(manifest, files, None, passphrase("correct horse"))
    for master in passphrase("battery staple"), MASTER:
        with pytest.raises(WrongKey, match="the passphrase of the time it was made"):
            backup_key(manifest, None, master)
    with pytest.raises(KeyMissing, match="the passphrase"):
        backup_key(manifest, None, None)


def test_a_backup_that_is_not_encrypted_needs_no_key() -> None:
    assert backup_key(written([row()])[0], RING, MASTER) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"cipher": "rot13"},
        {"generation": "none"},
        {"generation": "00000000"},
        {"ring_id": "none"},
        {"ring_id": "00" * 16},
        {"ring": "no base64!"},
        {"ring": ""},
        {"ring": base64.b64encode(b"no ring at all").decode()},
        {"ring": base64.b64encode(RING.pack()[:-1]).decode()},
        {"ring": base64.b64encode(KeyRing.create(MASTER, 1).pack()).decode()},
    ],
)
def test_what_somebody_changed_of_the_encryption_is_told(changes: dict[str, str]) -> None:
    with pytest.raises(BackupDamaged, match=ID) as caught:
        backup_key(with_encryption(encrypted()[0], **changes), None, MASTER)
    assert caught.value.details["problems"][0].startswith("manifest.json: ")


def test_each_backup_has_a_key_of_its_own() -> None:
    one, two = (BackupKey.of(RING, "aes-256-gcm", each) for each in (ID, OTHER_ID))
    assert one.sign(b"manifest") != two.sign(b"manifest")
    assert one.sign(b"manifest") == BackupKey.of(RING, "aes-256-gcm", ID).sign(b"manifest")
    assert one.seal("chunk", b"data") != one.seal("chunk", b"data")


def test_an_unknown_cipher_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        BackupKey.of(RING, "rot13", ID)
    assert "aes-256-gcm" in str(caught.value.hint)


def test_a_key_shows_nothing_of_itself_and_is_not_pickled() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    assert repr(key) == "<BackupKey: hidden>"
    with pytest.raises(TypeError):
        pickle.dumps(key)
