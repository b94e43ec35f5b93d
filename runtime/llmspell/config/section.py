"""What every table of the configuration shares: strict types, no unknown keys, no changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from llmspell.errors import ConfigError
from llmspell_bridges.values import is_unicode

__all__ = ["Bits", "Bytes", "Count", "Days", "Milliseconds", "PathOnDisk", "Section", "TimeZone"]

_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1


class Section(BaseModel):
    """One table of the configuration. Frozen: make another with ``load_config(overrides=...)``."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def _path(value: Any) -> Any:
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        return value  # pydantic reports the wrong type
    if not value.strip():
        raise ValueError("must not be empty")
    if "\0" in value or not is_unicode(value):
        raise ValueError("must be a path of valid Unicode text without NUL")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("names a home folder that is not known here") from error


PathOnDisk = Annotated[Path, BeforeValidator(_path)]


def _time_zone(name: str) -> str:
    from llmspell.backup.zones import zone_of

    try:
        zone_of(name)
    except ConfigError as error:
        problem = error.message.removeprefix("timezone ")
        told = {"problem": problem, "hint": error.hint}
        raise PydanticCustomError("entry", "{problem}", told) from None
    return name


#: The name of a time zone that this machine knows, such as "Europe/Berlin".
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Bytes = Annotated[int, Field(ge=0, le=_MAX_INT64)]
Count = Annotated[int, Field(ge=0, le=_MAX_INT32)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Milliseconds = Annotated[int, Field(ge=0, le=_MAX_INT32)]
Bits = Annotated[int, Field(ge=0, le=64)]
