"""A host that embeds llmspell: one runtime for all attacks, looked over after each of them.

A program: ``held.py inline|process``; one JSON object a line in, one out.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from budget import CALLS, MEMORY_BYTES
from tree import planted

from llmspell import LlmSpellError, Runtime
from llmspell.result import RunResult
from llmspell_bridges.limits import Limits

SENTINEL = {"text": "untouched", "list": [1, 2.5, None]}
AFTERWARDS = {
    "lua": "local v = State.load('kept', 'k') return v.text .. #v.list .. ('x'):rep(2)",
    "js": "const v = State.sync.load('kept', 'k'); v.text + v.list.length + 'x'.repeat(2)",
}


def limits_for(request: dict[str, Any]) -> Limits:
    return Limits(timeout_s=request["timeout_s"], memory_bytes=MEMORY_BYTES, calls=CALLS)


def started(runtime: Runtime, request: dict[str, Any]) -> RunResult:
    script, language, limits = request["script"], request["language"], limits_for(request)
    if not request["in_tree"]:
        return runtime.execute(script, engine=language, name="attack", limits=limits)
    file = scripts_folder() / f"attack.{language}"
    file.write_text(script, encoding="utf-8")
    return runtime.run(file, limits=limits)


@cache
def scripts_folder() -> Path:
    return planted(Path(tempfile.mkdtemp()))


def outcome(runtime: Runtime, request: dict[str, Any]) -> dict[str, Any]:
    """Run one script and tell how it ended. What is no error of ours is a defect."""
    try:
        result = started(runtime, request)
    except LlmSpellError as error:
        return {
            "code": error.code,
            "message": str(error)[:500],
            "limit": error.details.get("limit"),
            "maximum": error.details.get("maximum"),
        }
    except BaseException as error:
        return {"exception": f"{type(error).__name__}: {error}"[:500]}
    try:
        return {"value": json.loads(json.dumps(result.value))}
    except (TypeError, ValueError):
        return {"value": repr(result.value)}


def after(runtime: Runtime, languages: Iterable[str]) -> dict[str, Any]:
    """Tell what works after an attack, and what it left behind."""
    state = runtime.state
    stored = sorted(state.list_keys("attack"))
    for scope in ("attack", "many"):
        state.clear(scope)
    again = {}
    for language in languages:
        try:
            again[language] = runtime.execute(AFTERWARDS[language], engine=language).value
        except LlmSpellError as error:
            again[language] = f"{error.code}: {error}"
    return {
        "stored": stored,
        "again": again,
        "kept": state.load("kept", "k") == SENTINEL,
    }


def reset_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory_bytes(name: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def main(isolation: str) -> None:
    with Runtime(profile="minimal", isolation=isolation) as runtime:
        runtime.state.save("kept", "k", SENTINEL)
        for line in sys.stdin:
            request = json.loads(line)
            reset_peak()
            before = memory_bytes("VmRSS")
            started = time.perf_counter()
            answer = outcome(runtime, request)
            answer["elapsed_s"] = time.perf_counter() - started
            answer["grown_bytes"] = memory_bytes("VmHWM") - before
            # Only in one process could the other language be harmed, too.
            others = AFTERWARDS if isolation == "inline" else [request["language"]]
            answer.update(after(runtime, others))
            print(json.dumps(answer), flush=True)
    if scripts_folder.cache_info().currsize:
        shutil.rmtree(scripts_folder().parent)


if __name__ == "__main__":
    main(sys.argv[1])
