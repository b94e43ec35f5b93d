"""The benchmarks run and report; how fast anything is they do not say here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
CHOSEN = ("sqlite/*/save", "memory/threads", "memory/lua", "memory/js", "diskcache", "size/")
TINY = ("--rounds", "1", "--slice-ms", "1", "--batch", "20", "--entries", "1200")


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one tiny run has left its terminal output, its figures and its chart."""
    made = tmp_path_factory.mktemp("run")
    patterns = [word for pattern in CHOSEN for word in ("--only", pattern)]
    files = ("--json", str(made / "run.json"), "--svg", str(made / "run.svg"))
    done = benchmarks(*TINY, *patterns, *files)
    assert done.returncode == 0, done.stderr
    stages = [line.partition(" s  ")[2] for line in done.stderr.splitlines()]
    assert stages[:3] == ["opening", "warming up", "round 1 of 1"]
    (made / "run.txt").write_text(done.stdout, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> dict[str, Any]:
    """The figures of the tiny run."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def test_a_run_measures_what_was_chosen_in_every_language(run: dict[str, Any]) -> None:
    measured = {row["name"]: row["best_us"] for row in run["results"]}
    for caller in ("lua", "js-sync", "js-await"):
        for operation in ("save", "load", "load_uncached", "delete", "list_keys", "save_many"):
            assert measured[f"memory/{caller}/{operation}"] > 0
    assert measured["sqlite/python/save"] > 0


def test_the_yardsticks_of_the_chosen_goals_are_measured_too(run: dict[str, Any]) -> None:
    assert "bare-sqlite3/python/save" in {row["name"] for row in run["results"]}
    judged = {row["what"]: row for row in run["goals"]}
    goal = judged["SQLite save from Lua, journal on, to a bare sqlite3 upsert"]
    assert goal["measured"].endswith(" x")
    assert goal["verdict"].startswith("met" if goal["met"] else "missed by ")


def test_threads_that_count_up_one_number_lose_no_update(run: dict[str, Any]) -> None:
    counted = {row["name"]: row["lost"] for row in run["results"] if row["lost"] is not None}
    assert counted == {"memory/threads-1/increment": 0, "memory/threads-8/increment": 0}


def test_what_cannot_be_measured_is_named_with_its_reason(run: dict[str, Any]) -> None:
    measured = {row["subject"] for row in run["results"]}
    reasons = {row["name"]: row["reason"] for row in run["missing"]}
    assert "diskcache" in measured or reasons["diskcache"] == "not installed: pip install diskcache"
    assert not any(row["failed"] for row in run["missing"])


def test_the_large_store_is_measured_in_memory_pages_and_time_to_open(run: dict[str, Any]) -> None:
    assert run["size"]["entries"] == 1200
    for figure in ("open_ms", "page_small_us", "page_large_us", "resident_mib", "fill_us"):
        assert run["size"][figure] > 0


def test_the_terminal_shows_the_goals_that_were_chosen_with_their_verdicts(folder: Path) -> None:
    shown = (folder / "run.txt").read_text(encoding="utf-8")
    assert "Goals" in shown
    assert "met" in shown
    assert "not chosen" not in shown


def test_the_chart_is_an_svg_image_that_names_what_was_measured(folder: Path) -> None:
    root = ElementTree.parse(folder / "run.svg").getroot()
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "save one entry" in texts
    assert "llmspell SQLite · Lua" in texts
    assert "prefers-color-scheme: dark" in (folder / "run.svg").read_text(encoding="utf-8")


def test_a_pattern_that_names_nothing_is_refused() -> None:
    done = benchmarks("--only", "sqlte")
    assert done.returncode == 2
    assert "nothing is named sqlte; see --list" in done.stderr


def test_the_page_and_the_chart_show_the_kept_run() -> None:
    program = (
        "import json\n"
        "from benchmarks.chart import chart\n"
        "from benchmarks.page import CHART, PAGE, RESULTS, renewed\n"
        "run = json.loads(RESULTS.read_text('utf-8'))\n"
        "text = PAGE.read_text('utf-8')\n"
        "assert renewed(text, run) == text, 'run: python -m benchmarks.page'\n"
        "assert chart(run) == CHART.read_text('utf-8'), 'run: python -m benchmarks.page'\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
