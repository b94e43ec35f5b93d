"""Search a value for sensitive data: at the speed of its outline when there is none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from llmspell.security.sensitive.actions import redacted
from llmspell.security.sensitive.detectors import DETECTORS, Detector
from llmspell.security.sensitive.folding import fold, may_fold
from llmspell.security.sensitive.patterns import Pattern
from llmspell.security.sensitive.shape import Shape
from llmspell.security.sensitive.walk import Place, Places, Steps, Texts, collect, path_of
from llmspell_bridges.values import Value

__all__ = ["Finding", "Hit", "Scanner", "hidden_names", "scan"]


class Finding(NamedTuple):
    """What a detector found: where, never what.

    ``path`` leads to the text, ``start`` and ``end`` are places in it: characters of a text,
    bytes of bytes, digits of a number. ``in_name`` says that it is in the name of the member the
    path leads to; such names are masked in every path.
    """

    detector: str
    path: str
    start: int
    end: int
    in_name: bool = False


class Hit(NamedTuple):
    """A finding for the code that acts on it: with the way to it instead of a path."""

    detector: str
    place: Place
    start: int
    end: int


class _Raw(NamedTuple):
    kind: type
    number: int
    start: int
    end: int
    detector: Detector | Pattern


class Scanner:
    """Searches values with the given detectors and patterns."""

    def __init__(self, detectors: Iterable[Detector], patterns: Sequence[Pattern] = ()) -> None:
        self._detectors = tuple(detectors)
        self._patterns = tuple(patterns)
        self._numeric = tuple(row for row in self._detectors if row.is_number is not None)

    def scan(self, value: Value, packed: bytes) -> list[Hit]:
        """Return what is found in a value, text by text; ``packed`` is the value as msgpack.

        The value is walked only when its packed form has the outline of something.
        """
        shape = Shape(packed)
        folds = may_fold(packed)
        suspects = [row for row in self._detectors if row.may(shape)]
        numeric = self._numeric if shape.may_hold_large_integer() else ()
        if not suspects and not numeric and not self._patterns and not folds:
            return []
        texts = collect(value)
        # What looked like such characters may have been the lengths and types between the texts.
        if folds and not (joined := "\0".join(texts.texts)).isascii():
            folded = Shape(_outlined(joined))
            suspects = [row for row in self._detectors if row in suspects or row.may(folded)]
        found = [*_in_texts(texts.texts, suspects)] if suspects else []
        found += _in_binaries(texts.binaries, suspects)
        found += [
            _Raw(int, number, 0, len(digits), row)
            for row in numeric
            for number, digits in enumerate(texts.numbers)
            if row.is_number is not None and row.is_number(digits)
        ]
        found += [
            _Raw(str, number, *span, pattern)
            for pattern in self._patterns
            for number, text in enumerate(texts.texts)
            for span in pattern.find(text)
        ]
        return _placed(texts, found) if found else []


def _in_texts(texts: list[str], suspects: Iterable[Detector]) -> Iterator[_Raw]:
    """Search all texts as one: a NUL between two of them ends whatever is found."""
    joined = "\0".join(texts)
    starts: list[int] = []
    for start, end, row in found_in(joined, suspects):
        starts = starts or [0, *accumulate(len(text) + 1 for text in texts)]
        number = bisect_right(starts, start) - 1
        offset = starts[number]
        yield _Raw(str, number, start - offset, end - offset, row)


def found_in(text: str, suspects: Iterable[Detector]) -> Iterator[tuple[int, int, Detector]]:
    """Yield what detectors find in one text; those for leftovers see what the others left."""
    folded = fold(text)
    leftovers: list[Detector] = []
    spans: list[tuple[int, int]] = []
    for row in suspects:
        if row.leftover:
            leftovers.append(row)
        else:
            for span in row.find(folded.text):
                spans.append(span)
                yield *folded.span(*span), row
    if leftovers:
        rest = _blanked(folded.text, sorted(spans)) if spans else folded.text
        for row in leftovers:
            yield from ((*folded.span(*span), row) for span in row.find(rest))


def _outlined(text: str) -> bytes:
    return fold(text).text.encode("ascii", "replace")


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with NULs instead of the spans, which may overlap."""
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if end > at:
            start = max(start, at)
            pieces += (text[at:start], "\0" * (end - start))
            at = end
    return "".join((*pieces, text[at:]))


def _in_binaries(binaries: list[bytes], suspects: Iterable[Detector]) -> Iterator[_Raw]:
    rows = [row for row in suspects if row.in_bytes] if binaries else ()
    for number, binary in enumerate(binaries):
        text = binary.decode("latin-1")
        for row in rows:
            yield from (_Raw(bytes, number, *span, row) for span in row.find(text))


def _placed(texts: Texts, found: list[_Raw]) -> list[Hit]:
    """Return what counts of what was found, with its place, in the order of the value's texts."""
    found.sort(key=_order)
    places = Places(texts.met)
    hits = []
    for raw in found:
        row = raw.detector
        place = places.find(raw.kind, raw.number)
        if _is_named_harmless(row, place):
            continue
        hits.append(Hit(row.name, place, raw.start, raw.end))
    return hits


def _order(raw: _Raw) -> tuple[int, int, int, int]:
    return _KINDS.index(raw.kind), raw.number, raw.start, raw.end


_KINDS: Final = (str, int, bytes)


def _is_named_harmless(row: Detector | Pattern, place: Place) -> bool:
    """Return whether the member a finding is in has a name that explains it."""
    if not isinstance(row, Detector) or row.unless_named is None or place.is_name:
        return False
    names = (step for step in reversed(place.steps) if isinstance(step, str))
    return row.unless_named(next(names, ""))


def hidden_names(hits: Iterable[Hit]) -> Mapping[Steps, str]:
    """Return what paths show instead of names that hold something."""
    return {hit.place.steps: redacted(hit.detector) for hit in hits if hit.place.is_name}


_ALL: Final = Scanner(DETECTORS.values())


def scan(value: Value, packed: bytes) -> list[Finding]:
    """Return what all detectors find in a value; ``packed`` is the same value as msgpack."""
    hits = _ALL.scan(value, packed)
    hidden = hidden_names(hits)
    return [
        Finding(
            hit.detector, path_of(hit.place.steps, hidden), hit.start, hit.end, hit.place.is_name
        )
        for hit in hits
    ]
