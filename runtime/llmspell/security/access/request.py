"""One question to the access control: who wants to do what, where, and from where."""

from __future__ import annotations

from typing import NamedTuple

from llmspell.security.access.permission import Permission

__all__ = ["Request"]


class Request(NamedTuple):
    """What the conditions of a grant are asked about; functions of one's own get it, too.

    Times are microseconds since the Unix epoch. ``now_us`` is what the clock says,
    ``latest_us`` the latest it has ever said. ``size_bytes`` and ``encrypted`` tell of the
    value about to be written; they are None until it is known.
    """

    actor: str
    scope: str
    permission: Permission
    address: str | None
    now_us: int
    latest_us: int
    is_audited: bool
    size_bytes: int | None = None
    encrypted: bool | None = None
