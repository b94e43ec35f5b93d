"""A real web server on this machine, whose pages do what their names say."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE_S = 60


class Page(BaseHTTPRequestHandler):
    """Answers with what the method of the path's name gives."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the other side has gone, as some tests want it

    def answer_any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.requests.append(f"{self.command} {url.path}")
        getattr(self, "page_" + url.path.strip("/").replace("-", "_"), self.page_)()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer_any

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def send(self, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def page_(self) -> None:
        self.send(b"welcome", Content_Type="text/plain")

    def page_echo(self) -> None:
        told = {
            "method": self.command,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode("latin-1"),
        }
        self.send(json.dumps(told).encode(), Content_Type="application/json")

    def page_status(self) -> None:
        self.send(b"as asked", status=int(self.query["code"]))

    def page_latin(self) -> None:
        self.send("Grüße".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1")

    def page_binary(self) -> None:
        self.send(b"\xff\0\xfe", Content_Type="image/png")

    def page_odd_charset(self) -> None:
        self.send(b"plain", Content_Type="text/plain; charset=zlib_codec")

    def page_twice(self) -> None:
        self.send_response(200)
        for name, value in (("X-A", "1"), ("X-A", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b")):
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def page_gzip(self) -> None:
        self.send(gzip.compress(b"un") + gzip.compress(b"packed"), Content_Encoding="gzip")

    def page_bomb(self) -> None:
        layer = gzip.compress(bytes(50_000_000))
        self.send(layer, Content_Encoding="gzip")

    def page_cut(self) -> None:
        self.send(gzip.compress(b"x" * 1000)[:-10], Content_Encoding="gzip")

    def page_not_gzip(self) -> None:
        self.send(b"plain", Content_Encoding="gzip")

    def page_endless(self) -> None:
        self.chunked(repeat(b"x" * 65536), pause_s=0)

    def page_drip(self) -> None:
        self.chunked(repeat(b"x"), pause_s=0.05)

    def chunked(self, parts: Iterator[bytes], *, pause_s: float) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            if self.server.over.wait(pause_s):
                return

    def page_silent(self) -> None:
        self.server.over.wait(PATIENCE_S)

    def page_hang_up(self) -> None:
        self.close_connection = True

    def page_nonsense(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        self.close_connection = True

    def page_to(self) -> None:
        status = int(self.query.get("status", 302))
        self.send(b"moved", status=status, Location=self.query["url"])

    def page_loop(self) -> None:
        self.send(status=302, Location="/loop")

    def page_cookie(self) -> None:
        self.send(status=302, Location="/echo", Set_Cookie="seen=1; Path=/")


class Server(ThreadingHTTPServer):
    """``requests`` and ``connections`` tell what has arrived; ``over`` ends what waits."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.requests: list[str] = []
        self.connections = 0
        self.over = threading.Event()
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def handle_error(self, *_: Any) -> None:
        """Print nothing: clients that give up are what the tests are about."""


@contextmanager
def serving(certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """Run a server for the time of the block; with a certificate and its key it speaks TLS."""
    with Server() as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.url = f"https://localhost:{server.port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join(PATIENCE_S)
