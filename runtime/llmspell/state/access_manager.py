"""Granting and revoking, for programs; ``llmspell access`` does it at the command line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from time import time_ns
from typing import TYPE_CHECKING, Any

from llmspell.errors import FeatureUnavailable, InvalidArgument, StateError, VersionConflict
from llmspell.state.contention import backoff
from llmspell.state.core import Scope
from llmspell.state.entries import UPDATE_ATTEMPTS
from llmspell.state.origin import ADDRESS, CURRENT, exact_address
from llmspell.state.scope import scope_text
from llmspell.state.watches import Watches

if TYPE_CHECKING:
    from llmspell.security.access import AccessControl, Decision, Grant
    from llmspell.state.access_grants import StoredGrants

__all__ = ["AccessManager"]


class AccessManager(Watches):
    """Stored grants, and what they come to.

    Who acts as somebody (``llmspell.acting``, ``Runtime(actor=...)``) manages what he
    administers; a program that acts as nobody is the operator, who manages everything.
    """

    def grant(
        self,
        actor: str | None,
        permission: str,
        scope: str,
        *,
        role: str | None = None,
        conditions: Mapping[str, Any] | None = None,
        until: dt.datetime | str | None = None,
        granted_by: str | None = None,
    ) -> Grant:
        """Permit an actor (or, with None and ``role``, a role) something, and return the grant.

        ``scope`` may hold ``*`` for any text and ``{actor}`` for the actor's name;
        ``conditions`` are plain data by kind, as in the configuration. It counts here at once, in
        other processes within a second. Raises ``InvalidArgument``, and ``AccessDenied`` to one
        who does not administer all that the pattern covers.
        """
        from llmspell.security.access.moments import moment_text

        at = time_ns() // 1000
        facts = {
            "actor": actor,
            "role": role,
            "scope": scope,
            "permission": permission,
            "until": until,
            "by": granted_by or self._origin()[0],
            "at": moment_text(at),
        }
        made = _made(facts, conditions or {}, at)
        self._check_manages(made.scope, made.actor)
        for attempt in range(UPDATE_ATTEMPTS):
            id_, batch = self._stored_grants.adding(made, at, looks=attempt > 2)
            with suppress(VersionConflict):
                self._write_internal(batch)
                self._access_changed()
                self._record("grant", made.scope, id_)
                return replace(made, id=id_)
            backoff(attempt)
        raise _lost()

    def revoke(self, grant_id: str) -> bool:
        """Take a stored grant away; return whether there was one.

        Raises ``InvalidArgument`` for one of the configuration, and ``AccessDenied`` to one who
        does not administer all that its pattern covers.
        """
        if self._access is not None and any(
            grant.id == grant_id and grant.granted_at is None
            for grant in self._access.policy.grants
        ):
            raise InvalidArgument(
                f"grant {grant_id!r} stands in the configuration: take it out there",
                parameter="grant_id",
            )
        for attempt in range(UPDATE_ATTEMPTS):
            found = self._stored_grants.find(grant_id)
            if found is None or not self._manages(found):
                # Whether there is such a grant is told to those only who may know of it.
                self._check_manages("*")
            if found is None:
                return False
            with suppress(VersionConflict):
                batch = self._stored_grants.removing(grant_id, time_ns() // 1000)
                removed = self._write_internal(batch).written[1].existed
                self._access_changed()
                self._record("revoke", found.scope, grant_id)
                return removed
            backoff(attempt)
        raise _lost()

    def list_grants(self, actor: str | None = None) -> list[Grant]:
        """Return all grants or, with their roles', those of an actor; configured ones first.

        To one who acts as somebody only his own, and those he administers.
        """
        access = self._access
        if access is None:
            grants = tuple(self._stored_grants.all())
            return [grant for grant in grants if actor in (None, grant.actor)]
        access.refresh()
        policy = access.policy
        found = policy.grants if actor is None else policy.holdings(actor).grants
        own = {grant.id for grant in policy.holdings(access.name_of(CURRENT.get()[0])).grants}
        return [grant for grant in found if grant.id in own or self._manages(grant)]

    def explain(
        self, actor: str | None, permission: str, scope: Scope, *, address: str | None = None
    ) -> Decision:
        """Return whether an actor may do something, and what each of his grants says to it.

        ``scope`` may be ``*`` for the store as a whole. Raises ``FeatureUnavailable`` when access
        control is off, and ``AccessDenied`` to one who asks about another in what he does not
        administer.
        """
        from llmspell.security.access import WHOLE_STORE, Permission

        access = self._need_access()
        access.refresh()
        place = None if address is None else exact_address(address)
        text = WHOLE_STORE if scope == "*" else scope_text(scope)
        asked = CURRENT.get()[0]
        if not access.is_operator(asked) and access.name_of(asked) != access.name_of(actor):
            access.check(asked, text, Permission.ADMIN, address=ADDRESS.get())
        return access.explain(actor, Permission.named(permission), text, address=place)

    def check_access(self, scope: Scope, permission: str) -> None:
        """Raise ``AccessDenied`` unless who calls may do that in a scope, ``*`` being them all."""
        from llmspell.security.access import WHOLE_STORE, Permission

        wanted = Permission.named(permission)
        text = WHOLE_STORE if scope == "*" else scope_text(scope)
        if self._access is not None:
            self._access.check(CURRENT.get()[0], text, wanted, address=ADDRESS.get())

    def _need_access(self) -> AccessControl:
        if self._access is None:
            raise FeatureUnavailable(
                "access control is off: everybody may do everything",
                hint="set state.security.access_control_enabled = true",
                key="state.security.access_control_enabled",
            )
        return self._access

    def _check_manages(self, pattern: str, holder: str | None = None) -> None:
        if self._access is not None:
            asked = CURRENT.get()[0]
            if not self._access.is_operator(asked):
                self._access.check_manages(asked, pattern, holder=holder, address=ADDRESS.get())

    def _manages(self, grant: Grant) -> bool:
        access, asked = self._access, CURRENT.get()[0]
        if access is None or access.is_operator(asked):
            return True
        return access.may_manage(asked, grant, address=ADDRESS.get())

    def _access_changed(self) -> None:
        if self._access is not None:
            self._access.refresh()

    @property
    def _stored_grants(self) -> StoredGrants:
        from llmspell.state.access_grants import StoredGrants

        return StoredGrants(lambda: self._store)


def _made(facts: Mapping[str, Any], conditions: Mapping[str, Any], at: int) -> Grant:
    """Return the grant that plain data stands for. Raises ``InvalidArgument``."""
    from llmspell.security.access import Grant
    from llmspell.security.access.conditions import KINDS

    if wrong := [kind for kind in conditions if kind not in KINDS]:
        raise InvalidArgument(
            f"there is no condition {wrong[0]!r}; there are {', '.join(KINDS)}",
            parameter="conditions",
        )
    made = Grant.read("", {**conditions, **facts})
    if made.has_expired(at):
        raise InvalidArgument("until must be a time to come", parameter="until")
    return made


def _lost() -> StateError:
    return StateError("the grants were changed by others too often meanwhile", hint="try again")
