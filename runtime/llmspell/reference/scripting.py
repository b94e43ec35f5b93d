"""The reference of what scripts can call, from the API description."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from llmspell.reference.markdown import code, table
from llmspell_bridges.api import TYPES, Function, Global, Param, Record, usage
from llmspell_stdlib.env import ENV
from llmspell_stdlib.fs import FS
from llmspell_stdlib.http import HTTP
from llmspell_stdlib.json_global import JSON
from llmspell_stdlib.output import CONSOLE, OUTPUT

# The last of the modules that declare functions of State, so all of them are there.
from llmspell_stdlib.state_backup import STATE
from llmspell_stdlib.time_global import TIME

__all__ = ["ERRORS_BY_PARAMETER", "SHOWN", "globals_page", "place_of", "state_table"]

#: The globals in the order of the page. ARGS has no functions and is described by hand.
SHOWN: Final = (STATE, FS, ENV, HTTP, JSON, TIME, OUTPUT, CONSOLE)
#: Those whose functions return promises in JavaScript.
_PROMISED: Final = (STATE, FS, ENV, HTTP)
#: What a function of State may fail with because of a parameter, by its name, or by the name of
#: its record; by the function's name as well where it differs from the others. The page says once
#: what all of them share: invalid_argument and storage_error.
ERRORS_BY_PARAMETER: Final[dict[str, tuple[str, ...]]] = {
    "scope": ("invalid_scope",),
    "id": ("invalid_scope",),
    "key": ("invalid_key",),
    "keys": ("invalid_key",),
    "value": ("invalid_value", "limit_exceeded"),
    "values": ("invalid_key", "invalid_value", "limit_exceeded"),
    "default": ("invalid_value",),
    "fn": ("invalid_value", "limit_exceeded", "version_conflict"),
    "by": ("invalid_value", "version_conflict"),
    "SaveOptions": ("version_conflict",),
    "ListOptions": ("invalid_value",),
    "HistoryOptions": ("invalid_value",),
    "LockOptions": ("invalid_value",),
    "load_version.version": ("version_not_found",),
    "revert.version": ("version_not_found",),
    "diff.old": ("version_not_found",),
    "diff.new": ("version_not_found",),
    "delete_checkpoint.checkpoint": (),
    "checkpoint": ("checkpoint_not_found",),
    "transaction.fn": ("version_conflict",),
    "lock.fn": ("lock_unavailable", "lock_lost"),
    "watch.fn": (),
    "unwatch.id": (),
    "migrate.key": ("invalid_key", "key_not_found"),
    "migrate.target": (
        "unsupported_version",
        "migration_path_missing",
        "unsafe_migration",
        "migration_failed",
    ),
    "create_backup.type": ("backup_base_missing",),
    "BackupOptions": ("invalid_scope",),
    "validate_backup.id": ("backup_not_found",),
    "restore_backup.id": ("backup_not_found", "backup_damaged"),
    "RestoreOptions": (
        "invalid_scope",
        "invalid_key",
        "checkpoint_not_found",
        "point_unreachable",
    ),
}

_OF_FILES: Final = ("file_error", "limit_exceeded")
#: The same for the functions outside State.
_ERRORS_BY_FUNCTION: Final = {
    "JSON.parse": ("invalid_value",),
    "JSON.stringify": ("invalid_value", "limit_exceeded"),
    "Time.parse": ("invalid_value",),
    "Time.from_unix": ("invalid_value",),
    "Time.from_micros": ("invalid_value",),
    "Fs.read": ("permission_denied", "file_not_found", *_OF_FILES, "invalid_value"),
    "Fs.write": ("permission_denied", "file_not_found", *_OF_FILES),
    "Fs.list": ("permission_denied", "file_not_found", *_OF_FILES),
    "Fs.exists": ("permission_denied", "file_error"),
    "Env.get": ("permission_denied",),
    "Http.request": ("permission_denied", "http_error", "invalid_value"),
}
_SHOWN_TYPES: Final = {"scope": "scope", "texts": "list of text", "values": "any values"}
_LANGUAGES: Final = {"lua": "Lua", "js": "JavaScript"}
#: How the languages differ in a whole global.
_NOTES: Final = {
    "JSON": "JavaScript keeps its own `JSON` and gains `JSON.null`, `JSON.array` and"
    " `JSON.stringify(value, { pretty: true })`.",
    "console": "Lua has `print` alone.",
    "Time": "JavaScript has no `Time`: its own `Date` takes that place.",
}


def state_table() -> str:
    """Return one row for each function of State."""
    return "\n".join(_summary(STATE))


def globals_page() -> str:
    """Return every global with its functions and their options."""
    lines = [line for declared in SHOWN for line in _global(declared)]
    return "\n".join(lines) + "\n"


def _public(declared: Global) -> list[Function]:
    return [function for function in declared.functions if not function.internal]


def _global(declared: Global) -> Iterator[str]:
    functions = _public(declared)
    if not declared.name:  # functions that stand by themselves, such as print
        for function in functions:
            yield from _function(declared, function, level="##")
        return
    yield from (f"## {declared.name}", "", declared.doc, "")
    if note := _NOTES.get(declared.name):
        yield from (note, "")
    if declared in (STATE, CONSOLE):
        yield from (*_summary(declared), "")
    if declared is CONSOLE:  # five times the same would say no more
        return
    for function in functions:
        yield from _function(declared, function, level="###")
    for record in declared.records:
        yield from _record(record)


def _summary(declared: Global) -> list[str]:
    rows = [
        (
            " or ".join(code(usage(declared, form)) for form in function.by_form()),
            _result(function),
            *((_needed(function),) if declared is STATE else ()),
            _first_sentence(function),
        )
        for function in _public(declared)
    ]
    needs = ("needs",) if declared is STATE else ()
    return table(("function", "returns", *needs, "what it does"), rows)


def _needed(function: Function) -> str:
    """Return the permission that a function needs where access control is on."""
    return ", ".join(function.access or ())


def _first_sentence(function: Function) -> str:
    return " ".join(function.doc.split("\n\n")[0].split())


def _function(declared: Global, function: Function, *, level: str) -> Iterator[str]:
    name = f"{declared.name}.{function.name}" if declared.name else function.name
    yield from (f"{level} {code(name)}", "")
    for paragraph in function.doc.split("\n\n"):
        yield from (" ".join(paragraph.split()), "")
    for lang, form in product(_LANGUAGES, function.by_form()):
        yield f"- {_LANGUAGES[lang]}: {_call(declared, form, lang)}"
    yield f"- Returns: {_returns(declared, function)}"
    errors = _errors(function) if declared is STATE else _ERRORS_BY_FUNCTION.get(name, ())
    if errors:
        yield f"- Errors: {', '.join(map(code, errors))}"
    if function.access:
        yield f"- Needs, where access control is on: {_needed(function)}"
    if function.gate:
        yield f"- Present when {code(function.gate)} is on in the configuration."
    yield ""
    for form in function.by_form():
        if form.params:
            yield from _parameters(form.params)


def _call(declared: Global, function: Function, language: str) -> str:
    if language not in function.languages:
        return "not there"
    call = usage(declared, function).removeprefix(".")
    if declared not in _PROMISED or language != "js":
        return code(call)
    name, arguments = declared.name, call.partition("(")[2]
    camel = _camel(function.name)
    return (
        f"{code(f'await {name}.{camel}({arguments}')} or {code(f'{name}.sync.{camel}({arguments}')}"
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _result(function: Function) -> str:
    return _type(function.result).removeprefix("a ").removeprefix("an ")


def _returns(declared: Global, function: Function) -> str:
    shown = _type(function.result)
    if record := declared.record(function.result):
        shown = f"[{record.name}](#{record.name.lower()})"
    return f"{shown}. {function.result_doc}".rstrip() if function.result_doc else shown


def _type(name: str) -> str:
    if name in _SHOWN_TYPES:
        return _SHOWN_TYPES[name]
    return TYPES[name].shown if name in TYPES else name


def _errors(function: Function) -> list[str]:
    named = [
        error
        for form in function.by_form()
        for param in form.params
        for error in ERRORS_BY_PARAMETER.get(place_of(function, param), ())
    ]
    return list(dict.fromkeys(named))


def place_of(function: Function, param: Param) -> str:
    """Return under which name ``ERRORS_BY_PARAMETER`` tells of this parameter."""
    own = f"{function.name}.{param.name}"
    name = param.type if param.type not in TYPES else param.name
    return own if own in ERRORS_BY_PARAMETER else name


def _parameters(params: tuple[Param, ...]) -> Iterator[str]:
    rows = []
    for param in params:
        shown = _type(param.type)
        if param.type not in TYPES:
            shown = f"[{param.type}](#{param.type.lower()})"
        optional = ", optional" if param.optional else ""
        rows.append((code(param.name), f"{shown}{optional}", param.doc))
    yield from (*table(("parameter", "type", "meaning"), rows), "")


def _record(record: Record) -> Iterator[str]:
    yield from (f"### {record.name}", "", record.doc, "")
    rows = [(code(field.name), _type(field.type), field.doc) for field in record.fields]
    yield from (*table(("member", "type", "meaning"), rows), "")
