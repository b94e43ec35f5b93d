"""Files of exported state: written piece by piece, checked as a whole when read.

JSON, one entry per line (values as in :mod:`llmspell.portable`):

    {"format": "llmspell-state", "version": 1, "entries": [
    {"scope": "global", "key": "theme", "value": "dark", "metadata": {"version": 3}}
    ]}

MessagePack: the objects ``{format, version}``, then each entry, then ``{entries: COUNT}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from llmspell.errors import InvalidValue, LlmSpellError
from llmspell.portable import from_msgpack, tag, untag
from llmspell.state.scope import check_key, scope_text

__all__ = ["FORMATS", "PortableEntry", "parse_json", "read_entries", "write_entries"]

FORMAT = "llmspell-state"
VERSION = 1
FORMATS = ("json", "msgpack")


class PortableEntry(NamedTuple):
    """One entry to export; of ``metadata`` only the schema version is read again."""

    scope: str
    key: str
    value: Any
    metadata: Mapping[str, Any]


def write_entries(
    entries: Iterable[PortableEntry],
    write: Callable[[bytes], object],
    *,
    format: str,  # noqa: A002
) -> int:
    """Hand the export of ``entries`` to ``write`` piece by piece; return how many there were.

    ``format`` is ``json`` or ``msgpack``. Only one entry at a time is held in memory.
    """
    pieces = {"json": _json_pieces, "msgpack": _msgpack_pieces}[format]
    count = 0

    def counted() -> Iterator[PortableEntry]:
        nonlocal count
        for entry in entries:
            count += 1
            yield entry

    for piece in pieces(counted()):
        write(piece)
    return count


def read_entries(
    data: bytes,
    *,
    format: str,  # noqa: A002
    progress: Callable[[list[Any]], Iterable[Any]] = iter,
) -> list[tuple[str, str, Any, int | None]]:
    """Return (scope, key, value, schema version) of every entry of an export, all checked.

    ``progress`` may pass the raw entries through something that counts them. Raises InvalidValue,
    naming the entry and the path within it, when anything at all is wrong with the file: a broken
    file is never read in part. Of the metadata the schema version alone is read, if it is there.
    """
    raw = {"json": _read_json, "msgpack": _read_msgpack}[format](data)
    decode = untag if format == "json" else from_msgpack
    entries = []
    seen: dict[tuple[str, str], int] = {}
    for number, item in enumerate(progress(raw), 1):
        entry = _entry(number, item, decode)
        first = seen.setdefault((entry[0], entry[1]), number)
        if first != number:
            raise _refusal(f"entry {number} has the scope and key of entry {first}", number)
        entries.append(entry)
    return entries


def _json_pieces(entries: Iterable[PortableEntry]) -> Iterator[bytes]:
    yield f'{{"format": "{FORMAT}", "version": {VERSION}, "entries": ['.encode()
    separator = "\n"
    for entry in entries:
        document = {
            "scope": entry.scope,
            "key": entry.key,
            "value": tag(entry.value),
            "metadata": tag(dict(entry.metadata)),
        }
        yield (separator + json.dumps(document, ensure_ascii=False)).encode()
        separator = ",\n"
    yield b"\n]}\n"


def _msgpack_pieces(entries: Iterable[PortableEntry]) -> Iterator[bytes]:
    import msgpack

    packer = msgpack.Packer(datetime=True)
    yield packer.pack({"format": FORMAT, "version": VERSION})
    count = 0
    for entry in entries:
        count += 1
        yield packer.pack({**entry._asdict(), "metadata": dict(entry.metadata)})
    yield packer.pack({"entries": count})


def _read_json(data: bytes) -> list[Any]:
    document = parse_json(data, what="the file")
    _check_header(document)
    entries = document.get("entries")
    if not isinstance(entries, list):
        raise _refusal('the file has no list "entries"')
    return entries


def parse_json(data: bytes, *, what: str) -> Any:
    """Return the JSON in ``data``; raise InvalidValue for what is not strict, unambiguous JSON.

    NaN, members that occur twice, and invalid UTF-8 are refused. ``what`` names the source in
    messages. Tags are left as they are.
    """
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
        )
    except LlmSpellError:
        raise
    except UnicodeDecodeError as error:
        raise _refusal(f"{what} is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _refusal(f"{what} is not valid JSON: {error.msg} ({place})") from error
    except RecursionError as error:
        raise _refusal(f"{what} is nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise _refusal(f"{what} holds a number that is too long") from error


def _read_msgpack(data: bytes) -> list[Any]:
    import msgpack

    unpacker = msgpack.Unpacker(
        timestamp=0, object_pairs_hook=_unique_members, max_buffer_size=max(len(data), 1)
    )
    try:
        unpacker.feed(data)
        header, *entries = list(unpacker) or [None]
    except LlmSpellError:
        raise
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise _refusal("the file is not valid MessagePack") from error
    _check_header(header)
    whole = unpacker.tell() == len(data)
    if not whole or not entries or entries.pop() != {"entries": len(entries)}:
        raise _refusal("the file is incomplete: its end is missing")
    return entries


def _check_header(header: Any) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise _refusal(
            "the file is not an export of llmspell state",
            hint=f'an export begins with "format": "{FORMAT}"; llmspell state export makes one',
        )
    if header.get("version") != VERSION:
        raise _refusal(
            f"the file has version {header.get('version')!r} of the export format; "
            f"this llmspell reads version {VERSION}",
            hint="use the llmspell that wrote it, or a newer one",
        )


def _entry(
    number: int, item: Any, decode: Callable[[Any], Any]
) -> tuple[str, str, Any, int | None]:
    if not isinstance(item, dict):
        raise _refusal(f"entry {number} is not an object", number)
    scope, key = _text(item, "scope", number), _text(item, "key", number)
    unknown = item.keys() - {"scope", "key", "value", "metadata"}
    if unknown or "value" not in item:
        problem = f"unknown member {min(unknown)!r}" if unknown else 'no "value"'
        raise _refusal(f"entry {number} ({scope!r}, {key!r}) has {problem}", number)
    try:
        scope, key = scope_text(scope), check_key(key)
        value = decode(item["value"])
    except LlmSpellError as error:
        raise _refusal(
            f"entry {number} ({scope!r}, {key!r}): {error.message}",
            number,
            hint=error.hint,
            path=error.details.get("path"),
        ) from error
    return scope, key, value, _schema_version(item, number)


def _schema_version(item: Mapping[str, Any], number: int) -> int | None:
    metadata = item.get("metadata")
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version is not None and (type(version) is not int or not 0 < version < 2**31):
        raise _refusal(f"entry {number} has a schema_version that is no number from 1 on", number)
    return version


def _text(item: Mapping[str, Any], name: str, number: int) -> str:
    text = item.get(name)
    if not isinstance(text, str):
        raise _refusal(f'entry {number} has no text "{name}"', number)
    return text


def _unique_members(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    members: dict[Any, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _refusal(f"an object has the member {str(name)[:80]!r} twice")
        members[name] = value
    return members


def _refuse_constant(name: str) -> Any:
    raise _refusal(f"{name} is not JSON and cannot be stored")


def _refusal(
    problem: str, entry: int | None = None, *, hint: str | None = None, path: str | None = None
) -> InvalidValue:
    return InvalidValue(problem, hint=hint, entry=entry, path=path)
