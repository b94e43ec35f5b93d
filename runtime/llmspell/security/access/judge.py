"""Deciding one request by the grants that depend on more than the scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from llmspell.security.access.conditions import CustomFunctions, Rate
from llmspell.security.access.grant import Grant
from llmspell.security.access.moments import moment_text
from llmspell.security.access.permission import Permission
from llmspell.security.access.rate import Counters
from llmspell.security.access.request import Request

__all__ = ["Judge", "Verdict"]


class Verdict(NamedTuple):
    """What the grants together permit, which of them helped, and why others did not."""

    mask: Permission
    helped: tuple[Grant, ...]
    refused: tuple[tuple[Grant, str], ...]


class Judge:
    """Asks the conditions of grants, and counts requests where a grant limits their rate."""

    def __init__(self, functions: CustomFunctions, counters: Counters) -> None:
        self._functions = functions
        self._counters = counters

    def after_fork(self) -> None:
        """Go on in a child process."""
        self._counters.after_fork()

    def decide(
        self, request: Request, grants: Iterable[Grant], mask: Permission, *, counts: bool = True
    ) -> Verdict:
        """Add to what is permitted anyway what these grants permit, until it is enough.

        Those that limit a rate come last, so that a request is counted only where it has to be.
        Without ``counts`` nothing is counted. What permits writing only if the value is fit for
        it does not keep others from helping, too.
        """
        helped, refused = list[Grant](), list[tuple[Grant, str]]()
        enough = mask
        for grant in sorted(grants, key=_limits_rate):
            if grant.permission & request.permission & ~enough == 0:
                continue
            reason = self.why_not(request, grant, counts=counts)
            if reason is not None:
                refused.append((grant, reason))
                continue
            mask |= grant.permission
            enough |= grant.permission & ~Permission.WRITE if grant.deferred else grant.permission
            helped.append(grant)
        return Verdict(mask, tuple(helped), tuple(refused))

    def why_not(self, request: Request, grant: Grant, *, counts: bool) -> str | None:
        """Return what keeps a grant from helping a request; None if nothing does."""
        if grant.has_expired(request.latest_us):
            return f"it expired at {moment_text(grant.expires_at or 0)}"
        rates = list[Rate]()
        for condition in grant.conditions:
            if isinstance(condition, Rate):
                rates.append(condition)
            elif reason := condition.why_not(request, self._functions):
                return reason
        ask = self._counters.take if counts else self._counters.has_room
        for rate in rates:
            key = (grant.id, request.actor)
            if not ask(key, rate.most, rate.window_s, is_burst=rate.is_burst):
                return rate.refusal
        return None

    def why_not_written(self, known: Request, grant: Grant) -> str | None:
        """Return what keeps a grant that has helped from helping now that the value is known."""
        reasons = (each.why_not(known, self._functions) for each in grant.deferred)
        return next(filter(None, reasons), None)


def _limits_rate(grant: Grant) -> bool:
    return any(condition.kind == Rate.kind for condition in grant.conditions)
