"""The command: options, one run, and what is made of it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.candidate import Candidate, Missing, Setting
from benchmarks.chart import chart
from benchmarks.document import document
from benchmarks.goals import GOALS
from benchmarks.packages import Unavailable
from benchmarks.progress import ProgressLine
from benchmarks.rounds import Timing, described, measure
from benchmarks.size import SIZE, measure_size
from benchmarks.subjects import SUBJECTS
from benchmarks.table import show

__all__ = ["main"]

#: Options of a full run and of ``--quick``.
FULL: Final = {"rounds": 16, "slice_ms": 25, "batch": 10_000, "entries": 1_000_000}
QUICK: Final = {"rounds": 2, "slice_ms": 5, "batch": 500, "entries": 5_000}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was chosen, print it, write the files.

    Returns the exit code: 1 when something failed while it was measured, 130 when interrupted.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    chosen = QUICK if options.quick else FULL
    sizes = {name: _given(getattr(options, name), chosen[name]) for name in chosen}
    names = _chosen(options.only)
    if not names and not _size_chosen(options.only):
        parser.error(f"nothing is named {' or '.join(options.only)}; see --list")
    if options.list:
        print("\n".join([*names, *([SIZE] if _size_chosen(options.only) else [])]))
        return 0
    for file in (options.json, options.svg):
        if file is not None and not file.parent.is_dir():
            parser.error(f"there is no folder {file.parent}")
    # The servers of a run must end with it, whatever ends it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        made = _run(names, sizes, with_size=_size_chosen(options.only))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    show(made, Console())
    if options.json is not None:
        options.json.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    if options.svg is not None:
        options.svg.write_text(chart(made), encoding="utf-8")
    return 1 if any(row["failed"] for row in made["missing"]) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure llmspell beside bare databases and peers, in one run.",
        epilog=f"Names are subject/caller/operation, such as sqlite/lua/save or {SIZE}.",
    )
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="PATTERN", help="names, with * and ?")
    add("--list", action="store_true", help="show the names and measure nothing")
    add("--quick", action="store_true", help="tiny rounds: does it run at all?")
    add("--rounds", type=_count, help=f"rounds, of which the best counts ({FULL['rounds']})")
    add("--slice-ms", type=_count, help=f"length of a candidate's round ({FULL['slice_ms']})")
    add("--batch", type=_count, help=f"entries of a batch ({FULL['batch']:,})")
    add("--entries", type=_count, help=f"entries of the large store ({FULL['entries']:,})")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--svg", type=Path, metavar="FILE", help="draw a chart")
    return parser


def _count(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, f"*{pattern}*") for pattern in patterns)


def _size_chosen(patterns: Sequence[str]) -> bool:
    return _matches(SIZE, patterns)


def _chosen(patterns: Sequence[str]) -> list[str]:
    """Return the names to measure, with the yardsticks of the goals among them."""
    all_names = [name for subject in SUBJECTS for name in subject.names()]
    wanted = {name for name in all_names if _matches(name, patterns)}
    wanted |= {goal.yardstick for goal in GOALS if goal.candidate in wanted}
    return [name for name in all_names if name in wanted]


def _run(names: Sequence[str], sizes: dict[str, int], *, with_size: bool) -> dict[str, Any]:
    line = ProgressLine(sys.stderr)
    size: dict[str, Any] | None = None
    timings: dict[str, Timing] = {}
    missing: list[Missing] = []

    def progress(number: int, name: str) -> None:
        line.show(f"round {number} of {sizes['rounds']}" if number else "warming up", name)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if names:
            with ExitStack() as stack:
                candidates, missing = _opened(names, Setting(folder, stack, sizes["batch"]), line)
                slice_s = sizes["slice_ms"] / 1000
                timings, failed = measure(
                    candidates, rounds=sizes["rounds"], slice_s=slice_s, progress=progress
                )
                missing += failed
        if with_size:
            try:
                size = measure_size(folder, sizes["entries"], line.show)
            except Exception as error:
                missing.append(Missing(SIZE, described(error), failed=True))
    line.clear()
    return document(timings, missing, size, sizes)


def _opened(
    names: Sequence[str], setting: Setting, line: ProgressLine
) -> tuple[list[Candidate], list[Missing]]:
    """Open every subject that has one of the names."""
    candidates: list[Candidate] = []
    missing: list[Missing] = []
    for subject in SUBJECTS:
        wanted = set(subject.names()).intersection(names)
        if not wanted:
            continue
        line.show("opening", subject.name)
        try:
            found = [one for one in subject.open(setting) if one.name in wanted]
        except Unavailable as error:
            missing.append(Missing(subject.name, str(error)))
        except Exception as error:  # one subject's error must not cost the figures of all others
            missing.append(Missing(subject.name, described(error), failed=True))
        else:
            candidates += found
    return candidates, missing
