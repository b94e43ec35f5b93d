"""Transactions: several reads and writes happen as one, or not at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.config import Config
from llmspell.errors import StateError, VersionConflict
from llmspell.state import transactions

from .conftest import Desk

MOVE = {
    "lua": """return State.transaction(function(tx)
      tx.save('bank', 'a', tx.load('bank', 'a') - 30)
      tx.save('bank', 'b', tx.load('bank', 'b', 0) + 30)
      return 'moved'
    end)""",
    "js": """return State.transaction(async (tx) => {
      await tx.save('bank', 'a', await tx.load('bank', 'a') - 30);
      await tx.save('bank', 'b', await tx.load('bank', 'b', 0) + 30);
      return 'moved';
    })""",
}


def test_all_writes_of_a_transaction_are_made_and_its_result_is_the_functions(
    desk: Desk, engine: str
) -> None:
    desk.state.save("bank", "a", 100)
    assert desk.run(engine, MOVE["lua"], MOVE["js"]) == "moved"
    assert desk.state.load_many("bank", ["a", "b"]) == {"a": 70, "b": 30}


def test_a_function_that_fails_writes_nothing_and_its_error_keeps_code_and_line(
    desk: Desk, engine: str
) -> None:
    desk.state.save("bank", "a", 100)
    error = desk.fail(
        engine,
        """State.transaction(function(tx)
          tx.save('bank', 'a', 0)
          tx.delete('bank', 'a')
          error({ code = 'no_funds', message = 'the account is empty' })
        end)""",
        """State.sync.transaction((tx) => {
          tx.save('bank', 'a', 0);
          tx.delete('bank', 'a');
          throw new StateError('the account is empty', 'no_funds');
        })""",
    )
    assert (error.code, error.message) == ("no_funds", "the account is empty")
    error = desk.fail(
        engine,
        "\nState.transaction(function(tx)\n  tx.save('bank', 'a', 0)\n  local x = nil + 1\nend)",
        "\nawait State.transaction(async (tx) => {\n  await tx.save('bank', 'a', 0);\n  null.x;\n})",
    )
    assert (error.file, error.line) == ("script", 4)
    with pytest.raises(ZeroDivisionError), desk.state.transaction() as tx:
        tx.save("bank", "a", 1 / 0)
    assert desk.state.load("bank", "a") == 100
    assert len(desk.state.history("bank", "a")) == 1


def test_a_transaction_sees_its_own_writes_and_nobody_else_does_before_it_ends(
    desk: Desk, engine: str
) -> None:
    desk.state.save("g", "k", "old")
    seen = desk.run(
        engine,
        """return State.transaction(function(tx)
          tx.save('g', 'k', 'new')
          local seen = { tx.load('g', 'k'), State.load('g', 'k'), tostring(tx.delete('g', 'k')) }
          seen[4], seen[5] = tostring(tx.key_exists('g', 'k')), tx.load('g', 'k', 'none')
          seen[6] = State.load('g', 'k')
          return seen
        end)""",
        """return State.sync.transaction((tx) => {
          tx.save('g', 'k', 'new');
          return [tx.load('g', 'k'), State.sync.load('g', 'k'), String(tx.delete('g', 'k')),
            String(tx.keyExists('g', 'k')), tx.load('g', 'k', 'none'), State.sync.load('g', 'k')];
        })""",
    )
    assert seen == ["new", "old", "true", "false", "none", "old"]
    assert not desk.state.key_exists("g", "k")


def test_a_function_runs_again_with_what_others_wrote_meanwhile(desk: Desk, engine: str) -> None:
    desk.state.save("g", "n", 1)
    runs = desk.run(
        engine,
        """local runs = 0
        State.transaction(function(tx)
          runs = runs + 1
          local n = tx.load('g', 'n')
          if runs == 1 then State.save('g', 'n', 10) end
          tx.save('g', 'n', n + 1)
        end)
        return runs""",
        """let runs = 0;
        await State.transaction(async (tx) => {
          const n = await tx.load('g', 'n');
          if (++runs === 1) await State.save('g', 'n', 10);
          await tx.save('g', 'n', n + 1);
        });
        return runs""",
    )
    assert (runs, desk.state.load("g", "n")) == (2, 11)


def test_a_conflict_that_the_function_catches_is_not_lost(desk: Desk, engine: str) -> None:
    """Otherwise the function would go on with one half of what was there before, one of after."""
    desk.state.save_many("g", {"a": 1, "b": 1})
    seen = desk.run(
        engine,
        """local seen = JSON.array {}
        State.transaction(function(tx)
          local a = tx.load('g', 'a')
          if #seen == 0 then State.save_many('g', { a = 2, b = 2 }) end
          local ok, b = pcall(tx.load, 'g', 'b')
          seen[#seen + 1] = ok and b or b.code
          local again, problem = pcall(tx.save, 'g', 'c', 1)
          if not again then seen[#seen + 1] = problem.code end
          if not ok then error('my own words for it') end
        end)
        return seen""",
        """const seen = [];
        await State.transaction(async (tx) => {
          await tx.load('g', 'a');
          if (!seen.length) await State.saveMany('g', { a: 2, b: 2 });
          try {
            seen.push(await tx.load('g', 'b'));
            await tx.save('g', 'c', 1);
          } catch (problem) {
            seen.push(problem.code);
            try { await tx.save('g', 'c', 1) } catch (again) { seen.push(again.code) }
            throw Error('my own words for it');
          }
        });
        return seen""",
    )
    assert seen == ["version_conflict", "version_conflict", 2]
    assert desk.state.load("g", "c") == 1


def test_a_transaction_that_always_meets_others_gives_up_and_says_so(
    desk: Desk, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "UPDATE_ATTEMPTS", 5)
    desk.state.save("g", "mine", "old")
    error = desk.fail(
        engine,
        """State.transaction(function(tx)
          tx.load('g', 'n')
          State.increment('g', 'n')
          tx.save('g', 'mine', 'new')
        end)""",
        """State.sync.transaction((tx) => {
          tx.load('g', 'n');
          State.sync.increment('g', 'n');
          tx.save('g', 'mine', 'new');
        })""",
    )
    assert error.code == "version_conflict"
    assert "gave up the transaction after 5 attempts" in error.message
    assert desk.state.load_many("g", ["n", "mine"]) == {"n": 5, "mine": "old"}


def test_if_version_in_a_transaction_is_the_callers_condition_and_repeats_nothing(
    desk: Desk, engine: str
) -> None:
    version = desk.state.save("g", "k", "old").version
    runs = desk.run(
        engine,
        f"""local runs = 0
        local function work(version)
          return function(tx) runs = runs + 1; tx.save('g', 'k', 'new', {{ if_version = version }}) end
        end
        local ok, problem = pcall(State.transaction, work({version + 1}))
        State.transaction(work({version}))
        return {{ problem.code, runs }}""",
        f"""let runs = 0, code;
        const work = (version) => (tx) => {{
          runs++;
          tx.save('g', 'k', 'new', {{ if_version: version }});
        }};
        try {{ State.sync.transaction(work({version + 1})) }} catch (problem) {{ code = problem.code }}
        State.sync.transaction(work({version}));
        return [code, runs]""",
    )
    assert runs == ["version_conflict", 2]
    with pytest.raises(VersionConflict):
        desk.state.run_transaction(lambda tx: tx.save("g", "k", "newer", if_version=version))
    assert desk.state.load("g", "k") == "new"


def test_a_transaction_inside_another_stands_for_itself(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        """State.transaction(function(outer)
          outer.save('g', 'outer', 1)
          State.transaction(function(inner) inner.save('g', 'inner', 1) end)
          error({ code = 'mine', message = 'no' })
        end)""",
        """await State.transaction(async (outer) => {
          await outer.save('g', 'outer', 1);
          await State.transaction(async (inner) => { await inner.save('g', 'inner', 1) });
          throw new StateError('no', 'mine');
        })""",
    )
    assert error.code == "mine"
    assert desk.state.list_keys("g") == ["inner"]


def test_coroutines_may_each_be_in_the_middle_of_a_transaction(desk: Desk) -> None:
    runs = desk.lua(
        """local runs = 0
        local function add(amount)
          return coroutine.wrap(function()
            return State.transaction(function(tx)
              runs = runs + 1
              local n = tx.load('g', 'n', 0)
              coroutine.yield('between')
              tx.save('g', 'n', n + amount)
              return 'done'
            end)
          end)
        end
        local a, b = add(1), add(10)
        assert(a() == 'between' and b() == 'between' and a() == 'done')
        assert(b() == 'between' and b() == 'done')
        return runs"""
    )
    assert (runs, desk.state.load("g", "n")) == (3, 11)


def test_transactions_that_wait_for_each_other_in_javascript_lose_nothing(desk: Desk) -> None:
    total = desk.js(
        """await Promise.all([1, 2, 3, 4, 5].map((amount) => State.transaction(async (tx) => {
          const n = await tx.load('g', 'n', 0);
          for (let turn = 0; turn < amount; turn++) await null;
          await tx.save('g', 'n', n + amount);
        })));
        return State.load('g', 'n')"""
    )
    assert total == 15


@pytest.mark.parametrize(
    "change",
    [
        """State.transaction(async (tx) => {
          const n = await tx.load('g', 'n', 0);
          await null;
          await tx.save('g', 'n', n + 1);
        })""",
        "State.update('g', 'n', async (n) => { await null; return n + 1 }, 0)",
    ],
)
def test_many_that_run_together_do_not_wait_for_each_other_in_vain(desk: Desk, change: str) -> None:
    began = time.monotonic()
    desk.js(f"await Promise.all(Array.from({{ length: 40 }}, () => {change})); 0")
    assert desk.state.load("g", "n") == 40
    assert time.monotonic() - began < 5


def test_what_a_script_left_open_is_dropped_when_its_run_has_ended(tmp_path: Path) -> None:
    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        script = """State.transaction(async (tx) => {
          await tx.save('g', 'k', 1);
          await new Promise(() => {});
        }); 0"""
        runtime.execute(script, engine="js")
        runtime.execute(
            "coroutine.wrap(function() State.transaction(function(tx)"
            " tx.save('g', 'k', 1) coroutine.yield() end) end)()",
            engine="lua",
        )
        assert runtime.state.list_scopes() == []


def test_a_transaction_that_is_over_cannot_be_used(desk: Desk, engine: str) -> None:
    problems = desk.run(
        engine,
        """local kept
        State.transaction(function(tx) kept = tx end)
        local codes = {}
        for i, name in ipairs { 'load', 'save', 'delete', 'key_exists' } do
          local ok, problem = pcall(kept[name], 'g', 'k', name == 'save' and 1 or nil)
          codes[i] = problem.code .. ': ' .. problem.message
        end
        return codes""",
        """let kept;
        await State.transaction((tx) => { kept = tx });
        const codes = [];
        for (const name of ['load', 'save', 'delete', 'keyExists']) {
          await kept[name]('g', 'k', ...(name === 'save' ? [1] : []))
            .catch((problem) => codes.push(problem.code + ': ' + problem.message));
        }
        return codes""",
    )
    assert [problem.split(": ")[0] for problem in problems] == ["state_error"] * 4
    assert all("the transaction is over" in problem for problem in problems)
    with desk.state.transaction() as tx:
        pass
    for use in (tx.commit, lambda: tx.load("g", "k"), lambda: tx.save("g", "k", 1)):
        with pytest.raises(StateError, match="over \\(committed\\)"):
            use()
    assert desk.state.list_keys("g") == []
