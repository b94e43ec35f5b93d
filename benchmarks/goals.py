"""The goals of speed and memory, and whether a run meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from benchmarks.parallel import PROCESSES, THREADS
from benchmarks.size import SIZE

__all__ = ["GOALS", "NOT_CHOSEN", "SIZE_GOALS", "Goal", "SizeGoal", "Verdict", "judged"]


class Goal(NamedTuple):
    """A candidate's time as a multiple of a yardstick's, or in microseconds without one.

    ``most`` is the largest allowed value of ``candidate / yardstick``, ``least`` the smallest of
    ``yardstick / candidate``: how many times faster the candidate must be.
    """

    what: str
    candidate: str
    yardstick: str = ""
    most: float | None = None
    least: float | None = None


class SizeGoal(NamedTuple):
    """A bound on a figure of the large store, or on the ratio of two."""

    what: str
    figure: str
    most: float
    unit: str
    per: str = ""


class Verdict(NamedTuple):
    """One row of the report. ``measured`` and ``met`` are None when something is missing.

    ``verdict`` is "met", "missed by" so much of the goal, or "open".
    """

    what: str
    goal: str
    measured: str | None
    met: bool | None
    verdict: str
    note: str


NOT_CHOSEN: Final = "not chosen"
#: Rounds whose median is so many times the best one were disturbed by something.
UNSTEADY: Final = 1.5
_EVAL: Final = "Redis EVAL {} with cjson"
GOALS: Final = (
    Goal(
        "SQLite save from Lua, journal off, to a bare sqlite3 upsert",
        "sqlite-nojournal/lua/save",
        "bare-sqlite3/python/save",
        most=1.8,
    ),
    Goal(
        "SQLite save from Lua, journal on, to a bare sqlite3 upsert",
        "sqlite/lua/save",
        "bare-sqlite3/python/save",
        most=2.3,
    ),
    Goal(
        "SQLite save from Lua, faster than diskcache.set",
        "sqlite/lua/save",
        "diskcache/python/save",
        least=2,
    ),
    Goal(
        "SQLite save from Lua, faster than LangGraph SqliteStore.put",
        "sqlite/lua/save",
        "langgraph-sqlite/python/save",
        least=20,
    ),
    *(
        Goal(
            f"relaxed save from {who}, to {_EVAL.format('SET')}",
            f"sqlite-relaxed/{caller}/save",
            "redis/eval/save",
            most=3,
        )
        for who, caller in (
            ("Lua", "lua"),
            ("JS (State.sync)", "js-sync"),
            ("JS (await)", "js-await"),
        )
    ),
    *(
        Goal(
            f"cached load from {who}, to {_EVAL.format('GET')}",
            f"sqlite/{caller}/load",
            "redis/eval/load",
            most=1.5,
        )
        for who, caller in (("Lua", "lua"), ("JS (State.sync)", "js-sync"))
    ),
    *(
        Goal(
            f"SQLite save_many from {who}, one entry of a batch",
            f"sqlite/{caller}/save_many",
            most=6,
        )
        for who, caller in (("Python", "python"), ("Lua", "lua"), ("JS (State.sync)", "js-sync"))
    ),
    *(
        Goal(
            f"{name}: saves of {most} {kind}, to one alone (throughput)",
            f"{backend}/{kind}-{most}/save",
            f"{backend}/{kind}-1/save",
            least=1,
        )
        for kind, most, backends in (
            (
                "threads",
                THREADS,
                {
                    "memory": "Memory",
                    "sqlite": "SQLite",
                    "postgresql": "PostgreSQL",
                    "rocksdb": "RocksDB",
                },
            ),
            ("processes", PROCESSES, {"sqlite": "SQLite", "postgresql": "PostgreSQL"}),
        )
        for backend, name in backends.items()
    ),
)
SIZE_GOALS: Final = (
    # The cache counts its own entries; SQLite's page cache and the interpreter come on top.
    SizeGoal(
        "memory grown by loading every entry, to the cache's bound",
        "read_grown_mib",
        1.5,
        "x",
        "cache_mib",
    ),
    SizeGoal(
        "a page of list_keys, to one in a store of 1,000",
        "page_large_us",
        1.5,
        "x",
        "page_small_us",
    ),
    SizeGoal(
        "time to open in a fresh process, imports and one load included", "open_ms", 200, "ms"
    ),
)


def judged(document: Mapping[str, Any]) -> list[Verdict]:
    """Compare a run's figures with the goals."""
    results = {row["name"]: row for row in document["results"]}
    reasons = {row["name"]: row["reason"] for row in document["missing"]}
    verdicts = [_judge(goal, results, reasons) for goal in GOALS]
    verdicts.append(_lost_updates(document["results"], reasons))
    return verdicts + [_judge_size(goal, document["size"], reasons) for goal in SIZE_GOALS]


