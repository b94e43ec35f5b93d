"""A Lua 5.4 VM as a sandbox. The only file that imports lupa."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from lupa.lua54 import LuaRuntime

from llmspell_bridges.api import Record
from llmspell_bridges.door import Door
from llmspell_bridges.errors import Frame, LlmSpellError, ScriptError, ScriptSyntaxError, error_code
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.lua.literal import lua_chunk
from llmspell_bridges.lua.records import record_packer, record_unpacker
from llmspell_bridges.sandbox import Owner, SandboxOptions, check_text
from llmspell_bridges.values import Value, canonical
from llmspell_bridges.wire import decode

__all__ = ["LuaSandbox"]

_CONSTANT_REPLIES: Final = {None: b"return nil", True: b"return true", False: b"return false"}
# How Lua starts a message: chunk name, line. Long names are shortened to "...tail" by Lua.
_PLACE: Final = re.compile(r"^(?P<file>[^\n]*?):(?P<line>\d{1,9}): (?P<message>.*)$", re.DOTALL)
_LINE_BREAK: Final = re.compile(r"\r\n|\n\r|[\n\r]")
_NAME_LIMIT: Final = 59
_PRELUDE_NAME: Final = "llmspell"
_PROBLEMS: Final = b"""function(source)
  local _, as_statements = load(source, "=", "t")
  local _, as_expression = load("return " .. source, "=", "t")
  return as_statements or "", as_expression or ""
end"""


class LuaReplies:
    """Replies as Lua chunks."""

    def value(self, value: Any) -> bytes:
        if isinstance(value, FrozenValue):
            return value.lua
        if value is None or value is True or value is False:
            return _CONSTANT_REPLIES[value]
        return lua_chunk(value)

    def record(self, record: Record) -> Callable[[tuple[Any, ...] | None], bytes]:
        return record_packer(record)

    def error(self, error: LlmSpellError) -> bytes:
        return b"!" + lua_chunk(error.to_dict())


@cache
def _part(name: bytes) -> bytes:
    return Path(__file__).with_name(f"{name.decode()}.lua").read_bytes()


class LuaSandbox:
    """Runs Lua scripts; see ``Sandbox`` for what each method promises."""

    language = "lua"

    def __init__(self, options: SandboxOptions) -> None:
        self._owner = Owner()
        self._sources: dict[str, str] = {}
        self._max_depth = options.max_depth
        self._door: Door[bytes] = Door(LuaReplies(), max_depth=options.max_depth)
        vm = LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            # No host object is meant to be seen by a script; one that is shows nothing.
            attribute_handlers=(_refuse_attribute, _refuse_attribute),
        )
        prelude = vm.compile(_part(b"prelude"), name=b"=llmspell", mode=b"t")
        self._run, self._call, define, extend, self._show = prelude(
            self._door.opened(), options.max_depth, _part
        )
        self._vm: Any = vm
        for bound in options.globals:
            for function in bound.functions(self.language):
                place = function.name
                if not function.internal and bound.declaration.name:
                    place = f"{bound.declaration.name}.{place}"
                params = " ".join(param.name for param in function.params)
                index = self._door.add(bound, function)
                record = bound.declaration.record(function.result)
                unpacker = record_unpacker(record) if record else b""
                call = function.call_name(bound.declaration)
                define(
                    place.encode(),
                    call.encode(),
                    index,
                    params.encode(),
                    function.internal,
                    unpacker,
                    function.keeps,
                )
            if source := bound.declaration.preludes.get(self.language):
                extend(source.encode(), b"llmspell")

    def run(self, source: str, *, name: str) -> Value:
        with self._owner:
            check_text(source)
            self._sources[name] = source
            if source.startswith("#"):
                # A "#!" line is for the shell; it keeps its place so that lines still count.
                source = "--" + source
            return self._result(self._run(source.encode(), name.encode()), name)

    def call(self, function: str, *arguments: Value) -> Value:
        with self._owner:
            check_text(function)
            exact = [canonical(argument, max_depth=self._max_depth) for argument in arguments]
            return self._result(self._call(function.encode(), lua_chunk(exact)), None)

    def evaluate(self, source: str, *, name: str) -> str | None:
        with self._owner:
            check_text(source)
            self._sources[name] = source
            text: str | None = self._result(self._show(source.encode(), name.encode()), name)
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

    def _result(self, reply: bytes | tuple[bytes, Any], name: str | None) -> Value:
        interrupt = self._door.take_interrupt()
        if isinstance(reply, tuple):
            # A signal struck outside the door's own guard; see `ask` in the prelude.
            reply, outside = reply
            interrupt = interrupt or outside
        if interrupt is not None:
            raise interrupt
        if reply.startswith(b"?"):
            raise self._syntax_error(reply[1:].decode(errors="replace"), name or "")
        if reply.startswith(b"!"):
            raise self._script_error(reply[1:], name)
        return decode(reply, max_depth=self._max_depth, envelope=1)[0]

    def _syntax_error(self, message: str, name: str) -> ScriptSyntaxError:
        match = _PLACE.match(message)
        line = int(match["line"]) if match else None
        return ScriptSyntaxError(
            match["message"] if match else message,
            language=self.language,
            file=name,
            line=line,
            source_line=self._source_line(name, line),
        )

    def _script_error(self, report: bytes, name: str | None) -> ScriptError:
        message, code, hint, raw_frames, details = decode(
            report, max_depth=self._max_depth, envelope=1
        )[0]
        message = _readable(message)
        frames = tuple(_frame(row) for row in _readable(raw_frames).split("\n") if row)
        place = frames[0] if frames else None
        # Lua puts a position before the message at each coroutine it passes through.
        while match := _PLACE.match(message):
            if self._is_named(match["file"]):
                # The position in the message is where `error` was told to point: trust it.
                place = Frame(self._full_name(match["file"]), int(match["line"]))
            elif match["file"] != _PRELUDE_NAME:
                break
            message = match["message"]
        error = ScriptError(
            message,
            language=self.language,
            code=error_code(_readable(code)) if code else None,
            file=place.file if place else name,
            line=place.line if place else None,
            source_line=self._source_line(place.file, place.line) if place else None,
            frames=frames,
            hint=_readable(hint) if hint else None,
            details=details if isinstance(details, dict) else None,
        )
        cause = self._door.error
        if cause is not None and cause.message == message:
            error.__cause__ = cause
        return error

    def _is_named(self, shown: str) -> bool:
        return any(_shown(name) == shown for name in self._sources)

    def _full_name(self, shown: str) -> str:
        return next(name for name in self._sources if _shown(name) == shown)

    def _source_line(self, name: str, line: int | None) -> str | None:
        lines = _LINE_BREAK.split(self._sources.get(name, ""))
        return lines[line - 1] if line and 0 < line <= len(lines) else None


def _refuse_attribute(*_: object) -> None:
    raise AttributeError("scripts do not see host objects")


def _shown(name: str) -> str:
    """Return a chunk's name the way Lua's messages shorten it."""
    raw = name.encode()
    if len(raw) <= _NAME_LIMIT:
        return name
    return "..." + raw[-(_NAME_LIMIT - 3) :].decode(errors="replace")


def _readable(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(errors="replace")


def _frame(row: str) -> Frame:
    file, line, function = row.split("\0", 2)
    return Frame(file, int(line), function=function)
