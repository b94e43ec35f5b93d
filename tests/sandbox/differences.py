"""What differs on purpose from plain Lua and plain QuickJS, as data that the tests check.

``docs/sandbox.md`` has a table of these; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["DIFFERENCES", "Difference"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """``expression`` has one value in a plain VM and another here, for a reason.

    A value is compared as text. ``only_inline`` marks what differs only where the
    clock is looked at by the virtual machine itself, and not by another process.
    """

    language: Literal["lua", "js"]
    topic: str
    expression: str
    plain: str
    here: str
    reason: str
    only_inline: bool = False


def _absent(language: str, names: str, reason: str, topic: str, plain: str) -> list[Difference]:
    probe = "type({})" if language == "lua" else "typeof {}"
    gone = "nil" if language == "lua" else "undefined"
    return [
        Difference(
            language=language,  # type: ignore[arg-type]
            topic=topic,
            expression=probe.format(name),
            plain=plain,
            here=gone,
            reason=reason,
        )
        for name in names.split()
    ]


_LUA: Final = [
    *_absent("lua", "io debug", "they reach the host", "`io`, `debug`", "table"),
    *_absent(
        "lua",
        "dofile loadfile package.loadlib package.searchpath",
        "they read any file; `require` reads modules",
        "`dofile`, `loadfile`, most of `package`",
        "function",
    ),
    *_absent(
        "lua",
        "os.execute os.exit os.getenv os.remove os.rename os.setlocale os.tmpname",
        "they reach the system; `os` keeps `clock`, `date`, `difftime` and `time`",
        "most of `os`",
        "function",
    ),
    *_absent("lua", "string.dump", "there is no bytecode", "`string.dump`", "function"),
    Difference(
        language="lua",
        topic="bytecode in `load`",
        expression="select(2, load('\\27Lua', 'x', 'b'))",
        plain="x: bad binary format (truncated chunk)",
        here="attempt to load a text chunk (only text chunks are available in this sandbox)",
        reason="bytecode can crash the VM",
    ),
    Difference(
        language="lua",
        topic="`__gc` metamethods",
        expression="(pcall(setmetatable, {}, {__gc = print}))",
        plain="true",
        here="false",
        reason="a finalizer runs at moments when no limit holds",
    ),
    Difference(
        language="lua",
        topic="options of `collectgarbage`",
        expression="(pcall(collectgarbage, 'stop'))",
        plain="true",
        here="false",
        reason="a script must not switch off what keeps its memory small; `collect` and `count` are there",
    ),
    Difference(
        language="lua",
        topic="the reader of `load` is called before the compiler starts",
        expression="(function() local n = 0 load(function() n = n + 1 return n < 5 and '}' or nil end) return n end)()",
        plain="2",
        here="5",
        reason="a reader that never ends must not hold the compiler; all pieces are read first",
    ),
    Difference(
        language="lua",
        topic="what `load` says of a chunk that is neither text nor a function",
        expression="select(2, pcall(load, {}))",
        plain="bad argument #1 to 'load' (function expected, got table)",
        here="bad argument #1 to 'load' (string or function expected)",
        reason="a number is no chunk here",
    ),
    Difference(
        language="lua",
        topic="the place in what `coroutine.resume` or `close` say of an argument in a tail call",
        expression="select(2, pcall(function() return coroutine.resume(nil) end))",
        plain="x:1: bad argument #1 to 'resume' (thread expected, got nil)",
        here="bad argument #1 to 'coroutine.resume' (thread expected, got nil)",
        reason="the clock is looked at after them, so they are calls of the sandbox's",
        only_inline=True,
    ),
    Difference(
        language="lua",
        topic="`coroutine.close` after the coroutine ran out of stack or memory",
        expression="(function() local seen = 'open' local function f() return 1 + f() end local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() seen = 'closed' end}) f() end) coroutine.resume(co) coroutine.close(co) return seen end)()",
        plain="closed",
        here="open",
        reason="no limit holds in such a coroutine",
        only_inline=True,
    ),
    Difference(
        language="lua",
        topic="the place in an error that blames the caller of `pcall` or `xpcall`",
        expression="select(2, pcall(error, 'text', 2))",
        plain="x:1: text",
        here="text",
        reason="they look at the clock after an error",
        only_inline=True,
    ),
]

_JS: Final = [
    *_absent(
        "js",
        "WeakRef FinalizationRegistry",
        "they watch the collector",
        "`WeakRef`, `FinalizationRegistry`",
        "function",
    ),
    *_absent(
        "js",
        "SharedArrayBuffer",
        "they block the host's thread",
        "`SharedArrayBuffer`, `Atomics`",
        "function",
    ),
    Difference(
        language="js",
        topic="top-level `var` and `function` can be deleted",
        expression="var deletable = 1; Object.getOwnPropertyDescriptor(globalThis, 'deletable').configurable",
        plain="false",
        here="true",
        reason="scripts are evaluated, so that each has an exact place for its errors",
    ),
    Difference(
        language="js",
        topic="the result of `then` on a promise of your own class",
        expression="(() => { class Mine extends Promise {} return new Mine(() => {}).then(() => 1) instanceof Mine })()",
        plain="true",
        here="false",
        reason="a job must not run a constructor of the script outside of every limit; it is a plain promise",
    ),
    Difference(
        language="js",
        topic="`Promise[Symbol.species]` and `Promise.prototype.constructor`",
        expression="Object.getOwnPropertyDescriptor(Promise, Symbol.species).configurable",
        plain="true",
        here="false",
        reason="as above: they decide which constructor a job runs",
    ),
    Difference(
        language="js",
        topic="the lines in `error.stack`",
        expression="/<input>:1:/.test(new Error().stack)",
        plain="true",
        here="false",
        reason="each script has lines of its own in the one `<input>`; reports show the real file and line",
    ),
]

DIFFERENCES: Final = [*_LUA, *_JS]
