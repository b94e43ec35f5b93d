"""``python -m llmspell.reference [ROOT]``: renew the generated parts of the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

from llmspell.reference.pages import PAGES, renewed


def _renew(root: Path) -> None:
    for page in PAGES:
        file = root / page.path
        before = file.read_text(encoding="utf-8")
        after = renewed(before, page)
        if after != before:
            file.write_text(after, encoding="utf-8")
            print(f"renewed {page.path}")


if __name__ == "__main__":
    _renew(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
