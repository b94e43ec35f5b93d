"""Protect a value before it is stored: tag, redact, hash, encrypt or refuse what is sensitive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from llmspell.errors import ConfigError, SensitiveData
from llmspell.security.sensitive.actions import (
    ACTIONS,
    Cut,
    Does,
    protected_field,
    protected_text,
)
from llmspell.security.sensitive.detectors import DETECTORS
from llmspell.security.sensitive.fields import FieldPath, Fields, parse_field
from llmspell.security.sensitive.patterns import Pattern
from llmspell.security.sensitive.redactor import include_patterns
from llmspell.security.sensitive.scanner import Hit, Scanner, hidden_names
from llmspell.security.sensitive.walk import Steps, path_of
from llmspell.security.wildcard import wildcard
from llmspell_bridges.values import Value

__all__ = ["Action", "Protected", "Protection", "Settings"]

#: What ``Action.detector`` is for a field that a path names.
_FIELD: Final = "field"
_NOT_SCANNED: Final = ("trusted", "ephemeral")


class Settings(Protocol):
    """The settings of ``[state.sensitive]``, as ``Protection`` reads them."""

    @property
    def enabled(self) -> bool: ...
    @property
    def action(self) -> str: ...
    @property
    def actions(self) -> Mapping[str, str]: ...
    @property
    def detectors(self) -> Sequence[str] | None: ...
    @property
    def patterns(self) -> Mapping[str, str]: ...
    @property
    def encrypt_fields(self) -> Sequence[str]: ...
    @property
    def hash_fields(self) -> Sequence[str]: ...
    @property
    def redact_fields(self) -> Sequence[str]: ...
    @property
    def refuse_fields(self) -> Sequence[str]: ...
    @property
    def allow(self) -> Sequence[str]: ...


class Action(NamedTuple):
    """What was done, for the audit log: where, because of what; never the value."""

    path: str
    detector: str
    action: str


class Protected(NamedTuple):
    """A value fit to be stored; ``value`` is the very object given if nothing had to change.

    Parts to encrypt are wrapped as ``Confidential``. ``tags`` names the detectors that found
    something, sorted.
    """

    value: Any
    tags: tuple[str, ...]
    actions: tuple[Action, ...]


class Protection:
    """Applies the rules of a configuration to values. Keeps nothing of them; any thread may.

    Raises ``ConfigError`` for rules that hash without a ``hash_key`` or encrypt when
    ``can_encrypt`` is false: nothing is ever stored in plain text for want of a key. What its own
    patterns match is from then on left out of the reports of this process, too.
    """

    def __init__(self, config: Settings, *, hash_key: bytes | None, can_encrypt: bool) -> None:
        rows = DETECTORS if config.detectors is None else config.detectors
        default = ACTIONS[config.action]
        self._hash_key = hash_key
        self._allowed = tuple(map(wildcard, config.allow))
        self._actions = {
            name: ACTIONS[config.actions[name]] if name in config.actions else default
            for name in (*rows, *config.patterns)
        }
        self._fields = Fields(_field_marks(config))
        self._scanner = (
            Scanner(
                [row for name, row in DETECTORS.items() if name in rows],
                [Pattern(name, expression) for name, expression in config.patterns.items()],
            )
            if config.enabled
            else None
        )
        if config.patterns:
            include_patterns(config.patterns)
        _check_keys(config, self._actions, hash_key is not None, can_encrypt)

    def concerns(self, state_class: str) -> bool:
        """Return whether anything may be done to values of a class: if not, leave ``apply`` out."""
        if state_class in _NOT_SCANNED:
            return state_class == "trusted" and bool(self._fields)
        return self._scanner is not None or bool(self._fields)

    def apply(self, value: Value, packed: bytes, *, state_class: str = "standard") -> Protected:
        """Return the value as it may be stored; ``packed`` is the same value as msgpack.

        Values of class trusted are not scanned, those of class ephemeral left alone; those of
        class sensitive, which are encrypted as a whole, are scanned and tagged, and refused where
        a rule refuses. Raises ``SensitiveData`` naming a path and the rule, ``LimitExceeded`` for
        a pattern that takes too long.
        """
        if not self.concerns(state_class):
            return Protected(value, (), ())
        fields = self._fields.find(value, packed) if self._fields else {}
        hits: list[Hit] = []
        if self._scanner is not None and state_class not in _NOT_SCANNED:
            hits = self._scanner.scan(value, packed)
            if hits and self._allowed:
                hits = [hit for hit in hits if not self._is_allowed(_found(value, hit))]
        if not fields and not hits:
            return Protected(value, (), ())
        plan = _Plan(fields, hits, self._actions)
        plan.refuse()
        tags = tuple(sorted({hit.detector for hit in hits}))
        if state_class == "sensitive":
            return Protected(value, tags, plan.tagged())
        plan.refuse_names()
        return Protected(plan.carry_out(value, self._hash_key), tags, plan.done())

    def _is_allowed(self, found: str) -> bool:
        return any(allowed.matches(found) for allowed in self._allowed)


class _Plan:
    """What is to be done to one value."""

    def __init__(
        self, fields: Mapping[Steps, int], hits: Sequence[Hit], actions: Mapping[str, Does]
    ) -> None:
        self._hits = [(hit, actions[hit.detector]) for hit in hits]
        self._hidden = hidden_names(hits)
        self._fields = {steps: Does(mark) for steps, mark in fields.items()}
        for hit, action in self._hits:
            steps = hit.place.steps
            if not hit.place.is_name and action is not Does.REFUSE and steps in self._fields:
                self._fields[steps] = max(action, self._fields[steps])

    def refuse(self) -> None:
        """Raise ``SensitiveData`` if a rule refuses something that was found."""
        for steps, action in self._fields.items():
            if action is Does.REFUSE:
                raise _refused(path_of(steps, self._hidden), _FIELD)
        for hit, action in self._hits:
            if action is Does.REFUSE:
                raise _refused(path_of(hit.place.steps, self._hidden), hit.detector)

    def refuse_names(self) -> None:
        """Raise ``SensitiveData`` if the name of a member would have to be changed."""
        for hit, action in self._hits:
            if hit.place.is_name and action is not Does.TAG and not self._covering(hit):
                raise _refused_name(path_of(hit.place.steps, self._hidden), hit.detector)

    def carry_out(self, value: Value, hash_key: bytes | None) -> Any:
        """Return the value with all changes made; what does not change is shared with it."""
        edits: dict[Steps, Any] = {}
        for hit, action in self._hits:
            if action is not Does.TAG and not self._covering(hit):
                cut = Cut(hit.start, hit.end, action, hit.detector)
                edits.setdefault(hit.place.steps, []).append(cut)
        edits |= self._fields
        return _edited(value, edits, hash_key) if edits else value

    def done(self) -> tuple[Action, ...]:
        """Return the actions for the record."""
        whole = [
            self._action(steps, _FIELD, self._outermost(steps) or action)
            for steps, action in self._fields.items()
        ]
        parts = [
            self._action(hit.place.steps, hit.detector, self._covering(hit) or action)
            for hit, action in self._hits
        ]
        return tuple(whole + parts)

    def tagged(self) -> tuple[Action, ...]:
        """Return the record of a value that is left as it is."""
        return tuple(self._action(hit.place.steps, hit.detector, Does.TAG) for hit, _ in self._hits)

    def _action(self, steps: Steps, detector: str, action: Does) -> Action:
        return Action(path_of(steps, self._hidden), detector, action.name.lower())

    def _covering(self, hit: Hit) -> Does | None:
        """Return what is done with the field around a hit, if there is one."""
        return self._outermost(hit.place.steps[:-1] if hit.place.is_name else hit.place.steps)

    def _outermost(self, steps: Steps) -> Does | None:
        """Return what is done with the largest field that steps lead into."""
        if not self._fields:
            return None
        around = (self._fields.get(steps[:count]) for count in range(len(steps) + 1))
        return next((action for action in around if action is not None), None)


def _edited(value: Value, edits: Mapping[Steps, Any], hash_key: bytes | None) -> Any:
    own = edits.get(())
    if isinstance(own, Does):
        return protected_field(value, own, hash_key)
    if own is not None:
        return protected_text(value, own, hash_key)
    inner: dict[str | int, dict[Steps, Any]] = {}
    for steps, edit in edits.items():
        inner.setdefault(steps[0], {})[steps[1:]] = edit
    copy = value.copy()
    for step, below in inner.items():
        copy[step] = _edited(value[step], below, hash_key)
    return copy


def _found(value: Value, hit: Hit) -> str:
    """Return the very text of a hit."""
    if hit.place.is_name:
        return str(hit.place.steps[-1])[hit.start : hit.end]
    for step in hit.place.steps:
        value = value[step]
    text = value.decode("latin-1") if type(value) is bytes else str(value)
    return text[hit.start : hit.end]


def _field_marks(config: Settings) -> dict[FieldPath, int]:
    marks: dict[FieldPath, int] = {}
    for paths, action in (
        (config.hash_fields, Does.HASH),
        (config.redact_fields, Does.REDACT),
        (config.encrypt_fields, Does.ENCRYPT),
        (config.refuse_fields, Does.REFUSE),
    ):
        marks |= dict.fromkeys(map(parse_field, paths), action)
    return marks


def _check_keys(
    config: Settings, actions: Mapping[str, Does], can_hash: bool, can_encrypt: bool
) -> None:
    used = set(actions.values()) if config.enabled else set()
    for action, paths, possible in (
        (Does.HASH, config.hash_fields, can_hash),
        (Does.ENCRYPT, config.encrypt_fields, can_encrypt),
    ):
        if (paths or action in used) and not possible:
            word = action.name.lower()
            raise ConfigError(
                f"[state.sensitive] asks to {word} values, and there is no key to do it with",
                hint="make a key with llmspell keys generate and set"
                f" state.security.encryption_enabled = true, or choose another action than {word}",
                key=f"state.sensitive.{word}_fields" if paths else "state.sensitive.action",
            )


def _refused(path: str, detector: str) -> SensitiveData:
    if detector == _FIELD:
        what, rule = "is a field that must not be stored", "state.sensitive.refuse_fields"
    else:
        what = f"holds what the detector {detector} looks for, which must not be stored"
        rule = f"state.sensitive.actions.{detector}"
    return SensitiveData(
        f"{path} {what}",
        hint=f"leave it out of the value, or change {rule}",
        path=path,
        detector=detector,
    )


def _refused_name(path: str, detector: str) -> SensitiveData:
    return SensitiveData(
        f"the name of {path} holds what the detector {detector} looks for,"
        " and a name cannot be protected",
        hint="store it as a value instead of a name,"
        f' or set state.sensitive.actions.{detector} = "tag"',
        path=path,
        detector=detector,
    )
