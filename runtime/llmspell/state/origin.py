"""Whom the writes of this context belong to: actor, run and correlation id.

The ids ride in a ``contextvars`` context, so that they reach the journal from wherever a write
is made, through any number of calls, and stay apart between threads and tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final

from llmspell.errors import InvalidArgument
from llmspell.store.changes import NOBODY, Origin
from llmspell_bridges.values import is_unicode

__all__ = [
    "ADDRESS",
    "CURRENT",
    "MAX_ID_CHARACTERS",
    "WARN",
    "acting",
    "acting_again",
    "exact_address",
    "origin_of",
    "originating",
    "warning_to",
]

MAX_ID_CHARACTERS: Final = 200

CURRENT: Final[ContextVar[Origin]] = ContextVar("llmspell_origin", default=NOBODY)
#: The network address that requests come from, where the host program knows one.
ADDRESS: Final[ContextVar[str | None]] = ContextVar("llmspell_address", default=None)


def _log(text: str) -> None:
    from llmspell.security.sensitive.logs import get_log

    get_log("llmspell.state").warning("%s", text)


#: Takes what somebody should know and is no error: into the result of a run, else into the log.
WARN: Final[ContextVar[Callable[[str], None]]] = ContextVar("llmspell_warn", default=_log)


@contextmanager
def originating(
    *,
    actor: str | None = None,
    run_id: str | None = None,
    correlation_id: str | None = None,
    address: str | None = None,
) -> Iterator[Origin]:
    """Record these ids with every write inside the block; what is None stays as it was around it.

    ``actor`` is also whom access control takes for the one who asks, and ``address`` the network
    address he asks from. Raises ``InvalidArgument`` for what is no printable text of 1 to 200
    characters, and for what is no address.
    """
    outer = CURRENT.get()
    given = {"actor": actor, "run_id": run_id, "correlation_id": correlation_id}
    for name, value in given.items():
        if value is not None:
            _check(name, value)
    inner = Origin(*(new or old for new, old in zip(given.values(), outer, strict=True)))
    place = ADDRESS.get() if address is None else exact_address(address)
    token, where = CURRENT.set(inner), ADDRESS.set(place)
    try:
        yield inner
    finally:
        ADDRESS.reset(where)
        CURRENT.reset(token)


@contextmanager
def warning_to(take: Callable[[str], None]) -> Iterator[None]:
    """Let ``take`` have what inside the block deserves a warning."""
    token = WARN.set(take)
    try:
        yield
    finally:
        WARN.reset(token)


def acting(actor: str, *, address: str | None = None) -> AbstractContextManager[Origin]:
    """Do what is inside the block as somebody else, from another address if one is given.

    Raises what ``originating`` raises.
    """
    if actor is None:
        raise InvalidArgument("actor must be printable text", parameter="actor")
    return originating(actor=actor, address=address)


@contextmanager
def acting_again(actor: str | None, address: str | None) -> Iterator[None]:
    """Do what is inside the block as one who began it before, named or not, whoever acts now.

    The ids of run and correlation stay as they are around it.
    """
    token, where = CURRENT.set(CURRENT.get()._replace(actor=actor)), ADDRESS.set(address)
    try:
        yield
    finally:
        ADDRESS.reset(where)
        CURRENT.reset(token)


def origin_of(actor: str | None) -> Callable[[], Origin]:
    """Return what tells the origin of a write; ``actor`` is whose it is where nobody is named."""
    if actor is None:
        return CURRENT.get
    _check("actor", actor)

    def origin() -> Origin:
        current = CURRENT.get()
        return current if current[0] is not None else current._replace(actor=actor)

    return origin


def exact_address(address: object) -> str:
    """Return a network address in its shortest form. Raises ``InvalidArgument``."""
    from ipaddress import IPv6Address, ip_address

    try:
        found = ip_address(str(address).partition("%")[0])
    except ValueError:
        raise InvalidArgument(
            f"address must be an IP address such as 10.1.2.3, not {address!r}", parameter="address"
        ) from None
    # A server that listens for both kinds tells IPv4 ones in this form.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _check(name: str, value: object) -> None:
    if type(value) is not str or not value.isprintable() or not is_unicode(value):
        raise InvalidArgument(f"{name} must be printable text", parameter=name)
    if not 0 < len(value) <= MAX_ID_CHARACTERS:
        raise InvalidArgument(
            f"{name} must have 1 to {MAX_ID_CHARACTERS} characters, not {len(value)}",
            parameter=name,
        )
