"""Every attack of the tables works against a plain embedding, and is held here at each level."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from .attacks import CATEGORIES
from .attacks.row import Attack, Fails, Gives, Held, Limited, Supervised
from .conftest import Ask
from .hosts.budget import MEMORY_BYTES

ATTACKS = [attack for attacks in CATEGORIES.values() for attack in attacks]
CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
# A bound that tells a limit from none, on a machine that has much else to do.
LONGEST_S = 15.0
# What Python and the store take on their own account while a script runs.
MOST_BYTES = MEMORY_BYTES + 160 * 1024 * 1024


def of(attacks: list[Attack]) -> Any:
    return pytest.mark.parametrize("attack", attacks, ids=lambda attack: attack.name)


def works(attack: Attack, answer: dict[str, Any]) -> bool:
    """Tell whether the answer of a plain embedding proves that the attack works."""
    if attack.bare.kind == "value":
        return bool(answer.get("value") == attack.bare.detail)
    if attack.bare.kind == "raises":
        return bool(answer.get("exception") == attack.bare.detail)
    if attack.bare.kind == "hangs":
        return bool(answer["waited"] or answer["signal"] == signal.SIGPROF)
    if attack.bare.kind == "bloats":
        return bool(answer["bloated"])
    return answer["signal"] in CRASHES or answer["exit_code"] != 0


@of(ATTACKS)
def test_the_attack_works_against_a_plain_embedding(attack: Attack, bare: Ask) -> None:
    answer = bare(attack)
    assert works(attack, answer), answer


def is_as_expected(expected: Held, answer: dict[str, Any]) -> bool:
    if isinstance(expected, Gives):
        return "value" in answer and bool(answer["value"] == expected.value)
    if isinstance(expected, Fails):
        return expected.code in answer.get("code", "!") and expected.text in answer["message"]
    assert isinstance(expected, Limited)
    return answer.get("code") == "limit_exceeded" and answer["limit"] in expected.limits


def check(attack: Attack, expected: Held, answer: dict[str, Any]) -> None:
    assert "died" not in answer, f"the host died: {answer['died']}"
    assert is_as_expected(expected, answer), answer
    assert answer["stored"] == sorted(attack.stored), "what it left in the store"
    assert set(answer["again"].values()) == {"untouched3xx"}, "the next scripts"
    assert answer["kept"], "what others had stored"
    assert answer["elapsed_s"] < LONGEST_S
    assert answer["grown_bytes"] < MOST_BYTES


@of([attack for attack in ATTACKS if not isinstance(attack.expected("inline"), Supervised)])
def test_the_attack_is_held_inline(attack: Attack, inline: Ask) -> None:
    check(attack, attack.expected("inline"), inline(attack))


@of(ATTACKS)
def test_the_attack_is_held_by_a_process(attack: Attack, process: Ask) -> None:
    check(attack, attack.expected("process"), process(attack))


@of([attack for attack in ATTACKS if isinstance(attack.expected("inline"), Supervised)])
def test_the_attack_is_ended_by_the_command_line(attack: Attack, supervised: Ask) -> None:
    expected, answer = attack.expected("inline"), supervised(attack)
    assert isinstance(expected, Supervised)
    assert answer["code"] in expected.codes, answer
    assert "Traceback" not in answer["stderr"]


def test_the_tables_hold_what_a_reader_may_rely_on() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 120
    for attacks in CATEGORIES.values():
        assert {attack.language for attack in attacks} == {"lua", "js"}
