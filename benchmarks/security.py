"""What security costs: ``python -m benchmarks.security`` on a quiet machine.

Prints one line for each figure. Where one thing is compared with another, both are measured in
turns, and the ratio is that of the medians.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from llmspell import Config
from llmspell.security.access import AccessControl, Grant, Permission, Policy
from llmspell.security.sensitive.protection import Protection
from llmspell.state.manager import StateManager
from llmspell.state.opening import open_state
from llmspell.store.codec import pack

__all__ = ["main"]

CALLS: Final = 400
ROUNDS: Final = 41
GRANTS: Final = 1000
VALUE: Final = {"text": "x" * 240}
#: About 1 KiB as MessagePack, of the kind that scripts save.
RECORD: Final = {
    "id": "0b6c4a7e-8f2d-4f0a-9a55-3a1e0f7c9d21",
    "title": "Notes of the weekly planning meeting",
    "body": "We went through the list of open questions and agreed on the next steps. " * 11,
    "created": "2026-01-31T12:00:00Z",
    "counts": list(range(40)),
    "tags": ["planning", "weekly", "notes", "team"],
    "scores": [0.25, 0.5, 0.75],
}
FOUND: Final = RECORD | {"contact": "ada@example.com"}


def main() -> None:
    """Measure and print everything."""
    os.environ["LLMSPELL_MASTER_KEY"] = "5a" * 32
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed = (_state(Path(folder), encrypted=each) for each in (False, True))
        _compare("save of 256 bytes, encrypted", plain, sealed, _save)
        _compare("load past the cache, encrypted", plain, sealed, _load_stored)
        _compare("load from the cache, encrypted", plain, sealed, _load)
        plain.close()
        sealed.close()
        for records in ("changes", "all"):
            quiet = _state(Path(folder), encrypted=False)
            audited = _state(Path(folder), encrypted=False, audit=records)
            _compare(f"save with audit ({records})", quiet, audited, _save)
            quiet.close()
            audited.close()
    _access()
    _scan()


def _state(folder: Path, *, encrypted: bool, audit: str = "") -> StateManager:
    security = {"encryption_enabled": encrypted}
    name = f"{'sealed' if encrypted else 'plain'}{audit}"
    log = {"enabled": bool(audit), "path": str(folder / f"{name}.audit"), "records": audit or "all"}
    config = Config(state={"path": str(folder / f"{name}.db"), "security": security}, audit=log)
    return open_state(config, scripts=_no_scripts)


def _no_scripts(path: Path) -> Any:
    raise AssertionError(path)


def _save(state: StateManager) -> None:
    for _ in range(CALLS):
        state.save("user:1", "note", VALUE)


def _load(state: StateManager) -> None:
    for _ in range(CALLS):
        state.load("user:1", "note")


def _load_stored(state: StateManager) -> None:
    for _ in range(CALLS):
        state.load_versioned("user:1", "note")[0].thaw()  # type: ignore[union-attr]


def _compare(
    what: str, one: StateManager, two: StateManager, work: Callable[[StateManager], None]
) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for state in (one, two):
        _save(state)
    for _ in range(ROUNDS):
        for state, taken in zip((one, two), times, strict=True):
            taken.append(_timed(lambda state=state: work(state)) / CALLS * 1e6)  # type: ignore[misc]
    without, with_ = map(median, times)
    print(f"{what}: {without:.1f} us without, {with_:.1f} us with: {with_ / without:.2f} x")


def _timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _micros(function: Callable[[], object], calls: int = 2000) -> float:
    def loop() -> None:
        for _ in range(calls):
            function()

    return median(_timed(loop) for _ in range(ROUNDS // 2)) / calls * 1e6


def _access() -> None:
    """Measure checks against many grants: of scopes asked about before, and of new ones."""
    for what, pattern in (("exact scopes", "user:{}"), ("patterns", "user:{}:*")):
        grants = [
            Grant.read(f"c{i}", {"actor": "ada", "scope": pattern.format(i), "permission": "read"})
            for i in range(GRANTS)
        ]
        scopes = [pattern.format(i).replace("*", "notes") for i in range(GRANTS)]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            control = AccessControl(Policy(grants))
            for taken in times:  # the second time everything has been asked before
                taken.append(_timed(partial(_check_all, control, scopes)) / GRANTS * 1e6)
        new, known = map(median, times)
        print(f"check with {GRANTS:,} grants of {what}: {known:.2f} us, a new scope {new:.2f} us")


def _check_all(control: AccessControl, scopes: list[str]) -> None:
    for scope in scopes:
        control.check("ada", scope, Permission.READ)


def _scan() -> None:
    class Everything:
        enabled, action = True, "tag"
        actions: Final[dict[str, str]] = {}
        detectors = None
        patterns: Final[dict[str, str]] = {}
        encrypt_fields: Sequence[str] = ()
        hash_fields: Sequence[str] = ()
        redact_fields: Sequence[str] = ()
        refuse_fields: Sequence[str] = ()
        allow: Sequence[str] = ()

    protection = Protection(Everything(), hash_key=None, can_encrypt=False)
    for what, value in (("nothing in it", RECORD), ("one address in it", FOUND)):
        packed = pack(value)
        taken = _micros(lambda value=value, packed=packed: protection.apply(value, packed))  # type: ignore[misc]
        print(f"scan of {len(packed)} bytes with {what}, all detectors: {taken:.1f} us")


if __name__ == "__main__":
    main()
