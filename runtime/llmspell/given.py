"""Checking what an embedding program hands to a runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell.errors import InvalidArgument
from llmspell_bridges.limits import Limits

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.migration import MigrationStep
    from llmspell.migration.versioning import Given
    from llmspell.permissions import Permissions
    from llmspell.schema import StateSchema
    from llmspell.security.validation import Verifier

__all__ = [
    "checked_evolution",
    "checked_limits",
    "checked_permissions",
    "checked_verifiers",
    "configuration",
    "with_migrations",
]


def checked_permissions(permissions: Permissions | None) -> Permissions | None:
    """Return permissions. Raises ``InvalidArgument`` for anything else."""
    if permissions is None:
        return None
    from llmspell.permissions import Permissions

    if not isinstance(permissions, Permissions):
        raise InvalidArgument(
            f"permissions must be a Permissions, not {type(permissions).__name__}",
            hint='write Permissions(read=["data"])',
            parameter="permissions",
        )
    return permissions


def checked_limits(limits: Limits | None) -> Limits | None:
    """Return limits. Raises ``InvalidArgument`` for anything else."""
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidArgument(
            f"limits must be a Limits, not {type(limits).__name__}",
            hint="write Limits(timeout_s=5); what is left out stays as configured",
            parameter="limits",
        )
    return limits


def checked_verifiers(verifiers: Sequence[Verifier]) -> tuple[Verifier, ...]:
    """Return verifiers. Raises ``InvalidArgument`` for anything else."""
    if verifiers == ():
        return ()
    from llmspell.security.validation import Verifier

    is_list = isinstance(verifiers, list | tuple)
    if not is_list or not all(isinstance(each, Verifier) for each in verifiers):
        raise InvalidArgument(
            "verifiers must be a list of Verifier objects",
            hint='write verifiers=[Verifier(check, scope="user:*")]',
            parameter="verifiers",
        )
    return tuple(verifiers)


def checked_evolution(
    schemas: Sequence[StateSchema],
    migrations: Sequence[MigrationStep],
    transformers: Mapping[str, Any] | None,
    validators: Mapping[str, Any] | None,
) -> Given | None:
    """Return schemas, migrations and their functions, ``None`` without any.

    Raises ``InvalidArgument`` for anything else.
    """
    if schemas == () and migrations == () and transformers is None and validators is None:
        return None
    from llmspell.migration import MigrationStep
    from llmspell.migration.versioning import Given
    from llmspell.schema import StateSchema

    for name, given, kind in (
        ("schemas", schemas, StateSchema),
        ("migrations", migrations, MigrationStep),
    ):
        if not isinstance(given, list | tuple) or not all(isinstance(x, kind) for x in given):
            raise InvalidArgument(
                f"{name} must be a list of {kind.__name__} objects", parameter=name
            )
    for name, functions in (("transformers", transformers), ("validators", validators)):
        if functions is not None and not isinstance(functions, dict):
            raise InvalidArgument(f"{name} must be a dict of functions by name", parameter=name)
    return Given(tuple(schemas), tuple(migrations), transformers or {}, validators or {})


def with_migrations(config: Config | None, given: Given | None) -> Config | None:
    """Return a configuration in which migrations are on, if any are given."""
    if given is None:
        return config
    if config is None:
        from llmspell.config import default_config

        config = default_config()
    on = config.state.migration.model_copy(update={"enabled": True})
    state = config.state.model_copy(update={"migration": on})
    return config.model_copy(update={"state": state})


def configuration(config: Config | str | Path | None, profile: str | None) -> Config | None:
    """Return the configuration, or ``None`` when the defaults apply (which costs no import)."""
    if config is None or isinstance(config, str | os.PathLike):
        from llmspell.config import nothing_configured

        if nothing_configured(config, profile=profile):
            return None
        from llmspell.config import load_config

        return load_config(config, profile=profile)
    from llmspell.config import Config

    if not isinstance(config, Config):
        raise InvalidArgument(
            f"config must be a Config or a path, not {type(config).__name__}", parameter="config"
        )
    return config
