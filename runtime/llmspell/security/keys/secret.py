"""What every object that holds a secret has in common."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex

__all__ = ["Secretive"]


class Secretive:
    """Base of what must leave no trace of its secrets: it prints none and is never pickled.

    Copying is refused along with pickling; these objects do not change, so nobody needs copies.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: hidden>"

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"cannot pickle a {type(self).__name__}: it holds secrets")
