"""Watch memory while a script saves a million times over 1,000 keys.

python benchmarks/memory.py [--saves N] [--engine lua|js] [--backend memory|sqlite]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from pathlib import Path

from llmspell.state.manager import StateManager
from llmspell.store import open_store
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import SandboxOptions, create_sandbox
from llmspell_stdlib.state import STATE

LOOPS = {
    "lua": "for i = 1, %d do State.save('global', 'key' .. i %% 1000, {n = i, f = {1, 2, 3}}) end",
    "js": "for (let i = 0; i < %d; i++)"
    " State.sync.save('global', 'key' + i %% 1000, {n: i, f: [1, 2, 3]})",
}
PARTS = 10


def resident_mib() -> float:
    """Return the memory the process holds now (Linux), or its peak elsewhere, in MiB."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the loop in parts and print what the process holds after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=sorted(LOOPS), default="lua")
    parser.add_argument("--backend", choices=("memory", "sqlite"), default="memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = StateManager(open_store(options.backend, path=Path(folder) / "state.db"))
        bound = BoundGlobal(STATE, state)
        sandbox = create_sandbox(options.engine, SandboxOptions(globals=[bound]))
        for part in range(1, PARTS + 1):
            sandbox.run(LOOPS[options.engine] % (options.saves // PARTS), name="benchmark")
            print(f"{part * options.saves // PARTS:>9} saves  {resident_mib():7.1f} MiB")
        sandbox.close()
        state.close()


if __name__ == "__main__":
    main()
