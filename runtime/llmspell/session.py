"""A session: one sandbox that keeps what each input defines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

from llmspell.errors import LlmSpellError, SandboxCrashed, ScriptError, ScriptLimitExceeded
from llmspell.state.origin import originating, warning_to
from llmspell.surroundings import Surroundings
from llmspell_bridges.advice import advise

__all__ = ["SESSION_NAME", "Session"]

#: What errors show as the file of an input.
SESSION_NAME: Final = "<repl>"


class Session:
    """A REPL's sandbox; a context manager. Belongs to the thread that made it."""

    def __init__(
        self, surroundings: Surroundings, as_whom: Callable[[], dict[str, str | None]]
    ) -> None:
        self._surroundings = surroundings
        self._as_whom = as_whom
        self._sandbox = surroundings.sandbox()
        self.engine = self._sandbox.language

    def evaluate(self, code: str) -> str | None:
        """Run one input and return its value as readable text, ``None`` when it has none.

        Raises ``ScriptSyntaxError`` and ``ScriptError``. After a limit that ended the input
        (``ScriptLimitExceeded``) and after a crash the session goes on with a fresh sandbox.
        """
        try:
            return self._evaluate(code)
        except (ScriptLimitExceeded, SandboxCrashed) as error:
            self._begin_anew()
            error.hint = f"{error.hint or ''}\nwhat the session had defined is gone".strip()
            raise
        except ScriptError as error:
            advise(error, self._surroundings.offered)
            raise
        except KeyboardInterrupt:
            if getattr(self._sandbox, "has_ended", False):
                self._begin_anew()
            raise

    def _evaluate(self, code: str) -> str | None:
        try:
            around = self._surroundings
            with (
                originating(run_id=around.run_id, **self._as_whom()),
                warning_to(around.warn),
            ):
                return self._sandbox.evaluate(code, name=SESSION_NAME)
        except LlmSpellError as error:
            from llmspell.security.sensitive.reports import redact_error

            redact_error(error)
            raise

    def _begin_anew(self) -> None:
        """Go on with another sandbox: what is left of this one is of no use."""
        self._sandbox.close()
        self._sandbox = self._surroundings.sandbox()

    def is_complete(self, code: str) -> bool:
        """Return whether the input could run, or needs more lines first."""
        try:
            return self._sandbox.is_complete(code)
        except (ScriptLimitExceeded, SandboxCrashed):
            # Whatever is wrong with it, running it will tell.
            self._begin_anew()
            return True

    def close(self) -> None:
        """Free the sandbox, and what the session left open."""
        self._sandbox.close()
        self._surroundings.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
