"""Loggers whose every line passes the redactor: message, arguments and exception alike.

The standard library's hooks do not do it: a filter sees only records of its own logger, not of
those below it, and a record factory would change the records of the whole program.
"""

from __future__ import annotations

import logging
import sys

__all__ = ["Log", "get_log"]


class Log:
    """Writes to one of the loggers below ``llmspell``; their handlers and levels are as usual."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, *args: object) -> None:
        """Log something only a developer wants to know."""
        self._write(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """Log something that went as it should."""
        self._write(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """Log something that deserves a look."""
        self._write(logging.WARNING, message, args)

    def error(self, message: str, *args: object) -> None:
        """Log a failure."""
        self._write(logging.ERROR, message, args)

    def exception(self, message: str, *args: object) -> None:
        """Log a failure with the traceback of the exception at hand."""
        self._write(logging.ERROR, message, args, sys.exc_info()[1])

    def _write(
        self,
        level: int,
        message: str,
        args: tuple[object, ...],
        error: BaseException | None = None,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        from llmspell.security.sensitive.redactor import redactor

        redact = redactor().redact
        file, line, function, _ = self._logger.findCaller(stacklevel=3)
        record = self._logger.makeRecord(
            self._logger.name,
            level,
            file,
            line,
            redact(message % args if args else message),
            (),
            None,
            function,
        )
        if error is not None:
            # Formatted here: a handler would write the exception's own text.
            text = logging.Formatter().formatException((type(error), error, error.__traceback__))
            record.exc_text = redact(text)
        self._logger.handle(record)


def get_log(name: str) -> Log:
    """Return the log of a part of llmspell, such as ``llmspell.watch``."""
    return Log(name)
