"""What a built-in transformer is: a conversion with a checked config, and what undoes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from llmspell.errors import SchemaError

__all__ = ["Maker", "Option", "Transformer", "Unconvertible", "Undo"]

Maker: TypeAlias = Callable[[dict[str, Any]], Callable[[Any], Any]]
"""Makes the conversion for a config that has passed its options' checks."""


class Unconvertible(Exception):
    """A value that a transformer cannot convert; the words go behind its path and name no value."""


class Option(NamedTuple):
    """One entry of a config: ``needs`` says in words what ``fits`` wants it to be."""

    needs: str
    fits: Callable[[Any], bool]
    required: bool = True


class Undo(NamedTuple):
    """The transformer that leads back; ``loss`` says what does not come back as it was."""

    transformer: str
    config: dict[str, Any]
    loss: str | None = None


@dataclass(frozen=True, eq=False)
class Transformer:
    """A built-in transformer.

    ``make`` gets a config that fits ``options`` and may raise ``SchemaError`` for what they
    cannot tell. ``undo`` returns what leads back, ``None`` where nothing does.
    """

    name: str
    make: Maker
    options: Mapping[str, Option] = field(default_factory=dict)
    undo: Callable[[dict[str, Any]], Undo | None] = lambda config: None

    def __call__(self, value: Any, config: dict[str, Any]) -> Any:
        return self.bind(config)(value)

    def bind(self, config: dict[str, Any]) -> Callable[[Any], Any]:
        """Return the conversion. Raises ``SchemaError`` for a config that it cannot work with."""
        self.check(config)
        return self.make(config)

    def check(self, config: dict[str, Any]) -> None:
        """Raise ``SchemaError`` for options that are unknown, missing or wrong."""
        for name in config:
            if name not in self.options:
                takes = ", ".join(self.options) or "nothing"
                raise SchemaError(
                    f"transformer {self.name!r}: config {name!r} is unknown",
                    hint=f"its config takes {takes}",
                )
        for name, option in self.options.items():
            if name not in config:
                if option.required:
                    raise SchemaError(
                        f"transformer {self.name!r}: config {name!r} must be given",
                        hint=f"it must be {option.needs}",
                    )
            elif not option.fits(config[name]):
                raise SchemaError(
                    f"transformer {self.name!r}: config {name!r} must be {option.needs}"
                )
