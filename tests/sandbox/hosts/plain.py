"""Plain VMs that print into text, to compare with."""

from __future__ import annotations

import quickjs
from lupa.lua54 import LuaRuntime

__all__ = ["printed_by_plain"]

# What the sandbox prints with is written in the language, too: only the text leaves.
_LUA_PRINT = """
local emit, tostring, select, concat = emit, tostring, select, table.concat
_G.emit = nil
function print(...)
  local texts = {}
  for index = 1, select("#", ...) do texts[index] = tostring((select(index, ...))) end
  emit(concat(texts, "\\t") .. "\\n")
end
"""
_JS_PRINT = """
globalThis.printed = [];
globalThis.print = (...texts) => { printed.push(texts.join(" ") + "\\n") };
"""
# As much as the sandbox gives: how deep a recursion goes shows.
_STACK_BYTES = 2 * 1024 * 1024


def printed_by_plain(language: str, script: str, name: str) -> str:
    """Run a script in a plain VM and return what it printed."""
    return _LANGUAGES[language](script, name)


def _lua(script: str, name: str) -> str:
    lua, texts = LuaRuntime(), list[str]()
    lua.globals().emit = texts.append
    lua.execute(_LUA_PRINT)
    lua.execute(script, name=f"@{name}")
    return "".join(texts)


def _js(script: str, _: str) -> str:
    context = quickjs.Context()
    context.set_max_stack_size(_STACK_BYTES)
    context.eval(_JS_PRINT)
    context.eval(script)
    while context.execute_pending_job():
        pass
    return str(context.eval("printed.join('')"))


_LANGUAGES = {"lua": _lua, "js": _js}
