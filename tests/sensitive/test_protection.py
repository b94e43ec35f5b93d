"""What is done about findings and fields: tag, redact, hash, encrypt, refuse."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings

from llmspell.config.sensitive_section import Sensitive
from llmspell.errors import ConfigError, LimitExceeded, SensitiveData
from llmspell.security.sensitive import Confidential, Protected, Protection, scan

from .samples import API_KEYS, packed
from .test_scan_law import values

CARD = "4111 1111 1111 1111"
MAIL = "ada@example.com"
KEY = b"k" * 32


def protection(**config: Any) -> Protection:
    return Protection(Sensitive(**({"enabled": True} | config)), hash_key=KEY, can_encrypt=True)


def apply(value: Any, *, state_class: str = "standard", **config: Any) -> Protected:
    return protection(**config).apply(value, packed(value), state_class=state_class)


def test_a_value_without_findings_is_the_same_object() -> None:
    value = {"a": ["b", 1, None]}
    done = apply(value, action="redact")
    assert done.value is value
    assert done[1:] == ((), ())


def test_tag_leaves_the_value_and_names_the_detectors_sorted() -> None:
    value = {"mail": MAIL, "card": CARD, "key": API_KEYS[0]}
    done = apply(value)
    assert done.value is value
    assert done.tags == ("api_key", "email", "payment_card")
    assert ("$.mail", "email", "tag") in done.actions


def test_redact_replaces_what_was_found_and_nothing_else() -> None:
    done = apply({"a": [f"pay {CARD} or {MAIL}!"]}, action="redact")
    assert done.value == {"a": ["pay [redacted:payment_card] or [redacted:email]!"]}


def test_equal_texts_have_equal_hashes_and_another_key_gives_others() -> None:
    done = apply([MAIL, f"to {MAIL}", "bob@example.com"], action="hash").value
    assert done[0].startswith("hash:")
    assert len(done[0]) == len("hash:") + 32
    assert done[1] == f"to {done[0]}"
    assert done[2] != done[0]
    other = Protection(
        Sensitive(enabled=True, action="hash"), hash_key=b"x" * 32, can_encrypt=False
    )
    assert other.apply([MAIL], packed([MAIL])).value != [done[0]]


def test_encrypt_takes_the_whole_text() -> None:
    done = apply({"a": f"pay {CARD}", "b": 4111111111111111}, action="encrypt")
    assert done.value == {"a": Confidential(f"pay {CARD}"), "b": Confidential(4111111111111111)}
    assert CARD not in repr(done.value)


def test_refuse_names_the_path_and_the_detector_and_never_the_text() -> None:
    with pytest.raises(SensitiveData) as caught:
        apply({"user": {"cards": [CARD]}}, actions={"payment_card": "refuse"})
    told = str(caught.value.to_dict())
    assert caught.value.details == {"path": "$.user.cards[0]", "detector": "payment_card"}
    assert "4111" not in told


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ({"email": "hash", "payment_card": "encrypt"}, Confidential(f"{MAIL} {CARD}")),
        ({"email": "tag", "payment_card": "redact"}, f"{MAIL} [redacted:payment_card]"),
    ],
)
def test_the_strongest_action_wins_over_a_text(actions: dict[str, str], expected: Any) -> None:
    assert apply(f"{MAIL} {CARD}", actions=actions).value == expected


def test_numbers_and_bytes_are_protected_as_text_is() -> None:
    value = [4111111111111111, b"key: " + API_KEYS[0].encode()]
    done = apply(value, action="redact").value
    assert done == ["[redacted:payment_card]", b"key: [redacted:api_key]"]


@pytest.mark.parametrize("action", ["redact", "hash", "encrypt", "refuse"])
def test_a_name_that_would_have_to_change_refuses_the_value(action: str) -> None:
    with pytest.raises(SensitiveData) as caught:
        apply({"by_mail": {MAIL: 1}}, action=action)
    assert caught.value.details["path"] == '$.by_mail["[redacted:email]"]'
    assert MAIL not in str(caught.value.to_dict())


def test_a_name_within_an_encrypted_field_needs_no_change() -> None:
    done = apply({"by_mail": {MAIL: 1}}, action="redact", encrypt_fields=("by_mail",))
    assert done.value == {"by_mail": Confidential({MAIL: 1})}
    assert {action.action for action in done.actions} == {"encrypt"}


def test_fields_are_protected_whatever_they_hold_and_without_enabled() -> None:
    value = {"password": "x", "pin": 1234, "user": {"note": ["a"], "password": None}, "open": "y"}
    done = apply(
        value,
        enabled=False,
        encrypt_fields=("user.note",),
        hash_fields=("pin",),
        redact_fields=("password",),
    ).value
    assert done["password"] == "[redacted]"
    assert done["pin"].startswith("hash:")
    assert done["user"] == {"note": Confidential(["a"]), "password": None}
    assert done["open"] == "y"


def test_a_refused_field_refuses_the_value() -> None:
    with pytest.raises(SensitiveData, match=r"\$\.user\.password is a field"):
        apply({"user": {"password": "x"}}, enabled=False, refuse_fields=("password",))


def test_the_outer_one_of_two_fields_takes_the_inner_one_along() -> None:
    value = {"user": {"password": "x"}}
    done = apply(value, redact_fields=("user",), encrypt_fields=("password",))
    assert done.value == {"user": "[redacted]"}
    assert {action.action for action in done.actions} == {"redact"}


def test_a_value_that_was_loaded_can_be_saved_again() -> None:
    config = {"action": "hash", "hash_fields": ("pin",), "redact_fields": ("note",)}
    once = apply({"pin": 1234, "mail": MAIL, "note": "x"}, **config).value
    assert apply(once, **config).value == once


def test_allowed_texts_are_no_findings() -> None:
    value = ["support@example.com", MAIL]
    done = apply(value, action="redact", allow=("support@*",))
    assert done.value == ["support@example.com", "[redacted:email]"]


def test_patterns_of_ones_own_are_detectors() -> None:
    done = apply(
        ["EMP-123456 left"],
        detectors=(),
        patterns={"employee_id": r"\bEMP-\d{6}\b"},
        actions={"employee_id": "redact"},
    )
    assert done.value == ["[redacted:employee_id] left"]
    assert done.tags == ("employee_id",)


def test_a_pattern_that_takes_too_long_refuses_the_value() -> None:
    with pytest.raises(LimitExceeded) as caught:
        apply("x" * 3000, patterns={"endless": "(x+x+)+y"})
    assert caught.value.details["pattern"] == "endless"


def test_only_the_chosen_detectors_count() -> None:
    assert apply([MAIL, CARD], detectors=("email",)).tags == ("email",)


@pytest.mark.parametrize(
    ("state_class", "scanned", "field"),
    [
        ("standard", "[redacted:email]", "[redacted]"),
        ("external", "[redacted:email]", "[redacted]"),
        ("trusted", MAIL, "[redacted]"),
        ("sensitive", MAIL, "x"),
        ("ephemeral", MAIL, "x"),
    ],
)
def test_classes_differ_in_what_is_done(state_class: str, scanned: str, field: str) -> None:
    value = {"mail": MAIL, "pin": "x"}
    done = apply(value, state_class=state_class, action="redact", redact_fields=("pin",))
    assert done.value == {"mail": scanned, "pin": field}
    assert done.tags == (("email",) if state_class not in ("trusted", "ephemeral") else ())


def test_class_sensitive_is_refused_where_a_rule_refuses() -> None:
    with pytest.raises(SensitiveData):
        apply(CARD, state_class="sensitive", actions={"payment_card": "refuse"})


@pytest.mark.parametrize(
    "config",
    [
        {"enabled": True, "action": "hash"},
        {"enabled": True, "action": "encrypt"},
        {"enabled": True, "actions": {"email": "encrypt"}},
        {"hash_fields": ("pin",)},
        {"encrypt_fields": ("pin",)},
    ],
)
def test_rules_that_need_a_key_are_refused_without_one(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no key"):
        Protection(Sensitive(**config), hash_key=None, can_encrypt=False)


def test_rules_that_are_switched_off_need_no_key() -> None:
    off = Protection(Sensitive(action="hash"), hash_key=None, can_encrypt=False)
    assert not off.concerns("standard")


@given(values)
@settings(max_examples=80, deadline=None)
def test_redacting_changes_what_has_findings_and_never_the_given_value(value: Any) -> None:
    before = copy.deepcopy(value)
    try:
        done = apply(value, action="redact")
    except SensitiveData:
        assert any(hit.in_name for hit in scan(value, packed(value)))
        return
    assert value == before
    assert bool(done.tags) == bool(scan(value, packed(value))) == (done.value != value)
