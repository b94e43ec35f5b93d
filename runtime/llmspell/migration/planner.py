"""The planner: finds how values get from any version of a schema to any other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument
from llmspell.migration.links import Links
from llmspell.migration.no_plan import (
    path_missing,
    unknown_schema,
    unknown_target,
    unknown_versions,
)
from llmspell.migration.plan import Plan, StepReport
from llmspell.migration.route import cheapest
from llmspell.schema.versions import MAX_VERSION

if TYPE_CHECKING:
    from llmspell.migration.step import MigrationStep
    from llmspell.schema.functions import Functions
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["Planner"]


class Planner:
    """Every schema, every step, and the plans that they make; plans are kept.

    A plan is the shortest safe way; where there is none, the one with the fewest unsafe steps,
    and it says what is wrong with them. Steps are checked when a plan needs them. Raises
    ``SchemaError`` for two steps between the same versions of a schema.
    """

    def __init__(
        self,
        registry: SchemaRegistry,
        steps: Iterable[MigrationStep] = (),
        *,
        transformers: Functions,
        validators: Functions,
    ) -> None:
        by_schema: dict[str, list[MigrationStep]] = {name: [] for name in registry.names}
        for step in steps:
            by_schema.setdefault(step.schema_name, []).append(step)
        self.registry = registry
        self.names = tuple(sorted(by_schema))
        self._links = {
            name: Links(name, registry, of, transformers=transformers, validators=validators)
            for name, of in by_schema.items()
        }
        self._plans: dict[tuple[str, int, int], Plan] = {}

    def versions(self, name: str) -> tuple[int, ...]:
        """Return the versions that a schema or a step of the name speaks of, ascending.

        Raises ``UnsupportedVersion`` for a name that nothing has.
        """
        return self._of(name).versions

    def latest(self, name: str) -> int:
        """Return the highest version of a schema; of its steps, where there is no schema.

        Raises ``UnsupportedVersion`` for a name that nothing has.
        """
        links = self._of(name)
        return (links.schema_versions or links.versions)[-1]

    def steps(self, name: str) -> tuple[MigrationStep, ...]:
        """Return the steps that were given for a schema, by their versions."""
        return tuple(step for _, step in sorted(self._of(name).steps.items()))

    def reports(self, name: str) -> tuple[StepReport, ...]:
        """Return what can be said of each step of a schema before any data is seen."""
        links = self._of(name)
        return tuple(links.report(step) for step in self.steps(name))

    def resolve(self, name: str, target: int | float | str | None = None) -> int:
        """Return the version that ``2``, ``"2"`` or ``"2.0.0"`` stands for; the latest for none.

        A version without a schema of its own is ``<version>.0.0``. Raises
        ``UnsupportedVersion`` that lists the versions there are.
        """
        if target is None:
            return self.latest(name)
        links = self._of(name)
        if isinstance(target, bool) or not isinstance(target, int | float | str):
            raise InvalidArgument(
                f"a version is a whole number or text such as '2.0.0', not {type(target).__name__}",
                parameter="target",
            )
        # A whole number of a script may come as one with a fraction that is none.
        number = int(target) if isinstance(target, float) and target.is_integer() else target
        _check_size("target", number)
        found = links.numbers.get(str(number).strip())
        if found is None:
            raise unknown_target(links, number)
        return found

    def plan(self, name: str, from_version: int, to_version: int) -> Plan:
        """Return how values get from a version to another. Without steps if they are the same.

        Raises ``UnsupportedVersion`` for a version that nothing speaks of, and
        ``MigrationPathMissing`` that names the gap. What is found may be unsafe: look at
        ``is_safe``, or call ``require_safe``.
        """
        asked = (name, from_version, to_version)
        plan = self._plans.get(asked)
        if plan is None:
            plan = self._plans[asked] = self._planned(*asked)
        return plan

    def _planned(self, name: str, from_version: int, to_version: int) -> Plan:
        links = self._of(name)
        for parameter, version in (("from_version", from_version), ("to_version", to_version)):
            if type(version) is not int:
                raise InvalidArgument(
                    f"{parameter} is a whole number, not {type(version).__name__}",
                    hint="resolve() makes a number of text such as '2.0.0'",
                    parameter=parameter,
                )
            _check_size(parameter, version)
        if not {from_version, to_version} <= set(links.versions):
            raise unknown_versions(links, from_version, to_version)
        path = cheapest(
            from_version, to_version, neighbours=links.neighbours, is_safe=links.is_safe
        )
        if path is None:
            raise path_missing(links, from_version, to_version, self._links.values())
        found = [links.between(*ends) for ends in pairwise(path)]
        return Plan(name, from_version, to_version, [link for link in found if link])

    def _of(self, name: str) -> Links:
        links = self._links.get(name)
        if links is None:
            raise unknown_schema(name, self.names)
        return links


def _check_size(parameter: str, version: float | str) -> None:
    """Raise ``InvalidArgument`` for a number that no version has and no message could show."""
    if isinstance(version, int) and abs(version) > MAX_VERSION:
        raise InvalidArgument(
            f"{parameter} is beyond {MAX_VERSION}, the highest version there can be",
            parameter=parameter,
        )
