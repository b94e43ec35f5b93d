"""What a worker can still do, found by trying: the proof of what confines it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["PROBES", "probe"]


def _open_file() -> None:
    os.close(os.open(os.path.abspath(os.sep), os.O_RDONLY))


def _write_file() -> None:
    path = os.path.join(os.sep, "tmp", f"llmspell-probe-{os.getpid()}")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _execute() -> None:
    # A program that is not there: a system that would run one says so.
    with suppress(FileNotFoundError):
        os.execv(os.path.join(os.sep, "llmspell-no-such-program"), ["probe"])


def _signal_parent() -> None:
    os.kill(os.getppid(), 0)


def _see_environment() -> None:
    if not set(os.environ) - {"TZ", "LC_CTYPE"}:
        raise OSError("the environment is empty")


def _raise_limits() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


#: By what a person would call it. Each tries one thing and raises ``OSError`` where it is refused.
PROBES: Final[dict[str, Callable[[], None]]] = {
    "open a file": _open_file,
    "write a file": _write_file,
    "open a network socket": _open_socket,
    "start a process": _fork,
    "execute a program": _execute,
    "signal another process": _signal_parent,
    "read the host's environment": _see_environment,
    "raise its own limits": _raise_limits,
}


def probe() -> dict[str, str | None]:
    """Try everything; return why each was refused, ``None`` for what was possible."""
    return {name: _tried(attempt) for name, attempt in PROBES.items()}


def _tried(attempt: Callable[[], None]) -> str | None:
    try:
        attempt()
    except (OSError, ValueError, ImportError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None
