"""``Http.request`` connects to nothing that is not permitted: by name, address or redirect."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Host
from .web_server import Server, serving


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """Another server, of another origin."""
    with serving() as server:
        yield server


@pytest.fixture
def web(shared: Server, elsewhere: Server) -> Server:
    for server in (shared, elsewhere):
        server.requests.clear()
        server.connections = 0
    return shared


def redirect(web: Server, url: str, status: int = 302) -> str:
    return f"{web.url}/to?status={status}&url={quote(url, safe='')}"


@pytest.mark.parametrize("net", [[], ["*"], ["example.com"], ["127.0.0.2"], ["127.0.0.1:1"]])
def test_a_host_that_is_not_permitted_is_never_connected_to(
    host: Host, web: Server, net: list[str]
) -> None:
    host.permit(net=net)
    error = host.refusal("Http.request", f"{web.url}/path?secret")
    target = f"127.0.0.1:{web.port}"
    assert error.code == "permission_denied"
    assert error.details == {"permission": "net", "target": target}
    assert error.message == f"Http.request: connecting to '{target}' is not permitted"
    assert f"--allow-net={target} before the script's name, or with permissions.net" in (
        error.hint or ""
    )
    assert web.connections == 0


@pytest.mark.parametrize("net", [["127.0.0.0/8"], ["127.0.0.1"], ["*", "127.0.0.1"], True])
def test_an_address_is_connected_to_where_an_entry_names_it(
    host: Host, web: Server, net: Any
) -> None:
    host.permit(net=net)
    assert host("Http.request", web.url)["status"] == 200


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST", "127.1", "0x7f000001", "2130706433", "017700000001"]
)
def test_a_name_that_leads_to_this_machine_needs_an_entry_for_it(
    lua: Host, web: Server, name: str
) -> None:
    lua.permit(net=["*"])
    error = lua.refusal("Http.request", f"http://{name}:{web.port}/")
    assert error.code == "permission_denied"
    assert "private address" in error.message
    assert web.connections == 0
    lua.permit(net=["*", "127.0.0.0/8"])
    assert lua("Http.request", f"http://{name}:{web.port}/")["status"] == 200


def test_localhost_is_permitted_by_its_name(host: Host, web: Server) -> None:
    host.permit(net=["localhost"])
    assert host("Http.request", f"http://localhost:{web.port}/")["status"] == 200


class Names:
    """What names mean in a test; each answer is given once, the last one again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        answers = self._answers.get(str(host).partition(".")[0])
        if answers is None:
            return self._system(host, port, *args, **options)
        self.asked.append(host)
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return self._system(address, port, *args, **options)


def test_the_address_that_was_looked_at_is_the_one_connected_to(
    lua: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first answer is of a range for documentation: nobody is there.
    names = Names(monkeypatch, rebound=["192.0.2.1", "127.0.0.1"])
    lua.permit(net=["rebound.example", "192.0.2.0/24"])
    url = f"http://rebound.example:{web.port}/"
    error = lua.refusal("Http.request", url, {"timeout_s": 0.3})
    assert error.code == "http_error"
    assert names.asked == ["rebound.example"]
    assert web.connections == 0
    assert lua.refusal("Http.request", url).code == "permission_denied"


def test_a_permitted_name_with_a_permitted_address_keeps_its_name(
    lua: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch, intranet=["127.0.0.1"])
    lua.permit(net=["intranet.example", "127.0.0.1"])
    answer = lua("Http.request", f"http://intranet.example:{web.port}/echo")
    assert json.loads(answer["body"])["headers"]["host"] == f"intranet.example:{web.port}"


def test_a_name_that_is_not_permitted_is_not_even_looked_up(
    lua: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, secret=["127.0.0.1"])
    lua.permit(net=["example.com", "127.0.0.0/8"])
    assert lua.refusal("Http.request", "http://secret.example/").code == "permission_denied"
    assert names.asked == []


@pytest.mark.parametrize(
    ("status", "method", "arrives"),
    [
        (301, "POST", ("GET", "")),
        (302, "POST", ("GET", "")),
        (303, "PUT", ("GET", "")),
        (307, "POST", ("POST", "text")),
        (308, "PUT", ("PUT", "text")),
    ],
)
def test_a_redirect_is_followed_with_the_method_its_status_says(
    host: Host, web: Server, status: int, method: str, arrives: tuple[str, str]
) -> None:
    host.permit(net=["127.0.0.1"])
    url = redirect(web, "/echo", status)
    answer = host("Http.request", url, {"method": method, "body": "text"})
    told = json.loads(answer["body"])
    assert (told["method"], told["body"]) == arrives
    assert answer["url"] == f"{web.url}/echo"


def test_a_redirect_that_is_not_wanted_is_an_answer(host: Host, web: Server) -> None:
    host.permit(net=["127.0.0.1"])
    answer = host("Http.request", redirect(web, "/echo"), {"follow_redirects": False})
    assert (answer["status"], answer["body"]) == (302, "moved")
    assert answer["headers"]["location"] == "/echo"


def test_redirects_that_do_not_end_are_ended(host: Host, web: Server) -> None:
    host.permit(net=["127.0.0.1"])
    error = host.refusal("Http.request", f"{web.url}/loop")
    assert (error.code, error.details["reason"]) == ("http_error", "too_many_redirects")
    assert len(web.requests) == 11


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://[::", "x:y"])
def test_a_redirect_to_what_is_no_web_address_is_an_error(
    lua: Host, web: Server, target: str
) -> None:
    lua.permit(net=["127.0.0.1"])
    error = lua.refusal("Http.request", redirect(web, target))
    assert error.code == "http_error"
    assert error.details["reason"] in ("bad_redirect", "protocol")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_permitted_or_refused_like_a_request(
    host: Host, web: Server, elsewhere: Server, status: int
) -> None:
    host.permit(net=[f"127.0.0.1:{web.port}"])
    error = host.refusal("Http.request", redirect(web, elsewhere.url, status))
    assert error.code == "permission_denied"
    assert error.details["target"] == f"127.0.0.1:{elsewhere.port}"
    assert "redirects" in error.message
    assert elsewhere.connections == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_redirect_leads_to_no_private_address(
    lua: Host, web: Server, elsewhere: Server, address: str
) -> None:
    lua.permit(net=["*", f"127.0.0.1:{web.port}"])
    error = lua.refusal("Http.request", redirect(web, f"http://{address}:{elsewhere.port}/"))
    assert error.code == "permission_denied"
    assert elsewhere.connections == 0


def test_credentials_stay_with_the_server_they_were_meant_for(
    host: Host, web: Server, elsewhere: Server
) -> None:
    host.permit(net=["127.0.0.1"])
    headers = {"Authorization": "Bearer t", "Cookie": "c", "X-Api-Key": "k", "Accept": "text/own"}
    kept = host("Http.request", redirect(web, "/echo"), {"headers": headers})
    assert json.loads(kept["body"])["headers"]["x-api-key"] == "k"
    away = host("Http.request", redirect(web, f"{elsewhere.url}/echo"), {"headers": headers})
    told = json.loads(away["body"])["headers"]
    assert told["accept"] == "text/own"
    assert not {"authorization", "cookie", "x-api-key"} & set(told)


def test_a_password_in_a_redirect_is_not_sent(host: Host, web: Server) -> None:
    host.permit(net=["127.0.0.1"])
    with_password = web.url.replace("//", "//user:geheim@")
    answer = host("Http.request", redirect(web, f"{with_password}/echo"))
    assert "authorization" not in json.loads(answer["body"])["headers"]
    assert answer["url"] == f"{web.url}/echo"
