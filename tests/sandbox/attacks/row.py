"""What a row of the attack tables says.

A row is one script, how it shows that it *works* against a plain embedding, and what becomes of
it here. Scripts tell by their value: "reached" when they got what they were after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = [
    "BLOATS",
    "CRASHES",
    "HANGS",
    "KEPT",
    "REACHED",
    "Attack",
    "Bare",
    "Fails",
    "Gives",
    "Limited",
    "Supervised",
    "raises",
    "shows",
]

Language = Literal["lua", "js"]


@dataclass(frozen=True, slots=True)
class Bare:
    """How an attack shows that it works against a plain ``LuaRuntime`` or ``Context``.

    ``value``: the script returns ``detail``. ``hangs``: it is still busy after a share of CPU
    time, or waits for ever. ``bloats``: the process grows by many MiB. ``crashes``: it dies by a
    signal. ``raises``: the host gets a Python exception, named in ``detail``, which is not the
    binding's own error for scripts.
    """

    kind: Literal["value", "hangs", "bloats", "crashes", "raises"]
    detail: Any = None


REACHED: Final = Bare("value", "reached")
HANGS: Final = Bare("hangs")
BLOATS: Final = Bare("bloats")
CRASHES: Final = Bare("crashes")


def shows(value: Any) -> Bare:
    """Return the proof that the script returns this value."""
    return Bare("value", value)


def raises(name: str) -> Bare:
    """Return the proof that a Python exception of this class reaches the host."""
    return Bare("raises", name)


@dataclass(frozen=True, slots=True)
class Gives:
    """Held: the run ends well with this value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Fails:
    """Held: the run ends with this code, and a message that holds the text."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Limited:
    """Held: the run ends with ``limit_exceeded`` by one of these limits."""

    limits: tuple[str, ...]

    def __init__(self, *limits: str) -> None:
        object.__setattr__(self, "limits", limits)


@dataclass(frozen=True, slots=True)
class Supervised:
    """Held inline by the supervising command line only: it ends with one of these exit codes."""

    codes: tuple[int, ...] = (124,)


KEPT: Final = Gives("held")

Held = Gives | Fails | Limited | Supervised


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One row. ``name`` is a sentence.

    ``bare_script`` stands for ``script`` against the plain embedding where that has to be asked
    in another way. ``process`` is what is expected under process isolation where that differs.
    ``stored`` names the keys that the scope "attack" holds afterwards; every other row must leave
    nothing there. ``in_tree`` rows run as a file in the folder that the hosts plant.
    """

    name: str
    language: Language
    script: str
    bare: Bare
    held: Held
    process: Held | None = None
    bare_script: str | None = None
    stored: tuple[str, ...] = ()
    in_tree: bool = False

    def is_about_time(self, isolation: str) -> bool:
        """Tell whether a time limit may be what ends it; every other run gets plenty."""
        held = self.expected(isolation)
        return isinstance(held, Limited) and "timeout_s" in held.limits

    def expected(self, isolation: str) -> Held:
        """Return what is to become of it under an isolation level."""
        return self.process if isolation == "process" and self.process else self.held
