"""The attacks, by category."""

from __future__ import annotations

from typing import Final

from .exhaustion import EXHAUSTION
from .host_reach import HOST_REACH
from .marshalling import MARSHALLING
from .modules import MODULES
from .poisoning import POISONING
from .row import Attack

__all__ = ["CATEGORIES"]

CATEGORIES: Final[dict[str, list[Attack]]] = {
    "host reach": HOST_REACH,
    "exhaustion": EXHAUSTION,
    "poisoning": POISONING,
    "marshalling": MARSHALLING,
    "modules": MODULES,
}
