"""Values become bytes and come back, and damage never passes for a value."""

import random
import zlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import EncryptionError, StorageError
from llmspell.store.codec import checksum, decode, encode

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equal with equal types: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    return repr(left) == repr(right)


@given(values)
def test_every_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=UTC),
        datetime(2600, 1, 1, 0, 0, 0, 123_457, tzinfo=UTC),
    ],
)
def test_timestamps_keep_their_microseconds_in_every_year(moment: datetime) -> None:
    assert decode(encode({"at": moment})) == {"at": moment}


def test_a_timestamp_of_another_zone_is_stored_as_the_same_moment() -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert decode(encode(moment)) == moment.astimezone(UTC)


def test_large_values_are_compressed_when_that_helps() -> None:
    text = "the same again " * 1000
    assert len(encode(text)) < len(text) / 10
    assert decode(encode(text)) == text


def test_large_values_that_do_not_shrink_are_kept_as_they_are() -> None:
    noise = random.Random(1).randbytes(10_000)
    assert len(encode(noise)) < len(noise) + 16
    assert decode(encode(noise)) == noise


@pytest.mark.parametrize("value", ["small", "large " * 2000])
def test_any_flipped_bit_is_noticed(value: str) -> None:
    blob = encode(value)
    for place in range(min(len(blob), 40)):
        damaged = bytearray(blob)
        damaged[place] ^= 0x04
        with pytest.raises(StorageError) as caught:
            decode(bytes(damaged))
        assert caught.value.details["reason"] in ("corrupt", "newer_version")


@given(st.binary(max_size=64))
def test_bytes_that_are_no_blob_are_an_error_and_nothing_else(blob: bytes) -> None:
    with pytest.raises((StorageError, EncryptionError)):
        decode(blob)


@pytest.mark.parametrize("length", range(6))
def test_a_blob_cut_short_is_corrupt(length: int) -> None:
    with pytest.raises(StorageError) as caught:
        decode(encode("text")[:length])
    assert caught.value.details["reason"] == "corrupt"


@pytest.mark.parametrize("header", [0x02, 0x12, 0x0F, 0x00])
def test_a_format_of_the_future_is_named_as_such(header: int) -> None:
    with pytest.raises(StorageError) as caught:
        decode(bytes([header]) + encode("text")[1:])
    assert caught.value.details["reason"] == "newer_version"


def test_a_compressed_blob_cannot_claim_an_absurd_size() -> None:
    # A zstd frame header that promises 2**62 bytes, followed by one empty block.
    frame = bytes.fromhex("28b52ffd") + b"\xe0" + (2**62).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(StorageError) as caught:
        decode(b"\x11" + zlib.crc32(frame).to_bytes(4, "big") + frame)
    assert caught.value.details["reason"] == "corrupt"


def test_the_checksum_tells_different_values_apart() -> None:
    assert checksum(encode("a")) == checksum(encode("a")) != checksum(encode("b"))
    assert len(checksum(encode("a"))) == 8


def test_a_value_that_cannot_be_encoded_does_not_spoil_the_next() -> None:
    with pytest.raises(TypeError):
        encode(["started", object()])
    assert decode(encode("next")) == "next"
