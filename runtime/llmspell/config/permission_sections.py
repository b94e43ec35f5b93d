"""The table ``[permissions]``: what scripts may reach outside their sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from llmspell.config.section import Section

if TYPE_CHECKING:
    from llmspell.permissions import Permissions

__all__ = ["Permitted"]


def _grant(value: Any, info: ValidationInfo) -> bool | tuple[str, ...]:
    """Check a list at once, so that a mistake in it is told with its place in the file."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be true, false or a list of texts")
    from llmspell.permissions.permissions import KINDS

    exact = KINDS[str(info.field_name)]
    try:
        for entry in value:
            exact(entry)
    except ValueError as error:
        raise PydanticCustomError("entry", "is wrong: {reason}", {"reason": str(error)}) from None
    # As it is written: relative paths are for whoever runs scripts with it.
    return tuple(value)


Grant: TypeAlias = Annotated[bool | tuple[str, ...], PlainValidator(_grant)]


class Permitted(Section):
    """What scripts may reach outside their sandbox: nothing unless it is listed; true: all."""

    read: Grant = Field((), description="Files and folders scripts may read, with all below them.")
    write: Grant = Field(
        (), description="Files and folders scripts may write; it does not include reading."
    )
    net: Grant = Field(
        (),
        description="Hosts scripts may connect to: example.com, example.com:443, *.example.com, "
        '10.0.0.0/8, localhost, or "*": all of the public internet.',
    )
    env: Grant = Field(
        (), description="Environment variables scripts may read: their names, or PREFIX_*."
    )

    def granted(self) -> Permissions:
        """Return the permissions; relative paths start at the current folder."""
        from llmspell.permissions import Permissions

        return Permissions(read=self.read, write=self.write, net=self.net, env=self.env)
