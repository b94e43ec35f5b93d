"""Calling the functions that migrations name, so that none of them can do harm."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llmspell.errors import InvalidValue, LlmSpellError, SchemaError, ScriptError
from llmspell.migration.parts import copied
from llmspell.migration.refusal import Refused, kind_of
from llmspell.migration.step import MigrationStep
from llmspell.migration.transformer import Transformer, Unconvertible
from llmspell.schema.functions import Function, Functions, failure
from llmspell.schema.validators import VALIDATORS, check_config, is_answer, refusal
from llmspell_bridges.values import canonical

__all__ = ["Check", "Convert", "bind_transformer", "bind_validator"]

Convert: TypeAlias = Callable[[Any], Any]
"""Returns a canonical value, or raises ``Refused``."""

Check: TypeAlias = Callable[[Any], "str | None"]
"""Returns in words why a value is refused, or ``None``; raises ``Refused`` when it cannot tell."""

_CONTAINERS: Final = frozenset({dict, list})
#: What a script says of itself may hold data.
_WITHHELD: Final = (
    "what the script said is not shown, for it may hold data; look at that line, or call the"
    " function with a value of your own in a script (`llmspell run`)"
)


def bind_transformer(
    functions: Functions, name: str, config: dict[str, Any], step: MigrationStep, words: str
) -> Convert:
    """Return what converts a value. Raises ``SchemaError`` for a wrong name or config."""
    convert = _bound(_found(functions, name, step, words), config, step, words)

    def run(value: Any) -> Any:
        try:
            result = convert(value)
        except Unconvertible as error:
            raise Refused(str(error)) from None
        except Exception as error:
            said = f"cannot be converted: transformer {name!r} {failure(error)}"
            raise Refused(said, hint=_hint(error)) from None
        kind = type(result)
        if kind is bool or result is None or (kind is str and result.isascii()):
            return result
        return _stored(result, name)

    return run


def _hint(error: Exception) -> str | None:
    return _WITHHELD if isinstance(error, ScriptError) else None


def bind_validator(
    functions: Functions, name: str, config: dict[str, Any], step: MigrationStep, words: str
) -> Check:
    """Return what checks a value. Raises ``SchemaError`` for a wrong name or config."""
    validate = _found(functions, name, step, words)
    check_config(validate, config, _place(step, words))
    if not any(validate is builtin for builtin in VALIDATORS.values()):
        validate = _guarded(validate)

    def run(value: Any) -> str | None:
        try:
            answer = validate(value, config)
        except Exception as error:
            said = f"cannot be checked: validator {name!r} {failure(error)}"
            raise Refused(said, hint=_hint(error)) from None
        if answer is None or answer is True:
            return None
        _close(answer)
        if not is_answer(answer):
            # Taken for a refusal it would let a broken validator remove what is well.
            raise Refused(
                f"cannot be checked: validator {name!r} returned {kind_of(answer)}, which is no "
                "answer",
                hint="return true or nothing to accept; false, a text or texts to refuse",
            )
        return refusal(answer)

    return run


def _found(functions: Functions, name: str, step: MigrationStep, words: str) -> Function:
    try:
        return functions.find(name, step.source)
    except SchemaError as error:
        raise _placed(error, step, words) from None


def _bound(function: Function, config: dict[str, Any], step: MigrationStep, words: str) -> Convert:
    if isinstance(function, Transformer):
        try:
            return function.bind(config)
        except SchemaError as error:
            raise _placed(error, step, words) from None
    guarded = _guarded(function)
    return lambda value: guarded(value, config)


def _guarded(function: Function) -> Function:
    """Hand copies to a function that might change what it gets."""

    def run(value: Any, config: dict[str, Any]) -> Any:
        given = copied(value) if type(value) in _CONTAINERS else value
        return function(given, copied(config) if config else {})

    return run


def _stored(result: Any, name: str) -> Any:
    _close(result)
    try:
        return canonical(result)
    except LlmSpellError as error:
        # Where in it may be a name taken from the data: so the place is not told.
        is_whole = isinstance(error, InvalidValue) and error.details.get("path") == "$"
        part = "" if is_whole else " with a part"
        raise Refused(
            f"cannot be set: transformer {name!r} returned {kind_of(result)}{part} "
            "that cannot be stored"
        ) from None


def _close(answer: Any) -> None:
    if inspect.iscoroutine(answer):
        answer.close()


def _place(step: MigrationStep, words: str) -> str:
    return f"step '{step.name}' ({step.from_version} -> {step.to_version}), {words}"


def _placed(error: SchemaError, step: MigrationStep, words: str) -> SchemaError:
    details: dict[str, Any] = {"schema": step.schema_name, "step": step.name, **error.details}
    if step.source is not None:
        details["file"] = str(step.source)
    return SchemaError(f"{_place(step, words)}: {error.message}", hint=error.hint, **details)
