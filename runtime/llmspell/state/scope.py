"""Scopes: where a key lives.

The text forms are ``global``, ``agent:<id>``, ``workflow:<id>``, ``workflow:<id>:step:<name>``
(also written ``step:<id>:<name>``), ``session:<id>``, ``custom:<name>``, and any other text,
which is a custom scope of that name. ``user:42`` and ``custom:user:42`` are therefore one scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from llmspell.errors import InvalidKey, InvalidScope

__all__ = [
    "MAX_KEY_BYTES",
    "MAX_SCOPE_BYTES",
    "StateScope",
    "check_key",
    "key_checker",
    "scope_reader",
    "scope_text",
]

MAX_SCOPE_BYTES: Final = 256
MAX_KEY_BYTES: Final = 1024
_STEP: Final = ":step:"
_HINT: Final = (
    "scopes: global, agent:<id>, workflow:<id>, workflow:<id>:step:<name>, session:<id>, "
    "custom:<name>, or a name of your own such as user:42"
)


@dataclass(frozen=True, slots=True)
class StateScope:
    """One scope: its ``kind`` and the parts that name it.

    ``kind`` is ``global``, ``agent``, ``workflow``, ``step``, ``session`` or ``custom``; ``id``
    is the agent, workflow, session or custom name ("" for global); ``step`` the step's name.
    Use the constructors or ``parse``: they check the parts. ``str(scope)`` is the canonical text.
    """

    kind: str
    id: str = ""
    step: str = ""

    def __post_init__(self) -> None:
        if self.kind != "global" and not self.id:
            raise _invalid(f"a scope of kind {self.kind!r} needs an id")
        if self.kind == "step" and not self.step:
            raise _invalid("a step scope needs the step's name")
        if not self._is_told_by_its_text():
            raise _invalid(f"a scope of kind {self.kind!r} cannot have these parts")
        _check_text(str(self))

    @classmethod
    def global_(cls) -> Self:
        """Return the scope of the whole application."""
        return cls("global")

    @classmethod
    def agent(cls, agent_id: str) -> Self:
        """Return the scope of one agent."""
        return cls("agent", agent_id)

    @classmethod
    def workflow(cls, workflow_id: str) -> Self:
        """Return the scope of one workflow, or of a step if the id itself names one."""
        return cls._workflow(workflow_id)

    @classmethod
    def workflow_step(cls, workflow_id: str, name: str) -> Self:
        """Return the scope of one step of a workflow."""
        return cls("step", workflow_id, name)

    @classmethod
    def session(cls, session_id: str) -> Self:
        """Return the scope of one session."""
        return cls("session", session_id)

    @classmethod
    def custom(cls, name: str) -> Self:
        """Return a scope of the application's own."""
        return cls("custom", name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a scope's text. Raises ``InvalidScope`` when an id or a name is missing."""
        if not isinstance(text, str):
            raise _invalid(f"a scope is text, not {type(text).__name__}")
        if not text:
            raise _invalid("the scope is empty")
        if text == "global":
            return cls("global")
        kind, colon, rest = text.partition(":")
        if not colon or kind not in _PREFIXES:
            return cls("custom", text)
        if not rest:
            raise _invalid(f"scope '{kind}:' has no id after the colon")
        if kind == "workflow":
            return cls._workflow(rest)
        if kind == "step":
            workflow_id, _, name = rest.partition(":")
            return cls("step", workflow_id, name)
        return cls(kind, rest)

    @classmethod
    def _workflow(cls, rest: str) -> Self:
        workflow_id, is_step, name = rest.partition(_STEP)
        return cls("step", workflow_id, name) if is_step else cls("workflow", rest)

    def __str__(self) -> str:
        if self.kind == "global":
            return "global"
        if self.kind == "step":
            return f"workflow:{self.id}{_STEP}{self.step}"
        if self.kind == "custom" and self._reads_as_custom():
            return self.id
        return f"{self.kind}:{self.id}"

    def _is_told_by_its_text(self) -> bool:
        """Whether reading the text gives these parts again, so that no two scopes share one."""
        if self.kind == "step":
            return f"{self.id}{_STEP}{self.step}".partition(_STEP) == (self.id, _STEP, self.step)
        if self.kind == "workflow" and _STEP in self.id:
            return False
        return not self.step and (self.kind in _PREFIXES if self.id else self.kind == "global")

    def _reads_as_custom(self) -> bool:
        """Whether the bare name cannot be mistaken for a scope of another kind."""
        head, colon, _ = self.id.partition(":")
        return self.id != "global" and not (colon and head in _PREFIXES)


_PREFIXES: Final = frozenset({"agent", "workflow", "step", "session", "custom"})


def scope_text(scope: str | StateScope) -> str:
    """Return the canonical text of a scope. Raises ``InvalidScope``."""
    try:
        return _known_text(scope)
    except TypeError:  # an unhashable thing
        raise _invalid(f"a scope is text, not {type(scope).__name__}") from None


@lru_cache(maxsize=4096)
def _known_text(scope: str | StateScope) -> str:
    return str(scope if isinstance(scope, StateScope) else StateScope.parse(scope))


def check_key(key: str) -> str:
    """Return the key if it is one: text of 1 to 1024 UTF-8 bytes without control characters."""
    # isprintable is false for every control character and decides almost all keys at C speed.
    if type(key) is str and 0 < len(key) <= MAX_KEY_BYTES // 4 and key.isprintable():
        return key
    if not isinstance(key, str):
        raise InvalidKey(f"a key is text, not {type(key).__name__}", hint="pass text")
    if not key:
        raise InvalidKey("the key is empty", hint="use 1 to 1024 bytes of text")
    if position := _control_at(key):
        raise InvalidKey(
            f"the key has a control character at position {position}",
            hint="use printable text",
            position=position,
        )
    _check_size(len(_encoded(key, InvalidKey, "the key")), MAX_KEY_BYTES)
    return str(key)


def key_checker(max_bytes: int) -> Callable[[str], str]:
    """Return ``check_key``, or one that allows fewer bytes."""
    if max_bytes >= MAX_KEY_BYTES:
        return check_key

    def check(key: str) -> str:
        _check_size(len(check_key(key).encode()), max_bytes)
        return key

    return check


def scope_reader(max_bytes: int) -> Callable[[str | StateScope], str]:
    """Return ``scope_text``, or one that allows fewer bytes."""
    if max_bytes >= MAX_SCOPE_BYTES:
        return scope_text

    def read(scope: str | StateScope) -> str:
        text = scope_text(scope)
        if (size := len(text.encode())) > max_bytes:
            raise _invalid(f"the scope is {size} bytes long; limits.scope_bytes is {max_bytes}")
        return text

    return read


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise InvalidKey(
            f"the key is {size} bytes long; at most {max_bytes} are allowed",
            hint="use a shorter key, for example a hash of the long part",
            size=size,
        )


def _check_text(text: str) -> None:
    if position := _control_at(text):
        raise _invalid(f"the scope has a control character at position {position}")
    size = len(_encoded(text, InvalidScope, "the scope"))
    if size > MAX_SCOPE_BYTES:
        raise _invalid(f"the scope is {size} bytes long; at most {MAX_SCOPE_BYTES} are allowed")


def _control_at(text: str) -> int:
    """Return the position, from 1, of the first control character, or 0."""
    return next((i for i, char in enumerate(text, 1) if char < " " or "\x7f" <= char <= "\x9f"), 0)


def _encoded(text: str, error: type[InvalidKey] | type[InvalidScope], what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        hint = _HINT if error is InvalidScope else "repair the text, for example with a hash of it"
        raise error(f"{what} is not valid Unicode text (a lone surrogate)", hint=hint) from None


def _invalid(message: str) -> InvalidScope:
    return InvalidScope(message, hint=_HINT)
