"""Every global scripts can be given, in the order in which preludes run."""

from __future__ import annotations

from typing import Final

from llmspell_bridges.api import Global
from llmspell_stdlib.args import ARGS
from llmspell_stdlib.env import ENV
from llmspell_stdlib.fs import FS
from llmspell_stdlib.http import HTTP
from llmspell_stdlib.json_global import JSON
from llmspell_stdlib.output import CONSOLE, OUTPUT

# The last of the modules that declare functions of State, so all of them are there.
from llmspell_stdlib.state_backup import STATE
from llmspell_stdlib.time_global import TIME

__all__ = ["GLOBALS"]

GLOBALS: Final[tuple[Global, ...]] = (OUTPUT, CONSOLE, JSON, TIME, ARGS, STATE, FS, ENV, HTTP)
