"""Where in its line an error is: the caret of a report stands under what the message is about."""

from __future__ import annotations

import pytest

from llmspell_bridges.errors import ScriptError
from llmspell_bridges.sandbox import create_sandbox

# "^" stands under the place; without one nothing is said rather than something wrong.
LUA = [
    ("print(foo.bar)", "      ^"),
    ("local a = {} a.b.c()", "               ^"),
    ("local a = {} a:nope()", "               ^"),
    ("return 1 + missing", "           ^"),
    ("nope()", "^"),
    ("table.insert(nil, 1)", "      ^"),
    ('local s = "abc', "              ^"),
    ("local x = = 5", ""),
    ("for i = 1, 3 do", "               ^"),
    ("return foo.x + foo.x", ""),
    ("error('mine')", ""),
]
JS = [
    ("null.x", "^"),
    ("const s = ;", "          ^"),
    ("nowhere()", "^"),
    ("let a = 1; a()", "           ^"),
]


@pytest.mark.parametrize(
    ("engine", "line", "caret"),
    [("lua", *row) for row in LUA] + [("js", *row) for row in JS],
)
def test_the_caret_stands_under_what_the_message_is_about(
    engine: str, line: str, caret: str
) -> None:
    made = create_sandbox(engine)
    try:
        with pytest.raises(ScriptError) as caught:
            made.run(line, name="script")
    finally:
        made.close()
    assert caught.value.source_line == line
    assert (caught.value.column or 0) == len(caret)
