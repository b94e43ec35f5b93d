"""Entries of ``net``: host names, addresses and address ranges, each with or without a port.

Two questions are asked of them. Before anything is looked up: may a script connect to this host?
And once the name is looked up: may this very address be connected to under that name?
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple, TypeAlias

from llmspell.errors import InvalidArgument

__all__ = ["Address", "allows_address", "allows_host", "covers", "exact", "exact_host", "is_public"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_ANY: Final = "*"
_LOCALHOST: Final = "localhost"
_WITH_PORT: Final = re.compile(r"(?P<host>\[[^\]]*\][^:]*|[^:]*):(?P<port>[0-9]{1,5})")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: Ranges of IPv6 in whose addresses one of IPv4 is written: where in its bits it ends.
_EMBEDDING: Final = (
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("::/96"), 0),
)
#: Translates to addresses that only the local network knows.
_LOCAL_TRANSLATION: Final = IPv6Network("64:ff9b:1::/48")


class Rule(NamedTuple):
    """One entry, read: a host name (or ``*``, ``*.name``) or a network, and the port or all."""

    host: str
    network: Network | None
    port: int | None


def exact(entry: str) -> str:
    """Return the entry in its one form. Raises ``ValueError`` in words for users."""
    rule = _read(entry)
    host = rule.host
    if rule.network is not None:
        network = rule.network
        single = network.prefixlen == network.max_prefixlen
        host = str(network.network_address) if single else str(network)
        if rule.port is not None and network.version == 6:
            host = f"[{host}]"
    return host if rule.port is None else f"{host}:{rule.port}"


@lru_cache(maxsize=1000)
def _read(entry: str) -> Rule:
    if "://" in entry:
        raise ValueError(f"{entry!r} is an address of a page; name the host alone")
    text, port = entry.strip(), None
    if match := _WITH_PORT.fullmatch(text):
        text, port = match["host"], int(match["port"])
        if not 0 < port < 65536:
            raise ValueError(f"{entry!r} has no port between 1 and 65535")
    text = text.removeprefix("[").removesuffix("]")
    if text == _ANY:
        return Rule(_ANY, None, port)
    if "/" in text or _address(text) is not None:
        try:
            return Rule("", ip_network(text), port)
        except ValueError:
            raise ValueError(
                f"{entry!r} is no address range; write it like 10.0.0.0/8, without bits beyond"
            ) from None
    prefix = "*." if text.startswith("*.") else ""
    try:
        return Rule(prefix + exact_host(text.removeprefix("*.")), None, port)
    except InvalidArgument:
        raise ValueError(
            f"{entry!r} is no host; write example.com, example.com:443, *.example.com, 10.0.0.0/8"
        ) from None


def exact_host(host: str) -> str:
    """Return a host's name in lower case and ASCII, without the dot at its end.

    Raises ``InvalidArgument`` for what is neither a name nor an address.
    """
    name = host.lower().removesuffix(".")
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            name = ""
    if _address(name) is not None:
        return name
    if not name or len(name) > 253 or not all(map(_LABEL.fullmatch, name.split("."))):
        raise InvalidArgument("the host is neither a name nor an address", parameter="host")
    return name


def _address(text: str) -> Address | None:
    # With a zone (fe80::1%eth0) an address would be another one on every machine.
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def covers(entry: str, other: str) -> bool:
    """Tell whether an entry includes everything that another one does."""
    rule, wanted = _read(entry), _read(other)
    if rule.port not in (None, wanted.port):
        return False
    if rule.network is not None:
        return wanted.network is not None and _within(wanted.network, rule.network)
    return wanted.network is None and _names(rule.host, wanted.host)


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def _names(pattern: str, host: str) -> bool:
    if pattern in (_ANY, host):
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and host != pattern[1:]


def allows_host(net: tuple[str, ...], host: str, port: int | None) -> bool:
    """Tell whether a host may be connected to, before its name is looked up.

    Raises ``InvalidArgument`` for what is no host.
    """
    host = exact_host(host.removeprefix("[").removesuffix("]"))
    address = _address(host)
    rules = [rule for rule in map(_read, net) if rule.port in (None, port)]
    if address is None:
        return any(rule.network is None and _names(rule.host, host) for rule in rules)
    return any(is_public(address) if rule.host == _ANY else _holds(rule, address) for rule in rules)


def allows_address(net: tuple[str, ...], host: str, address: Address, port: int) -> bool:
    """Tell whether an address may be connected to under the name of a host that is permitted."""
    if is_public(address):
        return True
    rules = [rule for rule in map(_read, net) if rule.port in (None, port)]
    if any(_holds(rule, address) for rule in rules):
        return True
    # "localhost" means this machine, and only an entry that says so includes it.
    host = exact_host(host)
    is_local = host == _LOCALHOST or host.endswith("." + _LOCALHOST)
    named = any(rule.host != _ANY and _names(rule.host, host) for rule in rules)
    return is_local and named and _plain(address).is_loopback


def _holds(rule: Rule, address: Address) -> bool:
    return rule.network is not None and (address in rule.network or _plain(address) in rule.network)


def _plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address only wraps."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Tell whether an address is on the public internet, in whatever form it is written.

    Not so: loopback, private and link-local ranges (with the metadata service of clouds),
    multicast, reserved ranges, and what an IPv6 address wraps if that is one of these.
    """
    address = _plain(address)
    if isinstance(address, IPv6Address):
        if address.teredo or address.is_site_local or address in _LOCAL_TRANSLATION:
            return False
        for network, bits in _EMBEDDING:
            if address in network:
                return is_public(IPv4Address(int(address) >> bits & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved
