"""Transactions are serializable: however they meet, it is as if one had come after the other."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Generator, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import VersionConflict
from llmspell.state.manager import StateManager
from llmspell.state.transaction import Transaction
from llmspell.store import open_store

from .beside import end, finish, line, start
from .conftest import Desk, sandbox
from .test_update import in_threads

KEYS = ("a", "b", "c")

# A step reads a key into the script's only register, adds to it, or writes it to a key: what is
# written depends on all that was read.
steps = st.lists(
    st.tuples(st.sampled_from(["read", "write", "delete", "exists"]), st.sampled_from(KEYS)),
    min_size=1,
    max_size=5,
)
Script = list[tuple[str, str]]


def play(tx: Transaction, script: Script, name: int) -> Generator[None]:
    """Do a script's steps one by one."""
    register = name
    for verb, key in script:
        if verb == "read":
            register = register * 7 + tx.load("g", key, 0)
        elif verb == "exists":
            register = register * 7 + tx.key_exists("g", key)
        elif verb == "delete":
            register = register * 7 + tx.delete("g", key)
        else:
            tx.save("g", key, register)
        yield


def fresh() -> StateManager:
    state = StateManager(open_store("memory"))
    state.save_many("g", {"a": 1, "b": 2})
    return state


def ended(state: StateManager) -> dict[str, Any]:
    values = state.load_many("g", KEYS)
    state.close()
    return values


def one_after_the_other(scripts: list[Script], order: tuple[int, ...]) -> dict[str, Any]:
    state = fresh()
    for number in order:
        with state.transaction() as tx:
            list(play(tx, scripts[number], number))
    return ended(state)


def mixed(scripts: list[Script], turns: Iterator[int]) -> dict[str, Any]:
    """Run scripts step by step, in any mixture; one that meets a conflict begins again."""
    state = fresh()
    running: dict[int, tuple[Transaction, Generator[None]]] = {}
    waiting = set(range(len(scripts)))
    while waiting:
        number = sorted(waiting)[next(turns) % len(waiting)]
        if number not in running:
            tx = state.begin_transaction()
            running[number] = tx, play(tx, scripts[number], number)
        tx, game = running[number]
        try:
            if next(game, "over") == "over":
                tx.commit()
                waiting.discard(number)
        except VersionConflict:
            del running[number]
    return ended(state)


@settings(deadline=None)
@given(st.lists(steps, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_any_mixture_of_transactions_equals_one_order_of_them(
    scripts: list[Script], chance: random.Random
) -> None:
    outcome = mixed(scripts, iter(lambda: chance.randrange(6), None))
    orders = permutations(range(len(scripts)))
    assert outcome in [one_after_the_other(scripts, order) for order in orders]


ACCOUNTS = 5
TRANSFER = {
    "lua": """for i = 1, COUNT do
      State.transaction(function(tx)
        local from, to = 'a' .. math.random(0, 4), 'a' .. math.random(0, 4)
        local total = 0
        for n = 0, 4 do total = total + tx.load('bank', 'a' .. n) end
        if total ~= 500 then error('saw a total of ' .. total) end
        local amount = math.random(1, 20)
        tx.save('bank', from, tx.load('bank', from) - amount)
        tx.save('bank', to, tx.load('bank', to) + amount)
      end)
    end""",
    "js": """const pick = () => 'a' + Math.floor(Math.random() * 5);
    for (let i = 0; i < COUNT; i++) {
      await State.transaction(async (tx) => {
        const from = pick(), to = pick(), amount = 1 + Math.floor(Math.random() * 20);
        let total = 0;
        for (let n = 0; n < 5; n++) total += await tx.load('bank', 'a' + n);
        if (total !== 500) throw Error('saw a total of ' + total);
        await tx.save('bank', from, await tx.load('bank', from) - amount);
        await tx.save('bank', to, await tx.load('bank', to) + amount);
      });
    }""",
}


def open_accounts(state: StateManager) -> None:
    state.save_many("bank", {f"a{number}": 100 for number in range(ACCOUNTS)})


def total(state: StateManager) -> int:
    return sum(state.load_many("bank", [f"a{number}" for number in range(ACCOUNTS)]).values())


def test_threads_of_lua_javascript_and_python_that_move_money_keep_the_total(desk: Desk) -> None:
    open_accounts(desk.state)

    def work(number: int) -> None:
        if number % 3 == 2:
            for _ in range(20):
                desk.state.run_transaction(transfer)
            return
        engine = ("lua", "js")[number % 3]
        own = sandbox(engine, desk.state)
        own.run(TRANSFER[engine].replace("COUNT", "20"), name="script")
        own.close()

    in_threads(6, work)
    assert total(desk.state) == 500


def transfer(tx: Transaction) -> None:
    names = [f"a{number}" for number in range(ACCOUNTS)]
    assert sum(tx.load("bank", name) for name in names) == 500
    source, target, amount = random.choice(names), random.choice(names), random.randint(1, 20)
    tx.save("bank", source, tx.load("bank", source) - amount)
    tx.save("bank", target, tx.load("bank", target) + amount)


MOVE_MONEY = """
import random
import signal
import time
names = [f"a{number}" for number in range(5)]
def transfer(tx):
    values = {name: tx.load("bank", name) for name in names}
    assert sum(values.values()) == 500, values
    source, target = random.sample(names, 2)
    tx.save("bank", source, values[source] - 7)
    tx.save("bank", target, values[target] + 7)
for _ in range(40):
    state.run_transaction(transfer)
tell("done")
"""


def test_processes_that_move_money_keep_the_total_and_leave_a_whole_history(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    state = StateManager(open_store("sqlite", path=path))
    open_accounts(state)
    assert finish(*(start(path, MOVE_MONEY) for _ in range(4))) == ["done"] * 4
    assert total(state) == 500
    assert sum(len(state.history("bank", f"a{n}")) for n in range(ACCOUNTS)) == 5 + 4 * 40 * 2
    assert [step.problems for step in state.verify() if step.problems] == []
    state.close()


PAIR_FOR_EVER = """
number = state.load("g", "a", 0)
while True:
    number += 1
    with state.transaction() as tx:
        tx.save("g", "a", number)
        tx.save("g", "b", number)
    os.write(1, b"%d\\n" % number)
"""


def test_of_a_killed_process_every_transaction_that_ended_is_there_and_none_by_half(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    for _ in range(2):
        writer = start(path, PAIR_FOR_EVER)
        told = [line(writer)]
        time.sleep(0.2)
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        rest = writer.stdout.read().splitlines(keepends=True)
        told += [each for each in rest if each[-1] == "\n"]
        end(writer)
        state = StateManager(open_store("sqlite", path=path))
        values = state.load_many("g", ["a", "b"])
        assert values["a"] == values["b"] >= int(told[-1])
        state.close()
