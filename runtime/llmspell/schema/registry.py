"""All schemas there are: found by name, version, scope and key; what they demand of values."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final

from llmspell.errors import IncompatibleSchema, InvalidArgument, SchemaError, UnsupportedVersion
from llmspell.schema.checking import Checker
from llmspell.schema.claims import Claims
from llmspell.schema.compatibility import Comparison, compare
from llmspell.schema.defaults import check_defaults
from llmspell.schema.dependencies import check_dependencies, references
from llmspell.schema.functions import Functions
from llmspell.schema.models import StateSchema
from llmspell.schema.validators import builtin_validators
from llmspell.schema.versions import SchemaId
from llmspell.security.validation import Problem

__all__ = ["SchemaRegistry"]

_LISTED: Final = 12
_DEMANDS: Final = {
    "backward": ("backward",),
    "forward": ("forward",),
    "full": ("backward", "forward"),
}


class SchemaRegistry:
    """The schemas of an application. Made once; used from any number of threads.

    Raises ``SchemaError`` for schemas that contradict each other: two of the same name and
    version, a dependency that is missing or leads back, semantic versions out of order, unknown
    validators, two families that both want everything. Raises ``IncompatibleSchema`` for a
    compatibility that a schema declares and does not have.
    """

    def __init__(
        self, schemas: Iterable[StateSchema] = (), *, validators: Functions | None = None
    ) -> None:
        functions = validators or builtin_validators()
        self._by_name: dict[str, dict[int, StateSchema]] = {}
        for schema in schemas:
            self._add(schema)
        self._by_name = {
            name: dict(sorted(versions.items())) for name, versions in sorted(self._by_name.items())
        }
        every = {
            schema.id: schema for family in self._by_name.values() for schema in family.values()
        }
        check_dependencies(every)
        self._checkers = {
            (schema.name, schema.version): Checker(schema, self, functions)
            for schema in every.values()
        }
        for schema in every.values():
            check_defaults(schema, self, functions)
        self._comparisons: dict[tuple[str, int, int], Comparison] = {}
        for name, family in self._by_name.items():
            for former, schema in pairwise(family.values()):
                _check_order(former, schema)
                _check_declared(schema, self.compare(name, former.version, schema.version))
        parts = {
            SchemaId.parse(part).name for schema in every.values() for part in references(schema)
        }
        self._claims = Claims(
            {name: _stated(family.values()) for name, family in self._by_name.items()}, parts
        )

    @property
    def names(self) -> list[str]:
        """The families there are, sorted."""
        return list(self._by_name)

    def versions(self, name: str) -> tuple[int, ...]:
        """Return the versions of a family, the lowest first; none of a family that is unknown."""
        return tuple(self._by_name.get(name, ()))

    def latest(self, name: str) -> int:
        """Return the highest version. Raises ``UnsupportedVersion`` for an unknown family."""
        return max(self._family(name))

    def get(self, name: str, version: int) -> StateSchema:
        """Return one schema. Raises ``UnsupportedVersion``."""
        family = self._family(name)
        if version not in family:
            raise self._no_version(name, version)
        return family[version]

    def resolve(self, name: str, version: str | int | float) -> int:
        """Return the version that ``2``, ``"2"`` or ``"2.0.0"`` means.

        Raises ``UnsupportedVersion`` that lists those there are.
        """
        family = self._family(name)
        # A number of JavaScript may come as one with a fraction that is none.
        if isinstance(version, float) and version.is_integer():
            version = int(version)
        if not isinstance(version, bool):
            for number, schema in family.items():
                if version in (number, str(number), str(schema.semantic_version)):
                    return number
        raise self._no_version(name, version)

    def family_of(self, scope: str, key: str) -> str | None:
        """Return the family that an entry belongs to, ``None`` if to none.

        Raises ``SchemaError`` when two families claim it.
        """
        return self._claims.family_of(scope, key)

    def scopes_of(self, name: str) -> list[tuple[str, str]]:
        """Return the patterns of scope and key that a family is for.

        A family that says nothing gets ``*`` and ``*``, and there all that no other claims.
        """
        return self._claims.of(name)

    def compare(self, name: str, old: int, new: int) -> Comparison:
        """Return how one version of a family is compatible with another."""
        asked = (name, old, new)
        if asked not in self._comparisons:
            self._comparisons[asked] = compare(self.get(name, old), self.get(name, new), self)
        return self._comparisons[asked]

    def problems(self, name: str, version: int, value: Any) -> list[Problem]:
        """Return what is wrong with a canonical value, as a value of this schema."""
        return list(self._checker(name, version).problems(value))

    def fits(self, name: str, version: int, value: Any) -> bool:
        """Tell whether a canonical value fits a schema."""
        return self._checker(name, version).fits(value)

    def _checker(self, name: str, version: int) -> Checker:
        checker = self._checkers.get((name, version))
        if checker is None:
            raise self._no_version(name, version)
        return checker

    def _add(self, schema: StateSchema) -> None:
        if not isinstance(schema, StateSchema):
            raise InvalidArgument(
                f"schemas are StateSchema objects, not {type(schema).__name__}",
                hint="parse_schema makes one of plain data, read_schema of a file",
                parameter="schemas",
            )
        family = self._by_name.setdefault(schema.name, {})
        if (other := family.get(schema.version)) is not None:
            files = [str(each.source) for each in (other, schema) if each.source]
            places = [
                f"in {each.source}" if each.source else "given by the program"
                for each in (other, schema)
            ]
            raise SchemaError(
                f"there are two schemas {schema.id}: {' and '.join(places)}",
                hint="give one of them another version, or remove it",
                schema=schema.name,
                file=files[-1] if files else None,
            )
        family[schema.version] = schema

    def _family(self, name: str) -> dict[int, StateSchema]:
        if (family := self._by_name.get(name)) is not None:
            return family
        guess = get_close_matches(str(name), self._by_name, n=1)
        known = ", ".join(self.names[:_LISTED]) or "none"
        raise UnsupportedVersion(
            f"there is no schema {name!r}",
            hint=f"did you mean {guess[0]!r}?" if guess else f"schemas: {known}",
            schema=str(name),
        )

    def _no_version(self, name: str, version: object) -> UnsupportedVersion:
        family = self._family(name)
        shown = [f"{number} ({each.semantic_version})" for number, each in family.items()]
        listed = ", ".join(shown[-_LISTED:])
        return UnsupportedVersion(
            f"schema {name!r} has no version {version!s:.40}",
            hint=f"there is {listed}",
            schema=name,
            version=version if isinstance(version, int | str) else str(version),
            versions=list(family),
        )


def _stated(family: Iterable[StateSchema]) -> Any:
    stated = [schema.applies_to for schema in family if schema.applies_to is not None]
    return stated[-1] if stated else None


def _check_order(former: StateSchema, schema: StateSchema) -> None:
    if former.semantic_version < schema.semantic_version:
        return
    raise SchemaError(
        f"schema {schema.id} is {schema.semantic_version}, and version {former.version} before it "
        f"is {former.semantic_version}",
        hint="give it a higher semantic_version",
        file=None if schema.source is None else str(schema.source),
        schema=schema.name,
        field="semantic_version",
    )


def _check_declared(schema: StateSchema, comparison: Comparison) -> None:
    for direction in _DEMANDS.get(schema.compatibility or "", ()):
        problems: tuple[Problem, ...] = getattr(comparison, direction)
        if not problems:
            continue
        first = problems[0]
        more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise IncompatibleSchema(
            f"schema {schema.id} declares compatibility {schema.compatibility!r} and is not "
            f"{direction} compatible: {first.path}: {first.message}{more}",
            hint=f'change the field, or declare "{comparison.level}"',
            file=None if schema.source is None else str(schema.source),
            schema=schema.name,
            version=schema.version,
            field=first.path,
            problems=[{"field": each.path, "message": each.message} for each in problems],
        )
