"""The table ``[state.backup.retention]``: how long backups are kept."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from llmspell.config.section import Bytes, Count, Section, TimeZone

__all__ = ["BackupRetention"]

_Age = Annotated[int, Field(ge=1, le=36_500)]

#: The keys that only one kind looks at.
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "count": ("keep_daily", "keep_weekly", "keep_monthly", "timezone"),
    "size": ("max_total_bytes",),
    "importance": ("full_days", "differential_days", "incremental_days", "scope_days", "scopes"),
}


class BackupRetention(Section):
    """How long backups are kept. One that others need, and the latest, always stay."""

    kind: Literal["time", "count", "size", "importance"] = Field(
        "time",
        description='What decides: "time" their age, "count" so many a day, week and month, "size" '
        'their room, "importance" an age for each type and scope.',
    )
    keep_daily: Count = Field(0, description='With "count": days of which the last one is kept.')
    keep_weekly: Count = Field(0, description='With "count": weeks of which the last one is kept.')
    keep_monthly: Count = Field(
        0, description='With "count": months of which the last one is kept.'
    )
    timezone: TimeZone = Field("UTC", description='With "count": time zone in which a day begins.')
    max_total_bytes: Bytes = Field(0, description='With "size": room for all backups, in bytes.')
    full_days: _Age = Field(90, description='With "importance": age of full backups, in days.')
    differential_days: _Age = Field(30, description="The same of differential ones.")
    incremental_days: _Age = Field(14, description="The same of incremental ones.")
    scope_days: _Age = Field(30, description="The same of backups of one scope.")
    scopes: dict[str, _Age] = Field(
        {},
        json_schema_extra={"values": "days by pattern"},
        description='With "importance": days for scopes of their own, such as { "agent:*" = 180 }.',
    )

    @field_validator("scopes")
    @classmethod
    def _check_patterns(cls, scopes: dict[str, int]) -> dict[str, int]:
        if scopes:
            from llmspell.security.validation import Where

            for pattern in scopes:
                try:
                    Where(scope=pattern)
                except ValueError as error:
                    raise _wrong(f"has a pattern that is wrong: {error}") from None
        return scopes

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> BackupRetention:
        fields = type(self).model_fields
        for kind, keys in _KEYS.items():
            for key in keys:
                if kind != self.kind and getattr(self, key) != fields[key].default:
                    raise _wrong(
                        f'sets {key}, which goes with kind = "{kind}" and not with "{self.kind}"'
                    )
        if self.kind == "size" and not self.max_total_bytes:
            raise _wrong('needs max_total_bytes for kind = "size"')
        return self


def _wrong(problem: str) -> PydanticCustomError:
    return PydanticCustomError("entry", "{problem}", {"problem": problem})
