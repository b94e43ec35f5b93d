"""llmspell called from scripts: a loop in Lua, in JavaScript directly, and with ``await``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from benchmarks.backends import Backend, OpenBackend
from benchmarks.calls_python import prepare_deletes
from benchmarks.candidate import Candidate, Setting
from benchmarks.workload import KEYS, PAGE, PAGE_AFTER, SCOPE, warm
from llmspell.state.manager import StateManager
from llmspell.state.origin import originating
from llmspell.state.scripting import ScriptState
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_stdlib.registry import GLOBALS

__all__ = ["open_sandbox", "script_calls"]

STATE: Final = next(declared for declared in GLOBALS if declared.name == "State")

LUA_VALUE: Final = "{{theme='dark', version='1.0.0', n={n}, f={{1, 2, 3}}}}"
JS_VALUE: Final = "{{theme: 'dark', version: '1.0.0', n: {n}, f: [1, 2, 3]}}"
LUA_FRAME: Final = "for i = {first}, {last} do {body} end"
JS_FRAME: Final = "for (let i = {first}; i <= {last}; i++) {{ {body} }}"

LUA: Final = {
    "save": f"State.save('{SCOPE}', 'key' .. i % {KEYS}, {LUA_VALUE.format(n='i')})",
    "load": f"State.load('{SCOPE}', 'key' .. i % {KEYS})",
    "load_same": f"State.load('{SCOPE}', 'key1')",
    "delete": "State.delete('gone', 'd' .. i)",
    "list_keys": f"State.list_keys('list', {{after = '{PAGE_AFTER}', limit = {PAGE}}})",
    "transaction": (
        "State.transaction(function(tx)"
        " local a, b = tx.load('bank', 'a'), tx.load('bank', 'b')"
        " tx.save('bank', 'a', a - 1) tx.save('bank', 'b', b + 1) end)"
    ),
    "save_many": (
        "local m = {} for j = 0, BATCH - 1 do"
        f" m['key' .. j] = {LUA_VALUE.format(n='i + j')} end State.save_many('many', m)"
    ),
    "load_many": (
        "local keys = {} for j = 0, BATCH - 1 do keys[j + 1] = 'key' .. j end"
        " State.load_many('many', keys)"
    ),
}
JS: Final = {
    "save": f"AWAIT STATE.save('{SCOPE}', 'key' + i % {KEYS}, {JS_VALUE.format(n='i')})",
    "load": f"AWAIT STATE.load('{SCOPE}', 'key' + i % {KEYS})",
    "load_same": f"AWAIT STATE.load('{SCOPE}', 'key1')",
    "delete": "AWAIT STATE.delete('gone', 'd' + i)",
    "list_keys": f"AWAIT STATE.listKeys('list', {{after: '{PAGE_AFTER}', limit: {PAGE}}})",
    "transaction": (
        "AWAIT STATE.transaction(ASYNC tx => {"
        " const a = AWAIT tx.load('bank', 'a'), b = AWAIT tx.load('bank', 'b');"
        " AWAIT tx.save('bank', 'a', a - 1); AWAIT tx.save('bank', 'b', b + 1); })"
    ),
    "save_many": (
        "const m = {}; for (let j = 0; j < BATCH; j++)"
        f" m['key' + j] = {JS_VALUE.format(n='i + j')}; AWAIT STATE.saveMany('many', m)"
    ),
    "load_many": (
        "const keys = []; for (let j = 0; j < BATCH; j++) keys.push('key' + j);"
        " AWAIT STATE.loadMany('many', keys)"
    ),
}
#: Caller: its engine, its statements, and the words that stand for themselves in JavaScript.
CALLERS: Final[dict[str, tuple[str, dict[str, str], dict[str, str]]]] = {
    "lua": ("lua", LUA, {}),
    "js-sync": ("js", JS, {"AWAIT ": "", "ASYNC ": "", "STATE": "State.sync"}),
    "js-await": ("js", JS, {"AWAIT": "await", "ASYNC": "async", "STATE": "State"}),
}


def script_calls(backend: Backend, opened: OpenBackend, setting: Setting) -> Iterator[Candidate]:
    """Yield what scripts call, in each language."""
    sandboxes = {
        (engine, cached): setting.stack.enter_context(open_sandbox(engine, state))
        for engine in ("lua", "js")
        for cached, state in ((True, opened.state), (False, opened.uncached))
    }
    for caller, (engine, statements, words) in CALLERS.items():
        if caller not in backend.callers:
            continue
        for operation in backend.operations:
            name = f"{backend.name}/{caller}/{operation}"
            body = statements[operation.removesuffix("_uncached").removesuffix("_flushed")]
            for word, meant in (words | {"BATCH": str(setting.batch)}).items():
                body = body.replace(word, meant)
            sandbox = sandboxes[engine, operation != "load_uncached"]
            run = _loop(sandbox, body, operation)
            if operation == "save_flushed":
                run = opened.flushed(run)
            yield Candidate(name, run, **_round(operation, run, opened, setting))


@contextmanager
def open_sandbox(engine: str, state: StateManager) -> Iterator[Sandbox]:
    """Open a sandbox with the ``State`` that scripts get."""
    service = ScriptState(lambda: state)
    sandbox = create_sandbox(engine, SandboxOptions(globals=[BoundGlobal(STATE, service)]))
    try:
        yield sandbox
    finally:
        sandbox.close()
        service.close()


def _loop(sandbox: Sandbox, body: str, operation: str) -> Callable[[int], None]:
    """Return what runs a statement n times in one script, with ``i`` counting on."""
    frame = LUA_FRAME if sandbox.language == "lua" else JS_FRAME
    begin = count(1)

    def run(calls: int) -> None:
        # Deletes go through what was prepared; all others never see the same number twice.
        first = 0 if operation == "delete" else next(begin) * 100_000
        source = frame.format(first=first, last=first + calls - 1, body=body)
        # As in any run, whatever is written bears its id.
        with originating(run_id="0123456789abcdef"):
            sandbox.run(source, name="benchmark")

    return run


def _round(
    operation: str, run: Callable[[int], None], opened: OpenBackend, setting: Setting
) -> dict[str, Any]:
    if operation == "load":
        return {"prepare": warm(run)}
    if operation == "delete":
        return {"prepare": prepare_deletes(opened), "settle": opened.settle}
    if operation in ("save_many", "load_many"):
        return {"step": setting.batch, "settle": opened.settle}
    return {} if operation.startswith(("load", "list")) else {"settle": opened.settle}
