"""The tables of the manual's page on migrations name what there is, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from llmspell.config.state_sections import Migration
from llmspell.errors import SchemaError
from llmspell.migration.conditions import Condition
from llmspell.migration.step import MigrationStep
from llmspell.migration.transformer import Transformer
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.migration.transforms import Transform
from llmspell.schema import FieldSchema, StateSchema
from llmspell.schema.fields import FieldBase
from llmspell.schema.validators import VALIDATORS, check_config

PAGE = Path(__file__).parents[2] / "docs" / "migrations.md"


@cache
def table(heading: str) -> Mapping[frozenset[str], set[str]]:
    """Return the first table below a heading: the names in its first two columns."""
    below = re.split(rf"^#+ {heading}$", PAGE.read_text(), flags=re.MULTILINE)[1]
    rows = re.findall(r"(?:^\|.*\n)+", below, re.MULTILINE)[0].splitlines()[2:]
    cells = [row.strip("|").split(" | ") for row in rows]
    names = re.compile(r"`([\w.]+)`")
    return {frozenset(names.findall(row[0])): set(names.findall(row[1])) for row in cells}


def keys(model: type[BaseModel], *, without: set[str]) -> set[str]:
    return {each.alias or name for name, each in model.model_fields.items()} - without


def by_type(union: Any, *, without: set[str]) -> dict[frozenset[str], set[str]]:
    models = get_args(get_args(union)[0])
    return {
        frozenset(get_args(model.model_fields["type"].annotation)): keys(model, without=without)
        for model in models
    }


@pytest.mark.parametrize(
    ("heading", "union", "without"),
    [
        ("Fields", FieldSchema, {"type", *FieldBase.model_fields}),
        ("Transforms", Transform, {"type"}),
        ("Conditions", Condition, {"type", "field"}),
    ],
)
def test_each_type_is_listed_with_its_keys(heading: str, union: Any, without: set[str]) -> None:
    assert table(heading) == by_type(union, without=without)


def test_each_transformer_is_listed_with_its_config() -> None:
    there = {
        frozenset([name]): set(function.options)
        for name, function in TRANSFORMERS.items()
        if isinstance(function, Transformer)
    }
    assert table("Built-in transformers") == there


def test_each_validator_is_listed_with_its_config() -> None:
    listed = {name: config for names, config in table("Validators").items() for name in names}
    assert set(listed) == set(VALIDATORS)
    for name, function in VALIDATORS.items():
        with pytest.raises(SchemaError) as caught:
            check_config(function, {"odd": 1}, name)
        taken = (caught.value.hint or "").removeprefix("it takes ").split(", ")
        assert set(taken) == (listed[name] or {"none"})


@pytest.mark.parametrize(
    ("heading", "model"), [("Schemas", StateSchema), ("Migrations", MigrationStep)]
)
def test_each_key_of_a_file_is_listed(heading: str, model: type[BaseModel]) -> None:
    assert set().union(*table(heading)) == keys(model, without=set())


def test_each_key_of_the_configuration_is_told_of() -> None:
    text = PAGE.read_text()
    assert [name for name in Migration.model_fields if name not in text] == []
