"""A function that a script file gives: each thread has a sandbox of its own that keeps it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmspell.errors import InvalidArgument, ScriptError, ScriptLimitExceeded
from llmspell.module_roots import modules_for
from llmspell.script import Script
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_stdlib.json_global import JSON
from llmspell_stdlib.time_global import TIME

__all__ = ["MAY_TAKE", "Given", "SandboxedFunction"]

#: What a call may take, and so may loading the script.
MAY_TAKE: Final = "a second and 64 MiB"
_LIMITS: Final = Limits(timeout_s=1.0, memory_bytes=64 * 1024 * 1024)
_DEPTH: Final = 256
_MAIN: Final = "<function>"
_OFFER: Final = "__llmspell_offer"
_FUNCTION: Final = "__llmspell_function"

#: The script is a module: so it may require others beside it, and errors show its own lines. These
#: return the type of what was found, that of what the module gave, and the names of its functions.
_LOADERS: Final = {
    "lua": """
local rawget, type, select, error = rawget, type, select, error
function __llmspell_offer(module, name, may_wait, must_return)
  local given, names = require(module), JSON.array{}
  if type(given) == "table" then
    for key, member in next, given do
      if type(key) == "string" and type(member) == "function" then names[#names + 1] = key end
    end
  end
  local fn = given
  if name then fn = type(given) == "table" and rawget(given, name) or nil end
  __llmspell_function = fn
  if must_return and type(fn) == "function" then
    local function checked(...)
      if select("#", ...) > 0 then return ... end
      error("the function returned nothing: end it with `return value`", 0)
    end
    __llmspell_function = function(...) return checked(fn(...)) end
  end
  return { type(fn), type(given), names }
end
""",
    "js": r"""
{
  const { Promise, Reflect } = globalThis;
  globalThis.__llmspell_offer = (module, name, mayWait, mustReturn) => {
    const given = require(module);
    const names = Object(given) !== given ? []
      : Object.keys(given).filter((key) => typeof given[key] === "function");
    const fn = name === null ? given : names.includes(name) ? given[name] : undefined;
    globalThis.__llmspell_function = (...values) => {
      const result = Reflect.apply(fn, given, values);
      if (result instanceof Promise && !mayWait) {
        throw new Error("the function returned a promise, and nothing here can wait for it");
      }
      if (result === undefined && mustReturn) {
        throw new Error("the function returned nothing: end it with `return value`");
      }
      return result;
    };
    const isAsync = /^\[object Async/.test(Object.prototype.toString.call(fn));
    return [isAsync && !mayWait ? "async" : typeof fn, typeof given, names];
  };
}
""",
}
_ABSENT: Final = re.compile(
    r"\(global '(?:State|Fs|Http|Env|print|io)'\)"
    r"|\b(?:State|Fs|Http|Env|print|console|process) is not defined"
)
_OFFERED: Final = (
    "it has JSON, Time and require, and neither State nor files, hosts, environment or output"
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a script gave in place of the function wanted.

    ``found`` is the language's name of the type found where the function should be, or "async",
    ``module`` that of what the script returned or exported, ``names`` are its functions.
    """

    language: str
    found: str
    module: str
    names: tuple[str, ...]


class SandboxedFunction:
    """The function a script returns (or exports), or the one called ``name`` of several.

    The script has ``JSON``, ``Time`` and ``require``, and neither State nor files, hosts or
    output. Arguments are copies; what the script keeps beside them lasts from call to call of one
    thread. A call may take a second and 64 MiB; after one that took more the script starts anew.
    ``may_wait`` permits an async function, and ``must_return`` refuses one that ends without a
    result, where a forgotten ``return`` would do harm.

    Raises ``ScriptNotFound``, ``ScriptError`` (its ``file`` is ``None`` where it is not about a
    line of the script), and what ``refuse`` makes of a script that gives no such function.
    """

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        refuse: Callable[[Given], Exception],
        may_wait: bool = False,
        must_return: bool = False,
    ) -> None:
        self._script = Script.read(path)
        # A link is as good as the file it leads to, which is where its modules are.
        module = _module_name(self._script.engine, Path(os.path.realpath(path)))
        self._wanted = (module, name, may_wait, must_return)
        self._refuse = refuse
        self._own = threading.local()
        self._sandbox()

    def __call__(self, *arguments: Any) -> Any:
        sandbox = self._sandbox()
        try:
            return sandbox.call(_FUNCTION, *arguments)
        except ScriptError as error:
            if isinstance(error, ScriptLimitExceeded):
                self._own.sandbox = None
                sandbox.close()
            _point_at_script(error)
            error.file = error.file or self._script.name
            raise

    def _sandbox(self) -> Sandbox:
        """Return this thread's sandbox: a VM belongs to the thread that made it."""
        sandbox: Sandbox | None = getattr(self._own, "sandbox", None)
        if sandbox is None:
            sandbox = self._own.sandbox = self._loaded()
        return sandbox

    def _loaded(self) -> Sandbox:
        script = self._script
        modules = modules_for(None, engine=script.engine, name=_MAIN, folder=script.folder)
        offered = [BoundGlobal(JSON, None), BoundGlobal(TIME, None), modules]
        options = SandboxOptions(offered, max_depth=_DEPTH, limits=_LIMITS)
        sandbox = create_sandbox(script.engine, options)
        try:
            sandbox.run(_LOADERS[script.engine], name=_MAIN)
            found, module, names = sandbox.call(_OFFER, *self._wanted)
            if found != "function":
                given = Given(script.engine, found, module, tuple(sorted(filter(_is_text, names))))
                raise self._refuse(given)
        except BaseException as error:
            sandbox.close()
            if isinstance(error, ScriptError):
                _point_at_script(error)
            raise
        return sandbox


def _is_text(name: object) -> bool:
    return isinstance(name, str)  # in Lua it may be bytes


def _module_name(engine: str, file: Path) -> str:
    """Return the name by which its own language requires a file."""
    if engine == "js":
        return f"./{file.name}"
    if "." in file.stem:
        raise InvalidArgument(
            f"{file.name} cannot be required: dots stand for folders in Lua",
            hint="give it a name without further dots, such as check_user.lua",
        )
    return file.stem


def _point_at_script(error: ScriptError) -> None:
    """Take the loader's own lines out of an error: nobody wrote them who reads it."""
    error.frames = tuple(frame for frame in error.frames if frame.file != _MAIN)
    if error.file == _MAIN:
        first = error.frames[0] if error.frames else None
        error.file, error.line = (first.file, first.line) if first else (None, None)
        error.column = error.source_line = None
    if error.hint is None and _ABSENT.search(error.message):
        error.hint = _OFFERED
