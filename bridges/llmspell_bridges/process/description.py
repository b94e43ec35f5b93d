"""What a worker is told of a sandbox: declarations without their handlers, and limits."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from llmspell_bridges.api import Function, Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.process.seeds import SEEDS
from llmspell_bridges.sandbox import SandboxOptions

__all__ = ["Description", "in_building_order", "worker_limits"]


@dataclass(frozen=True, slots=True)
class Description:
    """A sandbox as a worker builds it. Its bytes are for workers only: they are pickled."""

    language: str
    max_depth: int
    limits: Limits
    globals: tuple[tuple[Global, frozenset[str]], ...]

    @classmethod
    def of(cls, language: str, options: SandboxOptions) -> Description:
        """Describe a sandbox. What is held here, calls and the clock, stays here."""
        return cls(
            language,
            options.max_depth,
            worker_limits(options.limits),
            tuple(
                (_declared(each.declaration, language), each.features)
                for each in in_building_order(options.globals, language)
            ),
        )

    def pack(self) -> bytes:
        """Return the description as bytes."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def unpack(data: bytes) -> Description:
        """Return the description that the host packed."""
        description: Description = pickle.loads(data)
        return description

    def options(self, **others: Any) -> SandboxOptions:
        """Return the options of the worker's sandbox."""
        given = [BoundGlobal(declared, None, features) for declared, features in self.globals]
        offered = [BoundGlobal(SEEDS, None), *given]
        return SandboxOptions(
            globals=offered, max_depth=self.max_depth, limits=self.limits, **others
        )


def worker_limits(limits: Limits) -> Limits:
    """Return the limits that a worker holds; the host holds time and calls."""
    return replace(limits, timeout_s=None, calls=None)


def in_building_order(offered: Iterable[BoundGlobal], language: str) -> list[BoundGlobal]:
    """Return globals in the order in which a worker installs them.

    What only serves its own prelude is asked for while the sandbox is built. It comes last: up to
    there a worker gets by itself, and there it waits for its host.
    """

    def is_asked_at_once(bound: BoundGlobal) -> bool:
        functions = bound.functions(language)
        return bool(functions) and all(function.internal for function in functions)

    return sorted(offered, key=is_asked_at_once)


def _declared(declared: Global, language: str) -> Global:
    prelude = declared.preludes.get(language)
    return Global(
        declared.name,
        "",
        [_function(function) for function in declared.functions],
        declared.records,
        {} if prelude is None else {language: prelude},
    )


def _function(function: Function) -> Function:
    # The worker has to know that there is a handler, and nothing else of it.
    return replace(function, doc="", handler=function.handler and answered_by_host)


def answered_by_host(*_: object) -> NoReturn:
    """Stand for a handler in a worker; the door never gets here."""
    raise RuntimeError("a worker has no handlers")
