"""What makes a fresh VM offer some globals: worked out once, used for every VM like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from llmspell_bridges.door import BoundGlobal

__all__ = ["blueprint"]

#: Programs make few kinds of sandboxes; what is kept beyond these is made again.
_MOST_KEPT: Final = 64
_kept: dict[tuple[Any, ...], tuple[Any, bytes]] = {}


def blueprint(
    language: str, offered: Sequence[BoundGlobal], make: Callable[[Sequence[BoundGlobal]], bytes]
) -> bytes:
    """Return what ``make`` makes of the declarations of some globals, in compiled form.

    Their services are not part of it.
    """
    declarations = [bound.declaration for bound in offered]
    key = (
        language,
        *((id(each), len(each.functions)) for each in declarations),
        *(bound.features for bound in offered),
    )
    known = _kept.get(key)
    if known is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        # The declarations are kept with it: their identities are part of the key.
        known = _kept[key] = declarations, make(offered)
    return known[1]
