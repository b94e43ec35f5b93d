"""What other runtimes have and this one has not, and what to write here instead."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["instead_of"]

_FILES: Final = "files are read with Fs.read and written with Fs.write, where that is permitted"
_ENV: Final = "environment variables are read with Env.get, where that is permitted"
_WEB: Final = "write Http.request(url), where that is permitted"
_TIMERS: Final = "there are no timers; State.poll(seconds) waits, and is told of changes"
_PROGRAMS: Final = "a script starts no programs"
_CODE: Final = "code of several files uses require, and load compiles text"

#: By language: what messages call the thing that is missing, and the advice.
_ABSENT: Final[dict[str, dict[str, str]]] = {
    "lua": {
        "io": _FILES,
        "fs": "the global is Fs, with a capital letter",
        "http": "the global is Http, with a capital letter",
        "json": "the global is JSON, in capital letters",
        "state": "the global is State, with a capital letter",
        "console": "write print(...)",
        "getenv": _ENV,
        "execute": _PROGRAMS,
        "popen": _PROGRAMS,
        "exit": "a script ends where it ends; return at its top, or error(...)",
        "remove": "files cannot be removed from a script",
        "rename": "files cannot be renamed from a script",
        "dofile": _CODE,
        "loadfile": _CODE,
        "loadstring": "it is called load in Lua 5.4",
        "unpack": "it is called table.unpack in Lua 5.4",
        "setfenv": "load takes an environment as its fourth argument",
        "debug": "there is no debug library; errors carry their traceback",
    },
    "js": {
        "fetch": _WEB,
        "XMLHttpRequest": _WEB,
        "axios": _WEB,
        "process": _ENV + "; arguments are ARGS",
        "Deno": _FILES,
        "Bun": _FILES,
        "fs": "the global is Fs, with a capital letter",
        "http": "the global is Http, with a capital letter",
        "state": "the global is State, with a capital letter",
        "setTimeout": _TIMERS,
        "setInterval": _TIMERS,
        "setImmediate": "write queueMicrotask(fn)",
        "Buffer": "bytes are a Uint8Array",
        "localStorage": "write State.save and State.load",
        "sessionStorage": "write State.save and State.load",
        "window": "it is called globalThis",
        "global": "it is called globalThis",
        "document": "there is no page",
        "structuredClone": "write JSON.parse(JSON.stringify(value))",
        "URL": "there is no URL; Http.request takes the address as text",
        "WebAssembly": "there is no WebAssembly",
    },
}
_MISSING: Final = {
    "lua": re.compile(r"nil value \((?:global|field|method) '(?P<name>\w+)'\)"),
    "js": re.compile(r"ReferenceError: '?(?P<name>\w+)'? is not defined"),
}


def instead_of(language: str, message: str) -> str | None:
    """Return the advice for an error that says that something is not there."""
    pattern = _MISSING.get(language)
    match = pattern.search(message) if pattern else None
    return _ABSENT[language].get(match["name"]) if match else None
