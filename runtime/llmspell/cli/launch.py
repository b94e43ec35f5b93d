"""Start a script in a supervised child and tell the user how it ended; run and exec share it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from llmspell.cli import exits
from llmspell.cli.child import Link
from llmspell.cli.guard import guarded, report_failure
from llmspell.cli.options import Settings
from llmspell.cli.output import Sinks, Spool
from llmspell.cli.supervise import Ending, supervise
from llmspell.cli.watched import start_watch, watched_limits

if TYPE_CHECKING:
    from llmspell.engine import RunResult, Runtime

__all__ = ["Job", "conclude", "launch", "work"]

_OUTPUT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: how to start it on a Runtime, under which settings, and how to report it."""

    start: Callable[[Runtime], RunResult]
    settings: Settings
    timeout_s: float | None
    as_json: bool
    prints_value: bool = False


def launch(job: Job) -> int:
    """Run ``job`` in a supervised child and return the exit code."""
    spool = Spool(_OUTPUT_BYTES) if job.as_json else None
    ending = supervise(lambda link: work(job, link, spool), timeout_s=job.timeout_s)
    return conclude(ending, spool)


def work(job: Job, link: Link, spool: Spool | None) -> int:
    """Do ``job`` in this process: what the child of a supervised run does."""
    sinks = Sinks(spool)
    link.on_stop = sinks.flush
    if spool:
        spool.on_full = lambda: _output_full(spool)

    def report(error: Exception) -> int:
        sinks.flush()
        output = spool.text() if spool else None
        return report_failure(error, as_json=job.as_json, output=output)

    def attempt() -> int:
        try:
            result = _run(job, link, sinks, spool)
            sinks.flush()
        except Exception as error:
            return report(error)
        _report(job, result, spool)
        return exits.OK

    return guarded(attempt, wants_json=lambda: job.as_json)


def _run(job: Job, link: Link, sinks: Sinks, spool: Spool | None) -> RunResult:
    from llmspell.engine import Runtime

    config = job.settings.load_if_given()
    if config is not None and spool is not None:
        spool.limit_bytes = config.limits.output_bytes
    with Runtime(
        config,
        stdout=sinks.stdout,
        stderr=sinks.stderr,
        permissions=job.settings.permissions(config),
        module_paths=job.settings.module_paths,
        isolation=job.settings.isolation,
        actor=job.settings.acting_as(),
        limits=watched_limits(config, link),
    ) as runtime:
        start_watch(config, link)
        try:
            return job.start(runtime)
        finally:
            link.script_ended()


def _report(job: Job, result: RunResult, spool: Spool | None) -> None:
    if spool is not None:
        from llmspell.cli.jsontext import print_json

        print_json(
            {
                "ok": True,
                "value": result.value,
                "output": spool.text(),
                "warnings": list(result.warnings),
                "duration_ms": round(result.duration_ms, 3),
                "engine": result.engine,
                "script": result.script,
            }
        )
        return
    if result.warnings:
        from llmspell.cli.report import print_note

        for warning in result.warnings:
            print_note("warning", warning)
    if job.prints_value and result.value is not None:
        from llmspell.cli.display import display

        sys.stdout.buffer.write(display(result.value).encode(errors="replace") + b"\n")


def conclude(ending: Ending, spool: Spool | None = None) -> int:
    """Report an ending the child could not report itself; return the exit code."""
    if ending.kind == "exited":
        return ending.code
    from llmspell.cli.endings import failure_of

    error = failure_of(ending)
    if error is None:  # ended by a signal that was meant to end it
        return ending.code
    if ending.kind == "stopped" and spool is None:
        sys.stderr.write("interrupted\n")
        return exits.INTERRUPTED
    output = spool.text() if spool else None
    return report_failure(error, as_json=spool is not None, output=output)


def _output_full(spool: Spool) -> NoReturn:
    from llmspell.errors import LimitExceeded

    error = LimitExceeded(
        f"the script printed more than {spool.limit_bytes} bytes (output limit)",
        hint="raise limits.output_bytes in the configuration, or run it without --json",
        limit="output_bytes",
        maximum=spool.limit_bytes,
    )
    code = report_failure(error, as_json=True, output=spool.text())
    os._exit(code)
