"""Moments at which script code or a signal strikes where the host is weakest."""

from __future__ import annotations

import subprocess
import sys

import pytest

SIGNAL_IN_LUA = """
import os, signal, threading
from llmspell import Runtime

out = []

def told(text):
    out.append(text)
    if len(out) == 1:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

runtime = Runtime(profile="minimal", stdout=told)
try:
    runtime.execute('''
      print("begun")
      local seen
      while not seen do
        for _ = 1, 20000 do end
        local ok, problem = pcall(State.load, "s", "k")
        if not ok then seen = problem end
      end
      print(type(seen), seen.code)
      print(pcall(State.load, "s", "k"))
    ''', engine="lua")
except KeyboardInterrupt:
    print("interrupted", "userdata" in "".join(out))
"""


def test_a_signal_during_lua_reaches_the_host_and_shows_the_script_no_host_object() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_IN_LUA], capture_output=True, text=True, check=False
    )
    assert done.stdout == "interrupted False\n", done.stderr


SIGNAL_IN_JS = """
import os, signal, threading
from llmspell import Runtime

def begun(text):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

runtime = Runtime(profile="minimal", stdout=begun)
try:
    runtime.execute('''
      print("begun");
      let seen;
      while (!seen) {
        for (let i = 0; i < 20000; i++);
        try { State.sync.load("s", "k") } catch (problem) { seen = problem }
      }
      if (seen.code !== "interrupted") throw new Error("saw " + seen);
      for (;;) State.sync.load("s", "k");
    ''', engine="js")
except KeyboardInterrupt:
    print("interrupted", runtime.execute("State.sync.load('s', 'k', 5)", engine="js").value)
"""


def test_a_signal_during_javascript_reaches_the_host_though_the_script_catches_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_IN_JS], capture_output=True, text=True, check=False
    )
    assert done.stdout == "interrupted 5\n", done.stderr


JOB_THAT_THROWS = """
from llmspell import LlmSpellError, Runtime

code = '''
const evil = {
  toString() { State.sync.save("s", "p", 1); return "x" },
  get stack() { State.sync.save("s", "q", 1); return "" },
};
class P { constructor(executor) { executor(() => { throw evil }, () => { throw evil }) } }
const promise = Promise.resolve(1);
MAKE
promise.then((x) => x); 1
'''
for make in (
    "promise.constructor = { [Symbol.species]: P };",
    "Object.defineProperty(promise, 'constructor', { value: { [Symbol.species]: P } });",
    "Object.defineProperty(promise, 'constructor', { get: () => ({ [Symbol.species]: P }) });",
    "Object.setPrototypeOf(promise, Object.create(Promise.prototype, { constructor: { value:"
    " { [Symbol.species]: P } } }));",
    "Object.defineProperty(Promise, Symbol.species, { value: P });",
    "Object.defineProperty(Promise.prototype, 'constructor', { value: P });",
    "Object.defineProperty(Object.getPrototypeOf(State.load('g', 'k')), 'constructor',"
    " { value: { [Symbol.species]: P } });",
):
    with Runtime(profile="minimal") as runtime:
        try:
            runtime.execute(code.replace("MAKE", make), engine="js")
        except LlmSpellError:
            pass
print("alive")
"""


def test_a_job_of_a_scripts_own_promise_class_cannot_abort_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", JOB_THAT_THROWS], capture_output=True, text=True, check=False
    )
    assert done.stdout == "alive\n", done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "class Mine extends Promise {} ; await new Mine((r) => r(5)).then((x) => x + 1)",
        "const p = Promise.resolve(5); p.finally(() => {}); await p.then((x) => x + 1)",
        "(await Promise.all([5, Promise.resolve(6)]))[1]",
    ],
)
def test_promises_work_as_ever(code: str) -> None:
    from llmspell import Runtime

    with Runtime(profile="minimal") as runtime:
        assert runtime.execute(f"return await (async () => {{ {_returned(code)} }})()",
                               engine="js").value == 6  # fmt: skip


def _returned(code: str) -> str:
    *before, last = code.split(";")
    return ";".join([*before, f" return {last}"])
