"""``Http.request``: what is sent, what comes back, and what is refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from llmspell import Limits, Runtime
from llmspell.errors import LimitExceeded

from .conftest import Host
from .web_server import PATIENCE_S, Server, serving


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def web(shared: Server, host: Host) -> Server:
    """A server whose address is permitted, and nothing else."""
    host.permit(net=[f"127.0.0.1:{shared.port}"])
    shared.requests.clear()
    shared.connections = 0
    return shared


def echoed(host: Host, web: Server, **options: Any) -> dict[str, Any]:
    """Return what arrived at the server."""
    told: dict[str, Any] = json.loads(host("Http.request", f"{web.url}/echo", options)["body"])
    return told


def test_an_answer_has_status_headers_body_and_url(host: Host, web: Server) -> None:
    answer = host("Http.request", web.url)
    assert answer["status"] == 200
    assert answer["body"] == "welcome"
    assert answer["url"] == web.url
    assert answer["headers"]["content-type"] == "text/plain"
    assert web.requests == ["GET /"]


@pytest.mark.parametrize("status", [201, 204, 304, 404, 500])
def test_an_answer_of_any_status_is_an_answer(host: Host, web: Server, status: int) -> None:
    assert host("Http.request", f"{web.url}/status?code={status}")["status"] == status


@pytest.mark.parametrize("method", ["GET", "post", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_method_is_sent(host: Host, web: Server, method: str) -> None:
    assert echoed(host, web, method=method)["method"] == method.upper()


def test_an_answer_to_head_has_no_body(host: Host, web: Server) -> None:
    answer = host("Http.request", f"{web.url}/gzip", {"method": "HEAD"})
    assert (answer["status"], answer["body"]) == (200, "")


def test_text_bytes_and_json_are_sent_as_what_they_are(host: Host, web: Server) -> None:
    text = echoed(host, web, method="POST", body="Grüße")
    assert text["body"].encode("latin-1").decode() == "Grüße"
    assert text["headers"]["content-type"] == "text/plain; charset=utf-8"
    data = echoed(host, web, method="POST", body=b"\xff\0")
    assert data["body"] == "\xff\0"
    assert "content-type" not in data["headers"]
    value = echoed(host, web, method="POST", json={"a": [1, 2.5, None, True]})
    assert json.loads(value["body"]) == {"a": [1, 2.5, None, True]}
    assert value["headers"]["content-type"] == "application/json"
    named = {"Content-Type": "application/x-own"}
    assert echoed(host, web, method="POST", json=1, headers=named)["headers"]["content-type"] == (
        "application/x-own"
    )


def test_headers_are_sent_and_nothing_is_added_that_a_script_did_not_ask_for(
    host: Host, web: Server
) -> None:
    headers = echoed(host, web, headers={"X-Own": "a b", "authorization": "Bearer t"})["headers"]
    assert (headers["x-own"], headers["authorization"]) == ("a b", "Bearer t")
    usual = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert set(headers) == {*usual, "x-own", "authorization"}
    assert headers["user-agent"].startswith("llmspell/")


def test_headers_that_come_twice_are_joined(host: Host, web: Server) -> None:
    headers = host("Http.request", f"{web.url}/twice")["headers"]
    assert (headers["x-a"], headers["set-cookie"]) == ("1, 2", "a=1\nb")


def test_a_body_is_text_where_it_is_text_and_bytes_where_it_is_none(
    host: Host, web: Server
) -> None:
    def body(page: str, **options: Any) -> Any:
        return host("Http.request", f"{web.url}/{page}", options)["body"]

    assert body("latin") == "Grüße"
    assert body("odd-charset") == "plain"
    assert body("binary") == b"\xff\0\xfe"
    assert body("latin", encoding="bytes") == "Grüße".encode("latin-1")
    assert body("gzip") == "unpacked"


def test_requests_of_a_run_share_a_connection(host: Host, web: Server) -> None:
    code = {
        "lua": "for i = 1, 3 do Http.request(INPUT) end",
        "js": "for (let i = 0; i < 3; i++) await Http.request(INPUT)",
    }[host.engine]
    with Runtime(profile="minimal", permissions=host.permissions) as runtime:
        runtime.execute(code, engine=host.engine, input=web.url)
    assert (len(web.requests), web.connections) == (3, 1)


def test_cookies_go_along_a_redirect_and_no_further(host: Host, web: Server) -> None:
    code = {
        "lua": "Http.request(INPUT .. '/cookie') return Http.request(INPUT .. '/echo').body",
        "js": "await Http.request(INPUT + '/cookie');"
        "return (await Http.request(INPUT + '/echo')).body",
    }[host.engine]
    with Runtime(profile="minimal", permissions=host.permissions) as runtime:
        told = json.loads(runtime.execute(code, engine=host.engine, input=web.url).value)
    assert "cookie" not in told["headers"]


def test_proxies_of_the_environment_are_not_used(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert host("Http.request", web.url)["status"] == 200


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("hang-up", "protocol"),
        ("nonsense", "protocol"),
        ("bomb", "too_large"),
        ("endless", "too_large"),
        ("cut", "protocol"),
        ("not-gzip", "protocol"),
    ],
)
def test_an_answer_that_is_none_or_too_large_is_an_error(
    host: Host, web: Server, page: str, reason: str
) -> None:
    error = host.refusal("Http.request", f"{web.url}/{page}")
    assert (error.code, error.details["reason"]) == ("http_error", reason)
    assert error.message.startswith("Http.request: ")


def test_a_body_may_have_as_many_bytes_as_asked_for(host: Host, web: Server) -> None:
    assert host("Http.request", web.url, {"max_bytes": 7})["body"] == "welcome"
    error = host.refusal("Http.request", web.url, {"max_bytes": 6})
    assert error.details == {"reason": "too_large", "maximum": 6}


@pytest.mark.parametrize("page", ["silent", "drip"])
def test_the_time_for_a_request_bounds_all_of_it(host: Host, web: Server, page: str) -> None:
    started = monotonic()
    error = host.refusal("Http.request", f"{web.url}/{page}", {"timeout_s": 0.3})
    assert (error.code, error.details["reason"]) == ("http_error", "timeout")
    assert monotonic() - started < PATIENCE_S / 2


def test_a_server_that_is_not_there_is_told(host: Host) -> None:
    with serving() as server:
        url = server.url
    host.permit(net=True)
    assert host.refusal("Http.request", url).details["reason"] == "refused"
    error = host.refusal("Http.request", "http://no-such-host.invalid/")
    assert (error.code, error.details["reason"]) == ("http_error", "dns")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [5],
        [""],
        ["example.com"],
        ["ftp://example.com"],
        ["file:///etc/passwd"],
        ["http://"],
        ["http:///x"],
        ["http://a b/"],
        ["http://a:99999/"],
        ["http://user:geheim@127.0.0.1/"],
        ["http://a/" + "x" * 9000],
        ["http://a\r\nHost: b/"],
        ["http://a/", {"metod": "GET"}],
        ["http://a/", {"method": "CONNECT"}],
        ["http://a/", {"method": "GET / HTTP/1.1\r\nX: "}],
        ["http://a/", {"headers": {"X": "a\r\nY: b"}}],
        ["http://a/", {"headers": {"X\r\nY": "b"}}],
        ["http://a/", {"headers": {"X": "\u20ac"}}],
        ["http://a/", {"headers": {"X": 5}}],
        ["http://a/", {"headers": {"X": "1", "x": "2"}}],
        ["http://a/", {"headers": {"Host": "b"}}],
        ["http://a/", {"headers": {"Content-Length": "0"}}],
        ["http://a/", {"headers": {"Transfer-Encoding": "chunked"}}],
        ["http://a/", {"headers": {"Proxy-Authorization": "x"}}],
        ["http://a/", {"body": "x", "json": 1}],
        ["http://a/", {"body": 5}],
        ["http://a/", {"timeout_s": 0}],
        ["http://a/", {"timeout_s": -1}],
        ["http://a/", {"timeout_s": 1e9}],
        ["http://a/", {"timeout_s": True}],
        ["http://a/", {"max_bytes": 0}],
        ["http://a/", {"max_bytes": 2**40}],
        ["http://a/", {"follow_redirects": "no"}],
        ["http://a/", {"encoding": "latin-1"}],
    ],
    ids=lambda arguments: str(arguments)[:60],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    host: Host, arguments: list[Any]
) -> None:
    host.permit(net=True)
    error = host.refusal("Http.request", *arguments)
    assert error.code == "invalid_argument"
    assert "geheim" not in str(error.to_dict())


def test_what_has_no_form_in_json_is_refused(lua: Host) -> None:
    lua.permit(net=True)
    assert lua.refusal("Http.request", "http://a/", {"json": [b"\xff"]}).code == "invalid_value"


def test_errors_show_no_more_of_a_url_than_the_host(host: Host, web: Server) -> None:
    error = host.refusal("Http.request", f"{web.url}/hang-up?token=geheim#geheim")
    assert "geheim" not in str(error.to_dict() | {"source_line": ""})


def test_requests_leave_no_trace_in_the_logs(
    host: Host, web: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    host("Http.request", f"{web.url}/echo?geheim", {"headers": {"Authorization": "geheim"}})
    assert "geheim" not in caplog.text


def test_a_request_ends_with_the_time_of_its_run(host: Host, web: Server) -> None:
    code = {"lua": "Http.request(INPUT)", "js": "Http.sync.request(INPUT)"}[host.engine]
    started = monotonic()
    with (
        Runtime(profile="minimal", permissions=host.permissions) as runtime,
        pytest.raises(LimitExceeded),
    ):
        runtime.execute(
            code, engine=host.engine, input=f"{web.url}/silent", limits=Limits(timeout_s=0.3)
        )
    assert monotonic() - started < PATIENCE_S / 2
