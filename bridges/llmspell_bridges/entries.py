"""The entries of a door: what is behind one index, from the text of a call to that of its answer.

An entry decodes the arguments, checks them against the declaration, calls the handler and encodes
what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Protocol, TypeVar

from orjson import JSONDecodeError, loads

from llmspell_bridges.api import TYPES, Function, Global, Record, check_arguments
from llmspell_bridges.errors import InvalidValue, LimitExceeded, LlmSpellError
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.limits import check_items
from llmspell_bridges.wire import decode

__all__ = [
    "BoundGlobal",
    "InternalError",
    "Replies",
    "indexed",
    "keeping_entry",
    "plain_entry",
]

Text = TypeVar("Text", str, bytes)
Text_co = TypeVar("Text_co", str, bytes, covariant=True)


@dataclass(frozen=True, slots=True)
class BoundGlobal:
    """A global with the service its handlers work on, and the features that open its gates."""

    declaration: Global
    service: Any
    features: frozenset[str] = frozenset()

    def functions(self, language: str) -> list[Function]:
        """Return the functions behind the door that a language's scripts or preludes may call."""
        declared = self.declaration.available(language, self.features)
        return [function for function in declared if function.handler is not None]


def indexed(
    offered: Iterable[BoundGlobal], language: str
) -> list[tuple[BoundGlobal, Function, int]]:
    """Return the functions of globals in the order a door takes them, with their indexes."""
    functions = [(bound, each) for bound in offered for each in bound.functions(language)]
    # The first index is the door's own, and what a VM keeps it asks for under a second one.
    indexes = accumulate((2 if each.keeps else 1 for _, each in functions), initial=1)
    return [(*each, index) for each, index in zip(functions, indexes, strict=False)]


class Replies(Protocol[Text_co]):
    """How one language wants its replies."""

    def value(self, value: Any) -> Text_co:
        """Encode a canonical value or a ``FrozenValue``."""

    def record(self, record: Record) -> Callable[[tuple[Any, ...] | None], Text_co]:
        """Return what encodes a record's members, in their order, times as microseconds."""

    def error(self, error: LlmSpellError) -> Text_co:
        """Encode an error."""


class InternalError(LlmSpellError):
    """A host function failed in a way it should not: a defect of the host, not of the script."""

    code = "internal_error"


#: How many results a VM may keep, and of which length; the preludes have the same bounds. Beyond
#: them the host would hold on to values that the cache has long let go.
_MOST_KEPT: Final = 1000
_LONGEST_KEPT: Final = 1000
_LIST_FIRST: Final = ("[", b"[")
_SIMPLE: Final = frozenset(TYPES) - {"texts"}
_ARGUMENT: Final = re.compile(r"\$\[(\d+)\]")


def plain_entry(
    bound: BoundGlobal, function: Function, replies: Replies[Text], max_depth: int
) -> Callable[[Text], Text]:
    reply = _reply(bound, function, replies)
    service, handler, decoded = _handling(bound, function, max_depth)

    def entry(text: Text) -> Text:
        return reply(handler(service, *decoded(text)))

    return entry


def keeping_entry(
    bound: BoundGlobal,
    function: Function,
    replies: Replies[Text],
    max_depth: int,
    kept: dict[Text, FrozenValue],
) -> Callable[[Text], Text]:
    """Return an entry that notes what the VM is going to keep of its answers."""
    reply = _reply(bound, function, replies)
    service, handler, decoded = _handling(bound, function, max_depth)

    def entry(text: Text) -> Text:
        kept.pop(text, None)
        value = handler(service, *decoded(text))
        answer = reply(value)
        if isinstance(value, FrozenValue) and len(answer) <= _LONGEST_KEPT:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            kept[text] = value
        return answer

    return entry


def _handling(
    bound: BoundGlobal, function: Function, max_depth: int
) -> tuple[Any, Callable[..., Any], Callable[[str | bytes], list[Any]]]:
    """Return the service, its handler, and what makes checked arguments of text."""
    owner, service, handler = bound.declaration, bound.service, function.handler
    if handler is None:
        raise ValueError(f"{owner.name}.{function.name} has no handler")
    accepted: set[tuple[type, ...]] = set()
    # Short texts without tags are most of all texts, and safe to hand to the decoder as they are.
    harmless = 2 * max_depth

    def decoded(text: str | bytes) -> list[Any]:
        try:
            if len(text) <= harmless and text[:1] in _LIST_FIRST:
                arguments: list[Any] = loads(text)
            else:
                check_items(text)
                arguments = decode(text, max_depth=max_depth, envelope=1)
                if type(arguments) is not list:  # no prelude of ours encodes such
                    raise InvalidValue("the arguments are no list")
        except JSONDecodeError:
            raise _explained(function, text, max_depth) from None
        except (InvalidValue, LimitExceeded) as error:
            raise _rooted(function, error) from None
        signature = tuple(map(type, arguments))
        if signature not in accepted:
            check_arguments(owner, function, arguments)
            if _decided_by_types(function, arguments):
                accepted.add(signature)
        return arguments

    return service, handler, decoded


def _explained(function: Function, text: str | bytes, max_depth: int) -> LlmSpellError:
    """Return why text does not decode, in the words of the decoder that explains."""
    try:
        decode(text, max_depth=max_depth, envelope=1)
    except (InvalidValue, LimitExceeded) as error:
        return _rooted(function, error)
    return InternalError("the arguments cannot be decoded")


def _reply(bound: BoundGlobal, function: Function, replies: Replies[Text]) -> Callable[[Any], Text]:
    record = bound.declaration.record(function.result)
    return replies.value if record is None else replies.record(record)


def _decided_by_types(function: Function, arguments: Sequence[Any]) -> bool:
    """Whether the same types would be accepted again whatever the arguments hold."""
    return all(
        argument is None or param.type in _SIMPLE
        for param, argument in zip(function.params, arguments, strict=False)
    )


def _rooted(function: Function, error: InvalidValue | LimitExceeded) -> LlmSpellError:
    """Name the parameter a decoding error is about: its path starts at the argument list."""
    path = error.details.get("path", error.message)
    match = _ARGUMENT.match(path)
    names = [param.name for param in function.params]
    position = int(match[1]) if match else len(names)
    name = names[position] if position < len(names) else None
    message = _ARGUMENT.sub("$", error.message, count=1)
    details = dict(error.details)
    if match:
        details["path"] = _ARGUMENT.sub("$", path, count=1)
    return type(error)(message, hint=error.hint, **details | {"parameter": name})
