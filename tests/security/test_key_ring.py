"""A key ring opens with its master key alone, keeps every key, and shows all damage."""

import pickle
from collections.abc import Callable
from hashlib import sha256

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import EncryptionError, IntegrityFailed, StorageError, WrongKey
from llmspell.security.ciphers import CIPHERS
from llmspell.security.keys.derivation import Derivation
from llmspell.security.keys.master import MasterKey, Passphrase
from llmspell.security.keys.ring import Generation, KeyRing, ring_facts

MASTER = MasterKey(b"m" * 32)
OTHER = MasterKey(b"o" * 32)
NOW_US = 1_700_000_000_000_000
HEAD_BYTES = 4 + 1 + 32


def passphrase(text: str = "correct horse") -> Passphrase:
    return Passphrase(text, derivation="pbkdf2", pbkdf2_iterations=100_000)


def three_generations() -> KeyRing:
    return KeyRing.create(MASTER, NOW_US).rotated(NOW_US + 1).rotated(NOW_US + 2)


RING = three_generations()
BLOB = RING.pack()


def forged(change: Callable[[list], None], blob: bytes = BLOB) -> bytes:
    """The ring as somebody without the key would change it: the checksum is right again."""
    parts = msgpack.unpackb(blob[HEAD_BYTES:])
    parts[0] = msgpack.unpackb(parts[0])
    change(parts)
    parts[0] = msgpack.packb(parts[0])
    body = msgpack.packb(parts)
    return blob[:5] + sha256(blob[:5] + body).digest() + body


def test_a_ring_comes_back_equal() -> None:
    assert KeyRing.unpack(BLOB, MASTER) == RING


def test_a_passphrase_opens_its_ring_wherever_it_is_typed_again() -> None:
    ring = KeyRing.create(passphrase(), NOW_US)
    assert KeyRing.unpack(ring.pack(), passphrase()) == ring
    assert ring.derivation is not None
    assert ring.derivation.name == "pbkdf2"


def test_a_passphrase_is_derived_once_for_all_that_a_process_does_with_a_ring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = passphrase()
    blob = KeyRing.create(one, NOW_US).pack()
    times = []
    derive = Derivation.derive
    monkeypatch.setattr(Derivation, "derive", lambda *args: times.append(1) or derive(*args))
    for _ in range(3):
        blob = KeyRing.unpack(blob, one).rotated(NOW_US).pack()
    assert times == []


@pytest.mark.parametrize(
    ("made_with", "opened_with"),
    [
        (MASTER, OTHER),
        (MASTER, passphrase()),
        (passphrase(), MASTER),
        (passphrase(), passphrase("correct house")),
    ],
    ids=["another key", "a passphrase", "a key for a passphrase", "another passphrase"],
)
def test_a_wrong_key_is_told_from_damage(
    made_with: MasterKey | Passphrase, opened_with: MasterKey | Passphrase
) -> None:
    blob = KeyRing.create(made_with, NOW_US).pack()
    with pytest.raises(WrongKey) as caught:
        KeyRing.unpack(blob, opened_with)
    assert caught.value.code == "wrong_key"
    assert caught.value.hint


def test_what_is_in_the_clear_can_be_read_without_a_key() -> None:
    facts = ring_facts(BLOB)
    assert facts == RING.facts
    assert [one.created_us - NOW_US for one in facts.generations] == [0, 1, 2]
    assert (facts.derivation, facts.everything) == (None, True)


def test_no_secret_stands_in_the_clear() -> None:
    secrets = [RING.secret(one) for one in ("index", "audit", "hash")]
    secrets += [one.secret for one in RING.generations]
    assert len(set(secrets)) == 6
    assert [secret for secret in secrets if secret in BLOB] == []
    assert all(fixed not in BLOB for fixed in (b"m" * 8,))


def test_packing_twice_never_uses_a_nonce_twice() -> None:
    assert len({RING.pack() for _ in range(50)}) == 50


