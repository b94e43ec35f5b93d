"""Built-in validators, and what the answers of validators mean.

A validator gets a value and its ``config``. ``None`` and ``True`` accept the value; ``False``, a
text or a list of texts refuse it. The texts say what the value must be, never what it is.
"""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any, Final
from urllib.parse import urlsplit

from llmspell.errors import SchemaError
from llmspell.schema.functions import Function, Functions
from llmspell.schema.repeats import least_length

__all__ = ["VALIDATORS", "builtin_validators", "check_config", "is_answer", "refusal"]

_MAX_MESSAGE: Final = 300
_MAX_EMAIL: Final = 254
_MAX_URL: Final = 2048
_MATCH_SECONDS: Final = 0.25
_MOST_REPEATED: Final = 10_000

# Nothing in these is tried twice, so that they take no longer on text that nearly fits.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}+(?<!-)"
_is_email = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@(?:{_LABEL}\.)++[A-Za-z]{{2,63}}").fullmatch
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_is_date = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def refusal(answer: Any) -> str | None:
    """Return in words why a validator refuses a value, ``None`` if it accepts it."""
    if answer is None or answer is True:
        return None
    if answer is False:
        return "is refused"
    if isinstance(answer, str):
        return _printable(answer) or "is refused"
    if not is_answer(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        return f"gets from its validator what is no answer ({type(answer).__name__})"
    if not answer:
        return None
    return _printable("; ".join(answer)) or "is refused"


def is_answer(answer: Any) -> bool:
    """Tell whether what a validator returned accepts or refuses anything."""
    if answer is None or isinstance(answer, bool | str):
        return True
    if isinstance(answer, dict):  # a script's empty list is a map
        return not answer
    return isinstance(answer, list | tuple) and all(isinstance(part, str) for part in answer)


def check_config(function: Function, config: Mapping[str, Any], what: str) -> None:
    """Raise ``SchemaError`` for what a built-in validator cannot be configured with.

    ``what`` begins the message. Those of the application are not known here, and pass.
    """
    if not isinstance(function, FunctionType) or function not in _CHECKED:
        return
    accepted, needed, problem = _CHECKED[function]
    for name in config:
        if name not in accepted:
            takes = f"it takes {', '.join(accepted)}" if accepted else "it takes none"
            raise SchemaError(f"{what}: config {name!r} is unknown", hint=takes)
    for name in needed:
        if name not in config:
            raise SchemaError(f"{what}: config {name!r} must be given")
    if problem is not None and (found := problem(dict(config))):
        raise SchemaError(f"{what}: {found}")


def builtin_validators() -> Functions:
    """Return the validators that are there without an application."""
    return Functions("validator", VALIDATORS)


def _email(value: Any, config: dict[str, Any]) -> str | None:
    if type(value) is str and len(value) <= _MAX_EMAIL and _is_email(value):
        return None
    return "must be an e-mail address"


def _url(value: Any, config: dict[str, Any]) -> str | None:
    schemes = config.get("schemes", ("http", "https"))
    if type(value) is str and len(value) <= _MAX_URL and value.isprintable() and " " not in value:
        try:
            address = urlsplit(value)
            has_port = address.port is None or address.port > 0
            if address.scheme in schemes and address.hostname and has_port:
                return None
        except ValueError:
            pass
    return f"must be an address that begins with {' or '.join(f'{part}://' for part in schemes)}"


def _uuid(value: Any, config: dict[str, Any]) -> str | None:
    return None if type(value) is str and _is_uuid(value) else "must be a UUID"


def _date(value: Any, config: dict[str, Any]) -> str | None:
    if type(value) is str and _is_date(value):
        try:
            dt.date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return "must be a date such as 2024-01-31"


def _timestamp(value: Any, config: dict[str, Any]) -> str | None:
    if isinstance(value, dt.datetime):
        return None
    if type(value) is str and value[10:11] in ("T", "t"):
        try:
            if dt.datetime.fromisoformat(value).tzinfo is not None:
                return None
        except ValueError:
            pass
    return "must be a timestamp, or text such as 2024-01-31T12:00:00Z"


def _ipv4(value: Any, config: dict[str, Any]) -> str | None:
    return None if _is_address(value, ipaddress.IPv4Address) else "must be an IPv4 address"


def _ipv6(value: Any, config: dict[str, Any]) -> str | None:
    return None if _is_address(value, ipaddress.IPv6Address) else "must be an IPv6 address"


def _is_address(value: Any, kind: Callable[[str], Any]) -> bool:
    if type(value) is not str:
        return False
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _non_empty(value: Any, config: dict[str, Any]) -> str | None:
    if type(value) is str:
        is_empty = not value.strip()
    else:
        is_empty = value is None or (isinstance(value, bytes | list | dict) and not value)
    return "must not be empty" if is_empty else None


def _one_of(value: Any, config: dict[str, Any]) -> str | None:
    # True is 1 to Python, and not to anybody who writes a list of what is allowed.
    is_bool = isinstance(value, bool)
    for allowed in config["values"]:
        if value == allowed and isinstance(allowed, bool) is is_bool:
            return None
    return "must be one of the values of its validator"


def _matches(value: Any, config: dict[str, Any]) -> str | None:
    if type(value) is str:
        try:
            if _pattern(config["pattern"]).search(value, timeout=_MATCH_SECONDS):
                return None
        except TimeoutError:
            return "must match a pattern that takes too long on it"
    return "must match the pattern of its validator"


def _matcher() -> Any:
    """Return the library whose search can be given a time limit; it has no types."""
    return importlib.import_module("regex")


@lru_cache(256)
def _pattern(pattern: str) -> Any:
    return _matcher().compile(pattern)


def _between(value: Any, config: dict[str, Any]) -> str | None:
    least, most = config.get("min"), config.get("max")
    if not _is_number(value):
        return "must be a number"
    if least is not None and value < least:
        return f"must be at least {least}"
    return f"must be at most {most}" if most is not None and value > most else None


def _length(value: Any, config: dict[str, Any]) -> str | None:
    least, most = config.get("min"), config.get("max")
    if not isinstance(value, str | bytes | list | dict):
        return "must be text, bytes, a list or a map"
    if least is not None and len(value) < least:
        return f"must have a length of at least {least}"
    if most is not None and len(value) > most:
        return f"must have a length of at most {most}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schemes_problem(config: dict[str, Any]) -> str | None:
    schemes = config.get("schemes", ["http"])
    is_list = isinstance(schemes, list) and schemes
    if is_list and all(isinstance(part, str) and part.islower() for part in schemes):
        return None
    return "config 'schemes' must be a list such as [\"https\"]"


def _values_problem(config: dict[str, Any]) -> str | None:
    values = config["values"]
    is_list = isinstance(values, list) and values
    return None if is_list else "config 'values' must be a list of at least one value"


def _pattern_problem(config: dict[str, Any]) -> str | None:
    pattern = config["pattern"]
    if not isinstance(pattern, str):
        return "config 'pattern' must be text"
    if least_length(pattern) > _MOST_REPEATED:
        return "config 'pattern' repeats too much: it would take too much memory"
    try:
        _pattern(pattern)
    except _matcher().error as error:
        return f"config 'pattern' is no pattern: {error.msg}"
    except RecursionError:
        return "config 'pattern' is nested too deeply"
    return None


def _bounds_problem(config: dict[str, Any]) -> str | None:
    for name in ("min", "max"):
        if name in config and not _is_number(config[name]):
            return f"config {name!r} must be a number"
    if "min" in config and "max" in config and config["min"] > config["max"]:
        return "config 'min' is more than 'max'"
    return None if config else "config 'min' or 'max' must be given"


def _printable(text: str) -> str:
    shown = text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"
    return "".join(char if char.isprintable() else " " for char in shown).strip()


#: The names that schemas use.
VALIDATORS: Final[Mapping[str, Function]] = {
    "email": _email,
    "email_format": _email,
    "url": _url,
    "uuid": _uuid,
    "date": _date,
    "timestamp": _timestamp,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "non_empty": _non_empty,
    "one_of": _one_of,
    "matches": _matches,
    "between": _between,
    "length": _length,
}

#: By validator: what its config may hold, what it must hold, and what finds wrong values in it.
_CHECKED: Final[
    Mapping[
        Function,
        tuple[tuple[str, ...], tuple[str, ...], Callable[[dict[str, Any]], str | None] | None],
    ]
] = {
    **dict.fromkeys((_email, _uuid, _date, _timestamp, _ipv4, _ipv6, _non_empty), ((), (), None)),
    _url: (("schemes",), (), _schemes_problem),
    _one_of: (("values",), ("values",), _values_problem),
    _matches: (("pattern",), ("pattern",), _pattern_problem),
    _between: (("min", "max"), (), _bounds_problem),
    _length: (("min", "max"), (), _bounds_problem),
}
