"""Schemas, schemas made of them by small changes, and values that fit."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

FORMATS = {
    "email": "ada@example.com",
    "uuid": "0b9fd6b2-2f4c-4f0e-9d2c-3c2f6b1a7e55",
    "date-time": "2024-01-31T12:00:00Z",
    "ipv4": "127.0.0.1",
}
NAMES = ("a", "b", "c d")
_bounds = st.none() | st.integers(0, 6)
_sizes = st.none() | st.integers(0, 3)


def _ordered(draw: Any, strategy: Any, low: str, high: str) -> dict[str, Any]:
    least, most = draw(strategy), draw(strategy)
    if least is not None and most is not None and least > most:
        least, most = most, least
    return {name: part for name, part in ((low, least), (high, most)) if part is not None}


@st.composite
def fields(draw: Any, depth: int = 2) -> dict[str, Any]:
    kinds = ["string", "integer", "float", "boolean", "enum", "timestamp", "uuid", "any", "text"]
    kind = draw(st.sampled_from([*kinds, "array", "object", "object"] if depth else kinds))
    field: dict[str, Any] = {"type": kind}
    if kind == "string":
        field |= _ordered(draw, _bounds, "min_length", "max_length")
    elif kind == "text":
        field = {"type": "string", "format": draw(st.sampled_from(sorted(FORMATS)))}
    elif kind in ("integer", "float"):
        field |= _ordered(draw, _bounds, "min", "max")
    elif kind == "enum":
        variants = st.sampled_from([1, 2, "a", "bb", True, 1.5, *FORMATS.values()])
        field["variants"] = draw(st.lists(variants, min_size=1, max_size=3, unique_by=repr))
    elif kind == "array":
        field |= _ordered(draw, _sizes, "min_items", "max_items")
        if draw(st.booleans()):
            field["items"] = draw(fields(depth=depth - 1))
    elif kind == "object":
        field |= draw(members(depth - 1))
    if draw(st.integers(0, 3)) == 0:
        field["nullable"] = True
    return field


@st.composite
def members(draw: Any, depth: int = 2) -> dict[str, Any]:
    """Fields with what they need, as objects and schemas have them."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    found: dict[str, Any] = {"fields": {name: draw(fields(depth=depth)) for name in names}}
    found["required"] = [name for name in names if draw(st.booleans())]
    found["additional_fields"] = draw(st.booleans())
    return found


@st.composite
def changed(draw: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return fields with what they need, after a few changes of theirs."""
    found = dict(given, fields=dict(given["fields"]), required=list(given["required"]))
    for name in NAMES:
        if name not in found["fields"]:
            if draw(st.integers(0, 2)) == 0:
                field = draw(fields(depth=1))
                found["fields"][name] = _with_default(draw, field)
                found["required"] += [name] if draw(st.booleans()) else []
        else:
            found["fields"][name] = draw(_changed_field(found["fields"][name]))
            if draw(st.integers(0, 3)) == 0 and name in found["required"]:
                found["required"].remove(name)
    if draw(st.booleans()):
        found["additional_fields"] = True
    return found


@st.composite
def _changed_field(draw: Any, field: dict[str, Any]) -> dict[str, Any]:
    way = draw(st.integers(0, 4))
    if way == 0:
        return draw(fields(depth=1))
    field = dict(field)
    if way == 1:
        field["nullable"] = True
    elif way == 2:
        for bound in ("min", "min_length", "min_items", "format", "items"):
            field.pop(bound, None)
    elif way == 3:
        for bound in ("max", "max_length", "max_items"):
            if bound in field:
                field[bound] += 3
    if field["type"] == "integer" and draw(st.booleans()):
        field["type"] = "float"
    if field["type"] == "object" and draw(st.booleans()):
        field |= draw(changed(field))
    return field


def _with_default(draw: Any, field: dict[str, Any]) -> dict[str, Any]:
    if not draw(st.booleans()):
        return field
    value = draw(values(field))
    return field if isinstance(value, dt.datetime) else field | {"default": _plain(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value


@st.composite
def values(draw: Any, field: dict[str, Any] | None) -> Any:
    """Draw what fits a field; the bounds of arrays are kept by what is drawn."""
    if field is None:
        return draw(st.none() | st.integers(0, 3) | st.text(max_size=3))
    if field.get("nullable") and draw(st.integers(0, 2)) == 0:
        return None
    kind = field["type"]
    if kind == "string" and "format" in field:
        return FORMATS[field["format"]]
    if kind == "string":
        least = field.get("min_length", 0)
        return draw(
            st.text("ab\N{GRINNING FACE}", min_size=least, max_size=field.get("max_length", 9))
        )
    if kind in ("integer", "float"):
        least, most = field.get("min", -9), field.get("max", 9)
        return draw(st.integers(least, most) | _fractions(kind, least, most))
    if kind == "array":
        least = field.get("min_items", 0)
        size = draw(st.integers(least, min(field.get("max_items", 4), least + 2)))
        return [draw(values(field.get("items"))) for _ in range(size)]
    if kind == "object":
        return draw(maps(field))
    return draw(
        {
            "boolean": st.booleans(),
            "enum": st.sampled_from(field.get("variants", [0])),
            "uuid": st.uuids().map(str),
            "timestamp": st.just(FORMATS["date-time"]) | st.datetimes(timezones=st.just(dt.UTC)),
            "any": st.integers(0, 3) | st.booleans() | st.just([{}]) | st.just("x"),
        }[kind]
    )


def _fractions(kind: str, least: int, most: int) -> Any:
    return st.floats(least, most) if kind == "float" else st.integers(least, most).map(float)


@st.composite
def maps(draw: Any, owner: dict[str, Any]) -> dict[str, Any]:
    """Draw what fits a map of fields; what it holds besides has a name that no field has."""
    value = {
        name: draw(values(field))
        for name, field in owner["fields"].items()
        if name in owner["required"] or draw(st.booleans())
    }
    if owner["additional_fields"] and draw(st.booleans()):
        value["besides"] = draw(st.integers(0, 3))
    return value
