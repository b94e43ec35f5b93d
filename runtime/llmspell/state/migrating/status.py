"""What there is to know about versions: of the schemas, and of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from llmspell.state.migrating.census import census
from llmspell.state.migrating.selection import Selection
from llmspell.store.base import Store

if TYPE_CHECKING:
    from llmspell.migration.versioning import Versioning
    from llmspell.state.migrating.records import RunRecords

__all__ = ["status", "versions"]


def status(
    store: Store,
    versioning: Versioning,
    readable: Callable[[Iterable[str]], list[str]],
    runs: RunRecords,
    *,
    is_running: bool,
) -> dict[str, Any]:
    """Return how many entries of readable scopes are of which version, and the last run."""
    planner = versioning.planner
    selection = Selection(versioning, {name: planner.latest(name) for name in planner.names})
    counts = census(store, selection, readable)
    schemas: dict[str, Any] = {}
    for name in planner.names:
        latest = planner.latest(name)
        entries = {
            str(version): count for (of, version), count in sorted(counts.items()) if of == name
        }
        pending = sum(entries.values()) - entries.get(str(latest), 0)
        schemas[name] = {"latest": latest, "entries": entries, "pending": pending}
        schemas[name] |= _semantic(versioning, name, latest)
    pending = sum(each["pending"] for each in schemas.values())
    last = next(runs.latest(), None)
    told = {
        "schemas": schemas,
        "pending": pending,
        "up_to_date": pending == 0,
        "running": is_running,
    }
    if last is not None:
        told["last"] = last.to_dict()
    return told


def versions(versioning: Versioning) -> dict[str, Any]:
    """Return the versions of each schema, and what is known of them."""
    registry, planner = versioning.registry, versioning.planner
    told: dict[str, Any] = {}
    for name in planner.names:
        latest = planner.latest(name)
        known = registry.versions(name) if name in registry.names else ()
        told[name] = {
            "latest": latest,
            **_semantic(versioning, name, latest),
            "versions": [
                _version(versioning, name, version) if version in known else {"version": version}
                for version in planner.versions(name)
            ],
        }
    return told


def _version(versioning: Versioning, name: str, version: int) -> dict[str, Any]:
    schema = versioning.registry.get(name, version)
    told: dict[str, Any] = {"version": version, "semantic_version": str(schema.semantic_version)}
    if schema.description:
        told["description"] = schema.description
    if schema.compatibility is not None:
        told["compatibility"] = schema.compatibility
    return told


def _semantic(versioning: Versioning, name: str, version: int) -> dict[str, str]:
    registry = versioning.registry
    if name not in registry.names or version not in registry.versions(name):
        return {}
    return {"semantic_version": str(registry.get(name, version).semantic_version)}
