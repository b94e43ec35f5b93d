"""The script that sets a fresh context up: our side of the bridge, globals and their preludes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from orjson import dumps

from llmspell_bridges.api import Function, Record
from llmspell_bridges.door import BoundGlobal, indexed
from llmspell_bridges.js.bytecode import compiled

__all__ = ["setup_script"]


def setup_script(offered: Sequence[BoundGlobal]) -> bytes:
    """Return bytecode that defines ``__setup(max_depth)``; that returns what the host drives."""
    return compiled("\n".join(_statements(offered)))


def _statements(offered: Sequence[BoundGlobal]) -> Iterator[str]:
    yield "globalThis.__setup = (maxDepth) => {"
    codec = f"{_source('values')}\n(maxDepth)"
    yield f"const host = {_source('prelude')}\n({codec}, {_source('inspect')});"
    functions = indexed(offered, "js")
    for bound in offered:
        while functions and functions[0][0] is bound:
            _, function, index = functions.pop(0)
            yield _definition(bound, function, index)
        if source := bound.declaration.preludes.get("js"):
            yield f"host.extend({source}\n);"
    yield "return host;\n}; undefined"


def _definition(bound: BoundGlobal, function: Function, index: int) -> str:
    declaration = bound.declaration
    told: list[Any] = [
        declaration.name,
        function.name,
        function.call_name(declaration, camel=True),
        index,
        [param.name for param in function.params],
        function.reads,
        function.internal,
        function.keeps,
    ]
    literals = ", ".join(dumps(each).decode() for each in told)
    return f"host.define({literals}, {_constructor(declaration.record(function.result))});"


def _constructor(record: Record | None) -> str:
    """Return source of a function that makes the record's object of its members in order."""
    if record is None:
        return "null"
    first = len(record.fields) - len(record.usual)
    whole, short = [], []
    for index, member in enumerate(record.fields):
        made = f"time(a[{index}])" if member.type == "timestamp" else f"a[{index}]"
        usual = dumps(record.usual[index - first]).decode() if index >= first else made
        whole.append(f"{member.name}:{made}")
        short.append(f"{member.name}:{usual}")
    return (
        f"(time) => (a) => a.length === {first} ? ({{{','.join(short)}}}) : ({{{','.join(whole)}}})"
    )


@cache
def _source(name: str) -> str:
    return Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8").rstrip()
