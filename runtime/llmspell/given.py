"""Checking what an embedding program hands to a runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument
from llmspell_bridges.limits import Limits

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions
    from llmspell.security.validation import Verifier

__all__ = ["checked_limits", "checked_permissions", "checked_verifiers", "configuration"]


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


def configuration(config: Config | str | Path | None, profile: str | None) -> Config | None:
    """Return the configuration, or ``None`` when the defaults apply (which costs no import)."""
    if config is None or isinstance(config, str | os.PathLike):
        from llmspell.config import nothing_configured

        if nothing_configured(config, profile=profile):
            return None
        from llmspell.config import load_config

        config = load_config(config, profile=profile)
    if not hasattr(config, "check_available"):
        raise InvalidArgument(
            f"config must be a Config or a path, not {type(config).__name__}", parameter="config"
        )
    config.check_available()
    return config
