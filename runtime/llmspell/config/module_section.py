"""The table ``[modules]``: where scripts find modules besides their own folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from llmspell.config.section import PathOnDisk, Section

__all__ = ["ModuleFolders"]


def _folders(value: Any) -> Any:
    """Take a list; of one text, as an environment variable holds it, what stands between colons."""
    if isinstance(value, str):
        return tuple(value.split(os.pathsep))
    return tuple(value) if isinstance(value, list) else value


class ModuleFolders(Section):
    """Where `require` finds modules besides the folder of the script."""

    own_folder: bool = Field(
        True,
        description="Whether scripts find modules in their own folder (of code given as text: the "
        "current folder). They are read without any permission.",
    )
    paths: Annotated[tuple[PathOnDisk, ...], BeforeValidator(_folders)] = Field(
        (),
        json_schema_extra={"values": "list of folders"},
        description="Further folders with modules, searched in this order after the script's own; "
        "relative paths start at the current folder.",
    )

    @property
    def existing(self) -> list[Path]:
        """The folders that are there."""
        return [path for path in self.paths if path.is_dir()]
