"""A Lua 5.4 VM as a sandbox. The only file that imports lupa."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

from lupa.lua54 import LuaMemoryError, LuaRuntime

from llmspell_bridges.asking import asking
from llmspell_bridges.blueprint import blueprint
from llmspell_bridges.door import Door, indexed
from llmspell_bridges.errors import ScriptError, ScriptLimitExceeded
from llmspell_bridges.limits import UNLIMITED, exceeded
from llmspell_bridges.lua.blueprint import installation, part
from llmspell_bridges.lua.literal import lua_chunk
from llmspell_bridges.lua.memory import Memory
from llmspell_bridges.lua.relief import relieved
from llmspell_bridges.lua.replies import LuaReplies
from llmspell_bridges.lua.reports import Report, Reports, limit_behind
from llmspell_bridges.sandbox import Owner, SandboxOptions, check_text
from llmspell_bridges.values import Value, canonical
from llmspell_bridges.wire import decode

__all__ = ["LuaSandbox"]

_OUT_OF_MEMORY: Final = b"not enough memory"
_PROBLEMS: Final = b"""function(source)
  local _, as_statements = load(source, "=", "t")
  local _, as_expression = load("return " .. source, "=", "t")
  return as_statements or "", as_expression or ""
end"""


class LuaSandbox:
    """Runs Lua scripts; see ``Sandbox`` for what each method promises."""

    language = "lua"

    def __init__(self, options: SandboxOptions) -> None:
        self._owner = Owner()
        self._sources: dict[str, str] = {}
        self._reports = Reports(self._sources)
        self._depth = 0
        self._max_depth = options.max_depth
        self._door: Door[bytes] = options.make_door(
            LuaReplies(), max_depth=options.max_depth, limits=options.limits
        )
        self._limits = options.limits.over(UNLIMITED)
        vm = LuaRuntime(
            encoding=None,
            max_memory=0,
            register_eval=False,
            register_builtins=False,
            # No host object is meant to be seen by a script; one that is shows nothing.
            attribute_handlers=(_refuse_attribute, _refuse_attribute),
        )
        self._vm: Any = vm
        self._memory = self._install(options)

    def _install(self, options: SandboxOptions) -> Memory | None:
        """Run the preludes, and return what holds the VM to its memory, if anything does."""
        memory = None
        if self._limits.memory_bytes is not None:
            memory = Memory(self._vm, self._limits.memory_bytes)
        watched = self._limits.timeout_s is not None
        prelude = self._vm.compile(part(b"prelude"), mode=b"b")
        self._run, self._call, define, extend, self._show, learn = prelude(
            self._door.opened(memory.has_room_for if memory else None),
            options.max_depth,
            part,
            asking(self._door.has_to_end, self._door.interrupt) if watched else None,
            memory.hold if memory else None,
        )
        learn(self._learn)
        for bound, function, _ in indexed(options.globals, self.language):
            self._door.add(bound, function)
        chunk = blueprint(self.language, options.globals, installation)
        self._vm.compile(chunk, mode=b"b")(define, extend)
        return memory

    def run(self, source: str, *, name: str) -> Value:
        with self._owner:
            check_text(source)
            check_text(name)
            self._sources[name] = source
            if source.startswith("#"):
                # A "#!" line is for the shell; it keeps its place so that lines still count.
                source = "--" + source
            return self._driven(self._run, source.encode(), name.encode(), name)

    def call(self, function: str, *arguments: Value) -> Value:
        with nullcontext() if self._owner.is_within() else self._owner:
            check_text(function)
            exact = [canonical(argument, max_depth=self._max_depth) for argument in arguments]
            return self._driven(self._call, function.encode(), lua_chunk(exact), None)

    def evaluate(self, source: str, *, name: str) -> str | None:
        with self._owner:
            check_text(source)
            check_text(name)
            self._sources[name] = source
            text: str | None = self._driven(self._show, source.encode(), name.encode(), name)
            return text

    def is_complete(self, source: str) -> bool:
        with self._owner:
            check_text(source)
            problems = self._vm.eval(_PROBLEMS)(source.encode())
            # Either way to read it may lack its end: as statements, or as an expression.
            return b"" in problems or not any(text.endswith(b"<eof>") for text in problems)

    def close(self) -> None:
        if self._owner.close():
            self._door.close()
            self._vm = self._run = self._call = self._show = None

    def _driven(
        self, entry: Callable[[bytes, bytes], Any], first: bytes, second: bytes, name: str | None
    ) -> Value:
        """Call into the VM and return what the script gave; ``name`` is the script's."""
        memory = self._memory
        if memory is not None and not memory.has_room_for(len(first) + len(second)):
            raise self._ended("memory_bytes", name)
        is_outermost = self._depth == 0
        with self._door.running() if is_outermost else nullcontext():
            self._depth += 1
            try:
                with relieved(memory if is_outermost else None, self._door.deadline.at):
                    reply = entry(first, second)
            except LuaMemoryError:
                reply = b"*" + _OUT_OF_MEMORY
            finally:
                self._depth -= 1
                if memory is not None and is_outermost:
                    memory.release()
            return self._result(reply, name)

    def _result(self, reply: bytes | tuple[bytes, Any], name: str | None) -> Value:
        interrupt = self._door.take_interrupt()
        if isinstance(reply, tuple):
            # A signal struck outside the door's own guard; see `ask` in the prelude.
            reply, outside = reply
            interrupt = interrupt or outside
        if interrupt is not None:
            raise interrupt
        self._door.weigh(reply)
        return self._concluded(reply[:1], reply, name)

    def _concluded(self, kind: bytes, reply: bytes, name: str | None) -> Value:
        """Return the run's value, or raise what its reply says went wrong."""
        report = None
        if kind == b"!":
            report = Report(*decode(reply[1:], max_depth=self._max_depth, envelope=1)[0])
        elif kind == b"*":
            report = Report(reply[1:])
        limit = self._door.spent if self._door.has_to_end() else None
        if limit is None and report is not None and report.code is None:
            limit = limit_behind(report.message)
        if limit is not None:
            raise self._ended(limit, name, report)
        if report is not None:
            raise self._chained(self._reports.script_error(report, name))
        if kind == b"?":
            raise self._reports.syntax_error(reply[1:].decode(errors="replace"), name or "")
        return decode(reply, max_depth=self._max_depth, envelope=1)[0]

    def _chained(self, error: ScriptError) -> ScriptError:
        """Give an error its cause, if it is a host function's."""
        cause = self._door.error
        if cause is not None and cause.message == error.message:
            error.__cause__ = cause
        return error

    def _ended(
        self, limit: str, name: str | None, report: Report | None = None
    ) -> ScriptLimitExceeded:
        """Return the error of a limit that was hit; nothing runs here after it."""
        self._owner.spend(limit)
        maximum = getattr(self._limits, limit)
        return exceeded(
            limit,
            None if limit == "stack_bytes" else maximum,
            language=self.language,
            **self._reports.place(report, name),
        )

    def _learn(self, name: bytes, source: bytes) -> None:
        """Keep a module's text for the reports of its errors."""
        self._sources[name.decode()] = source.decode()


def _refuse_attribute(*_: object) -> None:
    raise AttributeError("scripts do not see host objects")
