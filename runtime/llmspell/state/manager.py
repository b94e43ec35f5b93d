"""The one way to the state: every read and write of a script, a program or the CLI comes here.

The manager checks scopes, keys and values, encodes, keeps the cache coherent, and speaks to the
store in scopes, keys and bytes. It is synchronous and may be used from any thread.
"""

from __future__ import annotations

from llmspell.state.backups import Backups
from llmspell.state.core import StateLimits
from llmspell.state.transfer import ExportedEntry

__all__ = ["ExportedEntry", "StateLimits", "StateManager"]


class StateManager(Backups):
    """Saves and loads values under (scope, key).

    Scopes are text or ``StateScope``. Every method may raise ``InvalidScope``, ``InvalidKey``,
    ``StorageError``, ``AccessDenied`` where access control is on and, after ``close``,
    ``RuntimeClosed``. Values handed out are fresh copies: changing one changes nothing stored.
    """
