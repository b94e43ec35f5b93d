"""Editor typings from the API description: ``llmspell.d.ts`` and a LuaCATS ``llmspell.lua``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Final

from llmspell_bridges.api import TYPES, Function, Global, Param
from llmspell_stdlib.registry import GLOBALS

__all__ = ["FILES", "luacats", "typescript", "write"]

_TS_HEAD: Final = """\
// Typings of what llmspell gives JavaScript. Made by `llmspell types`; do not edit.

/** null, booleans, numbers, big integers, text, bytes, dates, arrays and plain objects. */
type Value = null | boolean | number | bigint | string | Uint8Array | Date | Value[]
  | { [key: string]: Value };
/** "global", "agent:<id>", "workflow:<id>", "session:<id>", "custom:<name>" or your own. */
type Scope = string;

/** What State and the other host functions throw. `code` is stable. */
declare class StateError extends Error {
  code: string;
  details: Record<string, Value>;
  hint?: string;
}
/** ARGS[0] is the script's name; `--key value` gives ARGS.key. */
declare const ARGS: string[] & { [name: string]: string };
/** The value a program gave this run; without one there is no such global. */
declare const INPUT: Value;

/** One file of a program, or the script itself. */
interface Module {
  /** What `require` gives others. */
  exports: any;
  /** The file, or "." for the script. */
  id: string;
  filename: string;
  /** Its folder. */
  path: string;
  /** Whether it has run to its end. */
  loaded: boolean;
}
interface Require {
  /** Returns what a module exports: "./lib/util" from here, "lib/util" from a module folder. */
  (name: string): any;
  /** Returns the file of a module without loading it. */
  resolve(name: string): string;
  /** The modules that are loaded, by file. */
  cache: Record<string, Module>;
  /** The script. */
  main: Module;
}
declare const require: Require;
declare const module: Module;
declare let exports: any;
declare const __filename: string;
declare const __dirname: string;
"""
_LUA_HEAD: Final = """\
---@meta llmspell
-- Typings of what llmspell gives Lua. Made by `llmspell types`; do not edit.

---@alias Value nil|boolean|integer|number|string|Timestamp|table
---@alias Scope string

---@class Timestamp A moment in UTC.
---@field micros integer Microseconds since 1970.
---@field iso fun(self: Timestamp): string ISO 8601 text.
---@field unix fun(self: Timestamp): number Seconds since 1970.

