"""Correct programs see here what they see in a plain VM, but for what is listed as a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell_bridges.limits import Limits

from .differences import DIFFERENCES, Difference
from .hosts.plain import printed_by_plain

FOLDER = Path(__file__).with_name("conformance")
SCRIPTS = sorted(FOLDER.glob("*.*"))
NO_LIMITS = Limits()
# Armed, and far from being hit.
LIMITS = Limits(timeout_s=60, memory_bytes=256 * 1024 * 1024, calls=10**6, call_bytes=1 << 24)

levels = pytest.mark.parametrize(
    "options",
    [
        {"limits": NO_LIMITS},
        {"limits": LIMITS},
        {"limits": LIMITS, "isolation": "process"},
    ],
    ids=["inline-without-limits", "inline-with-limits", "process"],
)


def printed_here(language: str, script: str, name: str, options: dict[str, Any]) -> str:
    """Run a script in a sandbox of its own and return what it printed."""
    with Runtime(profile="minimal", **options) as runtime:
        return runtime.execute(script, engine=language, name=name).output


@levels
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_program_prints_what_it_prints_in_a_plain_vm(
    script: Path, options: dict[str, Any]
) -> None:
    source, language = script.read_text(encoding="utf-8"), script.suffix[1:]
    expected = printed_by_plain(language, source, script.name)
    assert len(expected.splitlines()) > 20
    assert printed_here(language, source, script.name, options) == expected


def showing(difference: Difference) -> str:
    """Return a script that prints the value of the expression."""
    if difference.language == "lua":
        return f"print(({difference.expression}))"
    *before, last = (
        difference.expression.rsplit("; ", 1)
        if "=>" not in difference.expression
        else [difference.expression]
    )
    return ";".join([*before, f"print(String({last}))"])


@levels
@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.expression)
def test_a_difference_is_one_and_is_what_it_is_said_to_be(
    difference: Difference, options: dict[str, Any]
) -> None:
    script = showing(difference)
    plain = printed_by_plain(difference.language, script, "x")
    here = printed_here(difference.language, script, "x", options)
    assert plain.strip() == difference.plain
    without = difference.only_inline and options.get("isolation") == "process"
    assert here.strip() == (difference.plain if without else difference.here)


def test_the_manual_lists_every_difference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rows = {line for line in page.splitlines() if line.startswith("| ")}
    for difference in DIFFERENCES:
        assert any(difference.topic in row and difference.reason in row for row in rows), difference
