"""From a configuration to what makes its access control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from llmspell.errors import InvalidArgument
from llmspell.state.origin import ADDRESS, CURRENT, exact_address

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.security.access import AccessControl, Request

__all__ = ["NOBODY_IN_PARTICULAR", "Acting", "configured_access"]


class Acting:
    """As whom a program acts where nobody is named, from which address, and its own conditions.

    Raises ``InvalidArgument`` for an actor without a name, what is no address, and conditions
    that cannot be called.
    """

    __slots__ = ("actor", "address", "conditions")

    def __init__(
        self,
        actor: str | None = None,
        address: str | None = None,
        conditions: Mapping[str, Callable[[Request], object]] | None = None,
    ) -> None:
        if actor is not None:
            from llmspell.security.access.grant import check_name

            check_name("actor", actor)
        for name, function in (conditions or {}).items():
            if not callable(function):
                raise InvalidArgument(
                    f"condition {name!r} must be a function, not {type(function).__name__}",
                    parameter="access_conditions",
                )
        self.actor = actor
        self.address = None if address is None else exact_address(address)
        self.conditions = dict(conditions or {})

    def as_whom(self, actor: str | None = None) -> dict[str, str | None]:
        """Return what ``originating`` is to be given for a run.

        ``actor`` is the run's own; else it is whoever acts around the call, else the program's.
        """
        around = CURRENT.get()[0] or self.actor
        address = ADDRESS.get() or self.address
        return {"actor": around if actor is None else actor, "address": address}


NOBODY_IN_PARTICULAR = Acting()


def configured_access(config: Config | None, acting: Acting) -> Callable[..., AccessControl] | None:
    """Return what makes the access control of a StateManager; None where it is off."""
    if config is None or not config.state.security.access_control_enabled:
        return None
    from llmspell.security.access import AccessControl

    made: dict[str, Any] = {
        "conditions": acting.conditions,
        "actor": acting.actor,
        "address": acting.address,
    }
    return partial(AccessControl, config.state.access.policy(), **made)
