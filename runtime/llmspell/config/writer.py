"""Write a configuration as TOML, from the models: keys in their order, descriptions above."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from llmspell.config.problems import dotted, is_secret, listed_section

__all__ = ["to_dict", "to_toml", "toml_value"]

_LINE_WIDTH = 92
# Both rather hide too much: a password may hold an unescaped @ or /.
_URL_PASSWORD = re.compile(r"(?P<before>//[^/@:]*:).*(?=@)")
_NAMED_SECRET = re.compile(
    r"(?i)(?P<before>(?:^|[?&\s])[^=&\s]*(?:password|secret|token|key)[^=&\s]*=)[^&\s]*"
)
_MASK = r"\g<before>***"


def to_dict(config: BaseModel) -> dict[str, Any]:
    """Return plain data: paths as text, passwords masked, keys in the order of the models."""
    return _plain(config, (), type(config))


def _plain(section: BaseModel, path: tuple[str, ...], root: type[BaseModel]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            value = _plain(value, (*path, name), root)
        elif isinstance(value, Path):
            value = str(value)
        elif isinstance(value, tuple):
            value = tuple(
                _plain(item, (*path, name, str(at)), root)
                if isinstance(item, BaseModel)
                else item
                if isinstance(item, dict)
                else str(item)
                for at, item in enumerate(value)
            )
        elif isinstance(value, dict):
            value = {
                key: _plain(item, (*path, name, key), root) if isinstance(item, BaseModel) else item
                for key, item in value.items()
            }
        elif isinstance(value, str) and is_secret((*path, name), root):
            value = _masked(value)
        data[name] = value
    return data


def _masked(url: str) -> str:
    return _NAMED_SECRET.sub(_MASK, _URL_PASSWORD.sub(_MASK, url))


def to_toml(config: BaseModel, *, comments: bool) -> str:
    """Return TOML text; a key without a value is left out or, with comments, commented out."""
    return "\n".join(_section_lines(config, to_dict(config), (), comments)).strip() + "\n"


def _section_lines(
    section: BaseModel, data: dict[str, Any], path: tuple[str, ...], comments: bool
) -> Iterator[str]:
    if path:
        yield ""
        if comments:
            yield from _comment(type(section).__doc__ or "")
        yield f"[{'.'.join(path)}]"
    yield from _table_lines(section, data, path, comments)


def _table_lines(
    section: BaseModel, data: dict[str, Any], path: tuple[str, ...], comments: bool
) -> Iterator[str]:
    """Write the keys of one table, then its sections and lists of sections."""
    fields = type(section).model_fields
    tables = [name for name in fields if isinstance(getattr(section, name), BaseModel)]
    lists = [name for name, field in fields.items() if listed_section(field.annotation)]
    for name, field in fields.items():
        if name in tables or name in lists:
            continue
        value = data[name]
        if comments:
            yield from _comment(field.description or "")
        if value is not None:
            yield f"{name} = {toml_value(value)}"
        elif comments:
            yield f"# {name} ="
    for name in tables:
        yield from _section_lines(getattr(section, name), data[name], (*path, name), comments)
    for name in lists:
        header = f"[[{'.'.join((*path, name))}]]"
        if comments:
            yield from ("", *_comment(fields[name].description or ""))
            if not data[name]:
                yield f"# {header}"
        for at, item in enumerate(getattr(section, name)):
            # One explanation of its keys is enough for all of them.
            explained = comments and at == 0
            yield from ((header,) if explained else ("", header))
            yield from _table_lines(item, data[name][at], (*path, name), explained)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _LINE_WIDTH, initial_indent="# ", subsequent_indent="# "
    )


def toml_value(value: Any) -> str:
    """Write one value; whole numbers from 10,000 on are grouped as ``10_000``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        members = (f"{dotted((name,))} = {toml_value(of)}" for name, of in value.items())
        return f"{{ {', '.join(members)} }}" if value else "{}"
    # JSON text is TOML text, except that TOML also wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
