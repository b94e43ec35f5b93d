"""Redis: its own Lua inside the server, and a client's round trips.

The caller ``eval`` is one script that loops inside the server, as ours loop inside their VM: no
network is in its figures. The caller ``python`` makes one round trip a call, over a Unix socket.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from benchmarks.candidate import Candidate, Opened, Setting, Subject
from benchmarks.packages import Unavailable, imported
from benchmarks.workload import KEYS, deletes, key, loads, saves, value

__all__ = ["SUBJECTS"]

LOOP: Final = "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do {body} end"
VALUE: Final = "cjson.encode({{theme='dark', version='1.0.0', n={n}, f={{1, 2, 3}}}})"
BODIES: Final = {
    "save": f"redis.call('SET', 'key' .. i % {KEYS}, {VALUE.format(n='i')})",
    "load": f"local v = cjson.decode(redis.call('GET', 'key' .. i % {KEYS}))",
    "load_same": "local v = cjson.decode(redis.call('GET', 'key1'))",
    "delete": "redis.call('DEL', 'd' .. i)",
    "transaction": (
        "local a, b = redis.call('GET', 'bank-a'), redis.call('GET', 'bank-b')"
        " redis.call('SET', 'bank-a', a - 1) redis.call('SET', 'bank-b', b + 1)"
    ),
}
NO_PERSISTENCE: Final = ("--save", "", "--appendonly", "no")
START_S: Final = 5.0


def _open(setting: Setting) -> Opened:
    redis = imported("redis", "redis")
    server = shutil.which("redis-server")
    if server is None:
        raise Unavailable("no redis-server found: apt install redis-server")
    socket = setting.folder / "redis.sock"
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", str(socket), *NO_PERSISTENCE],
        cwd=setting.folder,
        stdout=subprocess.DEVNULL,
    )
    setting.stack.callback(process.wait)
    setting.stack.callback(process.terminate)
    client = redis.Redis(unix_socket_path=str(socket))
    setting.stack.callback(client.close)
    _await_answer(client, redis.ConnectionError)
    client.mset({"bank-a": 0, "bank-b": 0} | {key(i): _text(i) for i in range(KEYS)})
    yield from _scripts(client)
    yield from _round_trips(client)


def _await_answer(client: Any, refused: type[Exception]) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up:
        with suppress(refused):
            client.ping()
            return
        time.sleep(0.02)
    raise Unavailable("redis-server did not start")


def _text(number: int) -> str:
    return json.dumps(value(number))


def _prepare(client: Any) -> Callable[[int], object]:
    return lambda calls: client.mset({f"d{number}": number for number in range(calls)})


def _scripts(client: Any) -> Opened:
    for operation, body in BODIES.items():
        yield Candidate(
            f"redis/eval/{operation}",
            _looping(client, LOOP.format(body=body), operation),
            prepare=_prepare(client) if operation == "delete" else lambda _: None,
        )


def _looping(client: Any, script: str, operation: str) -> Callable[[int], None]:
    begin = count(1)

    def run(calls: int) -> None:
        first = 0 if operation == "delete" else next(begin) * 100_000
        client.eval(script, 0, first, first + calls - 1)

    return run


def _round_trips(client: Any) -> Opened:
    name = "redis/python"
    yield Candidate(f"{name}/save", saves(lambda k, v: client.set(k, json.dumps(v))))
    yield Candidate(f"{name}/load_uncached", loads(lambda k: json.loads(client.get(k))))
    yield Candidate(f"{name}/delete", deletes(client.delete), _prepare(client))


OPERATIONS: Final = (
    *(f"eval/{operation}" for operation in BODIES),
    "python/save",
    "python/load_uncached",
    "python/delete",
)
SUBJECTS: Final = (Subject("redis", OPERATIONS, _open),)
