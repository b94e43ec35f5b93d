"""E-mail addresses, and the passwords of URLs, which look much like them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

__all__ = ["find_emails", "find_passwords"]

_LOCAL_CHARACTERS: Final = 64
_USER_CHARACTERS: Final = 80
#: Endings after ``@2x.`` and the like: names of pictures for screens of high resolution.
_PICTURES: Final = frozenset(["avif", "gif", "heic", "jpeg", "jpg", "pdf", "png", "svg", "webp"])


@cache
def _domain() -> re.Pattern[str]:
    label = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
    return re.compile(rf"(?:{label}\.)+(?:xn--[a-z0-9-]{{1,59}}|[^\W\d_]{{2,63}}+)(?![\w@])")


@cache
def _in_url() -> re.Pattern[str]:
    return re.compile(r"://(?:[^\s/@:\0]*:)?$")


@cache
def _password() -> re.Pattern[str]:
    return re.compile(r"://[^\s/@:\0]{0,256}:([^\s/@\0]{1,256})@")


#: What stands for a password: the word, stars, ``$NAME``, ``${NAME}``, ``{name}``, ``<name>``.
_PLACEHOLDER: Final = re.compile(r"(?i)\*+|\$\w+|\$?\{[^}]*\}|<[^>]*>|%s|password")


@cache
def _local_backwards() -> re.Pattern[str]:
    return re.compile(r"[\w%+-]++(?:\.[\w%+-]++)*+")


def find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Yield addresses whose domain has a dot and ends in letters.

    A version (``lodash@4.17.21``), a picture (``icon@2x.png``), a repository (``git@host:path``)
    and the user of a URL (``https://bob@host``) are none.
    """
    at = text.find("@")
    while at >= 0:
        domain = _domain().match(text, at + 1)
        if domain is not None:
            local = _local_backwards().match(text[max(0, at - _LOCAL_CHARACTERS) : at][::-1])
            if local is not None and _is_address(local[0][::-1], domain[0]):
                start = at - local.end()
                if not _in_url().search(text[max(0, start - _USER_CHARACTERS) : start]):
                    yield start, domain.end()
        at = text.find("@", at + 1 if domain is None else domain.end())


def find_passwords(text: str) -> Iterator[tuple[int, int]]:
    """Yield the passwords of addresses such as ``postgresql://user:password@host``."""
    for match in _password().finditer(text):
        if not _PLACEHOLDER.fullmatch(match[1]):
            yield match.span(1)


def _is_address(local: str, domain: str) -> bool:
    first, _, rest = domain.partition(".")
    if first.isdigit() and rest[:1].isdigit():
        return False
    if first[:1].isdigit() and first[1:] == "x" and rest.lower() in _PICTURES:
        return False
    return local != "git"
