"""Web requests, for scripts that may make them."""

from __future__ import annotations

from llmspell.services.http.web import Web

__all__ = ["Web"]