def test_a_rotation_adds_an_active_key_and_keeps_the_older_ones_as_they_were() -> None:
    rotated = RING.rotated(NOW_US + 3)
    assert rotated.generations[:-1] == RING.generations
    assert rotated.active == rotated.generations[-1] != RING.active
    for one in RING.generations:
        assert rotated.data_key(one.id, "global", "aes-256-gcm") == RING.data_key(
            one.id, "global", "aes-256-gcm"
        )
    for purpose in ("index", "audit", "hash"):
        assert rotated.secret(purpose) == RING.secret(purpose)
    assert len(RING.generations) == 3


def test_a_clock_that_went_backwards_does_not_date_a_new_key_before_the_last() -> None:
    assert RING.rotated(5).active.created_us == RING.active.created_us


def test_a_ring_of_hundreds_of_keys_has_no_two_of_one_id() -> None:
    ring = RING
    for moment in range(300):
        ring = ring.rotated(NOW_US + moment)
    opened = KeyRing.unpack(ring.pack(), MASTER)
    assert opened == ring
    assert len({one.id for one in opened.generations}) == 303


@pytest.mark.parametrize("new", [OTHER, passphrase("another passphrase")], ids=["key", "phrase"])
def test_another_master_key_opens_a_rewrapped_ring_and_the_old_one_no_more(
    new: MasterKey | Passphrase,
) -> None:
    blob = RING.rewrapped(new).pack()
    opened = KeyRing.unpack(blob, new)
    assert opened.generations == RING.generations
    assert opened.secret("hash") == RING.secret("hash")
    with pytest.raises(WrongKey):
        KeyRing.unpack(blob, MASTER)


def test_a_ring_rewrapped_from_a_passphrase_gets_a_new_salt() -> None:
    one = passphrase()
    ring = KeyRing.create(one, NOW_US)
    again = ring.rewrapped(one)
    assert ring.derivation is not None
    assert again.derivation is not None
    assert again.derivation.salt != ring.derivation.salt
    assert KeyRing.unpack(again.pack(), one) == again


@pytest.mark.parametrize("everything", [True, False])
def test_what_is_sealed_is_recorded(everything: bool) -> None:
    ring = KeyRing.create(MASTER, NOW_US, everything=everything)
    assert KeyRing.unpack(ring.pack(), MASTER).everything is everything
    assert ring.with_everything(not everything).everything is not everything


def test_that_nothing_is_left_in_the_open_is_recorded_until_that_may_change() -> None:
    assert not RING.complete
    opened = KeyRing.unpack(RING.completed().pack(), MASTER)
    assert opened.complete
    assert ring_facts(opened.pack()).complete
    assert opened.rotated(NOW_US).complete
    assert not opened.with_everything(True).complete


