"""Which hosts, and which addresses under their names, the entries of ``net`` permit."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell import Permissions
from llmspell.errors import InvalidArgument
from llmspell.permissions.net_entries import allows_address, is_public

PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:db8::1",
    "2001:0:53aa:64c:0:0:80ff:fffe",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_on_the_public_internet_is_known(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not Permissions(net=["*"]).allows_net(f"[{address}]" if ":" in address else address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_a_public_address_is_public_in_every_way_to_write_it(address: str) -> None:
    assert is_public(ip_address(address))
    if ":" not in address:
        number = int(IPv4Address(address))
        assert is_public(ip_address(f"::ffff:{address}"))
        assert is_public(ip_address(int(ip_address("64:ff9b::")) + number))


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_of_version_4_in_one_of_6_changes_nothing(address) -> None:
    for network, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)):
        wrapped = ip_address(int(ip_address(network)) | int(address) << shift)
        assert is_public(wrapped) == is_public(address)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("example.com", "example.com", 80),
        ("example.com", "EXAMPLE.com.", 8080),
        ("example.com:443", "example.com", 443),
        ("*.example.com", "a.b.example.com", 443),
        ("*.example.com:443", "a.example.com", 443),
        ("bücher.example", "xn--bcher-kva.example", 443),
        ("xn--bcher-kva.example", "Bücher.example", 443),
        ("*", "example.com", 1),
        ("*:443", "example.com", 443),
        ("*", "93.184.216.34", 80),
        ("10.0.0.0/8", "10.255.0.1", 80),
        ("10.0.0.1:80", "10.0.0.1", 80),
        ("10.0.0.1", "::ffff:10.0.0.1", 80),
        ("[::1]:80", "[::1]", 80),
        ("::1", "0:0::1", 80),
        ("fd00::/8", "[fd12::1]", 80),
        ("my_service", "my_service", 80),
    ],
)
def test_an_entry_permits_its_hosts(entry: str, host: str, port: int) -> None:
    assert Permissions(net=[entry]).allows_net(host, port)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("example.com", "www.example.com", 443),
        ("example.com", "example.com.evil.org", 443),
        ("example.com", "notexample.com", 443),
        ("example.com:443", "example.com", 80),
        ("example.com:443", "example.com", None),
        ("*.example.com", "example.com", 443),
        ("*.example.com", "badexample.com", 443),
        ("*", "localhost.", 80),
        ("*", "127.0.0.1", 80),
        ("10.0.0.0/8", "11.0.0.1", 80),
        ("10.0.0.0/8", "example.com", 80),
        ("localhost", "127.0.0.1", 80),
        ("127.0.0.1", "localhost", 80),
    ],
)
def test_an_entry_permits_nothing_else(entry: str, host: str, port: int | None) -> None:
    permissions = Permissions(net=[entry])
    if host == "localhost.":
        # The name is one of "*"; the address it leads to is not.
        assert not allows_address(permissions.net, "localhost", ip_address("127.0.0.1"), 80)
    else:
        assert not permissions.allows_net(host, port)


@pytest.mark.parametrize("host", ["", ".", "a b", "a/b", "a@b", "fe80::1%eth0", "a..b", "x" * 300])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidArgument):
        Permissions(net=["*"]).allows_net(host)


@pytest.mark.parametrize(
    ("entries", "host", "address", "allowed"),
    [
        (["example.com"], "example.com", "93.184.216.34", True),
        (["example.com"], "example.com", "127.0.0.1", False),
        (["example.com"], "example.com", "::ffff:10.0.0.1", False),
        (["example.com", "10.0.0.0/8"], "example.com", "10.0.0.1", True),
        (["example.com", "10.0.0.0/8"], "example.com", "::ffff:10.0.0.1", True),
        (["example.com", "10.0.0.0/8:80"], "example.com", "10.0.0.1", False),
        (["example.com", "10.0.0.0/8"], "example.com", "192.168.0.1", False),
        (["*"], "example.com", "169.254.169.254", False),
        (["localhost"], "localhost", "127.0.0.1", True),
        (["localhost"], "localhost", "::1", True),
        (["localhost"], "localhost", "10.0.0.1", False),
        (["*", "localhost"], "localhost", "127.0.0.1", True),
        (["*.localhost"], "app.localhost", "127.0.0.1", True),
    ],
)
def test_a_name_leads_to_a_private_address_only_where_an_entry_names_that(
    entries: list[str], host: str, address: str, allowed: bool
) -> None:
    net = Permissions(net=entries).net
    assert net is not True
    assert allows_address(net, host, ip_address(address), 443) is allowed
