"""Secrets without an owner's mark: JSON web tokens, private keys, random-looking tokens."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import log2
from typing import Final

from llmspell.security.sensitive.shape import Shape, token_runs

__all__ = [
    "find_jwts",
    "find_private_keys",
    "find_random_tokens",
    "is_named_digest",
    "may_hold_jwt",
]

#: How base64 of a JSON object begins, with or without white space after its brace.
_OBJECTS: Final = re.compile(rb"e(?:y[AJ]|w[0ko])")


def may_hold_jwt(shape: Shape) -> bool:
    """Return whether a long token holds the beginning of a JSON object in base64."""
    tokens = shape.long_tokens
    return bool(tokens) and _OBJECTS.search(tokens) is not None


@cache
def _jwt() -> re.Pattern[str]:
    # Five parts make an encrypted token. The shortest header there can be has 19 characters.
    part = r"\.[A-Za-z0-9_-]"
    return re.compile(
        rf"e(?<![A-Za-z0-9_=-]e)(?:y[AJ]|w[0ko])[A-Za-z0-9_-]{{16,}}+{part}++{part}*+(?:{part}++{part}++)?"
    )


def find_jwts(text: str) -> Iterator[tuple[int, int]]:
    """Yield JSON web tokens: parts joined by dots, the first a JSON object that has ``alg``."""
    for match in _jwt().finditer(text):
        if _is_header(match[0].partition(".")[0]):
            yield match.span()


def _is_header(part: str) -> bool:
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header


@cache
def _marker() -> re.Pattern[str]:
    return re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")


@cache
def _body() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9+/=\s\\:,.-]*+")


def find_private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield private keys in PEM form, to their end line or, where it is cut off, as far as they go.

    Line breaks may be written as ``\\n``.
    """
    begun: re.Match[str] | None = None
    for marker in _marker().finditer(text):
        if begun is not None and "\0" not in text[begun.end() : marker.start()]:
            if marker[1] == "END":
                yield begun.start(), marker.end()
                begun = None
                continue
            yield begun.start(), _cut_off(text, begun, marker.start())
        elif begun is not None:
            yield begun.start(), _cut_off(text, begun, marker.start())
        begun = marker if marker[1] == "BEGIN" else None
    if begun is not None:
        yield begun.start(), _cut_off(text, begun, len(text))


def _cut_off(text: str, begun: re.Match[str], limit: int) -> int:
    body = _body().match(text, begun.end(), limit)
    return body.end() if body else begun.end()


_LEAST_CHARACTERS: Final = 24
#: Longer ones are data, such as a picture in base64.
_MOST_CHARACTERS: Final = 256
_LEAST_HEX_CHARACTERS: Final = 32
_BITS: Final = 4.0
_HEX_BITS: Final = 3.0
_PIECE_CHARACTERS: Final = 2.5
#: Public keys of SSH, and digests that are named.
_HARMLESS: Final = re.compile("AAAAB3Nza|AAAAC3Nza|AAAAE2Vj|(?:sha[0-9]+|md5)[=-]")
_DIGEST_BEFORE: Final = re.compile("(?:sha[0-9_]+|md5)$")
_NAMED: Final = re.compile(
    "sha|md5|digest|checksum|hash|etag|commit|fingerprint|revision|blake|crc|trace|span|"
    "i[dD]s?$|ID$|Ids$|uuid|guid"
)
_NAME_BEFORE_CHARACTERS: Final = 24


@cache
def _digit() -> re.Pattern[str]:
    return re.compile("[0-9]")


@cache
def _uuid() -> re.Pattern[str]:
    return re.compile("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@cache
def _hex() -> re.Pattern[str]:
    return re.compile("[0-9a-f]+|[0-9A-F]+")


@cache
def _piece() -> re.Pattern[str]:
    return re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def find_random_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield tokens that look random, of 24 to 256 characters of base64 or hexadecimal digits.

    One mixes small letters, capitals and digits, has 4 bits of entropy per character, and falls
    apart into pieces (words, capitals, numbers) of fewer than 2.5 characters on average:
    paths and names have longer ones. Or it is hexadecimal, has 32 digits and 3 bits, and is not
    named a digest or an identifier. A UUID in it makes it an identifier, too.
    """
    for start, end in token_runs(text, _LEAST_CHARACTERS):
        if end - start > _MOST_CHARACTERS:
            continue
        token = text[start:end]
        if _looks_random(token) and not _is_named(text, start, token):
            yield start, end


def _looks_random(token: str) -> bool:
    if token.isdigit() or token.isalpha():
        return False
    if _hex().fullmatch(token):
        return len(token) >= _LEAST_HEX_CHARACTERS and _entropy(token) >= _HEX_BITS
    if token.islower() or token.isupper() or _uuid().search(token):
        return False
    if _HARMLESS.match(token) or not _digit().search(token):
        return False
    body = token.strip("+/_=-")
    if len(body) < _LEAST_CHARACTERS - 2:
        return False
    pieces = _piece().findall(body)
    characters = sum(map(len, pieces))
    return characters < len(pieces) * _PIECE_CHARACTERS and _entropy(body) >= _BITS


def _entropy(token: str) -> float:
    """Return Shannon's entropy, in bits per character."""
    repeated = sum(count * log2(count) for count in Counter(token).values() if count > 1)
    return log2(len(token)) - repeated / len(token)


def _is_named(text: str, start: int, token: str) -> bool:
    """Return whether what stands before a token explains it."""
    before = text[max(0, start - _NAME_BEFORE_CHARACTERS) : start].rpartition("\0")[2]
    named = is_named_digest if _hex().fullmatch(token) else _DIGEST_BEFORE.search
    return bool(named(before.rstrip(" :='\"\\")))


def is_named_digest(name: str) -> bool:
    """Return whether a name says that what it names is a digest or an identifier."""
    return _NAMED.search(name) is not None
