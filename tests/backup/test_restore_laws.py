"""Laws of restoring, for random histories with random backups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import PointUnreachable, RestoreFailed
from llmspell.store import open_store

from .histories import STEPS, History, Step, living, stored, without_versions


@contextmanager
def histories(backend: str = "memory") -> Iterator[History]:
    """A history whose backups lie in memory."""
    with TemporaryDirectory() as folder:
        history = History(Path(folder), backend, f"memory://{uuid4().hex}")
        try:
            yield history
        finally:
            history.store.close()


EXAMPLES = settings(max_examples=24, deadline=None)


@EXAMPLES
@given(steps=STEPS)
def test_every_backup_restores_what_there_was_into_an_empty_store(steps: list[Step]) -> None:
    with histories() as history:
        history.run(steps)
        for made, model in history.backups:
            empty = open_store("memory")
            history.restore(empty, made.id)
            assert stored(empty) == living(model)


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@settings(max_examples=10, deadline=None)
@given(steps=STEPS)
def test_every_backup_restores_what_there_was_into_the_live_store(
    backend: str, steps: list[Step]
) -> None:
    with histories(backend) as history:
        history.run(steps)
        for made, model in reversed(history.backups):
            before = stored(history.store)
            dry = history.restore(backup_id=made.id, dry_run=True)
            assert stored(history.store) == before
            done = history.restore(backup_id=made.id)
            after = stored(history.store)
            assert without_versions(after) == without_versions(living(model))
            for address, row in after.items():
                assert row.version >= model[address].version
                assert address not in before or row.version >= before[address].version
            assert (dry.restored, dry.unchanged, dry.deleted, dry.expired) == (
                done.restored,
                done.unchanged,
                done.deleted,
                done.expired,
            )
            assert history.restore(backup_id=made.id).status == "nothing_to_do"


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@settings(max_examples=10, deadline=None)
@given(steps=STEPS, offset=st.sampled_from([0, 300_000]))
def test_every_second_after_the_first_backup_can_be_gone_back_to(
    backend: str, steps: list[Step], offset: int
) -> None:
    with histories(backend) as history:
        history.run(steps)
        for moment in history.moments:
            by_time, by_position = open_store("memory"), open_store("memory")
            history.restore(by_time, at_us=moment.at + offset)
            assert stored(by_time) == living(moment.model)
            history.restore(by_position, seq=moment.seq)
            assert stored(by_position) == living(moment.model)


@EXAMPLES
@given(steps=STEPS)
def test_a_chain_alone_leads_to_every_moment_within_its_incremental_backups(
    steps: list[Step],
) -> None:
    with histories() as history:
        history.run(steps)
        for made, _ in history.backups:
            for moment in history.moments:
                empty = open_store("memory")
                try:
                    history.restore(empty, made.id, alone=True, at_us=moment.at)
                except PointUnreachable:
                    assert stored(empty) == {}
                else:
                    assert stored(empty) == living(moment.model)


@EXAMPLES
@given(steps=STEPS, data=st.data())
def test_keep_brings_back_only_what_is_missing_and_newer_also_what_is_older_there(
    steps: list[Step], data: st.DataObject
) -> None:
    with histories() as history:
        history.run(steps)
        made, model = data.draw(st.sampled_from(history.backups))
        policy = data.draw(st.sampled_from(["keep", "newer"]))
        before, then = stored(history.store), living(model)
        expected = dict(before)
        for address, row in then.items():
            there = before.get(address)
            if there is None or (policy == "newer" and row.updated_at > there.updated_at):
                expected[address] = row
        done = history.restore(backup_id=made.id, policy=policy)
        assert without_versions(stored(history.store)) == without_versions(expected)
        assert done.deleted == 0
        assert done.restored + done.unchanged + done.skipped == len(then)


@EXAMPLES
@given(steps=STEPS, data=st.data())
def test_a_scope_and_keys_of_it_are_restored_and_nothing_else_is_touched(
    steps: list[Step], data: st.DataObject
) -> None:
    with histories() as history:
        history.run(steps)
        made, model = data.draw(st.sampled_from(history.backups))
        scope = data.draw(st.sampled_from(["global", "user:1", "user:9"]))
        keys = data.draw(st.none() | st.just(("a", "zz")))

        def is_chosen(address: tuple[str, str]) -> bool:
            return address[0] == scope and (keys is None or address[1] in keys)

        before, then = stored(history.store), living(model)
        if not any(is_chosen(address) for address in (*before, *model)):
            with pytest.raises(RestoreFailed):
                history.restore(backup_id=made.id, scope=scope, keys=keys)
            return
        # Of what has run out since, some is in the backup, and some never was.
        is_there = any(is_chosen(address) for address in (*before, *then))
        with nullcontext() if is_there else suppress(RestoreFailed):
            history.restore(backup_id=made.id, scope=scope, keys=keys)
        after = stored(history.store)
        expected = {a: row for a, row in before.items() if not is_chosen(a)} | {
            a: row for a, row in then.items() if is_chosen(a)
        }
        assert without_versions(after) == without_versions(expected)
        assert {a: r for a, r in after.items() if not is_chosen(a)} == {
            a: r for a, r in before.items() if not is_chosen(a)
        }
