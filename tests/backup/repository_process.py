"""A process that writes and removes backups, for the tests to kill: it tells what it has begun."""

from __future__ import annotations

import sys
import time

from llmspell.backup.repository import Repository, open_repository
from llmspell.errors import LlmSpellError

from .repository_places import backup_id

__all__ = ["CHUNKS", "chunk"]

CHUNKS = 6


def chunk(number: int) -> str:
    """Return the name of a chunk."""
    return f"chunk-{number:06}.jsonl"


def _create_and_delete(repository: Repository) -> None:
    """Make backups without an end, and remove each second one."""
    for number in range(1000):
        with repository.creating(backup_id(number)) as draft:
            for place in range(CHUNKS):
                draft.put(chunk(place), b"x" * 1000)
            draft.commit(b"complete")
        if number % 2:
            repository.delete(backup_id(number))
        if number == 1:
            print("begun", flush=True)


def main(action: str, location: str) -> None:
    repository = open_repository(location)
    try:
        with repository.lock(action):
            if action == "work":
                _create_and_delete(repository)
            print("holding", flush=True)
            time.sleep(60 if action == "hold" else 0.2)
    except LlmSpellError as error:
        print(error.code, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
