"""What leads from one version of a schema to another: steps, their undoing, compatibility."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from llmspell.errors import SchemaError
from llmspell.migration.checks import Checked, check_step
from llmspell.migration.compatible import filling
from llmspell.migration.compiling import compile_step
from llmspell.migration.files import repeated
from llmspell.migration.inverse import Inverse, invert
from llmspell.migration.paths import Path
from llmspell.migration.plan import Kind, Link, PlannedStep, Run, StepReport
from llmspell.migration.shape import Part, shape_of
from llmspell.migration.step import MigrationStep
from llmspell.migration.transforms import Transform

if TYPE_CHECKING:
    from llmspell.schema.functions import Functions
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["Links"]


class Links:
    """The links between the versions of one schema, each made when it is first asked for.

    Between two versions that a step leads between, forth or back, only the step and its undoing
    count: its author has said that something is to be done there, so that values are never
    passed on as they are because the two schemas look alike. Raises ``SchemaError`` for two
    steps between the same versions.
    """

    def __init__(
        self,
        schema: str,
        registry: SchemaRegistry,
        steps: Iterable[MigrationStep],
        *,
        transformers: Functions,
        validators: Functions,
    ) -> None:
        self.schema = schema
        self.schema_versions = (
            tuple(sorted(registry.versions(schema))) if schema in registry.names else ()
        )
        self.steps = _by_ends(steps)
        ends = {version for pair in self.steps for version in pair}
        self.versions = tuple(sorted({*self.schema_versions, *ends}))
        self._registry = registry
        self._transformers = transformers
        self._validators = validators
        self._beside = frozenset(pairwise(self.schema_versions))
        self._neighbours = self._all_neighbours()
        self._links: dict[tuple[int, int], Link | None] = {}
        self._shapes: dict[int, Part] = {}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The versions by their number and by their semantic version, as text."""
        semantic = {version: f"{version}.0.0" for version in self.versions}
        for version in self.schema_versions:
            semantic[version] = str(self._registry.get(self.schema, version).semantic_version)
        by_text = {text: version for version, text in semantic.items()}
        return by_text | {str(version): version for version in self.versions}

    def neighbours(self, version: int) -> tuple[int, ...]:
        """Return the versions that may be one link away, in either direction."""
        return self._neighbours.get(version, ())

    def between(self, from_version: int, to_version: int) -> Link | None:
        """Return the link from one version to another: a safe one if there is a choice."""
        ends = (from_version, to_version)
        if ends not in self._links:
            self._links[ends] = self._best(*ends)
        return self._links[ends]

    def is_safe(self, from_version: int, to_version: int) -> bool | None:
        """Tell whether the link is safe; ``None`` when there is no link."""
        link = self.between(from_version, to_version)
        return None if link is None else not link.step.issues

    def leads(self, from_version: int, to_version: int) -> bool:
        """Tell whether there is a link, safe or not."""
        return self.between(from_version, to_version) is not None

    def schema_at(self, version: int) -> StateSchema | None:
        """Return the schema of a version, ``None`` for one that only steps speak of."""
        known = version in self.schema_versions
        return self._registry.get(self.schema, version) if known else None

    def inverse(self, step: MigrationStep) -> Inverse:
        """Return how a step is undone, or why it cannot be."""
        try:
            return invert(step, self._transformers)
        except SchemaError as error:  # of a function; whoever takes the step itself will be told
            return Inverse(None, (error.message,))

    def differences(self, from_version: int, to_version: int) -> tuple[str, ...] | None:
        """Return why one schema does not accept the values of the one beside it.

        ``None`` when they are not beside each other, or a step leads between them.
        """
        low, high = sorted((from_version, to_version))
        if (low, high) not in self._beside or {(low, high), (high, low)} & self.steps.keys():
            return None
        found = self._registry.compare(self.schema, low, high)
        problems = found.backward if from_version == low else found.forward
        return tuple(f"{problem.path}: {problem.message}" for problem in problems)

    def report(self, step: MigrationStep) -> StepReport:
        """Return what can be said of a step by itself, its undoing included."""
        way = self._written(step)
        back = next(self._undoing(step), None)
        mistake: SchemaError | None = None
        for link in filter(None, (way, back)):
            try:
                _ = link.run
            except SchemaError as error:
                mistake = mistake or error
        obstacles = self.inverse(step).reasons if back is None else ()
        doubts = (*way.step.warnings, *self._left_unfit(step))
        return StepReport(
            way.step._replace(warnings=doubts),
            None if back is None else back.step,
            obstacles,
            mistake,
            step.source,
        )

    def _left_unfit(self, step: MigrationStep) -> Iterator[str]:
        """Yield which fields no transform touches though not every value of them will fit."""
        old, new = self.schema_at(step.from_version), self.schema_at(step.to_version)
        if old is None or new is None:
            return
        touched = {
            Path.parse(field).steps[:1]
            for transform in step.transformations
            for field in _fields_of(transform)
        }
        if () in touched:  # the whole value is made anew
            return
        for problem in self._registry.compare(self.schema, old.version, new.version).backward:
            if Path.parse(problem.path).steps[:1] not in touched:
                yield (
                    f"step '{step.name}' ({old.version} -> {new.version}) leaves {problem.path} as"
                    f" it is: {problem.message}; write a transform for it"
                )

    def _best(self, from_version: int, to_version: int) -> Link | None:
        unsafe: Link | None = None
        for link in self._made(from_version, to_version):
            if not link.step.issues:
                return link
            unsafe = unsafe or link
        return unsafe

    def _made(self, from_version: int, to_version: int) -> Iterator[Link]:
        if step := self.steps.get((from_version, to_version)):
            yield self._written(step)
        if undone := self.steps.get((to_version, from_version)):
            yield from self._undoing(undone)
        if self.differences(from_version, to_version) == ():
            yield self._compatible(from_version, to_version)

    def _written(self, step: MigrationStep) -> Link:
        checked = self._check(step)
        return self._link(step, "step", issues=checked.errors, warnings=checked.warnings)

    def _undoing(self, step: MigrationStep) -> Iterator[Link]:
        if step.rollback_transformations is not None:
            back = _reversed(step, step.rollback_transformations)
            checked = self._check(back)
            # Its author says that this undoes the step: what looks odd is told, and no more.
            yield self._link(back, "rollback", warnings=(*checked.errors, *checked.warnings))
            return
        inverse = self.inverse(step)
        if inverse.transforms is not None:
            name = f"undoing step '{step.name}' ({step.from_version} -> {step.to_version})"
            mended = "write rollback_transformations in the step to say how it is undone"
            issues = tuple(f"{name}: {loss}; {mended}" for loss in inverse.losses)
            yield self._link(_reversed(step, inverse.transforms), "derived_rollback", issues=issues)

    def _check(self, step: MigrationStep) -> Checked:
        old, new = self.schema_at(step.from_version), self.schema_at(step.to_version)
        return check_step(step, old=old, new=new, shape=self._shape)

    def _shape(self, schema: StateSchema) -> Part:
        shape = self._shapes.get(schema.version)
        if shape is None:
            shape = self._shapes[schema.version] = shape_of(schema, self._registry)
        return shape

    def _link(
        self,
        step: MigrationStep,
        kind: Kind,
        *,
        issues: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> Link:
        planned = PlannedStep(
            step.name,
            step.from_version,
            step.to_version,
            kind,
            step.description,
            tuple(transform.words for transform in step.transformations),
            issues,
            warnings,
        )

        def compiled() -> Run:
            return compile_step(
                step, transformers=self._transformers, validators=self._validators
            ).apply

        return Link(planned, compiled)

    def _compatible(self, from_version: int, to_version: int) -> Link:
        old = self._registry.get(self.schema, from_version)
        new = self._registry.get(self.schema, to_version)
        fill = filling(old, new, registry=self._registry)
        planned = PlannedStep(
            f"{self.schema}_v{from_version}_to_v{to_version}",
            from_version,
            to_version,
            "compatible",
            "what fits the one schema fits the other",
            fill.words,
        )
        return Link(planned, lambda: fill.run)

    def _all_neighbours(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, set[int]] = {}
        for low, high in (*self.steps, *self._beside):
            found.setdefault(low, set()).add(high)
            found.setdefault(high, set()).add(low)
        return {version: tuple(sorted(others)) for version, others in found.items()}


def _by_ends(steps: Iterable[MigrationStep]) -> dict[tuple[int, int], MigrationStep]:
    found: dict[tuple[int, int], MigrationStep] = {}
    for step in steps:
        ends = (step.from_version, step.to_version)
        if ends in found:
            raise repeated(found[ends], step)
        found[ends] = step
    return found


def _fields_of(transform: Transform) -> Iterator[str]:
    """Yield the paths that a transform names."""
    for name in ("field", "from_field", "to_field"):
        if (field := getattr(transform, name, None)) is not None:
            yield field
    for name in ("from_fields", "to_fields"):
        yield from getattr(transform, name, ())


def _reversed(step: MigrationStep, transforms: Iterable[object]) -> MigrationStep:
    """Return the step back. Conditions say what holds on the way forth, so it has none."""
    return step.model_copy(
        update={
            "name": f"{step.name} (rollback)",
            "from_version": step.to_version,
            "to_version": step.from_version,
            "description": f"undo {step.name}",
            "transformations": tuple(transforms),
            "pre_conditions": (),
            "post_conditions": (),
            "rollback_transformations": None,
        }
    )
