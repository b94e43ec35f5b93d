"""What is sealed for a place opens there unchanged, and nowhere else, and never changed."""

import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import ConfigError, DecryptionFailed, IntegrityFailed, InvalidScope
from llmspell.security.ciphers import CIPHERS
from llmspell.security.keys.master import MasterKey
from llmspell.security.keys.ring import KeyRing
from llmspell.security.keys.sealer import SEALED, Sealer, is_sealed, key_id_of, overhead

MASTER = MasterKey(b"m" * 32)
RING = KeyRing.create(MASTER, 1)
SEALERS = {cipher: Sealer(lambda: RING, cipher) for cipher in CIPHERS}
PLAIN = b"a value of some length"

every_cipher = pytest.mark.parametrize("cipher", CIPHERS)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
versions = st.integers(0, 2**63 - 1)
places = st.tuples(names, names, versions, versions)

Place = tuple[str, str, int, int]
PLACE: Place = ("agent:a", "mood", 3, 1)


@given(st.sampled_from(list(CIPHERS)), places, st.binary(max_size=400))
def test_opening_gives_back_what_was_sealed(cipher: str, place: Place, plain: bytes) -> None:
    sealed = SEALERS[cipher].seal(*place, plain)
    assert SEALERS[cipher].open(*place, sealed) == plain
    assert is_sealed(sealed)
    assert len(sealed) == len(plain) + overhead(cipher)
    assert key_id_of(sealed) == RING.active.id


@given(st.sampled_from(list(CIPHERS)), st.data())
def test_no_flipped_bit_goes_unseen(cipher: str, data: st.DataObject) -> None:
    sealed = bytearray(SEALERS[cipher].seal(*PLACE, PLAIN))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((DecryptionFailed, IntegrityFailed)):
        SEALERS[cipher].open(*PLACE, bytes(sealed))


@every_cipher
def test_no_truncation_and_nothing_added_goes_unseen(cipher: str) -> None:
    sealed = SEALERS[cipher].seal(*PLACE, PLAIN)
    for length in range(len(sealed)):
        with pytest.raises((DecryptionFailed, IntegrityFailed)):
            SEALERS[cipher].open(*PLACE, sealed[:length])
    for changed in (sealed + b"\0", b"\0" + sealed, sealed + sealed, sealed[1:]):
        with pytest.raises((DecryptionFailed, IntegrityFailed)):
            SEALERS[cipher].open(*PLACE, changed)


@given(st.sampled_from(list(CIPHERS)), places, places)
def test_a_value_opens_at_no_other_place(cipher: str, here: Place, there: Place) -> None:
    sealed = SEALERS[cipher].seal(*here, PLAIN)
    if here != there:
        with pytest.raises(DecryptionFailed):
            SEALERS[cipher].open(*there, sealed)


@every_cipher
@pytest.mark.parametrize(
    "there",
    [
        ("agent:", "amood", 3, 1),
        ("agent:am", "ood", 3, 1),
        ("agent:b", "mood", 3, 1),
        ("agent:a", "moods", 3, 1),
        ("agent:a", "mood", 2, 1),
        ("agent:a", "mood", 4, 1),
        ("agent:a", "mood", 3, 2),
        ("agent:a", "mood", 1, 3),
        ("mood", "agent:a", 3, 1),
    ],
    ids=str,
)
def test_scope_key_version_and_schema_version_each_count(cipher: str, there: Place) -> None:
    sealed = SEALERS[cipher].seal(*PLACE, PLAIN)
    with pytest.raises(DecryptionFailed) as caught:
        SEALERS[cipher].open(*there, sealed)
    assert caught.value.code == "decryption_failed"
    assert caught.value.details == {"scope": there[0], "key": there[1], "version": there[2]}
    assert repr(there[0]) in caught.value.message
    assert repr(there[1]) in caught.value.message


def test_a_boundary_moved_between_scope_and_key_is_another_place() -> None:
    for cipher, sealer in SEALERS.items():
        with pytest.raises(DecryptionFailed):
            sealer.open("ab", "c", 1, 1, sealer.seal("a", "bc", 1, 1, cipher.encode()))


