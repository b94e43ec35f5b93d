"""The reference pages, made from what the code declares, so that they cannot go stale.

``python -m llmspell.reference`` renews the generated parts of a source tree's README and docs.
"""

from __future__ import annotations

from llmspell.reference.pages import PAGES, Page, renewed

__all__ = ["PAGES", "Page", "renewed"]
