"""What holds for every transform, whatever its paths and the value."""

from __future__ import annotations

import copy
import traceback

from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import MigrationFailed, SchemaError
from llmspell.migration import Copy, Custom, Default, Move, Remove, Validation
from llmspell.migration.paths import Path

from .strategies import LAW, NAMES, SECRET, compiled, maps, values

FIELDS = [*NAMES, "a.b", "b.c.d", "c.a", "$", "a[]", "a[].b", "b.*.c", "c[0]", "d[1].a"]


def makes_sense(model, **given_options):
    try:
        model(**given_options)
    except SchemaError:
        return False
    return True


def pairs_of(model):
    return st.sampled_from([
        {"from_field": one, "to_field": other}
        for one in FIELDS
        for other in FIELDS
        if makes_sense(model, from_field=one, to_field=other)
    ])  # fmt: skip


def customs():
    sources = [*([one] for one in FIELDS), ["a", "b"], ["c", "a[].b"], ["b.*.c", "a.b"]]
    return st.sampled_from([
        given_options
        for one in sources
        for other in FIELDS
        for remove_from in (False, True)
        if makes_sense(
            Custom,
            **(given_options := {"from_fields": one, "to_fields": [other], "remove_from": remove_from}),
            transformer="f",
        )
    ])  # fmt: skip


PARTS = st.sampled_from([field for field in FIELDS if field != "$"])
TRANSFORMERS = st.sampled_from(["to_text", "lower", "to_list", "only", "to_integer"])
VALIDATORS = st.sampled_from(["email", "non_empty"])
SKIPS = st.sampled_from(["fail", "skip"])

transforms = st.one_of(
    st.builds(lambda pair, **more: Copy(**pair, **more), pairs_of(Copy), overwrite=st.booleans(), if_missing=SKIPS),
    st.builds(lambda pair, **more: Move(**pair, **more), pairs_of(Move), drop_empty=st.booleans(), if_missing=SKIPS),
    st.builds(Remove, field=PARTS, drop_empty=st.booleans(), if_missing=SKIPS),
    st.builds(Default, field=PARTS, value=values, when_null=st.booleans()),
    st.builds(lambda fields, **more: Custom(**fields, **more), customs(), transformer=TRANSFORMERS, if_missing=SKIPS),
    st.builds(Validation, field=st.sampled_from(FIELDS), validator=VALIDATORS, if_missing=SKIPS),
)  # fmt: skip


PATHS = ("field", "from_field", "to_field", "from_fields", "to_fields")


def texts_of(transform):
    """Return all paths of a transform."""
    listed = (getattr(transform, name, ()) for name in PATHS)
    return [text for one in listed for text in ([one] if isinstance(one, str) else one)]


def outcome(step, value):
    try:
        return step.apply(copy.deepcopy(value))
    except MigrationFailed as error:
        return error.to_dict()


@LAW
@given(st.lists(transforms, min_size=1, max_size=3), maps)
def test_the_quick_way_ends_as_the_complete_one(some, value):
    # What replaces the whole value is done without quick ways, and this replaces it by itself.
    whole = Custom(from_fields=["$"], to_fields=["$"], transformer="same")
    same = {"same": lambda value, config: value}
    quick = compiled(*some, transformers=same)
    complete = compiled(whole, *some, transformers=same)
    assert repr(outcome(quick, value)) == repr(outcome(complete, value))


@LAW
@given(st.lists(transforms, min_size=1, max_size=3), values)
def test_a_failure_never_tells_a_value(some, value):
    step = compiled(*some)
    try:
        step.apply(copy.deepcopy(value))
    except MigrationFailed as error:
        shown = "".join(traceback.format_exception(error))
        assert SECRET not in shown + repr(error.to_dict())


@LAW
@given(transforms.filter(lambda transform: "$" not in texts_of(transform)), maps)
def test_what_no_path_names_stays_as_it_is(transform, value):
    named = {Path.parse(text).steps[0] for text in texts_of(transform)}
    step = compiled(transform)
    result = copy.deepcopy(value)
    try:
        result = step.apply(result)
    except MigrationFailed:
        return
    for name in set(NAMES) - named:
        assert result.get(name, "missing") == value.get(name, "missing")


def within(transform, around):
    """Return the transform with all its paths inside another; ``None`` where that is no transform."""
    data = {name: getattr(transform, name) for name in transform.model_fields_set}
    for name, path in data.items():
        if name in ("field", "from_field", "to_field"):
            data[name] = around + path
        elif name in ("from_fields", "to_fields"):
            data[name] = [around + text for text in path]
    return type(transform)(**data) if makes_sense(type(transform), **data) else None


def is_simple(transform):
    """Tell whether a transform has one meaning alone and within the elements of a list."""
    texts = texts_of(transform)
    # Several sources come with their paths, and what is spread cannot be spread within elements.
    many = len(getattr(transform, "from_fields", ())) > 1
    alike = len({Path.parse(text).wildcards for text in texts}) == 1
    return (
        "$" not in texts and not many and (alike or not isinstance(transform, Copy | Move | Custom))
    )


@LAW
@given(transforms.filter(is_simple), st.lists(maps, max_size=3))
def test_a_wildcard_is_each_element_by_itself(transform, elements):
    alone = compiled(transform)
    results = [outcome(alone, element) for element in elements]
    each = within(transform, "list[].")
    if each is not None and not any("code" in result for result in results):
        assert compiled(each).apply({"list": copy.deepcopy(elements)}) == {"list": results}