@every_cipher
def test_sealing_the_same_twice_gives_nothing_to_compare(cipher: str) -> None:
    head = 6 + CIPHERS[cipher].nonce_bytes
    sealed = [SEALERS[cipher].seal(*PLACE, PLAIN) for _ in range(200)]
    assert len({one[6:head] for one in sealed}) == 200
    assert len({one[head : head + 8] for one in sealed}) == 200
    assert all(PLAIN[:6] not in one for one in sealed)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda sealed: b"", "is not sealed"),
        (lambda sealed: b"\x01" + sealed[1:], "is not sealed"),
        (lambda sealed: sealed[:1], "names no known cipher"),
        (lambda sealed: sealed[:1] + b"\0" + sealed[2:], "names no known cipher"),
        (lambda sealed: sealed[:1] + b"\x04" + sealed[2:], "names no known cipher"),
        (lambda sealed: sealed[:5], "is too short"),
        (lambda sealed: sealed[: overhead("aes-256-gcm") - 1], "is too short"),
    ],
    ids=["nothing", "another form", "one byte", "cipher 0", "cipher 4", "five bytes", "no tag"],
)
def test_what_has_not_the_form_of_a_sealed_value_is_damaged(
    damage: Callable[[bytes], bytes], told: str
) -> None:
    sealer = SEALERS["aes-256-gcm"]
    damaged = damage(sealer.seal(*PLACE, PLAIN))
    with pytest.raises(IntegrityFailed, match=told) as caught:
        sealer.open(*PLACE, damaged)
    assert caught.value.details == {"scope": "agent:a", "key": "mood", "version": 3}
    with pytest.raises(IntegrityFailed, match=told):
        key_id_of(damaged)


def test_any_sealer_of_a_ring_opens_what_any_cipher_sealed() -> None:
    for sealing in SEALERS.values():
        for opening in SEALERS.values():
            assert opening.open(*PLACE, sealing.seal(*PLACE, PLAIN)) == PLAIN


def test_a_value_never_passes_for_one_of_another_cipher() -> None:
    sealed = SEALERS["aes-256-gcm"].seal(*PLACE, PLAIN * 3)
    for number in (2, 3):
        with pytest.raises(DecryptionFailed):
            SEALERS["aes-256-gcm"].open(*PLACE, sealed[:1] + bytes([number]) + sealed[2:])


class Held:
    """A ring that is exchanged now and then, as that of a store is."""

    def __init__(self, ring: KeyRing, stored: KeyRing | None = None) -> None:
        self.ring = ring
        self.stored = stored or ring
        self.refreshed = 0

    def __call__(self) -> KeyRing:
        return self.ring

    def refresh(self) -> bool:
        self.refreshed += 1
        changed = self.ring is not self.stored
        self.ring = self.stored
        return changed


def test_after_a_rotation_old_values_open_and_new_ones_have_the_new_key() -> None:
    held = Held(RING)
    sealer = Sealer(held)
    old = sealer.seal(*PLACE, b"old")
    held.ring = RING.rotated(2)
    new = sealer.seal(*PLACE, b"new")
    assert key_id_of(old) == RING.active.id
    assert key_id_of(new) == held.ring.active.id != RING.active.id
    assert sealer.open(*PLACE, old) == b"old"
    assert sealer.open(*PLACE, new) == b"new"


def test_a_key_that_another_process_added_is_fetched_when_it_is_first_needed() -> None:
    rotated = RING.rotated(2)
    held = Held(RING, stored=rotated)
    sealer = Sealer(held, refresh=held.refresh)
    assert sealer.open(*PLACE, SEALERS["aes-256-gcm"].seal(*PLACE, b"old")) == b"old"
    assert held.refreshed == 0
    sealed = Sealer(lambda: rotated).seal(*PLACE, b"new")
    assert [sealer.open(*PLACE, sealed) for _ in range(3)] == [b"new"] * 3
    assert held.refreshed == 1


def test_a_key_that_another_thread_fetched_meanwhile_is_there() -> None:
    held = Held(RING, stored=RING.rotated(2))
    sealer = Sealer(held, refresh=lambda: held.refresh() and False)
    sealed = Sealer(lambda: held.stored).seal(*PLACE, b"new")
    assert sealer.open(*PLACE, sealed) == b"new"


def test_a_key_that_nobody_has_is_asked_for_once_and_named() -> None:
    strange = KeyRing.create(MASTER, 1)
    sealed = Sealer(lambda: strange).seal(*PLACE, PLAIN)
    held = Held(RING)
    for sealer, asked in ((Sealer(held), 0), (Sealer(held, refresh=held.refresh), 1)):
        with pytest.raises(DecryptionFailed, match=strange.active.id.hex()) as caught:
            sealer.open(*PLACE, sealed)
        assert caught.value.details["reason"] == "unknown_key"
        assert held.refreshed == asked


