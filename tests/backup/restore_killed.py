"""A restore in a process of its own, for the tests to kill: it tells how far it has come.

With a pause after each batch it does not come to its end: it waits for the kill before that.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from llmspell.backup.chain import Catalogue
from llmspell.backup.model import BackupEvent
from llmspell.backup.repository.opening import open_repository
from llmspell.backup.restoring import restore
from llmspell.store import open_store

HELD_AT = 5000

if __name__ == "__main__":
    backend, folder, pause_s = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

    def told(event: BackupEvent) -> None:
        if (event.kind, event.action) == ("progress", "restore"):
            print(event.done, flush=True)
            time.sleep(60 if pause_s and event.done >= HELD_AT else pause_s)

    store = open_store(backend, path=folder / "state.db")
    restore(store, Catalogue(open_repository(folder / "backups")), None, on_event=told)
    store.close()
    print("done", flush=True)
