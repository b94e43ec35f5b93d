"""The ``Env`` global: environment variables, where the host permits it."""

from __future__ import annotations

from typing import Final, Protocol

from llmspell_bridges.api import Global, Param
from llmspell_bridges.values import Value

__all__ = ["ENV", "EnvironmentService"]


class EnvironmentService(Protocol):
    """What the ``Env`` global needs of the host."""

    def get(self, name: str) -> Value: ...


class EnvironmentAccess(Protocol):
    """Makes the service when a script first needs it."""

    @property
    def environment(self) -> EnvironmentService: ...


ENV: Final = Global("Env", "Environment variables, where the permission `env` includes them.")


@ENV.function(
    Param("name", "text", "The variable's name, in its exact case."),
    Param("default", "value", "What to return when it is not set.", optional=True),
    result="value",
    result_doc="Text; bytes if it is not UTF-8.",
    reads=True,
)
def get(access: EnvironmentAccess, name: str, default: Value = None) -> Value:
    """Return the text of an environment variable."""
    value = access.environment.get(name)
    return default if value is None else value
