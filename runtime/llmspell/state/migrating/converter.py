"""From a stored entry to the write that brings it to another version of its schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmspell.errors import LlmSpellError, MigrationFailed, ValidationFailed
from llmspell.state.difference import Difference, differences
from llmspell.store.base import Put, Row
from llmspell.store.codec import decode

if TYPE_CHECKING:
    from llmspell.migration.plan import Plan
    from llmspell.migration.planner import Planner
    from llmspell.state.migrating.writer import BatchWriter

__all__ = ["Converter", "Encode", "StandardEncoder"]

#: Makes a blob of (scope, key), value, former value, class and schema version.
Encode = Callable[[tuple[str, str], Any, Any, str, int], bytes]
_MOST_WARNINGS: Final = 1000
_Quick: TypeAlias = Callable[[Any], bytes | None]
StandardEncoder: TypeAlias = Callable[[str, int], _Quick | None]
_Way: TypeAlias = "tuple[Plan, Callable[..., Any], int, _Quick | None]"
_new_put: Any = partial(tuple.__new__, Put)


class Converter:
    """Converts entries to the versions of ``targets``, by family.

    ``encode`` makes the stored form of a value, and raises what saving it would raise;
    ``standard_encoder`` returns what does it for class standard, family and version, where that
    is simple; and where it is not simple for a value, that returns None.
    ``warnings`` counts what steps had to say.
    """

    def __init__(
        self,
        planner: Planner,
        targets: Mapping[str, int],
        encode: Encode,
        *,
        standard_encoder: StandardEncoder | None = None,
        allow_unsafe: bool = False,
    ) -> None:
        self._planner, self._targets, self._encode = planner, targets, encode
        self._allow_unsafe = allow_unsafe
        self._plans: dict[tuple[str, int], Plan] = {}
        self.warnings: Counter[str] = Counter()
        self._standard_encoder = standard_encoder
        self._ways: dict[tuple[str, int], _Way] = {}

    def plan(self, family: str, version: int) -> Plan:
        """Return the way from a version to the one to reach.

        Raises ``UnsupportedVersion``, ``MigrationPathMissing``, ``UnsafeMigration`` and, for a
        function that there is not, ``SchemaError``.
        """
        known = self._plans.get((family, version))
        if known is not None:
            return known
        plan = self._planner.plan(family, version, self._targets[family])
        if not self._allow_unsafe:
            plan.require_safe()
        self.warnings.update((*plan.issues, *plan.warnings))
        plan.compile()
        self._plans[family, version] = plan
        return plan

    def _way(self, family: str, version: int) -> _Way:
        plan = self.plan(family, version)
        maker = self._standard_encoder
        quick = None if maker is None else maker(family, plan.to_version)
        way = self._ways[family, version] = (plan, plan.apply, plan.to_version, quick)
        return way

    def put(self, row: Row, family: str, at: int) -> Put:
        """Return the write that migrates an entry, unless somebody has changed it since.

        Class and time to expire stay. Raises ``MigrationFailed`` naming scope and key.
        """
        (put,) = self.puts([row], family, at, failed=_raised)
        return put

    def puts(
        self,
        rows: Sequence[Row],
        family: str,
        at: int,
        *,
        failed: Callable[[Row, MigrationFailed], None],
        writer: BatchWriter | None = None,
    ) -> list[Put]:
        """Return the writes that migrate entries of a family; ``failed`` is told of the others.

        ``writer`` is kept alive. One loop, for a batch may have many thousand entries.
        """
        puts: list[Put] = []
        ways, encode, warn = self._ways, self._encode, self._warn
        due = float("inf") if writer is None else writer.due
        for row in rows:
            scope, key, version, _, _, schema_version, state_class, expires_at, _, blob = row
            plan, apply, target, quick = ways.get((family, schema_version)) or self._way(
                family, schema_version
            )
            if monotonic() >= due and writer is not None:
                writer.keep_alive()
                due = writer.due
            try:
                value = apply(decode(blob), warn)
                stored = quick(value) if quick and state_class == "standard" else None
                if stored is None:
                    stored = encode((scope, key), value, blob, state_class, target)
            except LlmSpellError as error:
                failed(row, _failed(error, row, plan))
                continue
            write = (scope, key, stored, at, target, state_class, expires_at, version, 1)
            puts.append(_new_put(write))
        return puts

    def differences(self, row: Row, put: Put) -> list[Difference]:
        """Return in which places a migration changes a value."""
        return list(differences(decode(row.blob), decode(put.blob)))

    def steps(self) -> list[str]:
        """Return the names of all steps of the ways used, in their order."""
        plans = (plan for plan, *_ in self._ways.values())
        return list(dict.fromkeys(step.name for plan in plans for step in plan.steps))

    def steps_of(self, families: Set[str]) -> list[tuple[str, str]]:
        """Return family and name of each step of the ways used in some families."""
        return list(
            dict.fromkeys(
                (family, step.name)
                for (family, _), (plan, *_) in self._ways.items()
                if family in families
                for step in plan.steps
            )
        )

    def told(self, most: int) -> list[str]:
        """Return the warnings, with how often each was given."""
        return [
            text if count == 1 else f"{text} ({count:,} times)"
            for text, count in self.warnings.most_common(most)
        ]

    def _warn(self, text: str) -> None:
        if text in self.warnings or len(self.warnings) < _MOST_WARNINGS:
            self.warnings[text] += 1


def _raised(row: Row, error: MigrationFailed) -> None:
    raise error from None


def _failed(error: LlmSpellError, row: Row, plan: Plan) -> MigrationFailed:
    """Return an error that names the entry, whatever went wrong with it."""
    place = f"key {row.key!r} in scope '{row.scope}'"
    facts: dict[str, Any] = {
        "scope": row.scope,
        "key": row.key,
        "schema": plan.schema,
        "from_version": plan.from_version,
        "to_version": plan.to_version,
    }
    if isinstance(error, MigrationFailed):
        return MigrationFailed(
            f"{place}: {error.message}", hint=error.hint, **{**error.details, **facts}
        )
    if isinstance(error, ValidationFailed):
        problems = error.details.get("problems", [])
        shown = "; ".join(f"{each['path']}: {each['message']}" for each in problems[:3])
        said = f"what the steps make of it does not fit version {plan.to_version}: {shown}"
        facts["problems"] = problems
    else:
        said = error.message
    return MigrationFailed(
        f"{place}: {said}", hint=error.hint or "the entry is as it was", cause=error.code, **facts
    )
