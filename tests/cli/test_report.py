"""How errors look."""

from __future__ import annotations

import io

from llmspell.cli.report import print_error, render
from llmspell.errors import Frame, InvalidKey, ScriptError


def script_error(message: str = "a function cannot be stored", **place: object) -> ScriptError:
    return ScriptError(message, language="lua", code="invalid_value", file="script.lua", **place)  # type: ignore[arg-type]


def test_a_script_error_shows_the_place_the_line_and_the_advice() -> None:
    error = script_error(
        line=3,
        column=7,
        source_line="State.save('global', 'k', print)",
        hint="store its result instead",
    )
    assert render(error) == (
        "error[invalid_value]: a function cannot be stored\n"
        "  --> script.lua:3:7\n"
        "  |\n"
        "3 | State.save('global', 'k', print)\n"
        "  |       ^\n"
        "  = help: store its result instead"
    )


def test_without_a_column_there_is_no_caret() -> None:
    assert render(script_error(line=12, source_line="boom()")).splitlines()[1:] == [
        "   --> script.lua:12",
        "   |",
        "12 | boom()",
    ]


def test_an_error_without_a_place_is_its_message_and_its_advice() -> None:
    error = InvalidKey("the key is empty", hint="give it a name")
    assert render(error) == "error[invalid_key]: the key is empty\n = help: give it a name"


def test_the_traceback_is_shown_when_there_is_more_than_one_frame() -> None:
    frames = (Frame("lib.lua", 2, function="inner"), Frame("script.lua", 9))
    assert "traceback" not in render(script_error(frames=frames[:1]))
    assert render(script_error(frames=frames)).splitlines()[-3:] == [
        "traceback (innermost first):",
        "  lib.lua:2 in inner",
        "  script.lua:9",
    ]


def test_the_caret_stands_under_its_column_behind_wide_characters_and_tabs() -> None:
    for before, cells in (("\t", 1), ("日本", 4), ("e\u0301", 1)):
        *_, source, caret = render(
            script_error(line=1, column=len(before) + 1, source_line=f"{before}x")
        ).splitlines()
        assert source.startswith("1 | ")
        assert caret == "  | " + " " * cells + "^"


def test_a_very_long_line_is_shown_around_its_column() -> None:
    source = "a" * 5000 + "!" + "b" * 5000
    *_, shown, caret = render(script_error(line=1, column=5001, source_line=source)).splitlines()
    assert len(shown) < 140
    assert shown[caret.index("^")] == "!"


def test_control_characters_in_a_message_are_spelled_out() -> None:
    assert "\\x1b[2J" in render(script_error("gone\x1b[2J"))


def test_colour_is_for_terminals_only() -> None:
    assert "\x1b[" in render(script_error(), colour=True)
    stream = io.StringIO()
    print_error(script_error(), stream)
    assert "\x1b[" not in stream.getvalue()
