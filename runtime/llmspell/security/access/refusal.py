"""The error that says who may not do what, where."""

from __future__ import annotations

from shlex import quote
from typing import Final

from llmspell.errors import AccessDenied
from llmspell.security.access.grant import Grant
from llmspell.security.access.pattern import WHOLE_STORE
from llmspell.security.access.permission import Permission

__all__ = ["ANONYMOUS", "denied", "in_words", "unknown"]

#: The name of whoever gives none.
ANONYMOUS: Final = "anonymous"
_VERBS: Final = {"read_write": "read and write", "admin": "administer"}


def denied(
    actor: str,
    scope: str,
    missing: Permission,
    refused: tuple[tuple[Grant, str], ...] = (),
) -> AccessDenied:
    """Name actor, scope and what is missing, and which condition stood in the way, if one did.

    Whether there is anything in the scope it does not say: nobody has looked.
    """
    # In a pattern that is to be administered the same character stands for any text.
    shown, permission = scope.replace(WHOLE_STORE, "*"), missing.text
    message = f"actor {actor!r} may not {in_words(permission, shown)}"
    details = {"actor": actor, "scope": shown, "permission": permission}
    if refused:
        grant, reason = refused[0]
        message += f": grant {grant.id} does not help, since {reason}"
        details["grant"] = grant.id
    return AccessDenied(message, hint=_way_out(actor, permission, shown), **details)


def _way_out(actor: str, permission: str, scope: str) -> str:
    grant = "llmspell access grant " + " ".join(map(quote, (actor, permission, scope)))
    if actor != ANONYMOUS:
        return f"to permit it, under the same configuration: {grant}"
    way = "say who acts, with --actor NAME or Runtime(actor=...)"
    # Nobody should be led to give the whole store to whoever has no name.
    return way if scope == "*" else f"{way}; to permit it to all who have no name: {grant}"


def in_words(permission: str, scope: str) -> str:
    """Return what somebody does or not: ``read and write in scope 'global'``."""
    verb = " and ".join(_VERBS.get(name, name) for name in permission.split(","))
    return f"{verb} the store as a whole" if scope == "*" else f"{verb} in scope {scope!r}"


def unknown(actor: str) -> AccessDenied:
    """Say that an actor may do nothing at all."""
    return AccessDenied(
        f"actor {actor!r} holds no grant, so he may do nothing",
        hint=_way_out(actor, "read", "<scope>"),
        actor=actor,
        scope="*",
        permission="any",
    )
