"""Turn every way a command can fail into a report and an exit code; nothing gets past."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from llmspell.cli import exits

if TYPE_CHECKING:
    from llmspell.errors import LlmSpellError

__all__ = ["guarded", "report_failure"]

# A group called without a command. click < 8.2 shows the help itself and has no such class.
_HELP_SHOWN: tuple[type[click.ClickException], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)


def guarded(work: Callable[[], int], *, wants_json: Callable[[], bool]) -> int:
    """Run ``work`` and return its exit code, or the code of the failure it reported.

    ``wants_json`` is asked only when something failed: the report is then one JSON object on
    the standard output instead of text on the standard error.
    """
    try:
        try:
            code = work()
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            raise
        except Exception as error:
            _keep_stdout_usable()
            return report_failure(error, as_json=wants_json())
    except BrokenPipeError:
        _silence_stdout()
        return exits.BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return exits.INTERRUPTED


def report_failure(error: Exception, *, as_json: bool, output: str | None = None) -> int:
    """Report ``error`` to the user and return the exit code it ends the program with.

    ``output`` is what the script printed before, for the JSON report of a run.
    """
    from llmspell.errors import LlmSpellError

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        raise KeyboardInterrupt from error
    if isinstance(error, _HELP_SHOWN):
        sys.stderr.write(error.format_message() + "\n")
        return exits.USAGE
    if isinstance(error, click.ClickException):
        error, as_json = _usage(error), False
    if isinstance(error, OSError) and not isinstance(error, LlmSpellError):
        # As text always: it may be the standard output that cannot be written.
        error, as_json = _system_failure(error), False
    from llmspell.security.sensitive.reports import redact_error

    redact_error(error)
    if not isinstance(error, LlmSpellError):
        return _report_internal(error)
    if as_json:
        from llmspell.cli.jsontext import print_json

        printed = {} if output is None else {"output": output, "warnings": list(error.warnings)}
        print_json({"ok": False, "error": error.to_dict(), **printed})
    else:
        from llmspell.cli.report import print_error, print_note

        print_error(error)
        for warning in error.warnings:
            print_note("warning", warning)
    return exits.code_for(error)


def _usage(error: click.ClickException) -> LlmSpellError:
    from llmspell.cli.failures import UsageFailure

    message, _, advice = " ".join(error.format_message().split()).rstrip(".").partition(". ")
    context = getattr(error, "ctx", None)
    if re.search(r"no such option '-\d", " ".join(error.format_message().split()), re.IGNORECASE):
        advice = "put -- before a value that begins with a minus"
    see = f"{context.command_path if context else 'llmspell'} --help"
    return UsageFailure(
        _uncapitalised(message), hint=f"{_uncapitalised(advice)}\n{see}" if advice else see
    )


def _system_failure(error: OSError) -> LlmSpellError:
    from llmspell.cli.failures import SystemFailure

    what = f"{error.filename}: " if error.filename else ""
    return SystemFailure(f"the system refused: {what}{error.strerror or error}")


def _uncapitalised(sentence: str) -> str:
    is_word = sentence[1:2].islower()  # not "FILE ..."
    return sentence[:1].lower() + sentence[1:] if is_word else sentence


def _report_internal(error: Exception) -> int:
    from llmspell.security.sensitive.redactor import redactor

    redact = redactor().redact
    if os.environ.get("LLMSPELL_DEBUG"):
        import traceback

        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    summary = redact(" ".join(f"{type(error).__name__}: {error}".split()))[:500]
    sys.stderr.write(
        f"internal error: {summary}\n"
        "  this is a bug in llmspell; set LLMSPELL_DEBUG=1 to see the traceback and report it\n"
    )
    return exits.INTERNAL


def _keep_stdout_usable() -> None:
    """Give up on a standard output that cannot be written (a full disk), if that is the trouble."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        _silence_stdout()


def _silence_stdout() -> None:
    """Point the standard output nowhere, so that flushing it at exit does not fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
