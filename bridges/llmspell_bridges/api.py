"""The declarative description of what scripts can call.

A ``Global`` is declared once: its functions with parameters, types, results, docs and gates.
From that come the Lua table, the JavaScript object, the editor typings and the reference page.
A function is either a *host* function (a Python handler behind the door) or a *prelude* function
(written in the global's Lua and JavaScript preludes, because it calls back into the script).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from llmspell_bridges.errors import InvalidArgument

__all__ = [
    "TYPES",
    "Function",
    "Global",
    "Param",
    "Record",
    "Type",
    "check_arguments",
    "usage",
]


@dataclass(frozen=True, slots=True)
class Type:
    """A type of parameters and results: what the host accepts, and its names in the typings."""

    name: str
    accepts: tuple[type, ...]
    shown: str
    typescript: str
    luacats: str


_NONE: Final = type(None)
TYPES: Final[dict[str, Type]] = {
    t.name: t
    for t in (
        Type("scope", (str,), "text", "Scope", "Scope"),
        Type("text", (str,), "text", "string", "string"),
        Type("output", (str, bytes), "text", "string", "string"),
        Type("data", (str, bytes), "text or bytes", "string | Uint8Array", "string"),
        Type("integer", (int,), "an integer", "number", "integer"),
        Type("version", (int, str), "an integer or text", "number | string", "integer|string"),
        Type("number", (int, float), "a number", "number", "number"),
        Type("boolean", (bool,), "a boolean", "boolean", "boolean"),
        Type("value", (object,), "a value", "Value", "Value"),
        Type("map", (dict,), "a map", "Record<string, Value>", "table<string, Value>"),
        Type("texts", (list,), "a list of text", "string[]", "string[]"),
        Type("values", (), "values", "any[]", "any"),
        Type("list", (list,), "a list", "Value[]", "Value[]"),
        Type("function", (), "a function", "(...args: any[]) => any", "fun(...): any"),
        Type("nothing", (_NONE,), "nothing", "void", "nil"),
        Type("timestamp", (), "a timestamp", "Date", "Timestamp"),
    )
}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter, or one field of a record. ``type`` is a name in ``TYPES`` or a record's."""

    name: str
    type: str
    doc: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A map with known members: options of a call, or a structured result.

    ``usual`` are the values the last fields have in most results; results that have all of them
    cross without, which halves the cost of a save's metadata.
    """

    name: str
    doc: str
    fields: tuple[Param, ...]
    usual: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """One script-visible function.

    ``handler`` takes the global's service first, then the arguments as canonical values, and
    returns a canonical value, a ``Portable`` or ``None``. ``gate`` is the config key that turns
    the function on; without a gate it is always there. ``reads`` marks functions whose result is
    their only point, so that a promise nobody looks at is worth a warning. ``internal`` functions
    are seen by the preludes only; ``serves`` is the script-visible function they work for, which is
    the one to name in messages. ``keeps`` marks functions of two texts whose results a VM may keep,
    as long as what the handler returned says that it is still current. ``access`` names what the
    caller must be permitted in the scope he gives: ``read``, ``write``, ``delete``; ``admin`` is
    about the store as a whole, ``any`` about being permitted anything at all. ``forms`` are the
    ways to call a function that has more than one: readers are shown those, ``params`` let through
    what any of them takes, and the handler tells them apart.
    """

    name: str
    doc: str
    params: tuple[Param, ...] = ()
    result: str = "nothing"
    result_doc: str = ""
    handler: Callable[..., Any] | None = None
    gate: str | None = None
    reads: bool = False
    internal: bool = False
    languages: tuple[str, ...] = ("lua", "js")
    serves: str | None = None
    keeps: bool = False
    access: tuple[str, ...] | None = None
    forms: tuple[tuple[Param, ...], ...] = ()

    def by_form(self) -> list[Function]:
        """Return the function once for each way to call it, as one that has no other."""
        return [replace(self, params=form, forms=()) for form in self.forms] or [self]

    def call_name(self, owner: Global, *, camel: bool = False) -> str:
        """Return the name by which messages call the function: ``State.list_keys``."""
        if self.serves is not None:
            return self.serves
        head, *rest = self.name.split("_") if camel else [self.name]
        name = head + "".join(part.capitalize() for part in rest)
        return f"{owner.name}.{name}" if owner.name else name


@dataclass(slots=True)
class Global:
    """A script-visible global, the records its functions use, and its preludes by language."""

    name: str
    doc: str
    functions: list[Function] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    preludes: Mapping[str, str] = field(default_factory=dict)

    def function(
        self,
        *params: Param,
        result: str = "nothing",
        result_doc: str = "",
        name: str | None = None,
        gate: str | None = None,
        reads: bool = False,
        internal: bool = False,
        languages: tuple[str, ...] = ("lua", "js"),
        in_prelude: bool = False,
        serves: str | None = None,
        keeps: bool = False,
        access: tuple[str, ...] | None = None,
        forms: tuple[tuple[Param, ...], ...] = (),
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare the decorated function as a host function; its docstring is the docs."""

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            self.functions.append(
                Function(
                    name or handler.__name__.rstrip("_"),
                    doc=(handler.__doc__ or "").strip(),
                    params=params,
                    result=result,
                    result_doc=result_doc,
                    handler=None if in_prelude else handler,
                    gate=gate,
                    reads=reads,
                    internal=internal,
                    languages=languages,
                    serves=serves,
                    keeps=keeps,
                    access=access,
                    forms=forms,
                )
            )
            return handler

        return declare

    def prelude_function(
        self, *params: Param, **facts: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function that the preludes build; the decorated one only carries its docs.

        ``facts`` are the keywords of ``function``.
        """
        return self.function(*params, in_prelude=True, **facts)

    def record(self, name: str) -> Record | None:
        """Return the record of that name, or ``None``."""
        return next((record for record in self.records if record.name == name), None)

    def available(self, language: str, features: Iterable[str] = ()) -> list[Function]:
        """Return the functions of a language whose gate is open."""
        open_gates = {None, *features}
        return [
            function
            for function in self.functions
            if language in function.languages and function.gate in open_gates
        ]


def check_arguments(owner: Global, function: Function, arguments: list[Any]) -> None:
    """Refuse a call with a wrong number or wrong types of arguments, naming the parameter.

    Raises ``InvalidArgument``.
    """
    call = function.call_name(owner)
    params = function.params
    if len(arguments) > len(params):
        raise InvalidArgument(
            f"{call}: {_counted(len(arguments))}, but it takes at most {len(params)}",
            hint=f"call it as {usage(owner, function)}",
        )
    for index, param in enumerate(params):
        given = index < len(arguments)
        argument = arguments[index] if given else None
        if (not given or argument is None) and param.optional:
            continue
        if not given:
            raise InvalidArgument(
                f"{call}: argument '{param.name}' is missing",
                hint=f"call it as {usage(owner, function)}",
                parameter=param.name,
            )
        _check(owner, call, param, argument)


def _counted(arguments: int) -> str:
    return "1 argument" if arguments == 1 else f"{arguments} arguments"


def _check(owner: Global, call: str, param: Param, argument: Any) -> None:
    record = owner.record(param.type)
    if record is not None:
        _check_record(owner, call, param, record, argument)
        return
    accepted = TYPES[param.type]
    if argument == {} and list in accepted.accepts:
        return  # an empty table of Lua, which is both
    if object in accepted.accepts or type(argument) in accepted.accepts:
        if param.type == "texts" and not all(type(item) is str for item in argument):
            raise InvalidArgument(
                f"{call}: every item of '{param.name}' must be text", parameter=param.name
            )
        return
    raise InvalidArgument(
        f"{call}: argument '{param.name}' must be {accepted.shown}, not {_shown(argument)}",
        parameter=param.name,
    )


def _check_record(owner: Global, call: str, param: Param, record: Record, argument: Any) -> None:
    if type(argument) is not dict:
        raise InvalidArgument(
            f"{call}: argument '{param.name}' must be a map, not {_shown(argument)}",
            parameter=param.name,
        )
    known = {member.name: member for member in record.fields}
    for name, value in argument.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise InvalidArgument(
                f"{call}: unknown option '{name}'",
                hint=f"did you mean '{close[0]}'?" if close else f"options: {', '.join(known)}",
                parameter=param.name,
            )
        if value is not None:
            _check(owner, call, known[name], value)


_SHOWN: Final = {
    _NONE: "null",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "text",
    bytes: "bytes",
    list: "a list",
    dict: "a map",
}


def _shown(argument: Any) -> str:
    return _SHOWN.get(type(argument), "a timestamp")


def usage(owner: Global, function: Function) -> str:
    """Return the call as a reader writes it: ``State.load(scope, key [, default])``.

    Of a function of several forms all of them, with "or" between them.
    """
    if function.forms:
        return " or ".join(usage(owner, form) for form in function.by_form())
    shown = ""
    for param in function.params:
        if function.internal and not param.doc:
            continue  # what a prelude adds to what the script passed
        if param.optional:
            shown += f" [, {param.name}]" if shown else f"[{param.name}]"
        else:
            shown += f", {param.name}" if shown else param.name
    name = f"{owner.name}.{function.name}" if function.serves is None else function.serves
    return f"{name}({shown})"
