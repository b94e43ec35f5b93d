"""The conditions of a grant: while one of them does not hold, the grant is as if it were not there.

A condition is read from plain data, told as plain data, and says of a request why it stands in
the way. ``KINDS`` is the table of them; each kind may stand once in a grant.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, Protocol, Self, TypeAlias

from llmspell.errors import InvalidArgument
from llmspell.security.access.moments import DAYS, Daily, moment_text, moment_us, read_days
from llmspell.security.access.request import Request
from llmspell.security.sensitive.logs import get_log

__all__ = ["KINDS", "Condition", "CustomFunctions", "Rate", "read_conditions"]

_log = get_log("llmspell.access")
CustomFunctions: TypeAlias = Mapping[str, Callable[[Request], object]]
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_RATE: Final = re.compile(r"(\d{1,6})/(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)(?: (burst))?")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST_REQUESTS: Final = 100_000
_LONGEST_WINDOW_S: Final = 366 * 86_400
_MAX_BYTES: Final = 2**40
_NAME: Final = re.compile(r"[\w.:-]{1,100}")


class Condition(Protocol):
    """One condition of a grant."""

    kind: ClassVar[str]

    @classmethod
    def read(cls, spec: object) -> Self:
        """Return the condition that plain data stands for. Raises ``InvalidArgument``."""
        ...

    def told(self) -> Any:
        """Return the plain data that ``read`` takes."""
        ...

    def why_not(self, request: Request, functions: CustomFunctions) -> str | None:
        """Return what stands in the way of a request; None if the condition holds."""
        ...


@dataclass(frozen=True, slots=True)
class Time:
    """Holds from and until a moment, and in a window of each day, on some days; all in UTC."""

    kind: ClassVar[str] = "time"
    from_us: int | None
    until_us: int | None
    daily: Daily | None
    days: tuple[str, ...]

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take a map with ``from``, ``until``, ``daily`` and ``days``; one of them is enough."""
        facts = _fields("time", spec, ("from", "until", "daily", "days"))
        moments = [
            moment_us(facts[name], name=name) if name in facts else None
            for name in ("from", "until")
        ]
        since, until = moments
        if since is not None and until is not None and since >= until:
            raise _invalid("time", "must begin before it ends")
        daily = Daily.read(facts["daily"]) if "daily" in facts else None
        return cls(since, until, daily, read_days(facts["days"]) if "days" in facts else ())

    def told(self) -> Any:
        told: dict[str, Any] = {}
        if self.from_us is not None:
            told["from"] = moment_text(self.from_us)
        if self.until_us is not None:
            told["until"] = moment_text(self.until_us)
        if self.daily is not None:
            told["daily"] = str(self.daily)
        if self.days:
            told["days"] = list(self.days)
        return told

    def why_not(self, request: Request, _functions: CustomFunctions) -> str | None:
        if self.from_us is not None and request.now_us < self.from_us:
            return f"it begins at {moment_text(self.from_us)}"
        # By the latest time ever seen: a clock that is set back opens nothing again.
        if self.until_us is not None and request.latest_us >= self.until_us:
            return f"it ended at {moment_text(self.until_us)}"
        moment = dt.datetime.fromtimestamp(request.now_us / 1_000_000, dt.UTC)
        day = moment.weekday() if self.daily is None else self.daily.day_of(moment)
        if day is None:
            return f"it holds daily {self.daily} (UTC) only"
        if self.days and DAYS[day] not in self.days:
            return f"it holds on {', '.join(self.days)} (UTC) only"
        return None


@dataclass(frozen=True, slots=True)
class Address:
    """Holds for requests from some networks; never for one whose address is not known."""

    kind: ClassVar[str] = "address"
    networks: tuple[_Network, ...]

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take networks such as ``10.0.0.0/8``, or single addresses."""
        texts = [spec] if isinstance(spec, str) else spec
        if not isinstance(texts, list | tuple) or not texts:
            raise _invalid("address", 'must be a list of networks such as ["10.0.0.0/8"]')
        return cls(tuple(_network(text) for text in texts))

    def told(self) -> Any:
        return [str(network) for network in self.networks]

    def why_not(self, request: Request, _functions: CustomFunctions) -> str | None:
        wanted = ", ".join(map(str, self.networks))
        if request.address is None:
            return f"it holds for requests from {wanted}, and this one's address is not known"
        address = _address(request.address)
        if any(address in network for network in self.networks):
            return None
        return f"it holds for requests from {wanted} only"


@dataclass(frozen=True, slots=True)
class Rate:
    """Holds for so many requests in a window of time, per actor, in one process.

    Whether there is room is asked of the counters, since asking counts.
    """

    kind: ClassVar[str] = "rate"
    most: int
    window_s: float
    is_burst: bool

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take ``10/60s``, or ``10/60s burst`` for a bucket that fills up steadily."""
        match = _RATE.fullmatch(spec.strip()) if isinstance(spec, str) else None
        if match is None:
            raise _invalid("rate", 'must be requests per time, such as "10/60s" or "100/1h"')
        most, window_s = int(match[1]), float(match[2]) * _UNIT_S[match[3]]
        if not 0 < most <= _MOST_REQUESTS or not 0 < window_s <= _LONGEST_WINDOW_S:
            raise _invalid("rate", f"has 1 to {_MOST_REQUESTS:,} requests in at most 366 days")
        return cls(most, window_s, match[4] is not None)

    def told(self) -> Any:
        return f"{self.most}/{self.window_s:g}s" + (" burst" if self.is_burst else "")

    def why_not(self, _request: Request, _functions: CustomFunctions) -> str | None:
        return None

    @property
    def refusal(self) -> str:
        """What stands in the way when there is no room."""
        return f"it holds for {self.most} requests in {self.window_s:g} s"