---ARGS[0] is the script's name; `--key value` gives ARGS.key.
---@type table<integer|string, string>
ARGS = {}
---The arguments as they were given.
---@type table<integer, string>
arg = {}
---The value a program gave this run; nil without one.
---@type Value
INPUT = nil
"""
_SKIPPED: Final = frozenset({"ARGS"})
# What the languages declare themselves; redeclaring it would clash.
_BUILT_IN: Final = {"js": frozenset({"JSON", "console", "Time"}), "lua": frozenset({"console"})}
_LUA_CONSTANTS: Final = {"JSON": ("---Stands for null in lists.\nJSON.null = {}",)}
#: Parameters whose names the languages keep for themselves.
_TS_RESERVED: Final = frozenset({"default", "delete", "in", "new", "with"})
_LUA_RESERVED: Final = frozenset({"end", "function", "local"})
_OPTIONAL_RESULTS: Final = frozenset({"get_metadata"})


def typescript() -> str:
    """Return the TypeScript declarations."""
    lines = [_TS_HEAD]
    for declared in _globals("js"):
        lines += _ts_records(declared)
        if declared.name:
            lines += _ts_object(declared)
        else:
            lines += [
                f"{_ts_doc(function)}declare function {function.name}({_ts_params(function)}): "
                f"{_ts_result(function)};"
                for function in _functions(declared, "js")
            ]
    lines += [
        "/** Writes values on one line of the output (log, info, debug) or error output. */",
        "declare const console: Record<'log' | 'info' | 'debug' | 'warn' | 'error',",
        "  (...values: any[]) => void>;",
        "interface JSON {",
        "  /** The same as `null`, for parity with Lua. */",
        "  readonly null: null;",
        "  /** Returns the items as an array, for parity with Lua. */",
        "  array<T>(items?: Iterable<T>): T[];",
        "  /** Returns a value as JSON text. */",
        "  stringify(value: any, options: { pretty?: boolean }): string;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _ts_object(declared: Global) -> Iterator[str]:
    functions = _functions(declared, "js")
    for variant, promised in (("Sync", False), ("", True)):
        yield f"interface {declared.name}{variant}Functions {{"
        for function in functions:
            for name in dict.fromkeys((_camel(function.name), function.name)):
                result = _ts_result(function)
                shown = f"Promise<{result}>" if promised else result
                for form in function.by_form():
                    yield f"{_ts_doc(form, '  ')}  {name}({_ts_params(form)}): {shown};"
        if promised:
            yield "  /** The same functions, returning values instead of promises. */"
            yield f"  sync: {declared.name}SyncFunctions;"
        yield "}"
    yield f"/** {declared.doc} */"
    yield f"declare const {declared.name}: {declared.name}Functions;"


def _ts_records(declared: Global) -> Iterator[str]:
    for record in declared.records:
        yield f"/** {record.doc} */"
        yield f"interface {record.name} {{"
        for member in record.fields:
            is_option = record.name.endswith("Options")
            mark = "?" if is_option else ""
            null = " | null" if member.optional and not is_option else ""
            kind = _ts_type(member.type)
            yield f"  /** {member.doc} */\n  {member.name}{mark}: {kind}{null};"
        yield "}"


def _ts_params(function: Function) -> str:
    parts = []
    skips = False
    for param, then in zip_longest(function.params, function.params[1:]):
        name, kind = _ts_name(param.name), _ts_type(param.type)
        if param.type == "values":
            parts.append(f"...{name}: any[]")
        elif param.optional and then is not None and not then.optional:
            # It may be left out in the middle: then the next one stands in its place.
            parts.append(f"{name}: {kind} | null | ({_ts_type(then.type)})")
            skips = True
        else:
            parts.append(f"{name}{'?' if param.optional or skips else ''}: {kind}")
    return ", ".join(parts)


def _ts_name(name: str) -> str:
    return f"{name}_" if name in _TS_RESERVED else name


def _ts_result(function: Function) -> str:
    kind = _ts_type(function.result)
    return f"{kind} | null" if function.name in _OPTIONAL_RESULTS else kind


def _ts_type(name: str) -> str:
    return TYPES[name].typescript if name in TYPES else name


def _ts_doc(function: Function, indent: str = "") -> str:
    lines = [_doc(function)]
    lines += [f"@param {_ts_name(p.name)} {p.doc}" for p in function.params if p.doc]
    if function.result_doc:
        lines.append(f"@returns {function.result_doc}")
    body = f"\n{indent} * ".join(lines)
    return f"{indent}/** {body} */\n"


def luacats() -> str:
    """Return the LuaCATS definition file."""
    blocks = [_LUA_HEAD]
    for declared in _globals("lua"):
        for record in declared.records:
            fields = [
                f"---@field {member.name}{_lua_optional(member, record.name)} "
                f"{_lua_type(member.type)} {member.doc}"
                for member in record.fields
            ]
            blocks.append("\n".join([f"---@class {record.name} {record.doc}", *fields]))
        if declared.name:
            blocks.append(f"---{declared.doc}\n{declared.name} = {{}}")
        blocks += _LUA_CONSTANTS.get(declared.name, ())
        blocks += [_lua_function(declared, fn) for fn in _functions(declared, "lua")]
    return "\n\n".join(blocks) + "\n"


def _lua_optional(member: Param, record: str) -> str:
    return "?" if member.optional or record.endswith("Options") else ""


def _lua_function(declared: Global, function: Function) -> str:
    function, *others = function.by_form()
    lines = [f"---{line}" for line in wrap(_doc(function), 96)]
    names = []
    for param in function.params:
        name = "..." if param.type == "values" else _lua_name(param.name)
        names.append(name)
        mark = "?" if param.optional and name != "..." else ""
        lines.append(f"---@param {name}{mark} {_lua_type(param.type)} {param.doc}".rstrip())
    if function.result != "nothing":
        mark = "?" if function.name in _OPTIONAL_RESULTS else ""
        lines.append(
            f"---@return {_lua_type(function.result)}{mark} {function.result_doc}".rstrip()
        )
    lines += [f"---@overload {_lua_signature(other)}" for other in others]
    place = f"{declared.name}.{function.name}" if declared.name else function.name
    lines.append(f"function {place}({', '.join(names)}) end")
    return "\n".join(lines)


def _lua_signature(function: Function) -> str:
    params = [
        f"{_lua_name(param.name)}{'?' if param.optional else ''}: {_lua_type(param.type)}"
        for param in function.params
    ]
    return f"fun({', '.join(params)}): {_lua_type(function.result)}"


def _lua_type(name: str) -> str:
    return TYPES[name].luacats if name in TYPES else name


def _lua_name(name: str) -> str:
    return f"{name}_" if name in _LUA_RESERVED else name


def _globals(language: str) -> Iterable[Global]:
    skipped = _SKIPPED | _BUILT_IN[language]
    return [declared for declared in GLOBALS if declared.name not in skipped]


def _functions(declared: Global, language: str) -> list[Function]:
    # Those that a configuration can switch off, too: the files serve every configuration.
    return [fn for fn in declared.functions if language in fn.languages and not fn.internal]


def _doc(function: Function) -> str:
    doc = " ".join(function.doc.split())
    return f"{doc} Present when `{function.gate}` is on." if function.gate else doc


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


FILES: Final = {"llmspell.d.ts": typescript, "llmspell.lua": luacats}


def write(folder: Path) -> list[Path]:
    """Write both files into a folder, which is made if needed; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, render in FILES.items():
        path = folder / name
        path.write_text(render(), encoding="utf-8")
        written.append(path)
    return written
