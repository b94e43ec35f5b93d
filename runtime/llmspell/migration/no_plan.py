"""Why there is no plan, in words that say what to write or to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from llmspell.errors import MigrationPathMissing, UnsupportedVersion
from llmspell.migration.route import reachable

if TYPE_CHECKING:
    from llmspell.migration.links import Links

__all__ = ["path_missing", "unknown_schema", "unknown_target", "unknown_versions"]

_LISTED = 20


def unknown_schema(name: str, names: Sequence[str]) -> UnsupportedVersion:
    """Nothing is known of a schema of this name."""
    guess = get_close_matches(str(name), names, n=1)
    listed = ", ".join(names[:_LISTED]) or "none: write one into the folder of schemas"
    return UnsupportedVersion(
        f"there is no schema '{name}', and no migration step for one",
        hint=f"did you mean '{guess[0]}'?" if guess else f"there are {listed}",
        schema=name,
    )


def unknown_target(links: Links, target: float | str) -> UnsupportedVersion:
    """A version was asked for, in some way, that nothing stands for."""
    return UnsupportedVersion(
        f"schema '{links.schema}' has no version {str(target)[:40]!r}; it has {_versions(links)}",
        hint="name one of these, or write a schema of the version that is missing",
        schema=links.schema,
        version=target if isinstance(target, int) else str(target)[:40],
        versions=list(links.versions),
    )


def unknown_versions(links: Links, from_version: int, to_version: int) -> UnsupportedVersion:
    """One end of a migration, or both, is a version that no schema and no step speaks of."""
    known = set(links.versions)
    said, hints = [], []
    if from_version not in known:
        said.append(f"the data is of version {from_version}")
        if from_version > max(known):
            said[-1] += ", which a newer version of the application stored"
            hints.append(
                "use the schemas and migrations of the application that stored it;"
                " `llmspell schema check --data` lists such entries"
            )
        else:
            hints.append(
                f'write a step with schema = "{links.schema}", from_version = {from_version} '
                f"that leads to one of them"
            )
    if to_version not in known:
        said.append(f"the target is version {to_version}")
        hints.append(
            f"choose a target that there is, or write a schema of version {to_version} "
            "and a step that leads there"
        )
    return UnsupportedVersion(
        f"schema '{links.schema}': {' and '.join(said)}; known here are {_versions(links)}",
        hint="; ".join(hints),
        schema=links.schema,
        from_version=from_version,
        to_version=to_version,
        versions=list(links.versions),
    )


def path_missing(
    links: Links, from_version: int, to_version: int, everything: Iterable[Links]
) -> MigrationPathMissing:
    """No chain of links leads from one version to another."""
    reached = reachable(from_version, neighbours=links.neighbours, leads=links.leads)
    leading = reachable(
        to_version, neighbours=links.neighbours, leads=lambda at, to: links.leads(to, at)
    )
    gap = _gap(reached, leading, is_up=from_version < to_version)
    reasons = list(_reasons(links, reached, leading, gap))
    text = f"schema '{links.schema}': nothing leads from version {gap[0]} to version {gap[1]}"
    if gap != (from_version, to_version):
        text += f", on the way from {from_version} to {to_version}"
    return MigrationPathMissing(
        "; ".join([text, *reasons]),
        hint=_hint(links, gap, everything),
        schema=links.schema,
        from_version=from_version,
        to_version=to_version,
        gap=list(gap),
        reasons=reasons,
    )


def _gap(reached: frozenset[int], leading: frozenset[int], *, is_up: bool) -> tuple[int, int]:
    """Return the two versions a link between which would mend it: the nearest, the right way."""

    def cost(pair: tuple[int, int]) -> tuple[bool, int, tuple[int, int]]:
        low, high = pair
        return (low < high) is not is_up, abs(low - high), pair

    return min(((low, high) for low in reached for high in leading), key=cost)


def _reasons(
    links: Links, reached: frozenset[int], leading: frozenset[int], gap: tuple[int, int]
) -> Iterator[str]:
    for (low, high), step in sorted(links.steps.items()):
        if high in reached and low in leading and not links.leads(high, low):
            why = ", ".join(links.inverse(step).reasons)
            yield f"step '{step.name}' ({low} -> {high}) cannot be undone: {why}"
    if problems := links.differences(*gap):
        yield (
            f"version {gap[1]} does not accept every value of version {gap[0]}: "
            + ", ".join(problems[:3])
            + (f" and {len(problems) - 3} more" if len(problems) > 3 else "")
        )


def _hint(links: Links, gap: tuple[int, int], everything: Iterable[Links]) -> str:
    written = (
        f'schema = "{links.schema}", from_version = {gap[0]}, to_version = {gap[1]} '
        "(`llmspell migrate new` drafts one)"
    )
    back = links.steps.get((gap[1], gap[0]))
    if back is not None:
        where = f" in {back.source}" if back.source else ""
        named = f"step '{back.name}'{where}"
        return f"write rollback_transformations for {named}, or a step with {written}"
    others = {other.schema: other for other in everything if not other.schema_versions}
    for name in get_close_matches(links.schema, others, n=1):
        for ends, step in others[name].steps.items():
            if ends == gap:
                return f"step '{step.name}' leads there for schema '{name}': correct its schema"
    return f"write a migration step with {written}"


def _versions(links: Links) -> str:
    numbers = [str(version) for version in links.versions]
    if len(numbers) > _LISTED:
        return f"{len(numbers)} versions from {numbers[0]} to {numbers[-1]}"
    return ("version " if len(numbers) == 1 else "versions ") + ", ".join(numbers)
