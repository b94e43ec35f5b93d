"""A way to a PostgreSQL server that can be cut in the middle of a commit."""

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["PostgresProxy"]


class PostgresProxy:
    """Passes on what arrives at a socket in ``folder`` to the server whose socket is in ``to``.

    ``cut`` says what becomes of the next commit: with ``"before"`` the server never hears of
    it, with ``"after"`` the client never hears of its success. ``refuse`` lets nobody connect
    once that has happened.
    """

    def __init__(self, folder: Path, to: Path) -> None:
        self.cut: str | None = None
        self.refuse = False
        self.commits = 0
        self._to = str(to / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in [self._listener, *self._open]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuse and self.cut is None:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._to)
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                if self.cut and b"COMMIT\0" in data:
                    how, self.cut = self.cut, None
                    self.commits += 1
                    if how == "after":
                        source.shutdown(socket.SHUT_WR)
                        target.sendall(data)
                        time.sleep(0.1)
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
