"""A plan: the chain of steps that leads from one version of a schema to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from llmspell.errors import SchemaError, UnsafeMigration
from llmspell_bridges.values import Value

__all__ = ["Kind", "Link", "Plan", "PlannedStep", "Run", "StepReport", "Warn"]

Kind: TypeAlias = Literal["step", "rollback", "derived_rollback", "compatible"]
Warn: TypeAlias = Callable[[str], None]
Run: TypeAlias = Callable[[Value, Warn | None], Value]


class PlannedStep(NamedTuple):
    """One step of a plan, as it is shown.

    ``kind``: ``step``, as its author wrote it; ``rollback``, the ``rollback_transformations`` of
    a step; ``derived_rollback``, a step undone by the opposite of each of its transforms;
    ``compatible``, between schemas of which the one accepts the values of the other. ``issues``
    are what makes it unsafe, ``warnings`` what somebody should know.
    """

    name: str
    from_version: int
    to_version: int
    kind: Kind
    description: str = ""
    transforms: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the step as plain data."""
        return {
            name: list(part) if isinstance(part, tuple) else part
            for name, part in self._asdict().items()
        }


class StepReport(NamedTuple):
    """What can be said of one step by itself.

    ``way`` is the step as a plan would take it and ``back`` its undoing, ``None`` where there is
    none for the ``obstacles``. ``mistake`` is what compiling it raises, such as a transformer
    that there is not; ``source`` its file.
    """

    way: PlannedStep
    back: PlannedStep | None
    obstacles: tuple[str, ...]
    mistake: SchemaError | None
    source: Path | None


class Link:
    """A step between two versions and, compiled when first asked for, what it does."""

    def __init__(self, step: PlannedStep, compiled: Callable[[], Run]) -> None:
        self.step = step
        self._compiled = compiled

    @cached_property
    def run(self) -> Run:
        """The step as a function. Raises ``SchemaError`` for names that nothing stands for."""
        return self._compiled()


class Plan:
    """How values get from one version of a schema to another.

    Without steps where the versions are the same. ``issues`` are the reasons why it should not
    be applied; ``is_safe`` when there are none. Its steps are compiled when it is first applied.
    """

    def __init__(
        self, schema: str, from_version: int, to_version: int, links: Sequence[Link] = ()
    ) -> None:
        self.schema = schema
        self.from_version = from_version
        self.to_version = to_version
        self.steps = tuple(link.step for link in links)
        self.issues = tuple(issue for step in self.steps for issue in step.issues)
        self.warnings = tuple(warning for step in self.steps for warning in step.warnings)
        self.is_safe = not self.issues
        self._links = tuple(links)

    def __repr__(self) -> str:
        way = f"{self.from_version} -> {self.to_version}"
        return f"Plan({self.schema!r}, {way}, steps={len(self.steps)}, is_safe={self.is_safe})"

    def compile(self) -> Plan:
        """Compile the steps now, and return the plan.

        Raises ``SchemaError`` for a transformer or validator that there is not.
        """
        _ = self._runs
        return self

    def apply(self, value: Value, warn: Warn | None = None) -> Value:
        """Return a value of the version it leads to.

        Changes ``value`` in place, which nobody else may have; after ``MigrationFailed`` it is
        half done, to be thrown away. ``warn`` gets what a step passed over.
        """
        for run in self._runs:
            value = run(value, warn)
        return value

    def require_safe(self) -> Plan:
        """Return the plan, or raise ``UnsafeMigration`` with everything that is wrong with it."""
        if self.is_safe:
            return self
        way = f"{self.from_version} to {self.to_version}"
        raise UnsafeMigration(
            f"migrating '{self.schema}' from version {way} is not safe: {'; '.join(self.issues)}",
            hint="mend the steps as each issue says, or migrate with allow_unsafe "
            "once you know that nothing of worth is lost",
            schema=self.schema,
            from_version=self.from_version,
            to_version=self.to_version,
            issues=list(self.issues),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, to be shown."""
        return {
            "schema": self.schema,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "steps": [step.to_dict() for step in self.steps],
            "issues": list(self.issues),
            "is_safe": self.is_safe,
            "warnings": list(self.warnings),
        }

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        return tuple(link.run for link in self._links)
