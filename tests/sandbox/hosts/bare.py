"""A host that embeds the two VMs as their documentation shows, for proving that attacks work.

A program: one JSON object a line in, one out. Each script runs in a forked child with a little
CPU time and memory, so that one that hangs, grows or crashes costs next to nothing.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import quickjs
from lupa.lua54 import LuaError, LuaRuntime, lua_type
from tree import planted

CPU_S = {"hangs": 0.1}
OTHER_CPU_S = 4.0
WALL_S = {"hangs": 1.0}
OTHER_WALL_S = 10.0
LOOK_S = 0.01
MEMORY_BYTES = 700 * 1024 * 1024
# More than it had to begin with.
BLOATED_BYTES = 32 * 1024 * 1024


class NaiveState:
    """The host object that people expose: a dict with ``save`` and ``load``."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Any] = {}

    def save(self, scope: str, key: str, value: Any) -> None:
        self.values[scope, key] = value

    def keep(self, key: str, table: Any) -> None:
        """Save a copy of a Lua table, made the way hosts copy them."""
        self.values["kept", key] = copied(table)

    def keep_json(self, key: str, text: str) -> None:
        """Save what JSON text says."""
        self.values["kept", key] = json.loads(text)

    def save_text(self, text: str) -> None:
        """Save what JSON text says; what it does not say well is left alone."""
        with contextlib.suppress(ValueError, TypeError):
            self.save(*json.loads(text))

    def load(self, scope: str, key: str) -> Any:
        return self.values.get((scope, key))

    def load_text(self, text: str) -> str:
        """Load what JSON text asks for, as JSON text; null for what it does not ask well."""
        with contextlib.suppress(ValueError, TypeError):
            return json.dumps(self.load(*json.loads(text)))
        return "null"


def copied(value: Any) -> Any:
    if lua_type(value) == "table":
        return {key: copied(member) for key, member in value.items()}
    return value


class SyntaxFailure(Exception):
    """The VM read a file that is none of its own, and says what it found in it."""


def read_module(name: str) -> str:
    """Read a module the way hosts do that write ``require`` themselves."""
    file = scripts_folder() / name
    return (file if file.suffix or file.exists() else file.with_suffix(".lua")).read_text("utf-8")


LUA_REQUIRE = """
local read_module, broken, load = read_module, broken, load
function require(name)
  local chunk = load(read_module(name))
  if not chunk then broken() end
  return chunk(name)
end
"""
JS_REQUIRE = """
var require = (name) => {
  const text = read_module(name), module = { exports: {} };
  let run;
  try { run = Function("module", "exports", "require", text) } catch { return "read" }
  run(module, module.exports, require);
  return typeof module.exports === "string" ? module.exports : module.exports.name;
}
"""


def broken() -> None:
    raise SyntaxFailure


@cache
def scripts_folder() -> Path:
    return planted(Path(tempfile.mkdtemp()))


def run_lua(script: str, in_tree: bool) -> Any:
    lua = LuaRuntime()
    lua.globals().State = NaiveState()
    lua.globals().echo = lambda value: value
    if in_tree:
        lua.globals().read_module, lua.globals().broken = read_module, broken
        lua.execute(LUA_REQUIRE)
    return lua.execute(script)


def run_js(script: str, in_tree: bool) -> Any:
    context, state = quickjs.Context(), NaiveState()
    context.add_callable("__save", state.save_text)
    context.add_callable("__load", state.load_text)
    context.add_callable("__fail", lambda: 1 / 0)
    context.add_callable("echo", lambda value: value)
    context.eval(
        "var State = {sync: {save: (...a) => __save(JSON.stringify(a)),"
        " load: (...a) => JSON.parse(__load(JSON.stringify(a)))}}"
    )
    if in_tree:
        context.add_callable("read_module", read_module)
        context.eval(JS_REQUIRE)
    value = context.eval(script)
    while context.execute_pending_job():
        pass
    verdict = context.get("verdict")
    return value if verdict is None else verdict


RUNNERS = {"lua": run_lua, "js": run_js}


def attempt(language: str, script: str, in_tree: bool) -> dict[str, Any]:
    """Run a script and tell what it returned, or what the host met."""
    try:
        value = RUNNERS[language](script, in_tree)
        gc.collect()  # a host that goes on frees the VM some time
        # What hosts do with what they got: show it.
        if isinstance(value, quickjs.Object):
            value = value.json()
        shown = value if isinstance(value, int | float | bool | None) else str(value)[:1000]
        return {"value": shown}
    except (LuaError, quickjs.JSException) as error:
        return {"script_error": str(error)[:300]}
    except BaseException as error:
        return {"exception": type(error).__name__}


def child(request: dict[str, Any], write_fd: int) -> None:
    """Run one attack with little to use up, and tell what came of it."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.setitimer(signal.ITIMER_PROF, CPU_S.get(request["kind"], OTHER_CPU_S))
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    report = attempt(request["language"], request["script"], request["in_tree"])
    with contextlib.suppress(ValueError):
        os.write(write_fd, json.dumps(report).encode()[:60_000])
    os._exit(0)


def watched(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a child for one attack; return its report and how it ended."""
    kind, most_bytes = request["kind"], resident_bytes(os.getpid()) + BLOATED_BYTES
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        child(request, write_fd)
    os.close(write_fd)
    data, reason = collected(pid, read_fd, kind, most_bytes)
    if reason != "ended":
        os.kill(pid, signal.SIGKILL)
    os.close(read_fd)
    _, status, usage = os.wait4(pid, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "waited": reason == "waited",
        "bloated": reason == "bloated" or usage.ru_maxrss * unit > most_bytes,
        **(json.loads(data) if data else {}),
    }


def collected(pid: int, read_fd: int, kind: str, most_bytes: int) -> tuple[bytes, str]:
    """Read a child's report until it ends, waits too long or has grown too much."""
    deadline, data = time.monotonic() + WALL_S.get(kind, OTHER_WALL_S), b""
    while time.monotonic() < deadline:
        if select.select([read_fd], [], [], LOOK_S)[0]:
            part = os.read(read_fd, 65536)
            if not part:
                return data, "ended"
            data += part
        elif kind == "bloats" and resident_bytes(pid) > most_bytes:
            return data, "bloated"
    return data, "waited"


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has, where the system tells."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def main() -> None:
    scripts_folder()
    for line in sys.stdin:
        print(json.dumps(watched(json.loads(line))), flush=True)
    shutil.rmtree(scripts_folder().parent)


if __name__ == "__main__":
    main()
