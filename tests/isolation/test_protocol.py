"""Whatever a worker sends, its host ends with a clear error and believes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from isolation.hostile import NUMBERS, Host, HostilePool
from llmspell.errors import LimitExceeded, LlmSpellError, SandboxCrashed
from llmspell_bridges.process.frames import HEADER, Kind, framed
from llmspell_bridges.process.outcomes import error_from, error_text, value_from
from llmspell_bridges.values import canonical


@pytest.fixture(scope="module")
def pool() -> Iterator[HostilePool]:
    with HostilePool() as opened:
        yield opened


def told(pool: HostilePool, engine: str, sent: bytes, host: Host, **limits: Any) -> Any:
    """Return what the host makes of a worker that sends this and ends."""
    sandbox = pool.hostile(engine, host, **limits)
    assert pool.peer is not None
    with pool.peer as peer:
        peer.sendall(sent)
        peer.shutdown(1)
        try:
            return sandbox.run("return 1", name="script")
        except LlmSpellError as error:
            return error
        finally:
            sandbox.close()


NASTY_VALUES = [
    b"18446744073709551615",
    b'~["f","nan"]',
    b'~["f","-inf"]',
    b'~["i","99999999999999999999"]',
    b'~["i","x"]',
    b'~["b","@@@"]',
    b'~["x","\xe2\x82\xac"]',
    b'~["t",1e400,0]',
    b'~["t",99999999999999999,0]',
    b'~["t","a","b"]',
    b'~["l"' + b',["l"' * 900 + b"]" * 901,
    b"[" * 5000,
    b'{"a":1e400}',
    b'"\\ud800"',
    b"\xff\xfe",
    b"",
    b"~",
    b"nul",
    b"{}{}",
]
payloads = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(NASTY_VALUES),
    st.sampled_from(NASTY_VALUES).map(lambda text: b"[" + text + b"]"),
    st.sampled_from(NASTY_VALUES).map(lambda text: b'["a",' + text + b"]"),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ).map(lambda value: orjson.dumps([value], option=orjson.OPT_NON_STR_KEYS)),
)
frames = st.builds(
    lambda kind, number, payload: HEADER.pack(kind, number, len(payload)) + payload,
    st.sampled_from([*Kind, 0, 99, 255]),
    st.integers(0, 6) | st.integers(0, 65535),
    payloads,
)
streams = st.lists(frames | st.binary(max_size=12), max_size=6).map(b"".join)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(engine=st.sampled_from(["lua", "js"]), sent=streams)
@example("lua", framed(Kind.CALL, 65535, b"[]"))
@example("js", framed(Kind.CALL, 1, b"\xff"))
@example("js", framed(Kind.CALL, 0, b""))
@example("lua", framed(Kind.CALL, 4, b"[18446744073709551615]"))
@example("lua", framed(Kind.CALL, 4, b'~["l",["f","nan"]]'))
@example("lua", framed(Kind.VALUE, 0, b"18446744073709551615"))
@example("js", framed(Kind.VALUE, 0, b'~["f","inf"]'))
@example("js", framed(Kind.READY, 0, b"[]"))
@example("lua", HEADER.pack(Kind.VALUE, 0, 2**32 - 1))
@example("lua", framed(Kind.WARNING, 0, b"\xff") * 1001)
@example("lua", framed(Kind.ERROR, 0, b'{"kind":"SystemExit","message":"x"}'))
def test_any_bytes_end_in_a_value_or_a_clear_error(
    pool: HostilePool, engine: str, sent: bytes
) -> None:
    host = Host()
    outcome = told(pool, engine, sent, host)
    if isinstance(outcome, LlmSpellError):
        assert outcome.message
        assert outcome.code
    else:
        assert canonical(outcome) == outcome
    for arguments in host.calls:
        assert canonical(list(arguments)) == list(arguments)


@pytest.mark.parametrize("text", NASTY_VALUES)
@pytest.mark.parametrize("engine", ["lua", "js"])
def test_no_handler_sees_a_value_no_script_could_have_sent(
    pool: HostilePool, engine: str, text: bytes
) -> None:
    host = Host()
    tagged = b'~["l",' + text[1:] + b"]" if text.startswith(b"~") else b"[" + text + b"]"
    told(pool, engine, framed(Kind.CALL, NUMBERS[engine]["value"], tagged), host)
    assert host.calls == []


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b'["a"]',
        b'["a",1]',
        b'["a","b","c"]',
        b'{"a":"b"}',
        b'"ab"',
        b'{"a":1,"b":2}',
        b"[null,null]",
    ],
)
def test_no_handler_is_called_with_arguments_that_do_not_fit(
    pool: HostilePool, text: bytes
) -> None:
    host = Host()
    for name in ("texts", "texts kept"):
        told(pool, "lua", framed(Kind.CALL, NUMBERS["lua"][name], text), host)
    assert host.calls == []


PROBLEMS = {
    "a call of a function there is not": framed(Kind.CALL, 999, b"[]"),
    "a frame of a kind there is not": framed(Kind.VALUE).replace(b"\x0d", b"\x63", 1),
    "a frame that is the host's to send": framed(Kind.REPLY, 0, b"null"),
    "a frame that is announced as too long": HEADER.pack(Kind.VALUE, 0, 2**31),
    "a flood of warnings": framed(Kind.WARNING, 0, b"w") * 1001,
    "a value that does not decode": framed(Kind.VALUE, 0, b'~["b",5]'),
    "an error without its members": framed(Kind.ERROR, 0, b"{}"),
    "an error that is a list": framed(Kind.ERROR, 0, b"[]"),
}


@pytest.mark.parametrize("sent", PROBLEMS.values(), ids=PROBLEMS)
def test_what_breaks_the_protocol_is_told_as_that(pool: HostilePool, sent: bytes) -> None:
    outcome = told(pool, "lua", sent, Host())
    assert isinstance(outcome, LlmSpellError)
    assert outcome.code in ("sandbox_crashed", "invalid_value")


@pytest.mark.parametrize("sent", [b"", b"\x0d", HEADER.pack(Kind.VALUE, 0, 100) + b"x" * 50])
def test_a_worker_that_falls_silent_is_ended_at_the_deadline(
    pool: HostilePool, sent: bytes
) -> None:
    sandbox = pool.hostile("lua", Host(), timeout_s=0.05)
    assert pool.peer is not None
    with pool.peer as peer:
        peer.sendall(sent)
        with pytest.raises(LimitExceeded, match="timeout_s"):
            sandbox.run("return 1", name="script")
    sandbox.close()


def test_a_worker_that_calls_and_never_reads_is_ended_at_the_deadline(pool: HostilePool) -> None:
    host = Host()
    sandbox = pool.hostile("lua", host, timeout_s=0.2)
    argument = framed(Kind.CALL, NUMBERS["lua"]["value"], b'["' + b"x" * 5000 + b'"]')
    assert pool.peer is not None
    with pool.peer as peer:
        peer.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                peer.sendall(argument)
        with pytest.raises((LimitExceeded, SandboxCrashed)):
            sandbox.run("return 1", name="script")
    sandbox.close()


def test_an_error_crosses_with_all_it_has() -> None:
    from llmspell.errors import Frame, ScriptError

    error = ScriptError(
        "boom",
        language="js",
        code="mine",
        file="a.js",
        line=3,
        column=9,
        source_line="boom()",
        frames=(Frame("a.js", 3, 9, "f"), Frame("a.js")),
        hint="do not",
        details={"path": b"\0", "at": [1, None]},
    )
    again = error_from(error_text(error))
    assert type(again) is ScriptError
    assert again.to_dict() == error.to_dict()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text()
        | st.binary()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_every_value_crosses_unchanged(value: Any) -> None:
    from llmspell_bridges.process.outcomes import value_text

    assert value_from(value_text(value)) == value
