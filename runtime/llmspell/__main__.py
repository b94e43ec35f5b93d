"""Let ``python -m llmspell`` stand for the ``llmspell`` program."""

from __future__ import annotations

import sys

from llmspell.cli import main

if __name__ == "__main__":
    sys.exit(main())
