"""A migration in a process of its own, for the tests to kill: it tells when it has begun."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from llmspell import Config, Runtime
from llmspell.errors import MigrationRunning

from .profiles import STEP, V1, V2

__all__ = ["COUNT", "config", "open_runtime"]

COUNT: Final = 300
_BATCH: Final = 10


def config(place: str) -> Config:
    """Return the configuration of a store: the name of a backend, or an address."""
    state: dict[str, Any] = {"migration": {"enabled": True, "batch_size": _BATCH}}
    if place.startswith("postgresql"):
        return Config(state={"url": place, **state})
    return Config(state={"backend": place, "path": f"{place}.db", **state})


def open_runtime(place: str) -> Runtime:
    """Open the store with the schemas and the migration of user profiles."""
    return Runtime(config(place), schemas=[V1, V2], migrations=[STEP])


def _migrate(place: str, pause_s: float) -> None:
    def told(event: Any) -> None:
        if event.kind == "batch":
            print(event.done, flush=True)
            time.sleep(pause_s)

    with open_runtime(place) as runtime:
        try:
            runtime.state.migrate_all(on_event=told)
            print("done", flush=True)
        except MigrationRunning as error:
            print(error.code, flush=True)


if __name__ == "__main__":
    _migrate(sys.argv[1], float(sys.argv[2]))
