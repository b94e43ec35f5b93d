"""What a script may reach outside its sandbox: files, hosts, environment variables."""

from __future__ import annotations

from llmspell.permissions.permissions import Grant, Permissions

__all__ = ["Grant", "Permissions"]
