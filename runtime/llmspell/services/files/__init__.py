"""Files and folders, for scripts that may use them."""

from __future__ import annotations

from llmspell.services.files.files import Files

__all__ = ["Files"]
