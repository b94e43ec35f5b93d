"""Define schemas: fields, parts of their own, validators, and what does not fit them.

    python examples/python/schema_definition.py

Nothing is stored but in memory. The same definitions may stand in TOML or JSON files;
docs/migrations.md tells which fields there are.
"""

from typing import Any

from llmspell import Config, Runtime
from llmspell.errors import SchemaError, ValidationFailed
from llmspell.schema import (
    AppliesTo,
    ArrayField,
    CustomField,
    EnumField,
    FloatField,
    IntegerField,
    ObjectField,
    SchemaRegistry,
    StateSchema,
    StringField,
    TimestampField,
    ValidationRule,
    to_json_schema,
)

# A schema that is only a part of others says that it applies to nothing by itself.
ADDRESS = StateSchema(
    name="address",
    version=1,
    fields={
        "city": StringField(min_length=1, max_length=80),
        "zip": StringField(pattern="^[0-9]{5}$"),
    },
    required=["city", "zip"],
    applies_to=[],
)
ORDER = StateSchema(
    name="order",
    version=1,
    semantic_version="1.0.0",
    description="An order of the shop",
    applies_to=[AppliesTo(scope="order:*", key="order")],
    fields={
        "number": CustomField(type_name="order number", validator="order_number"),
        "status": EnumField(variants=["draft", "ordered", "shipped"], default="draft"),
        "placed": TimestampField(nullable=True),
        "to": ObjectField(schema="address@1"),
        "items": ArrayField(
            items=ObjectField(
                fields={"name": StringField(), "count": IntegerField(min=1), "price": FloatField()},
                required=["name", "count", "price"],
            ),
            min_items=1,
            max_items=100,
        ),
    },
    required=["number", "status", "to", "items"],
    additional_fields=False,
    validation_rules=[
        ValidationRule(field="items[].price", validator="between", config={"min": 0}),
    ],
    dependencies=["address@1"],
)


def order_number(value: Any, config: dict[str, Any]) -> str | None:
    """Accept numbers such as A-17; a text says why a value is refused."""
    is_number = isinstance(value, str) and value.startswith("A-") and value[2:].isdigit()
    return None if is_number else "must be an order number such as A-17"


GOOD = {
    "number": "A-17",
    "status": "draft",
    "to": {"city": "Berlin", "zip": "10115"},
    "items": [{"name": "tea", "count": 2, "price": 4.5}],
}
#: The types and bounds are looked at first, then the validators are asked.
BAD = [
    {
        "number": "17",
        "status": "lost",
        "to": {"city": "", "zip": "none"},
        "items": [{"name": "tea", "count": 0, "price": -1}],
        "gift": True,
    },
    GOOD | {"number": "17", "items": [{"name": "tea", "count": 1, "price": -1}]},
]


def main() -> None:
    """Use the schemas where values are saved, and without a store."""
    config = Config(state={"backend": "memory"})
    validators = {"order_number": order_number}
    with Runtime(config, schemas=[ADDRESS, ORDER], validators=validators) as runtime:
        state = runtime.state
        print("kept as version", state.save("order:1", "order", GOOD).schema_version)
        for bad in BAD:
            try:
                state.save("order:2", "order", bad)
            except ValidationFailed as error:
                print(error.code)
                for problem in error.details["problems"]:
                    print(f"  {problem['path']} {problem['message']}")

        # The registry answers without storing anything.
        schemas = state.schemas
        print("orders are at", schemas.scopes_of("order"))
        print("fits:", schemas.fits("address", 1, GOOD["to"]))
        document = to_json_schema(schemas.get("order", 1), schemas)
        print("as JSON Schema:", document["title"], "with", ", ".join(document["$defs"]))

    # A definition that is wrong says where.
    try:
        SchemaRegistry([ORDER])
    except SchemaError as error:
        print(error.code + ":", error.message)


if __name__ == "__main__":
    main()