def _judge(goal: Goal, results: Mapping[str, Any], reasons: Mapping[str, str]) -> Verdict:
    limit = goal.most if goal.most is not None else goal.least
    assert limit is not None
    sign = "<=" if goal.most is not None else ">="
    unit = " x" if goal.yardstick else " us"
    wanted = f"{sign} {limit:g}{unit}"
    for name in (goal.candidate, goal.yardstick):
        if name and name not in results:
            return _open(goal.what, wanted, _reason(name, reasons))
    rows = [results[name] for name in (goal.candidate, goal.yardstick) if name]
    took = rows[0]["best_us"]
    note = f"{took:.1f} us"
    value = took
    if goal.yardstick:
        yardstick = rows[1]["best_us"]
        note += f" to {yardstick:.1f} us"
        value = took / yardstick if goal.most is not None else yardstick / took
    if any(row["median_us"] > UNSTEADY * row["best_us"] for row in rows):
        note += "; unsteady, measure again"
    beyond = value / limit if goal.most is not None else limit / value
    return _closed(goal.what, wanted, f"{value:.2f}{unit}", beyond, note)


def _closed(what: str, wanted: str, measured: str, beyond: float, note: str) -> Verdict:
    """Return the verdict on a figure that is ``beyond`` times what it may be."""
    met = beyond <= 1
    verdict = "met" if met else f"missed by {max(1, round((beyond - 1) * 100))} %"
    return Verdict(what, wanted, measured, met, verdict, note)


def _open(what: str, wanted: str, note: str) -> Verdict:
    return Verdict(what, wanted, None, None, "open", note)


def _reason(name: str, reasons: Mapping[str, str]) -> str:
    subject = name.partition("/")[0]
    return f"{subject}: {reasons.get(name) or reasons.get(subject) or NOT_CHOSEN}"


def _lost_updates(results: list[Mapping[str, Any]], reasons: Mapping[str, str]) -> Verdict:
    what = "updates lost by threads and processes that count up one number"
    counted = [row for row in results if row["lost"] is not None]
    if not counted:
        return _open(what, "0", _reason(f"sqlite/threads-{THREADS}/increment", reasons))
    lost = sum(abs(row["lost"]) for row in counted)
    where = ", ".join(row["name"] for row in counted if row["lost"])
    verdict = f"missed by {lost}" if lost else "met"
    note = where or f"{len(counted)} candidates counted"
    return Verdict(what, "0", str(lost), lost == 0, verdict, note)


def _judge_size(
    goal: SizeGoal, size: Mapping[str, Any] | None, reasons: Mapping[str, str]
) -> Verdict:
    wanted = f"<= {goal.most:g} {goal.unit}"
    if not size:
        return _open(goal.what, wanted, _reason(SIZE, reasons))
    figure = value = size[goal.figure]
    note = f"{size['entries']:,} entries"
    if goal.per:
        value = figure / size[goal.per]
        note += f"; {figure:.1f} to {size[goal.per]:.1f}"
    return _closed(goal.what, wanted, f"{value:.2f} {goal.unit}", value / goal.most, note)
