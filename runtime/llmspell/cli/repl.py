"""The read-evaluate-print loop, over whatever supplies its lines."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Protocol

from llmspell.cli import exits
from llmspell.cli.child import Link
from llmspell.cli.guard import guarded, report_failure
from llmspell.cli.launch import conclude
from llmspell.cli.options import Settings
from llmspell.cli.output import Sinks
from llmspell.cli.supervise import supervise
from llmspell.cli.watched import session_limits

if TYPE_CHECKING:
    from llmspell.engine import Session

__all__ = ["LineSource", "run_repl"]

_HELP = """\
.help    show this
.exit    end the session (Ctrl-D does too)
Type an expression to see its value, or statements. Incomplete code continues on the next line;
Alt-Enter starts a new line. Ctrl-C drops the input; while code runs it may end the session.
State is the stored state: try State.list_scopes()"""

_DOT_COMMAND = re.compile(r"\.[a-z]+")
_LANGUAGES = {"lua": "Lua", "js": "JavaScript"}


class LineSource(Protocol):
    """Supplies one complete piece of code at a time."""

    interactive: bool

    def read(self, is_complete: Callable[[str], bool]) -> str:
        """Return the next piece; raise EOFError at the end, KeyboardInterrupt to drop it."""


def run_repl(settings: Settings, engine: str) -> int:
    """Run a session in a supervised child and return the exit code.

    On a terminal failures do not count; with piped lines the code is 1 if any of them failed.
    """
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    with _terminal_kept():
        ending = supervise(
            lambda link: guarded(
                lambda: _session(settings, engine, link, interactive), wants_json=lambda: False
            ),
            interactive=interactive,
        )
    return conclude(ending)


def _session(settings: Settings, engine: str, link: Link, interactive: bool) -> int:
    from llmspell.engine import Runtime

    sinks = Sinks()
    link.on_stop = sinks.flush
    source: LineSource
    if interactive:
        from llmspell.cli.repl_prompt import Prompt

        signal.signal(signal.SIGINT, signal.default_int_handler)
        source = Prompt(engine)
        sinks.stdout(f"llmspell, {_LANGUAGES[engine]}. Type .help for help, .exit to leave.\n")
    else:
        source = _Piped()
    config = settings.load_if_given()
    with (
        Runtime(
            config,
            stdout=sinks.stdout,
            stderr=sinks.stderr,
            permissions=settings.permissions(config),
            module_paths=settings.module_paths,
            isolation=settings.isolation,
            actor=settings.acting_as(),
            limits=session_limits(config, interactive=interactive),
        ) as runtime,
        closing(runtime.session(engine, folder=".")) as session,
    ):
        failures = _loop(session, source, sinks, link)
    sinks.flush()
    return exits.SCRIPT if failures and not interactive else exits.OK


def _loop(session: Session, source: LineSource, sinks: Sinks, link: Link) -> int:
    failures = 0
    while True:
        sinks.flush()
        try:
            code = source.read(session.is_complete)
            command = code.strip()
            if command in (".exit", ".quit"):
                return failures
            if command == ".help":
                sinks.stdout(_HELP + "\n")
            elif _DOT_COMMAND.fullmatch(command):
                sinks.stderr(f"there is no command {command}; try .help\n")
                failures += 1
            elif command:
                failures += not _evaluate(session, code, sinks, link)
        except EOFError:
            return failures
        except KeyboardInterrupt:
            sinks.flush()
            if not source.interactive:
                raise


def _evaluate(session: Session, code: str, sinks: Sinks, link: Link) -> bool:
    """Run one piece of code and print what came of it; return whether it succeeded."""
    try:
        link.script_starts()
        try:
            shown = session.evaluate(code)
        finally:
            link.script_ended()
    except KeyboardInterrupt:
        sinks.stderr("interrupted\n")
        return False
    except Exception as error:
        sinks.flush()
        report_failure(error, as_json=False)
        return False
    if shown is not None:
        sinks.stdout(shown + "\n")
    return True


class _Piped:
    """Lines from a pipe or file; what is incomplete at its end is run as it is."""

    interactive = False

    def read(self, is_complete: Callable[[str], bool]) -> str:
        code = ""
        while line := sys.stdin.buffer.readline().decode(errors="replace"):
            code += line
            if not code.strip() or code.lstrip().startswith(".") or is_complete(code):
                return code
        if not code:
            raise EOFError
        return code


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Restore the terminal's settings afterwards: a killed child leaves them as they were."""
    if not (sys.stdin.isatty() and os.name == "posix"):
        yield
        return
    import termios

    saved = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
