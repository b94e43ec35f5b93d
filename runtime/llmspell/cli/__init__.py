"""The command line of llmspell. This module is the entry point and imports next to nothing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; ``argv`` defaults to the program's own."""
    try:
        from llmspell.cli.app import run

        return run(argv)
    except KeyboardInterrupt:  # while still importing, or already leaving
        return 130
