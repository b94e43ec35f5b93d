"""Time whole `llmspell` commands beside a bare interpreter, in turn, in one run.

python benchmarks/startup.py [--runs N]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from time import perf_counter

TARGETS_MS = {"exec lua": 120, "--version": 80}


def main() -> None:
    """Run the commands and print median times in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="runs of each command")
    runs = parser.parse_args().runs
    llmspell = shutil.which("llmspell", path=sysconfig.get_path("scripts")) or "llmspell"
    commands = {
        "bare python": [sys.executable, "-c", "pass"],
        "--version": [llmspell, "--version"],
        "exec lua": [llmspell, "exec", "return 1", "--engine", "lua"],
        "exec js": [llmspell, "exec", "1", "--engine", "js"],
        "exec lua, State": [llmspell, "exec", "return State.save('g','k',1)", "--engine", "lua"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs + 1):
            for name, command in commands.items():
                started = perf_counter()
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
                times[name].append((perf_counter() - started) * 1000)
    bare = statistics.median(times["bare python"][1:])
    for name, measured in times.items():
        counted = measured[1:]
        median = statistics.median(counted)
        target = f"target {TARGETS_MS[name]} ms" if name in TARGETS_MS else ""
        print(
            f"{name:18} median {median:6.1f} ms  min {min(counted):6.1f} ms  "
            f"{median / bare:5.1f} x bare python  {target}"
        )


if __name__ == "__main__":
    main()
