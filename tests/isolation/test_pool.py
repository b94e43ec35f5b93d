"""A pool shared by many threads: sizes, turns, reuse, closing, forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from isolation.processes import all_gone, workers
from llmspell import Runtime
from llmspell.errors import InvalidArgument, LimitExceeded, RuntimeClosed, SandboxClosed
from llmspell_bridges.api import Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.sandbox import Sandbox, SandboxOptions

OpenPool = Callable[..., WorkerPool]
PLAIN = SandboxOptions()
TOOL = Global("Tool", "Calls back into Python.")


@TOOL.function(result="value")
def call(function: Callable[[], object]) -> object:
    """Call the function the tool was given."""
    return function()


def tool(function: Callable[[], object]) -> SandboxOptions:
    return SandboxOptions(globals=[BoundGlobal(TOOL, function)])


def result(sandbox: Sandbox, code: str = "return 1") -> object:
    value = sandbox.run(code, name="script")
    sandbox.close()
    return value


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": -1},
        {"size": 2.0},
        {"size": True},
        {"spares": -1},
        {"runs_per_worker": 0},
        {"wait_s": -1.0},
        {"wait_s": "1"},
    ],
)
def test_sizes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        WorkerPool(**wrong)  # type: ignore[arg-type]


def test_an_unknown_engine_is_refused(open_pool: OpenPool) -> None:
    with pytest.raises(InvalidArgument, match="unknown engine"):
        open_pool().sandbox("basic", PLAIN)


def test_nothing_is_started_before_the_first_sandbox(open_pool: OpenPool) -> None:
    assert open_pool().spawner_pid is None


def test_a_closed_pool_refuses_and_closes_again(open_pool: OpenPool) -> None:
    pool = open_pool()
    assert result(pool.sandbox("lua", PLAIN)) == 1
    pool.close()
    pool.close()
    with pytest.raises(SandboxClosed, match="closed"):
        pool.sandbox("lua", PLAIN)


def test_closing_a_pool_leaves_no_process(open_pool: OpenPool) -> None:
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    pool = open_pool()
    pool.sandbox("lua", PLAIN).close()
    after = psutil.Process().children(recursive=True)
    ours = [each for each in after if each.pid not in before]
    assert len(ours) >= 2
    pool.close()
    assert all_gone(ours)


def test_closing_a_pool_ends_what_runs_in_it(open_pool: OpenPool) -> None:
    pool, began = open_pool(), threading.Event()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(
            lambda: pool.sandbox("lua", tool(began.set)).run(
                "Tool.call() while true do end", name="script"
            )
        )
        assert began.wait(30)
        pool.close()
        with pytest.raises(SandboxClosed, match="closed while"):
            running.result(30)


def test_a_sandbox_is_closed_neither_while_it_runs_nor_by_others(open_pool: OpenPool) -> None:
    problems: list[str] = []

    def close() -> None:
        with pytest.raises(SandboxClosed) as caught:
            sandbox.close()
        problems.append(caught.value.message)

    sandbox = open_pool().sandbox("lua", tool(close))
    assert sandbox.run("Tool.call() return 1", name="script") == 1
    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert ["running" in problems[0], "thread" in problems[1]] == [True, True]
    sandbox.close()
    sandbox.close()


def test_more_scripts_than_workers_wait_their_turn(open_pool: OpenPool) -> None:
    pool = open_pool(size=2)
    running, most, lock = 0, [0], threading.Lock()

    def busy() -> None:
        nonlocal running
        with lock:
            running += 1
            most[0] = max(most[0], running)
        with lock:
            running -= 1

    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(lambda: result(pool.sandbox("lua", tool(busy)), "Tool.call() return 7"))
            for _ in range(24)
        ]
        assert [job.result(60) for job in jobs] == [7] * 24
    assert 1 <= most[0] <= 2


def test_who_waits_too_long_for_a_worker_is_told(open_pool: OpenPool) -> None:
    pool = open_pool(size=1, wait_s=0.05)
    held = pool.sandbox("lua", PLAIN)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(pool.sandbox, "lua", PLAIN)
        with pytest.raises(LimitExceeded) as caught:
            waiting.result(30)
    assert caught.value.details == {"limit": "workers", "maximum": 1}
    held.close()
    assert result(pool.sandbox("lua", PLAIN)) == 1


def test_a_script_within_a_script_does_not_wait_for_itself(open_pool: OpenPool) -> None:
    pool = open_pool(size=1, wait_s=5.0)
    inner = lambda: result(pool.sandbox("js", PLAIN), "40 + 2")  # noqa: E731
    assert result(pool.sandbox("lua", tool(inner)), "return Tool.call()") == 42


def test_a_sandbox_nobody_closed_gives_its_worker_back(open_pool: OpenPool) -> None:
    pool = open_pool(size=1, wait_s=5.0)
    for _ in range(3):
        pool.sandbox("lua", PLAIN)
    assert result(pool.sandbox("lua", PLAIN)) == 1


def test_every_script_has_a_process_of_its_own(open_pool: OpenPool) -> None:
    pool, seen = open_pool(size=1, spares=0), set[int]()
    for _ in range(3):
        sandbox = pool.sandbox("lua", PLAIN)
        (mine,) = (each for each in workers(pool) if each.pid not in seen)
        seen.add(mine.pid)
        result(sandbox)
        assert all_gone([mine])


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_reused_worker_has_a_fresh_sandbox(open_pool: OpenPool, engine: str) -> None:
    pool, seen = open_pool(size=1, spares=1, runs_per_worker=50), set[int]()
    for _ in range(20):
        sandbox = pool.sandbox(engine, PLAIN)
        assert sandbox.evaluate("leak", name="a") == "nil" if engine == "lua" else True
        sandbox.run("leak = 5", name="script")
        seen |= {each.pid for each in workers(pool)}
        sandbox.close()
    assert len(seen) <= 5


@pytest.mark.parametrize(
    ("engine", "code"), [("lua", "return math.random(1 << 60)"), ("js", "Math.random()")]
)
def test_no_two_workers_draw_the_same_random_numbers(
    open_pool: OpenPool, engine: str, code: str
) -> None:
    pool = open_pool(size=1, spares=4)
    drawn = [result(pool.sandbox(engine, PLAIN), code) for _ in range(12)]
    assert len(set(drawn)) == 12


def test_many_kinds_of_sandboxes_share_a_pool(open_pool: OpenPool) -> None:
    pool = open_pool(size=1)
    for depth in range(20, 40):
        assert result(pool.sandbox("lua", SandboxOptions(max_depth=depth))) == 1
    assert len(workers(pool)) < 40


def test_a_closed_runtime_refuses(runtime: Runtime) -> None:
    runtime.execute("return 1", engine="lua")
    runtime.close()
    with pytest.raises(RuntimeClosed):
        runtime.execute("return 1", engine="lua")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="unknown isolation"):
        Runtime(isolation="container")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_has_workers_of_its_own(open_pool: OpenPool) -> None:
    pool = open_pool(size=1)
    mine = pool.sandbox("lua", PLAIN)
    child = os.fork()
    if child == 0:
        try:
            with pytest.raises(SandboxClosed, match="another process"):
                mine.run("return 1", name="script")
            mine.close()
            fine = result(pool.sandbox("lua", PLAIN), "return 2") == 2
            pool.close()
            os._exit(0 if fine else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert mine.run("return 3", name="script") == 3
    mine.close()
