"""Whether the values of one version of a schema fit another: computed, not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.schema.covering import Covering
from llmspell.schema.models import Compatibility, StateSchema
from llmspell.security.validation import Problem

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["Comparison", "compare"]


class Comparison(NamedTuple):
    """How a newer version is compatible with an older one, and what stands against it.

    ``backward``: what the old version accepts and the new one refuses. ``forward``: what the new
    one accepts and the old one refuses. The ``path`` of each names a field, such as
    ``items[].price``; ``$`` is the schema itself.
    """

    level: Compatibility
    backward: tuple[Problem, ...]
    forward: tuple[Problem, ...]


_LEVELS: dict[tuple[bool, bool], Compatibility] = {
    (True, True): "full",
    (True, False): "backward",
    (False, True): "forward",
    (False, False): "breaking",
}


def compare(old: StateSchema, new: StateSchema, registry: Schemas | None = None) -> Comparison:
    """Return how ``new`` is compatible with ``old``.

    Backward: ``new`` accepts every value that fits ``old``, once the defaults of the fields that
    only ``new`` requires are filled in. Forward: ``old`` accepts every value that fits ``new``.
    A member that neither version names is taken to be there where additional fields are allowed;
    one under a name that only the other version has is taken to be absent, for otherwise no field
    could ever be added. Doubts count as incompatible: of two patterns nobody can tell which takes
    more. ``registry`` has the schemas that fields refer to.
    """
    backward = tuple(Covering(old, new, registry, fills_defaults=True).problems())
    forward = tuple(Covering(new, old, registry, fills_defaults=False).problems())
    return Comparison(_LEVELS[not backward, not forward], backward, forward)
