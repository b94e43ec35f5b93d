"""``python -m benchmarks``: measure and report."""

from __future__ import annotations

import sys

from benchmarks.command import main

# Worker processes import this module too.
if __name__ == "__main__":
    sys.exit(main())
