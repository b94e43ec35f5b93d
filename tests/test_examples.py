"""The examples run as they are, and say the same in both languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
# The folders beside them hold modules.
SCRIPTS = sorted(path for folder in ("lua", "js") for path in (EXAMPLES / folder).glob("*.*"))
ALL = [*SCRIPTS, *sorted((EXAMPLES / "python").glob("*.py"))]
TWINS = sorted({path.stem for path in SCRIPTS} - {"cross_language"})

Done = subprocess.CompletedProcess[str]


def run(folder: Path, example: Path) -> Done:
    as_script = [] if example.suffix == ".py" else ["-m", "llmspell.cli", "run"]
    return subprocess.run(
        [sys.executable, *as_script, str(example)],
        capture_output=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("LLMSPELL_")},
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def run_twice(example: Path, folder: Path) -> tuple[Done, Done]:
    return run(folder, example), run(folder, example)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[Done, Done]]:
    """Every example, run twice in a folder of its own."""
    folders = [tmp_path_factory.mktemp(example.stem) for example in ALL]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(ALL, pool.map(run_twice, ALL, folders), strict=True))


def script(language: str, name: str) -> Path:
    return EXAMPLES / language / f"{name}.{language}"


@pytest.mark.parametrize("example", ALL, ids=lambda path: path.name)
def test_an_example_succeeds_and_prints_something(
    example: Path, runs: dict[Path, tuple[Done, Done]]
) -> None:
    for done in runs[example]:
        assert done.stderr == ""
        assert done.returncode == 0
        assert done.stdout.strip()


@pytest.mark.parametrize("example", ALL, ids=lambda path: path.name)
def test_an_example_run_again_prints_results_of_the_same_shape(
    example: Path, runs: dict[Path, tuple[Done, Done]]
) -> None:
    first, second = (shape(done.stdout) for done in runs[example])
    # What the agents remember grows up to a bound, so there may be more at the end.
    assert second[: len(first)] == first


def shape(text: str) -> list[str]:
    """Return the lines with their numbers taken out: counts go up from run to run."""
    return [re.sub(r"\d+", "N", line) for line in text.splitlines()]


@pytest.mark.parametrize("name", TWINS)
def test_an_example_prints_the_same_in_lua_and_javascript(
    name: str, runs: dict[Path, tuple[Done, Done]]
) -> None:
    lua, js = runs[script("lua", name)], runs[script("js", name)]
    assert [done.stdout for done in lua] == [done.stdout for done in js]


def test_both_languages_have_the_same_set_of_examples() -> None:
    lua, js = ({path.stem for path in SCRIPTS if path.suffix == end} for end in (".lua", ".js"))
    assert lua == js


def test_an_example_leaves_nothing_but_the_state_database_behind(tmp_path: Path) -> None:
    run(tmp_path, script("lua", "quickstart"))
    assert [path.name for path in tmp_path.iterdir()] == [".llmspell"]


@pytest.mark.parametrize(
    ("first", "second", "greeting"),
    [
        ("lua", "js", "Lua wrote: Greetings from Lua!"),
        ("js", "lua", "JavaScript wrote: Greetings from JavaScript!"),
    ],
)
def test_the_letters_of_cross_language_arrive_in_either_order(
    first: str, second: str, greeting: str, tmp_path: Path
) -> None:
    alone = run(tmp_path, script(first, "cross_language")).stdout
    assert f"no letter from {'JavaScript' if first == 'lua' else 'Lua'} yet" in alone
    answer = run(tmp_path, script(second, "cross_language")).stdout
    assert greeting in answer
    assert "its numbers: 1, 2.5, 9007199254740993" in answer
