"""Does memory grow while a script saves again and again over 1,000 keys?

``python -m benchmarks.endurance BACKEND ENGINE SAVES`` prints what the process holds after each
tenth of the saves. It is no part of ``python -m benchmarks``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.calls_scripts import open_sandbox
from benchmarks.size import resident_mib
from llmspell.state.manager import StateManager
from llmspell.store import open_store

LOOPS: Final = {
    "lua": "for i = 1, {n} do State.save('global', 'key' .. i % 1000, {{n = i, f = {{1, 2}}}}) end",
    "js": "for (let i = 0; i < {n}; i++)"
    " State.sync.save('global', 'key' + i % 1000, {{n: i, f: [1, 2]}})",
}
PARTS: Final = 10


def main(backend: str = "sqlite", engine: str = "lua", saves: str = "1_000_000") -> None:
    """Run the loop in parts."""
    with tempfile.TemporaryDirectory() as folder:
        state = StateManager(open_store(backend, path=Path(folder) / "state"))
        share = int(saves) // PARTS
        with open_sandbox(engine, state) as sandbox:
            for part in range(1, PARTS + 1):
                sandbox.run(LOOPS[engine].format(n=share), name="benchmark")
                print(f"{part * share:>9} saves  {resident_mib():7.1f} MiB", flush=True)
        state.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
