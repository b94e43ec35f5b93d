"""The table ``[audit]``: who did what is written down, and how long it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from llmspell.config.section import Days, PathOnDisk, Section

__all__ = ["Audit"]


class Audit(Section):
    """The audit log: who did what, where, when, with which outcome; never a value."""

    enabled: bool = Field(False, description="Write an audit log.")
    path: PathOnDisk = Field(
        Path(".llmspell/audit.db"),
        description="File of the log; a relative path starts at the current folder.",
    )
    records: Literal["denied", "changes", "all"] = Field(
        "changes",
        description='What is recorded: "denied" refusals, "changes" writes as well, "all" reads '
        "too; class sensitive, grants and keys always are.",
    )
    retention_days: Days = Field(
        0,
        description='Age at which "llmspell audit compact" removes a record, in days; 0 keeps all.',
    )
    fsync: bool = Field(
        False, description="Have a record that was written survive a power loss, too; slower."
    )
