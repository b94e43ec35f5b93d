"""Single members of values are sealed where the rest of the value lies in the open."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import DecryptionFailed, KeyMissing, LlmSpellError
from llmspell.state.manager import StateManager
from llmspell.store.codec import map_members

from .conftest import everything_on_disk
from .test_at_rest import SECRET
from .test_keys import keys_used, reencrypt
from .test_tampering import blob_of, put_blob

Open = Callable[..., Runtime]
FIELDS: dict[str, Any] = {
    "sensitive": {"enabled": True, "encrypt_fields": ["pin", "card.number", "card", "notes"]},
    "everything": False,
}


@pytest.fixture
def state(open_runtime: Open) -> StateManager:
    return open_runtime(**FIELDS).state


def members_of(blob: bytes) -> list[bytes]:
    """Return the sealed members of a stored value."""
    found: list[bytes] = []

    def note(_: int, data: bytes) -> bytes:
        found.append(data)
        return data

    map_members(blob, note, sealed=False)
    return found


def checked(blob: bytes) -> bytes:
    """Return a changed value with the checksum that belongs to it."""
    return blob[:1] + pack(">I", crc32(blob[5:])) + blob[5:]


@pytest.mark.parametrize("padding", [0, 10_000])
def test_named_members_are_sealed_on_every_way_in(state: StateManager, padding: int) -> None:
    value = {
        "name": "in the open",
        "pin": SECRET,
        "card": {"number": SECRET, "valid": [SECRET, {"until": SECRET}]},
        "padding": "." * padding,
    }
    state.save("g", "k", value, ttl=60)
    state.save_many("g", {"a": value, "b": value})
    with state.transaction() as tx:
        tx.save("g", "tx", value)
    state.update("g", "k", lambda found: {**found, "notes": [SECRET]})
    mark = state.checkpoint()
    state.save("g", "a", "gone")
    state.revert("g", "a", 1)
    state.rollback(mark)
    assert state.load("g", "k") == {**value, "notes": [SECRET]}
    assert state.load_many("g", ["a", "b", "tx"]) == dict.fromkeys(["a", "b", "tx"], value)
    assert [change.value for change in state.history("g", "b", values=True)] == [value]
    assert SECRET.encode() not in everything_on_disk()


def test_rotating_keys_seals_members_anew(state: StateManager) -> None:
    state.save("g", "k", {"name": "n", "pin": SECRET, "notes": SECRET})
    state.save("g", "plain", 1)
    new = state.rotate_key().id
    assert reencrypt(state) == 2
    assert keys_used(state) == {new: 2, "": 2}
    assert state.load("g", "k")["pin"] == SECRET
    assert reencrypt(state, everything=True) == 4
    assert keys_used(state) == {new: 4}
    assert state.load("g", "k")["pin"] == SECRET
    assert SECRET.encode() not in everything_on_disk()


def test_members_that_change_places_are_refused(state: StateManager, open_runtime: Open) -> None:
    """Within one value, and between two; the error names the key, and nothing else is wrong."""
    for key in ("a", "b"):
        state.save("g", key, {"pin": "1234", "notes": "5678"})
    a, b = blob_of("a"), blob_of("b")
    one, two = members_of(a)
    aside = b"where the first one was"
    swapped = a.replace(one, aside).replace(two, one).replace(aside, two)
    of_another = b.replace(members_of(b)[0], one)
    for key, forged in (("a", swapped), ("b", of_another)):
        put_blob(key, checked(forged))
    later = open_runtime(**FIELDS).state
    for key in ("a", "b"):
        with pytest.raises(DecryptionFailed) as caught:
            later.load("g", key)
        assert caught.value.details["key"] == key
        assert "\0" not in str(caught.value)
    problems = [problem for step in later.verify_keys() for problem in step.problems]
    assert [problem.key for problem in problems] == ["a", "b"]


def test_no_bit_of_a_header_makes_another_value_of_it(
    state: StateManager, open_runtime: Open
) -> None:
    value = {"name": "n", "pin": "1234"}
    state.save("g", "k", value)
    sealed = blob_of("k")
    for bit in range(8 * 6):
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << bit % 8
        put_blob("k", bytes(damaged))
        runtime = open_runtime(**FIELDS)
        with suppress(LlmSpellError):
            assert runtime.state.load("g", "k") == value
        runtime.close()


def test_without_the_key_such_a_value_is_not_read_and_others_are(
    state: StateManager, open_runtime: Open
) -> None:
    state.save("g", "k", {"name": "n", "pin": SECRET})
    state.save("g", "plain", 1)
    blind = open_runtime(key=None, everything=False).state
    assert blind.load("g", "plain") == 1
    assert blind.list_keys("g") == ["k", "plain"]
    for use in (
        lambda: blind.load("g", "k"),
        lambda: blind.update("g", "k", lambda value: value),
        lambda: blind.revert("g", "k", 1),
        lambda: list(blind.export_entries("g")),
    ):
        with pytest.raises(KeyMissing):
            use()
    assert state.load("g", "k") == {"name": "n", "pin": SECRET}