def test_more_scopes_than_are_kept_at_once_all_work() -> None:
    sealer = Sealer(lambda: RING)
    sealed = [sealer.seal(f"agent:{n}", "k", 1, 1, b"%d" % n) for n in range(4200)]
    for n in (0, 1, 4095, 4096, 4199):
        assert sealer.open(f"agent:{n}", "k", 1, 1, sealed[n]) == b"%d" % n


def test_what_a_sealer_keeps_does_not_grow_with_the_scopes_it_has_seen() -> None:
    sealer = Sealer(lambda: RING)
    kept = []
    tracemalloc.start()
    try:
        for n in range(3 * 4096):
            if n % 4096 == 0:
                kept.append(tracemalloc.get_traced_memory()[0])
            sealer.seal(f"agent:{n}", "k", 1, 1, b"")
        kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[3] - kept[0] < 1.5 * (kept[1] - kept[0])


def test_many_threads_share_a_sealer_while_its_ring_rotates() -> None:
    held = Held(RING)
    sealers = [Sealer(held, cipher) for cipher in CIPHERS]
    right: list[bool] = []

    def work(number: int) -> None:
        sealer = sealers[number % 3]
        for version in range(150):
            place = (f"agent:{version % 7}", "k", version, number)
            right.append(sealer.open(*place, sealer.seal(*place, PLAIN)) == PLAIN)

    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for moment in range(20):
        held.ring = held.ring.rotated(moment)
    for thread in threads:
        thread.join(60)
    assert right == [True] * 900


def test_a_forked_process_goes_on_with_the_sealer_and_repeats_no_nonce() -> None:
    program = """
import os
from llmspell.security.keys.master import MasterKey
from llmspell.security.keys.ring import KeyRing
from llmspell.security.keys.sealer import Sealer
ring = KeyRing.create(MasterKey(bytes(32)), 1)
sealer = Sealer(lambda: ring)
sealer.seal("s", "k", 1, 1, b"before")
read, write = os.pipe()
child = os.fork()
sealed = [sealer.seal("s", "k", 1, 1, b"value") for _ in range(50)]
if child == 0:
    os.write(write, b"".join(sealed))
    os._exit(0)
os.waitpid(child, 0)
from_child = os.read(read, 1 << 16)
theirs = [from_child[at : at + 39] for at in range(0, len(from_child), 39)]
assert len({one[6:18] for one in sealed + theirs}) == 100
assert all(sealer.open("s", "k", 1, 1, one) == b"value" for one in theirs)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_cipher_that_is_not_there_is_refused_at_once() -> None:
    for name in ("aes-128-gcm", "", "AES-256-GCM"):
        with pytest.raises(ConfigError, match="there is no cipher") as caught:
            Sealer(lambda: RING, name)
        assert "chacha20-poly1305" in str(caught.value.hint)


def test_a_scope_too_long_to_be_bound_is_refused() -> None:
    with pytest.raises(InvalidScope, match="65,536 bytes"):
        SEALERS["aes-256-gcm"].seal("s" * 65536, "k", 1, 1, PLAIN)


def test_a_sealer_shows_and_pickles_nothing() -> None:
    sealer = SEALERS["aes-256-gcm"]
    assert repr(sealer) == "<Sealer aes-256-gcm>"
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(sealer)


def test_the_first_byte_tells_a_sealed_value() -> None:
    assert SEALED == 0xAE
    assert [blob for blob in (b"", b"\x01x", b"\x11x") if is_sealed(blob)] == []


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
KEPT = {
    "aes-256-gcm": (
        "ae015a9d5d4e95e8a4f55b0fd5f7a35819219fb9d843c4be30a0d15e83491b1b0bd2b2618ab72b48"
        "b5706a5379bf60196ce463e6d28a98a6dfe2f9c9ae"
    ),
    "chacha20-poly1305": (
        "ae025a9d5d4e3a0bdd71e54744c61547e3af9de8bcc88d1157bc26bcb79e2be87fd83b98a4314e5b"
        "155fe1c4c7ff3a969aabbb9fed02bc4ee0122aaacd"
    ),
    "aes-256-ctr": (
        "ae035a9d5d4e3c3eb872a3df41a44e48db44c06b4bb8bfb85a252740bf2786f5c3d6985b1a1d56a8"
        "d652f8fc4548f5f5405b7e7d28a27e9e60471c4bc0e9defa1699ff5d6b1eec266125188017ca52cf"
        "3b"
    ),
}


@every_cipher
def test_a_value_of_the_first_version_opens(cipher: str) -> None:
    ring = KeyRing.unpack(bytes.fromhex(KEPT_RING), MASTER)
    opened = Sealer(lambda: ring).open(*PLACE, bytes.fromhex(KEPT[cipher]))
    assert opened == b"sealed by the first version"