@dataclass(frozen=True, slots=True)
class Size:
    """Holds for values that take at most so many bytes as they are stored."""

    kind: ClassVar[str] = "size"
    max_bytes: int

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take a number of bytes."""
        if type(spec) is not int or not 0 < spec <= _MAX_BYTES:
            raise _invalid("size", "must be a number of bytes from 1")
        return cls(spec)

    def told(self) -> Any:
        return self.max_bytes

    def why_not(self, request: Request, _functions: CustomFunctions) -> str | None:
        if request.size_bytes is None or request.size_bytes <= self.max_bytes:
            return None
        return f"it holds for values of at most {self.max_bytes} bytes, not {request.size_bytes}"


class _Switch:
    """A condition that is either asked for or not."""

    __slots__ = ()
    kind: ClassVar[str]

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take ``true``."""
        if spec is not True:
            raise _invalid(cls.kind, "must be true, or be left out")
        return cls()

    def told(self) -> Any:
        return True


@dataclass(frozen=True, slots=True)
class Encryption(_Switch):
    """Holds for values that will be stored encrypted."""

    kind: ClassVar[str] = "encryption"

    def why_not(self, request: Request, _functions: CustomFunctions) -> str | None:
        if request.encrypted is False:
            return "it holds for values that are stored encrypted"
        return None


@dataclass(frozen=True, slots=True)
class Audit(_Switch):
    """Holds while the audit log is on."""

    kind: ClassVar[str] = "audit"

    def why_not(self, request: Request, _functions: CustomFunctions) -> str | None:
        return None if request.is_audited else "it holds while the audit log is on"


@dataclass(frozen=True, slots=True)
class Custom:
    """Holds when a function registered under the name says so, and not when it fails."""

    kind: ClassVar[str] = "custom"
    name: str

    @classmethod
    def read(cls, spec: object) -> Self:
        """Take the name of a function."""
        if not isinstance(spec, str) or not _NAME.fullmatch(spec):
            raise _invalid("custom", "must be the name of a registered function")
        return cls(spec)

    def told(self) -> Any:
        return self.name

    def why_not(self, request: Request, functions: CustomFunctions) -> str | None:
        function = functions.get(self.name)
        if function is None:
            return f"its condition {self.name!r} is not registered in this program"
        try:
            holds = function(request) is True
        except Exception as error:
            # What the error says may hold a value: its type must do.
            _log.error("condition %r failed with %s", self.name, type(error).__name__)
            return f"its condition {self.name!r} failed"
        return None if holds else f"its condition {self.name!r} does not hold"


KINDS: Final[Mapping[str, type[Condition]]] = {
    each.kind: each for each in (Time, Address, Rate, Size, Encryption, Audit, Custom)
}


def read_conditions(specs: object) -> tuple[Condition, ...]:
    """Read a map of kinds and what each asks for. Raises ``InvalidArgument``."""
    facts = _fields("conditions", specs, tuple(KINDS))
    return tuple(KINDS[kind].read(facts[kind]) for kind in KINDS if kind in facts)


def _fields(name: str, spec: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(spec, Mapping):
        raise _invalid(name, f"must be a map with {', '.join(known)}")
    facts = {str(key): value for key, value in spec.items() if value is not None}
    if wrong := [key for key in facts if key not in known]:
        raise _invalid(name, f"has no {wrong[0]!r}; it takes {', '.join(known)}")
    if name == "time" and not facts:
        raise _invalid(name, f"needs one of {', '.join(known)}")
    return facts


def _network(text: object) -> _Network:
    try:
        return ipaddress.ip_network(str(text), strict=True)
    except ValueError as error:
        reason = "has host bits set" if "host bits" in str(error) else "is no network"
        raise _invalid("address", f"{text!r} {reason}: write 10.0.0.0/8 or 10.1.2.3") from None


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


def _invalid(name: str, problem: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {problem}", parameter=name)
