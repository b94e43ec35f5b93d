"""The reference page of the configuration, made from the models.

``python -m llmspell.config.reference docs/configuration.md`` renews the generated part of the
page; what stands above the marker is written by hand and kept.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from llmspell.config.models import Config
from llmspell.config.problems import listed_section, named_section
from llmspell.config.profiles import PROFILES
from llmspell.config.writer import toml_value

__all__ = ["MARKER", "render"]

MARKER = "<!-- generated below this line: python -m llmspell.config.reference FILE -->"

_TYPE_NAMES = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def render() -> str:
    """Return the generated part of the page in Markdown: profiles, then one table per section."""
    lines = ["## Profiles", "", "| profile | what it is for |", "| --- | --- |"]
    lines += [f"| `{name}` | {profile.description} |" for name, profile in PROFILES.items()]
    lines += ["", "## Keys", *_sections(Config, ())]
    return "\n".join(lines) + "\n"


def _sections(model: type[BaseModel], path: tuple[str, ...], *, brackets: int = 1) -> Iterator[str]:
    fields = model.model_fields
    tables = {name: table for name, field in fields.items() if (table := _section(field))}
    if path:
        heading = f"{'[' * brackets}{'.'.join(path)}{']' * brackets}"
        yield from ("", f"### `{heading}`", "", " ".join((model.__doc__ or "").split()))
        yield from ("", "| key | default | values | meaning |", "| --- | --- | --- | --- |")
        for name, field in fields.items():
            if name not in tables:
                yield _row(name, field)
    for name, table in tables.items():
        yield from _sections(table, (*path, name))
    for name, field in fields.items():
        if listed := listed_section(field.annotation):
            yield from _sections(listed, (*path, name), brackets=2)
        if named := named_section(field.annotation):
            yield from _sections(named, (*path, name, "NAME"))


def _section(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _row(name: str, field: FieldInfo) -> str:
    default = None if field.is_required() else field.default
    shown = "" if default is None else f"`{toml_value(_plain(default))}`"
    cells = (f"`{name}`", shown, _values(field), field.description or "")
    return f"| {' | '.join(cells)} |"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _values(field: FieldInfo) -> str:
    annotation = field.annotation
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "values" in extra:
        return str(extra["values"])
    if isinstance(field.default, tuple):
        return "true, false or a list of texts"
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation is bool:
        return "true or false"
    choices = typing.get_args(annotation)
    if choices:
        return ", ".join(f'`"{choice}"`' for choice in choices)
    if annotation is Path:
        return "path"
    kind = _TYPE_NAMES[typing.cast("type[Any]", annotation)]
    bounds = _bounds(field)
    return f"{kind}, {bounds}" if bounds else kind


def _bounds(field: FieldInfo) -> str:
    low = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    if low is None or high is None:
        return ""
    # The widest ranges only guard against overflow; showing them would say nothing.
    if high >= 2**31 - 1:
        return f"{low} or more"
    return f"{low} to {toml_value(high)}"


def _renew(page: Path) -> None:
    intro = page.read_text(encoding="utf-8").partition(MARKER)[0]
    page.write_text(f"{intro}{MARKER}\n\n{render()}", encoding="utf-8")


if __name__ == "__main__":
    _renew(Path(sys.argv[1]))
