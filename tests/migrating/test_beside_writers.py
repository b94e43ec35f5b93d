"""Writers beside a migration lose nothing, and neither does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from llmspell import Runtime

from .profiles import new, old

KEYS = 40


def test_what_others_write_meanwhile_is_kept_and_migrated(
    open_runtime: Callable[..., Runtime], backend: str
) -> None:
    state = open_runtime(backend).state
    for number in range(KEYS):
        state.save("user:x", f"p{number}", old(number) | {"count": 0}, schema_version=1)
    counted = [0] * KEYS
    stop = threading.Event()

    def count(value: dict[str, Any]) -> dict[str, Any]:
        return value | {"count": value["count"] + 1}

    def write(first: int) -> None:
        number = first
        while not stop.is_set():
            state.update("user:x", f"p{number}", count)
            counted[number] += 1
            number = first + (number - first + 1) % (KEYS // 2)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, KEYS // 2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            done = state.migrate_all(batch_size=8)
            assert done.success
            if done.status != "nothing_to_do":  # all may have been written since the last one
                assert state.rollback_migration(done.id).success
        state.migrate_all(batch_size=8)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert state.migrate_all().success
    for number in range(KEYS):
        assert state.load("user:x", f"p{number}") == new(number) | {"count": counted[number]}


def test_what_comes_in_old_while_it_runs_is_migrated_too(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime().state
    for number in range(10):
        state.save("user:b", f"p{number}", old(number), schema_version=1)
    late = iter(range(3))

    def another(event: Any) -> None:
        # In a scope that the migration has passed.
        if event.kind == "batch" and (number := next(late, None)) is not None:
            state.save("user:a", f"late{number}", old(number), schema_version=1)

    result = state.migrate_all(batch_size=4, on_event=another)
    assert (result.success, result.items_migrated) == (True, 13)
    assert state.migration_status()["up_to_date"]


def test_one_that_is_written_all_the_time_does_not_hold_up_the_others(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime().state
    for number in range(20):
        state.save("user:x", f"p{number}", old(number), schema_version=1)
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            state.update("user:x", "p7", lambda value: value)

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        assert state.migrate_all().success
    finally:
        stop.set()
        thread.join()
    assert state.migration_status()["pending"] == 0
