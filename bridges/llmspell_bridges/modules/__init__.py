"""Modules: what ``require`` finds for scripts, below the folders the host names and nowhere else.

The virtual machine asks through the door; all reading of files is done by the host.
"""

from llmspell_bridges.modules.declaration import MODULES
from llmspell_bridges.modules.service import Modules

__all__ = ["MODULES", "Modules"]
