"""What is looked for: one row for each kind of sensitive data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from llmspell.security.sensitive.emails import find_emails, find_passwords
from llmspell.security.sensitive.ibans import find_ibans
from llmspell.security.sensitive.numbers import find_cards, find_ssns, is_card
from llmspell.security.sensitive.phones import find_phones
from llmspell.security.sensitive.providers import find_api_keys, has_key_beginning
from llmspell.security.sensitive.shape import Shape
from llmspell.security.sensitive.tokens import (
    find_jwts,
    find_private_keys,
    find_random_tokens,
    is_named_digest,
    may_hold_jwt,
)

__all__ = ["DETECTORS", "Detector"]

Spans = Iterable[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Detector:
    """A kind of sensitive data.

    ``find`` yields where it is in a text, in order; a NUL ends whatever it finds. ``may`` looks
    at an outline only and says no where ``find`` is certain to find nothing. ``in_bytes``: bytes
    are searched as well as text. ``is_number`` is asked about the digits of large integers.
    ``in_reports``: the redactor removes it from errors and listings. ``unless_named``: a member of
    such a name does not hold it. ``leftover``: it sees only what the others leave of a text.
    """

    name: str
    doc: str
    find: Callable[[str], Spans]
    may: Callable[[Shape], bool]
    in_bytes: bool = False
    is_number: Callable[[str], bool] | None = None
    in_reports: bool = True
    unless_named: Callable[[str], bool] | None = None
    leftover: bool = False


DETECTORS: Final = {
    row.name: row
    for row in (
        Detector(
            "private_key",
            "A private key in PEM form.",
            find_private_keys,
            lambda shape: shape.has(b"-----BEGIN "),
            in_bytes=True,
        ),
        Detector(
            "api_key",
            "A key of a known service, such as AWS, GitHub, Stripe, OpenAI or Anthropic.",
            find_api_keys,
            has_key_beginning,
            in_bytes=True,
        ),
        Detector(
            "jwt",
            "A JSON web token: its header decodes and names an algorithm.",
            find_jwts,
            may_hold_jwt,
            in_bytes=True,
        ),
        Detector(
            "iban",
            "A bank account number: the length of its country, a right checksum.",
            find_ibans,
            Shape.may_hold_iban,
        ),
        Detector(
            "payment_card",
            "A payment card number: a known issuer, its length, a right Luhn sum.",
            find_cards,
            Shape.may_hold_card,
            is_number=is_card,
        ),
        Detector(
            "us_ssn",
            "A US social security number with dashes or spaces.",
            find_ssns,
            Shape.may_hold_ssn,
        ),
        Detector(
            "url_password",
            "The password in the address of a service, postgresql://user:password@host.",
            find_passwords,
            lambda shape: shape.has(b"@") and shape.has(b"://"),
        ),
        Detector("email", "An e-mail address.", find_emails, lambda shape: shape.has(b"@")),
        Detector(
            "phone",
            "A phone number with its country code, or a North American one with its area code.",
            find_phones,
            Shape.may_hold_phone,
            in_reports=False,
            leftover=True,
        ),
        Detector(
            "high_entropy",
            "A token of 24 characters or more that looks random.",
            find_random_tokens,
            Shape.may_hold_random,
            in_reports=False,
            unless_named=is_named_digest,
            leftover=True,
        ),
    )
}
