"""``Permissions``: what scripts may read, write, connect to and see of the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from llmspell.errors import InvalidArgument, PermissionDenied
from llmspell.permissions import env_entries, net_entries, path_entries

__all__ = ["KINDS", "Grant", "Permissions"]

Grant: TypeAlias = tuple[str, ...] | Literal[True]
"""What is granted of one kind: nothing (an empty tuple), some entries, or ``True``: everything."""

Granted: TypeAlias = bool | Iterable[str | os.PathLike[str]]

#: The kinds, and what brings an entry of each into its one form.
KINDS: Final[dict[str, Callable[[str], str]]] = {
    "read": path_entries.exact,
    "write": path_entries.exact,
    "net": net_entries.exact,
    "env": env_entries.exact,
}
_COVERS: Final[dict[str, Callable[[str, str], bool]]] = {
    "read": path_entries.covers,
    "write": path_entries.covers,
    "net": net_entries.covers,
    "env": env_entries.covers,
}


@dataclass(frozen=True, slots=True, init=False)
class Permissions:
    """What scripts may reach. Nothing by default; an immutable value that compares and pickles.

    Each kind is a series of entries, or ``True`` for everything of it:

    - ``read`` and ``write`` are files, and folders with all below them. Relative ones start at the
      folder that is current now; ``~`` is the home folder. Writing does not include reading.
    - ``net`` are hosts: ``"example.com"``, ``"example.com:443"``, ``"*.example.com"`` (its
      subdomains), ``"10.1.2.3"``, ``"10.0.0.0/8"``, ``"[::1]:8080"``, ``"localhost"``, and ``"*"``:
      every host on the public internet. A name never leads to a private address unless an entry
      names that address. ``True`` includes private networks and this machine.
    - ``env`` are names of variables, or ``"PREFIX_*"``. The variables of llmspell itself
      (``LLMSPELL_...``), which may hold passwords, are readable only under their full name.

    Raises ``InvalidArgument`` for entries that mean nothing.
    """

    read: Grant
    write: Grant
    net: Grant
    env: Grant

    def __init__(
        self,
        *,
        read: Granted = (),
        write: Granted = (),
        net: Granted = (),
        env: Granted = (),
    ) -> None:
        given = {"read": read, "write": write, "net": net, "env": env}
        for kind, entries in given.items():
            # The only way to fill a frozen object.
            object.__setattr__(self, kind, _grant(kind, entries))

    @classmethod
    def none(cls) -> Permissions:
        """Return what permits nothing, as the default does."""
        return cls()

    @classmethod
    def all(cls) -> Permissions:
        """Return what permits everything of every kind."""
        return cls(**dict.fromkeys(KINDS, True))

    def narrow(
        self,
        *,
        read: Granted | None = None,
        write: Granted | None = None,
        net: Granted | None = None,
        env: Granted | None = None,
    ) -> Permissions:
        """Return permissions with less in them; kinds that are not named stay as they are.

        Never widens: raises ``PermissionDenied`` for an entry that nothing here covers.
        """
        wanted = {"read": read, "write": write, "net": net, "env": env}
        grants: dict[str, Grant] = {}
        for kind, entries in wanted.items():
            held: Grant = getattr(self, kind)
            grants[kind] = held if entries is None else _grant(kind, entries)
            if entries is not None:
                _check_held(kind, grants[kind], held)
        return Permissions(**grants)

    def __or__(self, other: Permissions) -> Permissions:
        """Return what permits all that either of the two permits."""
        if not isinstance(other, Permissions):
            return NotImplemented
        return Permissions(
            **{kind: _both(getattr(self, kind), getattr(other, kind)) for kind in KINDS}
        )

    def allows_read(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether reading this path is permitted, going by its name alone.

        ``Fs`` looks further: a link that leads out of what is permitted is not followed.
        """
        return _allows_path(self.read, path)

    def allows_write(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether writing this path is permitted, going by its name alone."""
        return _allows_path(self.write, path)

    def allows_net(self, host: str, port: int | None = None) -> bool:
        """Tell whether connecting to a host is permitted, going by its name alone.

        Without a port: to any port of it. Raises ``InvalidArgument`` for what is no host.
        """
        return self.net is True or net_entries.allows_host(self.net, host, port)

    def allows_env(self, name: str) -> bool:
        """Tell whether an environment variable may be read."""
        return env_entries.allows(self.env, name)


def _grant(kind: str, given: Granted) -> Grant:
    """Bring what was given into its one form: sorted, each entry once."""
    if isinstance(given, bool):
        return True if given else ()
    if isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable):
        raise InvalidArgument(
            f"{kind} must be True or a series of entries, not {type(given).__name__}",
            hint="put a single entry in a list: [entry]",
            parameter=kind,
        )
    return tuple(sorted({_exact(kind, entry) for entry in given}))


def _exact(kind: str, entry: Any) -> str:
    if isinstance(entry, os.PathLike):
        entry = os.fspath(entry)
    if not isinstance(entry, str):
        raise InvalidArgument(
            f"an entry of {kind} must be text, not {type(entry).__name__}", parameter=kind
        )
    try:
        return KINDS[kind](entry)
    except ValueError as error:
        raise InvalidArgument(f"{kind}: {error}", parameter=kind) from None


def _check_held(kind: str, wanted: Grant, held: Grant) -> None:
    if held is True or wanted == ():
        return
    covers = _COVERS[kind]
    missing = (
        ("everything",)
        if wanted is True
        else tuple(entry for entry in wanted if not any(covers(own, entry) for own in held))
    )
    if missing:
        raise PermissionDenied(
            f"narrow() cannot add {kind} permissions: {', '.join(missing)}",
            hint="ask for entries that are within those of the permissions it is called on",
            permission=kind,
            target=missing[0],
        )


def _both(one: Grant, other: Grant) -> Grant:
    return True if one is True or other is True else one + other


def _allows_path(grant: Grant, path: str | os.PathLike[str]) -> bool:
    if grant is True:
        return True
    absolute = path_entries.absolute(os.fspath(path))
    return any(path_entries.covers(entry, absolute) for entry in grant)