@settings(max_examples=300)
@given(st.integers(0, len(BLOB) * 8 - 1))
def test_no_flipped_bit_goes_unseen(bit: int) -> None:
    damaged = bytearray(BLOB)
    damaged[bit // 8] ^= 1 << bit % 8
    for read in (
        lambda: KeyRing.unpack(bytes(damaged), MASTER),
        lambda: ring_facts(bytes(damaged)),
    ):
        with pytest.raises(IntegrityFailed):
            read()


@given(st.integers(0, len(BLOB) - 1), st.binary(min_size=1, max_size=8))
def test_no_lost_or_added_byte_goes_unseen(length: int, more: bytes) -> None:
    for damaged in (BLOB[:length], BLOB + more, more + BLOB):
        with pytest.raises(IntegrityFailed):
            KeyRing.unpack(damaged, MASTER)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_ring_are_called_damaged(anything: bytes) -> None:
    body = anything
    framed = b"LSKR\x01" + sha256(b"LSKR\x01" + body).digest() + body
    for blob in (anything, framed):
        with pytest.raises(IntegrityFailed):
            KeyRing.unpack(blob, MASTER)


FORGERIES: dict[str, Callable[[list], None]] = {
    "what is sealed": lambda parts: parts[0].__setitem__(2, [False, False]),
    "that all is sealed": lambda parts: parts[0].__setitem__(2, [True, True]),
    "a time": lambda parts: parts[0][3][0].__setitem__(1, 5),
    "an id": lambda parts: parts[0][3][0].__setitem__(0, b"abcd"),
    "the order": lambda parts: parts[0][3].reverse(),
    "a key left out": lambda parts: parts[0][3].pop(),
    "a key added": lambda parts: parts[0][3].append([b"abcd", 5]),
    "the nonce": lambda parts: parts.__setitem__(2, bytes(12)),
    "the secrets": lambda parts: parts.__setitem__(3, bytes(len(parts[3]))),
    "no secrets": lambda parts: parts.__setitem__(3, b""),
}

# What nobody needs a key to see.
NONSENSE: dict[str, Callable[[list], None]] = {
    "what is sealed, as a number": lambda parts: parts[0].__setitem__(2, [1, 0]),
    "a short nonce": lambda parts: parts.__setitem__(2, b""),
    "no check value": lambda parts: parts.__setitem__(1, b""),
    "no keys": lambda parts: parts[0].__setitem__(3, []),
    "an id twice": lambda parts: parts[0][3].__setitem__(1, parts[0][3][0]),
    "the id of nothing": lambda parts: parts[0][3][0].__setitem__(0, bytes(4)),
    "a long id": lambda parts: parts[0][3][0].__setitem__(0, b"abcde"),
    "a ring id of another length": lambda parts: parts[0].__setitem__(0, b"abc"),
    "a derivation of no known name": lambda parts: parts[0].__setitem__(
        1, ["rot13", bytes(16), 1, 0, 0]
    ),
    "a derivation that takes a terabyte": lambda parts: parts[0].__setitem__(
        1, ["argon2id", bytes(16), 3, 2**30, 4]
    ),
    "a derivation that takes a year": lambda parts: parts[0].__setitem__(
        1, ["pbkdf2", bytes(16), 2**50, 0, 0]
    ),
    "a derivation of one step": lambda parts: parts[0].__setitem__(
        1, ["pbkdf2", bytes(16), 1, 0, 0]
    ),
    "a derivation that is a number": lambda parts: parts[0].__setitem__(1, 7),
    "text for facts": lambda parts: parts.__setitem__(0, "facts"),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_change_by_somebody_who_mends_the_checksum_is_found(change: Callable) -> None:
    with pytest.raises(IntegrityFailed):
        KeyRing.unpack(forged(change), MASTER)


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE)
def test_facts_that_cannot_be_are_refused_before_they_are_used(change: Callable) -> None:
    for read in (lambda blob: KeyRing.unpack(blob, MASTER), ring_facts):
        with pytest.raises(IntegrityFailed):
            read(forged(change))


FORGERIES_OF_THE_KEY: dict[str, Callable[[list], None]] = {
    "the ring id": lambda parts: parts[0].__setitem__(0, bytes(16)),
    "the check value": lambda parts: parts.__setitem__(1, bytes(16)),
    "a derivation": lambda parts: parts[0].__setitem__(1, ["pbkdf2", bytes(16), 100_000, 0, 0]),
}


@pytest.mark.parametrize("change", FORGERIES_OF_THE_KEY.values(), ids=FORGERIES_OF_THE_KEY)
def test_a_forgery_of_what_the_key_depends_on_does_not_open(change: Callable) -> None:
    with pytest.raises(WrongKey):
        KeyRing.unpack(forged(change), MASTER)


def test_a_forgery_without_a_change_opens() -> None:
    assert KeyRing.unpack(forged(lambda parts: None), MASTER) == RING


def test_secrets_of_one_ring_do_not_fit_into_another() -> None:
    strange = msgpack.unpackb(KeyRing.create(MASTER, NOW_US).pack()[HEAD_BYTES:])

    def swap(parts: list) -> None:
        parts[2:] = strange[2:]

    with pytest.raises(IntegrityFailed):
        KeyRing.unpack(forged(swap), MASTER)


def test_a_later_format_is_refused_as_such() -> None:
    body = b"whatever a later version writes"
    blob = b"LSKR\x02" + sha256(b"LSKR\x02" + body).digest() + body
    for read in (lambda: KeyRing.unpack(blob, MASTER), lambda: ring_facts(blob)):
        with pytest.raises(StorageError, match="format 2") as caught:
            read()
        assert caught.value.details["reason"] == "newer_version"


def test_a_data_key_is_of_its_generation_scope_cipher_and_ring_alone() -> None:
    ids = [one.id for one in RING.generations]
    other = KeyRing.create(MASTER, NOW_US)
    keys = [
        RING.data_key(id_, scope, cipher)
        for id_ in ids
        for scope in ("global", "agent:a", "")
        for cipher in CIPHERS
    ] + [other.data_key(other.active.id, "global", cipher) for cipher in CIPHERS]
    assert len({key[:16] for key in keys}) == len(keys)
    assert {len(key) for key in keys} == {32, 64}


def test_a_data_key_of_an_unknown_generation_is_refused() -> None:
    with pytest.raises(EncryptionError, match="has no key 00000000"):
        RING.data_key(bytes(4), "global", "aes-256-gcm")


def test_secrets_are_of_their_purpose_alone_and_survive_storing() -> None:
    purposes = ["index", "audit", "hash", "hash/fields", "hash/keys", "index/keys"]
    opened = KeyRing.unpack(BLOB, MASTER)
    assert len({RING.secret(purpose) for purpose in purposes}) == len(purposes)
    assert [opened.secret(one) for one in purposes] == [RING.secret(one) for one in purposes]
    for unknown in ("", "root", "indexes", "/index"):
        with pytest.raises(ValueError, match="not in tuple"):
            RING.secret(unknown)


# Made once and kept: what a database holds today every later version must open.
KEPT_RING = (
    "4c534b5201e9b2a93bc298dc847922fc797fcc5a4e6fb3fc4f8132c535fa1d598483820da794c439"
    "94c4109f488fe5f48d76acccc85e388e76d656c093c3c2c29292c404a3330308cf00060a24181e40"
    "0092c4045a9d5d4ecf00060a24181e4001c41031a0b7dd7658b9d19868c39dbf4ae05cc40cc3b37a"
    "9b970e03cdab40d706c4b0eb103a7bc2ed1c1135244e902f8bc1305721d6259b00930dee065e6630"
    "60b1d33ee00193c6bd8855c0b391a9eebf0f5cac640f6c4683b3bd274c400fa2cdaed8d1513dbb95"
    "9900318829f7c5b5df3d8879c75614357c336d8ce0e294de5fdd50f8b11decadb2baa533409df467"
    "465c98dbf3c6b0dc124be7451023dd939f2f5f49d16b38bd99aeeb418102c84cc59d425fa816247b"
    "1dfb8fc924082991220119d697f98d11ea83a9d8fc2c55a5e5330a"
)


def test_a_ring_of_the_first_version_opens() -> None:
    ring = KeyRing.unpack(bytes.fromhex(KEPT_RING), MASTER)
    assert [one.created_us for one in ring.generations] == [NOW_US, NOW_US + 1]
    assert ring.data_key(ring.active.id, "global", "aes-256-gcm").hex() == (
        "b7682ad5ba858bcc96047bc49f1f7cc9b8bd2498b47019efad1cd9f593d5b6f1"
    )
    assert ring.secret("index").hex() == (
        "7bcb5ed07a7c52b6350b0283e2b5e48f263dc2bc27931319ea88d63b22b6e085"
    )


@pytest.mark.parametrize("secretive", [RING, RING.active], ids=lambda it: type(it).__name__)
def test_no_key_is_printed_or_pickled(secretive: KeyRing | Generation) -> None:
    shown = repr(secretive) + str(secretive) + repr(RING.facts)
    assert RING.active.id.hex() in shown
    assert all(one.secret.hex() not in shown for one in RING.generations)
    assert "secret" not in shown
    assert "\\x" not in repr(secretive)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(secretive, protocol)
