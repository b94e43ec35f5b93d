"""How long backups are kept: policies by age, number, room and importance, and one of your own.

    python examples/python/retention_policies.py

The first half plans for half a year of backups that are only imagined; the second half makes a few
and removes some, in a folder of its own, which is removed at the end.
"""

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmspell import Config, Runtime
from llmspell.backup.model import Manifest
from llmspell.backup.retention import (
    AllOf,
    CountBased,
    Custom,
    ImportanceBased,
    RetentionPolicy,
    RetentionResult,
    SizeBased,
    TimeBased,
    plan_retention,
)
from llmspell.state.manager import StateManager

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
DAYS = 180
SUNDAY = 6


def first_of_month(backups: Sequence[Manifest], now_us: int) -> list[str]:
    """Keep what was made on the first day of a month."""
    return [each.id for each in backups if each.id[6:8] == "01"]


POLICIES: dict[str, RetentionPolicy] = {
    "30 days, and 5 at least": TimeBased(dt.timedelta(days=30), min_backups=5),
    "7 days, 4 weeks, 12 months": CountBased(1, keep_daily=7, keep_weekly=4, keep_monthly=12),
    "3,000 bytes": SizeBased(3_000),
    "by importance": ImportanceBased(
        full=dt.timedelta(days=60),
        incremental=dt.timedelta(days=14),
        scope=dt.timedelta(days=7),
        scope_priorities={"agent:*": dt.timedelta(days=120)},
    ),
    "both of two": AllOf(TimeBased(dt.timedelta(days=90)), CountBased(20)),
    "first of a month": Custom(first_of_month),
}


def imagined(full: Manifest, incremental: Manifest, scope: Manifest) -> Iterator[Manifest]:
    """Yield a full backup for each Sunday, an agent's each Monday, and what is between them."""
    last: Manifest | None = None
    for age in range(DAYS, 0, -1):
        at = NOW - dt.timedelta(days=age)
        day = f"{at:%Y%m%dT%H%M%SZ}"
        dated = {"id": f"{day}-000000", "created_us": int(at.timestamp() * 1e6)}
        if last is None or at.weekday() == SUNDAY:
            last = full.model_copy(update={**dated, "stored_bytes": 500, "label": None})
        else:
            chain = (*last.chain, last.id)
            based = {"base": last.id, "base_checksum": last.checksum, "chain": chain}
            last = incremental.model_copy(update={**dated, **based, "stored_bytes": 50})
            if at.weekday() == 0:
                yield scope.model_copy(update={**dated, "id": f"{day}-000001"})
        yield last


def plan_for(backups: list[Manifest]) -> None:
    """Print what each policy would keep. What a kept backup is made from stays, too."""
    print("of", dict(Counter(each.type for each in backups)))
    for name, policy in POLICIES.items():
        plan = plan_retention(policy, backups, int(NOW.timestamp() * 1e6))
        kept = dict(sorted(Counter(each.type for each in plan.keep).items()))
        bases = sum(each.reason.startswith("base of") for each in plan.keep)
        print(f"{name}: {kept}, {bases} only as a base")


def told(result: RetentionResult) -> str:
    """Return what was removed, or would be."""
    done = "would remove" if result.dry_run else "removed"
    freed = "some room" if result.freed_bytes else "nothing"
    return f"{done} {len(result.deleted)}, kept {len(result.kept)}, freed {freed}"


def clean_up(state: StateManager) -> None:
    """Remove real backups: first only looking, then in earnest."""
    policy = CountBased(2)
    print(told(state.cleanup_backups(policy=policy, dry_run=True)))
    result = state.cleanup_backups(policy=policy)
    print(told(result))
    for verdict in result.kept:
        reason = "base of another" if verdict.reason.startswith("base of") else verdict.reason
        print(f"  {verdict.type}: {reason}")
    # Without a policy it is the one of the configuration.
    print(told(state.cleanup_backups()))
    print("verified:", all(state.validate_backup(each.id).valid for each in state.list_backups()))


def main() -> None:
    """Plan for half a year, and clean up among a few backups."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            state={
                "path": str(Path(folder, "state.db")),
                "backup": {
                    "enabled": True,
                    "backup_dir": str(Path(folder, "backups")),
                    "retention": {"kind": "size", "max_total_bytes": 1_000_000},
                },
            }
        )
        with Runtime(config) as runtime:
            state = runtime.state
            state.save("agent:writer", "draft", "It was a dark and stormy night")
            pinned = state.create_backup(label="keep: the first draft")
            state.save("agent:writer", "draft", "It was the best of times")
            incremental = state.create_backup("incremental")
            scope = state.create_backup("scope", scope="agent:writer")
            plan_for(list(imagined(pinned, incremental, scope)))

            # Labels that begin with "keep:" pin a backup: no policy removes it.
            for number in range(4):
                state.create_backup()
                state.save("global", "number", number)
                state.create_backup("incremental")
            clean_up(state)


if __name__ == "__main__":
    main()
