"""Whatever is done to a sealed value in the file, it is never read as another value."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell import Runtime
from llmspell.errors import DecryptionFailed, EncryptionError, IntegrityFailed, StorageError
from llmspell.security.keys.master import MasterKey
from llmspell.security.keys.ring import KeyRing
from llmspell.security.keys.sealer import Sealer
from llmspell.state.manager import StateManager
from llmspell.state.sealing import sealed_store_of
from llmspell.store.codec import decode, encode
from llmspell.store.sealed.envelope import Envelope

from .conftest import everything_on_disk, forge, rows_of

Open = Callable[..., Runtime]
CIPHERS = ["aes-256-gcm", "chacha20-poly1305", "aes-256-ctr"]
REFUSED = (DecryptionFailed, IntegrityFailed)


def blob_of(key: str, scope: str = "g") -> bytes:
    """Return the stored form of a value."""
    ((blob,),) = rows_of(f"entries WHERE scope = '{scope}' AND key = '{key}'", "blob")
    return bytes(blob)


def put_blob(key: str, blob: bytes, scope: str = "g") -> None:
    """Put other bytes in the place of a stored value."""
    assert forge("UPDATE entries SET blob = ? WHERE scope = ? AND key = ?", blob, scope, key) == 1


@pytest.fixture(params=CIPHERS)
def tampered(open_runtime: Open, request: pytest.FixtureRequest) -> Callable[[], StateManager]:
    """Write a few values, and return what opens the database for whoever looks next."""
    security = {"encryption_algorithm": request.param}
    runtime = open_runtime(security=security)
    for key in ("a", "b"):
        runtime.state.save("g", key, {"of": key, "text": "x" * 200})
    runtime.state.save("h", "a", {"of": "h"})
    runtime.close()
    return lambda: open_runtime(security=security).state


def test_two_values_that_change_places_are_refused(tampered: Callable[[], StateManager]) -> None:
    a, b = blob_of("a"), blob_of("b")
    put_blob("a", b)
    put_blob("b", a)
    state = tampered()
    for key in ("a", "b"):
        with pytest.raises(DecryptionFailed) as caught:
            state.load("g", key)
        assert caught.value.details["key"] == key
    assert state.load("h", "a") == {"of": "h"}


def test_a_value_of_another_scope_is_refused(tampered: Callable[[], StateManager]) -> None:
    put_blob("a", blob_of("a", "h"))
    with pytest.raises(DecryptionFailed):
        tampered().load("g", "a")


def test_an_older_version_put_back_is_refused(tampered: Callable[[], StateManager]) -> None:
    old = blob_of("a")
    state = tampered()
    state.save("g", "a", "newer")
    state.close()
    put_blob("a", old)
    with pytest.raises(DecryptionFailed):
        tampered().load("g", "a")


@pytest.mark.parametrize(
    ("column", "value"), [("version", 7), ("schema_version", 2), ("key", "c"), ("scope", "other")]
)
def test_a_row_that_was_given_another_address_or_version_is_refused(
    tampered: Callable[[], StateManager], column: str, value: Any
) -> None:
    assert forge(f"UPDATE entries SET {column} = ? WHERE scope = 'g' AND key = 'a'", value) == 1
    address = {"scope": "g", "key": "a"} | ({column: value} if column in ("scope", "key") else {})
    with pytest.raises(DecryptionFailed):
        tampered().load(address["scope"], address["key"])


def test_a_value_in_the_open_put_in_its_place_counts_as_forged(
    tampered: Callable[[], StateManager],
) -> None:
    put_blob("a", encode("forged"))
    state = tampered()
    with pytest.raises(IntegrityFailed, match="not encrypted"):
        state.load("g", "a")
    assert state.load("g", "b")["of"] == "b"


def test_a_change_of_the_journal_is_bound_like_an_entry(
    tampered: Callable[[], StateManager],
) -> None:
    forge("UPDATE journal SET blob = (SELECT blob FROM entries WHERE key = 'b') WHERE key = 'a'")
    state = tampered()
    with pytest.raises(DecryptionFailed):
        state.load_version("g", "a", 1)
    assert state.load("g", "a")["of"] == "a"
    with pytest.raises(DecryptionFailed):
        state.revert("g", "a", 1)


def test_one_bad_value_spoils_no_others(tampered: Callable[[], StateManager]) -> None:
    put_blob("a", blob_of("a")[:-1])
    state = tampered()
    assert state.list_keys("g") == ["a", "b"]
    assert state.load_many("g", ["b"]) == {"b": {"of": "b", "text": "x" * 200}}
    metadata = state.get_metadata("g", "a")
    assert metadata is not None
    assert metadata.version == 1
    assert state.delete("g", "a") is True
    assert state.save("g", "a", "anew").version == 3
    assert state.load("g", "a") == "anew"


def test_checking_the_store_names_what_does_not_open(
    tampered: Callable[[], StateManager],
) -> None:
    put_blob("a", blob_of("b"))
    state = tampered()
    problems = [problem for step in state.verify() for problem in step.problems]
    assert (problems[0].scope, problems[0].key) == ("g", "a")
    found = [problem for step in state.verify_keys() for problem in step.problems]
    assert [(problem.scope, problem.key, problem.seq) for problem in found] == [("g", "a", None)]


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_scripts_are_told_by_code(open_runtime: Open, engine: str) -> None:
    open_runtime().state.save("g", "a", "x")
    open_runtime().state.save("g", "b", "y")
    a = blob_of("a")
    put_blob("b", a)
    script = {
        "lua": "local ok, problem = pcall(State.load, 'g', 'b') return problem.code",
        "js": "try { await State.load('g', 'b') } catch (problem) { return problem.code }",
    }
    runtime = open_runtime()
    assert runtime.execute(script[engine], engine=engine).value == "decryption_failed"


@pytest.mark.parametrize("cipher", CIPHERS)
def test_any_flipped_bit_and_any_truncation_is_refused(open_runtime: Open, cipher: str) -> None:
    state = open_runtime(security={"encryption_algorithm": cipher}).state
    state.save("g", "k", {"text": "some value", "n": 1})
    sealed = blob_of("k")
    store = sealed_store_of(state.store)
    assert store is not None
    envelope = store.envelope

    @settings(
        max_examples=150,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        damaged = bytearray(sealed)
        if data.draw(st.booleans()):
            bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
            damaged[bit // 8] ^= 1 << bit % 8
        else:
            del damaged[data.draw(st.integers(0, len(sealed) - 1)) :]
        if damaged:
            with pytest.raises(REFUSED):
                decode(envelope.open("g", "k", 1, 1, bytes(damaged)))

    holds()


def test_every_bit_of_the_first_bytes_is_looked_at_through_the_whole_way(
    open_runtime: Open,
) -> None:
    state = open_runtime().state
    state.save("g", "k", "value")
    sealed = blob_of("k")
    state.close()
    for bit in [*range(8 * 8), len(sealed) * 8 - 1]:
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << bit % 8
        put_blob("k", bytes(damaged))
        again = open_runtime()
        with pytest.raises(REFUSED):
            again.state.load("g", "k")
        again.close()
    put_blob("k", sealed)
    assert open_runtime().state.load("g", "k") == "value"


def test_a_damaged_key_ring_is_told_and_changes_nothing(open_runtime: Open) -> None:
    state = open_runtime().state
    state.save("g", "k", "value")
    state.close()
    ((ring,),) = rows_of("entries WHERE key = 'ring'", "blob")
    for place in range(0, len(ring), 7):
        damaged = bytearray(ring)
        damaged[place] ^= 0x10
        forge("UPDATE entries SET blob = ? WHERE key = 'ring'", bytes(damaged))
        with pytest.raises(EncryptionError):
            _ = open_runtime().state
    forge("UPDATE entries SET blob = ? WHERE key = 'ring'", bytes(ring))
    assert open_runtime().state.load("g", "k") == "value"


def test_a_value_cut_down_to_nothing_is_refused(tampered: Callable[[], StateManager]) -> None:
    """In the history as well: nothing is what a deletion leaves, and this was none."""
    put_blob("a", b"")
    assert forge("UPDATE journal SET blob = ? WHERE scope = 'g' AND key = 'b'", b"") == 1
    state = tampered()
    with pytest.raises(IntegrityFailed):
        state.load("g", "a")
    with pytest.raises(IntegrityFailed):
        _ = [change.value for change in state.history("g", "b", values=True)]
    assert state.load("g", "b")["of"] == "b"


def test_what_is_no_value_never_becomes_one() -> None:
    """MessagePack has extensions; in a value that says it has none they are damage."""
    packed = msgpack.packb({"pin": msgpack.ExtType(1, b"sealed")})
    for header in (0x01, 0x21):
        with pytest.raises(StorageError, match="damaged"):
            decode(bytes((header,)) + crc32(packed).to_bytes(4, "big") + packed)


def test_a_store_that_cannot_be_asked_for_a_key_says_nothing_of_the_value() -> None:
    """What is only away for a moment is not called damaged, nor kept as such."""
    ring = KeyRing.create(MasterKey(b"k" * 32), 1)

    def away() -> bool:
        raise StorageError("it does not answer", reason="unavailable")

    sealed = Sealer(lambda: ring.rotated(2)).seal("g", "k", 1, 1, encode("value"))
    with pytest.raises(StorageError, match="does not answer"):
        Envelope(Sealer(lambda: ring, refresh=away)).open("g", "k", 1, 1, sealed)


def test_a_sensitive_value_that_was_given_another_class_is_refused(open_runtime: Open) -> None:
    state = open_runtime(everything=False).state
    state.save("g", "k", "my secret", state_class="sensitive")
    state.close()
    for table in ("entries", "journal"):
        forge(f"UPDATE {table} SET state_class = 'standard' WHERE scope = 'g'")
    state = open_runtime(everything=False).state
    for use in (
        lambda: state.load("g", "k"),
        lambda: state.update("g", "k", lambda value: value),
        lambda: state.load_version("g", "k", 1),
        lambda: state.revert("g", "k", 1),
    ):
        with pytest.raises(IntegrityFailed):
            use()
    assert b"my secret" not in everything_on_disk()
