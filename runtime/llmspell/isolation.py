"""Where a runtime's scripts run: in its own process, or in workers as the configuration says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import InvalidArgument, SandboxUnavailable

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell_bridges.process import WorkerPool
    from llmspell_bridges.process.measures import Measure

__all__ = ["ISOLATION_LEVELS", "missing_measures", "open_pool", "with_isolation"]

ISOLATION_LEVELS: Final = ("inline", "process")
#: Without these a script that took over its process could reach something.
_REQUIRED: Final = frozenset({"no new privileges", "files", "system calls", "resource limits"})


def with_isolation(config: Config | None, isolation: Any) -> Config | None:
    """Return a configuration with that isolation level; ``None`` leaves it as it is.

    Raises ``InvalidArgument`` for one that does not exist.
    """
    if isolation is None:
        return config
    if isolation not in ISOLATION_LEVELS:
        raise InvalidArgument(
            f"unknown isolation {isolation!r}",
            hint=f"levels: {', '.join(ISOLATION_LEVELS)}",
            parameter="isolation",
        )
    if config is None:
        if isolation == "inline":
            return None
        from llmspell.config import default_config

        config = default_config()
    changed = config.sandbox.model_copy(update={"isolation": isolation})
    return config.model_copy(update={"sandbox": changed})


def open_pool(config: Config | None) -> WorkerPool | None:
    """Return the pool that makes the sandboxes, ``None`` when they are made in this process.

    No process is started before the first script. Raises ``SandboxUnavailable`` where there can
    be no worker processes.
    """
    if config is None:
        return None
    if config.sandbox.isolation == "inline":
        if config.sandbox.require_hardening:
            raise SandboxUnavailable(
                "sandbox.require_hardening is set, but scripts run in this process",
                hint='isolation has to be "process"',
            )
        return None
    from llmspell_bridges.process import WorkerPool

    section = config.sandbox
    return WorkerPool(
        size=section.workers or None,
        spares=section.spare_workers,
        runs_per_worker=section.runs_per_worker,
        wait_s=section.wait_s,
        required=_required(config),
    )


def missing_measures(config: Config, measures: Iterable[Measure]) -> list[str]:
    """Return the names of the measures that the configuration requires and that are not active."""
    active = {measure.name for measure in measures if measure.active}
    return sorted(_required(config) - active)


def _required(config: Config) -> frozenset[str]:
    return _REQUIRED if config.sandbox.require_hardening else frozenset()
