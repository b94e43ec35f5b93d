"""Manifests of backups that nobody had to make, and places full of them."""

import datetime as dt
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from llmspell.backup.manifest_file import pack
from llmspell.backup.model import Compression, Manifest, time_of
from llmspell.backup.repository.base import Repository
from llmspell.backup.repository.opening import open_repository

__all__ = ["CHUNK", "DAY_US", "HOUR_US", "NOW_US", "backup", "inventories", "place_with", "us"]

CHUNK = "chunk-000001.msgpack"

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def us(text: str) -> int:
    """The microseconds of a time in ISO format."""
    return round(dt.datetime.fromisoformat(text).timestamp() * 1_000_000)


NOW_US = us("2026-07-01T12:00:00+00:00")


def backup(number: int, created_us: int, base: Manifest | None = None, **facts: Any) -> Manifest:
    """A manifest; its type follows from its base and scope unless it is given."""
    kind = "incremental" if base else "scope" if facts.get("scope") else "full"
    return Manifest(
        id=f"{time_of(created_us):%Y%m%dT%H%M%SZ}-{number:06x}",
        **{
            "type": kind,
            "llmspell_version": "0.1.0",
            "backend": "memory",
            "created_us": created_us,
            "snapshot_us": created_us,
            "completed_us": created_us,
            "base": base and base.id,
            "base_checksum": base and base.checksum,
            "chain": (*base.chain, base.id) if base else (),
            "format": "msgpack",
            "compression": Compression(algorithm="none", level=0),
            "entries": 1,
            "records": 1,
            "size_bytes": 100,
            "stored_bytes": 10,
            "chunks": (),
            "checksum": sha256(str(number).encode()).hexdigest(),
            **facts,
        },
    )


@st.composite
def inventories(draw: st.DrawFn, *, damaged: bool = True) -> list[Manifest]:
    """Trees of backups whose clock jumped, of which some lost their base or took another's place."""
    found: list[Manifest] = []
    for number in range(draw(st.integers(0, 14))):
        bases = [each for each in found if each.type != "scope"]
        base = draw(st.none() | st.sampled_from(bases)) if bases else None
        at = NOW_US + HOUR_US * draw(st.integers(-24 * 60, 24 * 3 if damaged else 0))
        facts: dict[str, Any] = {"stored_bytes": draw(st.integers(0, 50))}
        if base is None:
            facts["scope"] = draw(st.sampled_from([None, None, "agent:a", "user:1"]))
        elif base.type == "full" and draw(st.booleans()):
            facts["type"] = "differential"
        if damaged:
            facts["label"] = draw(st.sampled_from([None, None, None, "keep", "keep: x", "keeper"]))
        found.append(backup(number, at, base, **facts))
    if damaged:
        gone = draw(st.sets(st.sampled_from(found), max_size=2)) if found else set()
        found = [each for each in found if each not in gone]
        if found and draw(st.integers(0, 4)) == 0:
            other = draw(st.sampled_from(found))
            found[found.index(other)] = other.model_copy(update={"checksum": "0" * 64})
    return draw(st.permutations(found))


def place_with(folder: Path, manifests: Iterable[Manifest]) -> Repository:
    """A place with these backups, each with one file of as many bytes as its manifest says."""
    repository = open_repository(folder)
    with repository.lock("test"):
        for manifest in manifests:
            with repository.creating(manifest.id) as draft:
                draft.put(CHUNK, b"x" * manifest.stored_bytes)
                draft.commit(pack(manifest))
    return repository
