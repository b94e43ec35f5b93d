"""Each detector finds what it names, and nothing that only looks like it."""

from __future__ import annotations

import pytest

from llmspell.security.sensitive import DETECTORS, scan

from .samples import API_KEYS, FOUND, JWT, LEFT_ALONE, PRIVATE_KEY, packed


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.detector, text[hit.start : hit.end]) for hit in scan(text, packed(text))]


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), cases(FOUND))
def test_it_is_found_alone_and_in_a_sentence(name: str, text: str) -> None:
    before, after = (
        ("see http://bob:", "@host/") if name == "url_password" else ("see ", ", please")
    )
    assert (name, text) in found(f"{before}{text}{after}")
    if name != "url_password":
        assert found(text) == [(name, text)]
        assert found(f'{{"a": "{text}"}}') == [(name, text)]


@pytest.mark.parametrize(("name", "text"), cases(LEFT_ALONE))
def test_what_only_looks_like_it_is_left_alone(name: str, text: str) -> None:
    assert name not in dict(found(text))
    assert name not in dict(found(f"see {text}, please"))


def test_every_detector_has_examples_and_counterexamples() -> None:
    assert set(FOUND) == set(LEFT_ALONE) == set(DETECTORS)


def test_a_card_is_found_behind_a_year() -> None:
    assert found("2024 4111 1111 1111 1111 and") == [("payment_card", "4111 1111 1111 1111")]


def test_a_number_is_a_card_when_its_digits_are() -> None:
    value = {"card": 4111111111111111, "at": 1_700_000_000_000, "n": 4111111111111112}
    assert [hit[:4] for hit in scan(value, packed(value))] == [("payment_card", "$.card", 0, 16)]


def test_bytes_are_searched_for_keys_and_nothing_else() -> None:
    value = [API_KEYS[0].encode(), PRIVATE_KEY.encode(), b"ada@example.com 123-45-6789"]
    assert [hit[:2] for hit in scan(value, packed(value))] == [
        ("api_key", "$[0]"),
        ("private_key", "$[1]"),
    ]


def test_a_private_key_that_is_cut_off_is_found_as_far_as_it_goes() -> None:
    cut = PRIVATE_KEY[:45]
    assert found(f"{cut}\n[end]") == [("private_key", f"{cut}\n")]


def test_a_key_does_not_go_on_in_the_next_text() -> None:
    first, second = PRIVATE_KEY.split("MIIEow")
    hits = scan([first, second], packed([first, second]))
    assert [(hit.path, hit.start, hit.end) for hit in hits] == [("$[0]", 0, len(first))]


def test_what_another_detector_explains_is_no_random_token() -> None:
    assert found(JWT) == [("jwt", JWT)]
    assert [name for name, _ in found(API_KEYS[2])] == ["api_key"]


@pytest.mark.parametrize("name", ["etag", "sha256", "commit_id", "traceId", "checksum"])
def test_a_digest_is_none_in_a_member_named_so(name: str) -> None:
    digest = "9f86d081884c7d659a2feaa0c55ad015"
    assert not scan({name: digest}, packed({name: digest}))
    assert scan({"token": digest}, packed({"token": digest}))


def test_names_of_members_are_searched_and_never_shown() -> None:
    value = {"users": {"ada@example.com": {"card": "4111111111111111"}}}
    hits = scan(value, packed(value))
    assert [(hit.detector, hit.path, hit.in_name) for hit in hits] == [
        ("email", '$.users["[redacted:email]"]', True),
        ("payment_card", '$.users["[redacted:email]"].card', False),
    ]
