"""llmspell: run Lua and JavaScript in sandboxes that share one durable State.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.config import Config, load_config
    from llmspell.engine import Runtime
    from llmspell.errors import LlmSpellError, ScriptError, StateError
    from llmspell.migration import MigrationStep
    from llmspell.permissions import Permissions
    from llmspell.result import RunResult
    from llmspell.schema import StateSchema
    from llmspell.script import Script
    from llmspell.security.validation import Candidate, Verifier
    from llmspell.state.aio import AsyncStateManager
    from llmspell.state.entry import Metadata
    from llmspell.state.manager import StateManager
    from llmspell.state.origin import acting, originating
    from llmspell.state.scope import StateScope
    from llmspell_bridges.limits import Limits

__version__: Final = "0.1.0"
__all__ = [
    "AsyncStateManager",
    "Candidate",
    "Config",
    "Limits",
    "LlmSpellError",
    "Metadata",
    "MigrationStep",
    "Permissions",
    "RunResult",
    "Runtime",
    "Script",
    "ScriptError",
    "StateError",
    "StateManager",
    "StateSchema",
    "StateScope",
    "Verifier",
    "__version__",
    "acting",
    "load_config",
    "originating",
]

_HOMES: Final = {
    "AsyncStateManager": "llmspell.state.aio",
    "Candidate": "llmspell.security.validation",
    "Config": "llmspell.config",
    "load_config": "llmspell.config",
    "Runtime": "llmspell.engine",
    "RunResult": "llmspell.result",
    "Limits": "llmspell_bridges.limits",
    "LlmSpellError": "llmspell.errors",
    "MigrationStep": "llmspell.migration",
    "StateSchema": "llmspell.schema",
    "Script": "llmspell.script",
    "ScriptError": "llmspell.errors",
    "StateError": "llmspell.errors",
    "Metadata": "llmspell.state.entry",
    "Permissions": "llmspell.permissions",
    "StateManager": "llmspell.state.manager",
    "StateScope": "llmspell.state.scope",
    "Verifier": "llmspell.security.validation",
    "acting": "llmspell.state.origin",
    "originating": "llmspell.state.origin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
