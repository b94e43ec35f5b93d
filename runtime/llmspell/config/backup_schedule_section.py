"""The table ``[state.backup.schedule]``: when backups are made."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from llmspell.config.section import Section, TimeZone

__all__ = ["BackupSchedule"]


class BackupSchedule(Section):
    """When backups are made, as cron expressions: minute, hour, day, month, day of the week."""

    full: str = Field("", description='When a full backup is due, such as "0 3 * * 0".')
    incremental: str = Field("", description='When an incremental one is due, such as "0 * * * *".')
    differential: str = Field("", description='When a differential one is due, e.g. "0 3 * * 1-6".')
    timezone: TimeZone = Field("UTC", description="Time zone of the expressions.")
    prune: bool = Field(True, description="Remove what the retention lets go after each backup.")

    @property
    def times(self) -> dict[str, str]:
        """The expressions there are, by the type of backup they are for."""
        by_type = {"full": self.full, "differential": self.differential}
        by_type["incremental"] = self.incremental
        return {type_: expression for type_, expression in by_type.items() if expression}

    @field_validator("full", "incremental", "differential")
    @classmethod
    def _comes(cls, expression: str) -> str:
        if expression:
            from llmspell.backup.cron import FIELDS, problem_of

            if problem := problem_of(expression):
                told = {"problem": problem, "hint": FIELDS}
                raise PydanticCustomError("entry", "{problem}", told)
        return expression
