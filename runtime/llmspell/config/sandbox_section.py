"""``[sandbox]``: where scripts run, in this process or in workers of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from llmspell.config.section import Section

__all__ = ["SandboxSection"]

_Workers = Annotated[int, Field(ge=0, le=1024)]


class SandboxSection(Section):
    """Where scripts run. All but ``isolation`` is about worker processes."""

    isolation: Literal["inline", "process"] = Field(
        "inline",
        description='"inline": in this process; "process": each script in a process of its own.',
    )
    workers: _Workers = Field(
        0, description="Scripts that run at a time; more wait. 0: as many as there are processors."
    )
    spare_workers: _Workers = Field(2, description="Processes that wait ready for the next script.")
    runs_per_worker: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="Scripts a process runs, one after the other, before it is replaced.",
    )
    wait_s: float = Field(
        60.0,
        ge=0,
        le=10**9,
        description="How long a script waits for a process when all are busy, in seconds.",
    )
    require_hardening: bool = Field(
        False,
        description="Refuse to run scripts where a process can open files or make any system "
        "call; see llmspell doctor.",
    )

    @model_validator(mode="after")
    def _hardening_needs_processes(self) -> SandboxSection:
        if self.require_hardening and self.isolation == "inline":
            raise ValueError('require_hardening = true needs isolation = "process"')
        return self
