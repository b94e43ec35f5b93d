"""The access control: asked before anything is done, and before anything is looked up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from llmspell.errors import AccessDenied
from llmspell.security.access.conditions import CustomFunctions
from llmspell.security.access.decision import Considered, Decision
from llmspell.security.access.grant import Grant
from llmspell.security.access.judge import Judge
from llmspell.security.access.pattern import WHOLE_STORE, compiled, covered
from llmspell.security.access.permission import Permission
from llmspell.security.access.policy import Policy
from llmspell.security.access.rate import Counters
from llmspell.security.access.refusal import ANONYMOUS, denied, unknown
from llmspell.security.access.request import Request

__all__ = ["ANONYMOUS", "AccessControl", "GrantSource"]

#: Whoever gives no name. He is granted things like any other.
#: Grants that another process stored or revoked count here after this time at the latest.
LOOK_EVERY_S: Final = 0.9
#: So many writes of one thread may wait to be told of their values.
_MOST_PENDING: Final = 10_000


class GrantSource(Protocol):
    """Where stored grants are."""

    def changed(self) -> Sequence[Grant] | None:
        """Return all stored grants if they may have changed since the last call, else None."""
        ...


def _now_us() -> int:
    return time.time_ns() // 1000


def _no() -> bool:
    return False


class AccessControl:
    """Decides by the grants of the configuration and the stored ones together. Thread-safe.

    Nothing is permitted that no grant permits, and no grant takes anything away. ``actor`` and
    ``address`` are those of whoever gives none himself. ``on_denied`` is told of every refusal.
    ``masks`` hold what is permitted whatever the circumstances, by actor and scope; until
    ``due_at`` (of the monotonic clock) they may be trusted.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        source: GrantSource | None = None,
        conditions: CustomFunctions | None = None,
        actor: str | None = None,
        address: str | None = None,
        clock: Callable[[], int] = _now_us,
        monotonic_s: Callable[[], float] = time.monotonic,
        is_audited: Callable[[], bool] = _no,
        on_denied: Callable[[AccessDenied], object] | None = None,
    ) -> None:
        self._configured = policy
        self._policy = policy
        self.masks = policy.masks
        self._source = source
        self._actor, self._address = actor or ANONYMOUS, address
        self._has_actor = actor is not None
        self._judge = Judge(conditions or {}, Counters(monotonic_s))
        self._clock, self.monotonic_s = clock, monotonic_s
        self._latest_us = 0
        self.is_audited = is_audited
        self.on_denied = on_denied
        self._looking = threading.Lock()
        self.due_at = float("inf") if source is None else 0.0
        # What helped the last write of a thread, for when its value is known.
        self._pending = threading.local()

    @property
    def policy(self) -> Policy:
        """The grants there are now."""
        self._look()
        return self._policy

    def refresh(self) -> None:
        """Look for changed grants at the next question, not only after a while."""
        if self._source is not None:
            self.due_at = 0.0

    def is_operator(self, asked: str | None) -> bool:
        """Return whether nobody is named: the program itself, or who is at its command line."""
        return asked is None and not self._has_actor

    def after_fork(self) -> None:
        """Go on in a child process, whatever other threads of the parent were at."""
        self._looking = threading.Lock()
        self._judge.after_fork()

    # Questions ----------------------------------------------------------------------------

    def check(
        self, asked: str | None, scope: str, permission: Permission, *, address: str | None = None
    ) -> None:
        """Raise ``AccessDenied`` unless everything asked for is permitted in a scope.

        ``asked`` is the actor's name, or None for one who has none.
        """
        self._look()
        policy, actor = self._policy, asked or self._actor
        mask = self._mask(policy, asked, scope)
        if permission & ~mask == 0:
            return
        request = self._request(actor, scope, permission, address)
        bound = policy.holdings(actor).bound(scope)
        verdict = self._judge.decide(request, bound, mask)
        if missing := permission & ~verdict.mask:
            raise self._refusal(denied(actor, scope, missing, verdict.refused))
        if permission & Permission.WRITE and policy.has_deferred:
            self._remember(request, verdict.helped)

    def may(
        self, asked: str | None, scope: str, permission: Permission, *, address: str | None = None
    ) -> bool:
        """Return whether something is permitted now; a request that is not made counts nowhere."""
        self._look()
        policy, actor = self._policy, asked or self._actor
        mask = self._mask(policy, asked, scope)
        if permission & ~mask == 0:
            return True
        request = self._request(actor, scope, permission, address)
        bound = policy.holdings(actor).bound(scope)
        return permission & ~self._judge.decide(request, bound, mask, counts=False).mask == 0

    def check_known(self, asked: str | None) -> None:
        """Raise ``AccessDenied`` for an actor who may do nothing at all."""
        self._look()
        actor = asked or self._actor
        if not self._policy.holdings(actor).is_known(self._latest()):
            raise self._refusal(unknown(actor))

    def check_written(
        self, asked: str | None, scope: str, size_bytes: int, *, encrypted: Callable[[], bool]
    ) -> None:
        """Raise ``AccessDenied`` if what permitted a write does not permit one of this value.

        Asked by the thread that has just asked whether it may write there.
        """
        policy, actor = self._policy, asked or self._actor
        if not policy.has_deferred or self._mask(policy, asked, scope) & Permission.WRITE:
            return
        request, helped = self._remembered(actor, scope)
        known = request._replace(size_bytes=size_bytes, encrypted=encrypted())
        refused = list[tuple[Grant, str]]()
        for grant in helped:
            reason = self._judge.why_not_written(known, grant)
            if reason is None:
                return
            refused.append((grant, reason))
        raise self._refusal(denied(actor, scope, Permission.WRITE, tuple(refused)))

    def check_manages(
        self,
        asked: str | None,
        pattern: str,
        *,
        holder: str | None = None,
        address: str | None = None,
    ) -> None:
        """Raise ``AccessDenied`` unless an actor administers all that a pattern covers.

        ``holder`` is whom the pattern is for, None where that may be anybody.
        """
        self.check(asked, covered(pattern, holder), Permission.ADMIN, address=address)

    def may_manage(self, asked: str | None, grant: Grant, *, address: str | None = None) -> bool:
        """Return whether an actor administers all that a grant covers."""
        scope = covered(grant.scope, grant.actor)
        return self.may(asked, scope, Permission.ADMIN, address=address)

    def name_of(self, asked: str | None) -> str:
        """Return under which name somebody is asked about."""
        return asked or self._actor

    def explain(
        self, asked: str | None, permission: Permission, scope: str, *, address: str | None = None
    ) -> Decision:
        """Return whether something is permitted, and what each grant of the actor says to it.

        Nothing is counted, and what depends on the value itself is taken to hold.
        """
        policy, actor = self.policy, asked or self._actor
        holdings = policy.holdings(actor)
        request = self._request(actor, scope, permission, address)
        owns = holdings.owns(scope)
        mask = Permission.NOT_ADMIN if owns else Permission.NONE
        considered = list[Considered]()
        for grant in holdings.grants:
            reason = _beside(grant, actor, scope, permission) or self._judge.why_not(
                request, grant, counts=False
            )
            mask |= Permission.NONE if reason else grant.permission
            considered.append(Considered(grant, reason or ""))
        missing = permission & ~mask
        return Decision(
            not missing,
            actor,
            permission.text,
            "*" if scope == WHOLE_STORE else scope,
            missing.text if missing else "",
            owns,
            policy.roles_of.get(actor, ()),
            tuple(considered),
        )

    # Inside -------------------------------------------------------------------------------

    def _mask(self, policy: Policy, asked: str | None, scope: str) -> Permission:
        known = policy.masks.get((asked, scope))
        if known is not None:
            return Permission(known)
        mask = policy.holdings(asked or self._actor).mask(scope)
        policy.keep(asked, scope, mask)
        return mask

    def _request(
        self, actor: str, scope: str, permission: Permission, address: str | None
    ) -> Request:
        now = self._clock()
        return Request(
            actor=actor,
            scope=scope,
            permission=permission,
            address=address or self._address,
            now_us=now,
            latest_us=self._latest(now),
            is_audited=self.is_audited(),
        )

    def _latest(self, now: int | None = None) -> int:
        """Return the latest time the clock has ever told: no grant comes back to life."""
        self._latest_us = latest = max(self._latest_us, self._clock() if now is None else now)
        return latest

    def _look(self) -> None:
        if self._source is None or self.monotonic_s() < self.due_at:
            return
        with self._looking:
            if self.monotonic_s() < self.due_at:
                return  # another thread has just looked
            grants = self._source.changed()
            if grants is not None:
                self._replace(grants)
            self.due_at = self.monotonic_s() + LOOK_EVERY_S

    def _replace(self, stored: Iterable[Grant]) -> None:
        policy = self._configured.extended(stored)
        # The masks belong to their policy: what another thread is about to put into those of
        # the former one does no harm.
        self._policy, self.masks = policy, policy.masks

    def _remember(self, request: Request, helped: tuple[Grant, ...]) -> None:
        """Keep what has permitted a write of this thread until its value is known."""
        kept = self._pending.__dict__.setdefault("writes", {})
        if len(kept) >= _MOST_PENDING:
            kept.clear()
        writing = tuple(grant for grant in helped if grant.permission & Permission.WRITE)
        kept[request.actor, request.scope] = (request, writing)

    def _remembered(self, actor: str, scope: str) -> tuple[Request, tuple[Grant, ...]]:
        kept = self._pending.__dict__.get("writes", {})
        found: tuple[Request, tuple[Grant, ...]] | None = kept.get((actor, scope))
        if found is not None:
            return found
        request = self._request(actor, scope, Permission.WRITE, None)
        bound = self._policy.holdings(actor).bound(scope)
        verdict = self._judge.decide(request, bound, Permission.NONE, counts=False)
        return request, verdict.helped

    def _refusal(self, error: AccessDenied) -> AccessDenied:
        if self.on_denied is not None:
            self.on_denied(error)
        return error


def _beside(grant: Grant, actor: str, scope: str, permission: Permission) -> str | None:
    """Return why a grant has nothing to do with a question."""
    if not compiled(grant.scope, actor).matches(scope):
        return f"it is for {grant.scope}"
    if grant.permission & permission == 0:
        return f"it permits {grant.permission.text}"
    return None
