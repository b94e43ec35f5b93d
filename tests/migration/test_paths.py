"""Paths: what names a part of a value, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import SchemaError
from llmspell.migration.paths import Path, Wildcard

from .strategies import LAW

STEPS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.integers(0, 99)
    | st.sampled_from(Wildcard),
    max_size=5,
)


@LAW
@given(STEPS)
def test_the_text_of_a_path_leads_back_to_it(steps):
    path = Path(*steps)
    assert Path.parse(str(path)).steps == tuple(steps)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a.b.c", "a.b.c"),
        ("$", "$"),
        ("$.a", "a"),
        ("$[0].a", "[0].a"),
        ("items[].price", "items[].price"),
        ("items[*].price", "items[].price"),
        ("users.*.email", "users.*.email"),
        ('["a.b"]["c d"]', '["a.b"]["c d"]'),
        ("['$']['*']", '["$"]["*"]'),
        ("größe.名前-2", "größe.名前-2"),
    ],
)
def test_one_part_has_one_canonical_text(text, canonical):
    assert str(Path.parse(text)) == canonical


def test_a_path_tells_its_names_and_where_it_stands_for_many():
    path = Path.parse("orders[].lines[2].*.price")
    assert path.names == ("orders", "lines", "price")
    assert path.wildcards == (1, 4)
    assert not path.is_plain
    assert Path.parse("a.b").is_plain
    assert not Path.parse("$").is_plain


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("a..b", "a name is missing at character 3"),
        (".a", "begins with a dot"),
        ("a.", "a name is missing at character 3"),
        ("a b", "character 2 cannot stand in a plain name"),
        ("a*", "character 2 cannot stand in a plain name"),
        ("a[-1]", "what is in brackets at character 2"),
        ("a[x]", "what is in brackets at character 2"),
        ("a[0]b", "a dot or [ is missing at character 5"),
        ('["\\q"]', "not as in JSON"),
        ('["\\ud800"]', "not valid Unicode"),
        ("\ud800", "not valid Unicode"),
        ("$a", "a name is missing at character 1"),
        ("x" * 1025, "longer than 1024"),
        (".".join("a" * 129), "more than 128 levels"),
        (None, "a path is text, not NoneType"),
    ],
)
def test_what_is_no_path_is_refused_saying_where(text, why):
    with pytest.raises(SchemaError) as caught:
        Path.parse(text)
    assert why in caught.value.message
    assert caught.value.hint
