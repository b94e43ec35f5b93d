"""The prompt of the session on a terminal: history, several lines, completion."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

__all__ = ["Prompt"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*$")
_COMMANDS = (".help", ".exit")


class Prompt:
    """Reads code from the terminal; Enter runs it when it is complete."""

    interactive = True

    def __init__(self, engine: str) -> None:
        self._is_complete: Callable[[str], bool] = bool
        self._prompt = f"{engine}> "
        self._session: PromptSession[str] = PromptSession(
            history=_history(engine),
            multiline=True,
            key_bindings=self._keys(),
            completer=_GlobalNames(engine),
            complete_while_typing=False,
            prompt_continuation=lambda width, _line, _soft: "." * (width - 1) + " ",
        )

    def read(self, is_complete: Callable[[str], bool]) -> str:
        """Return one complete piece of code; Ctrl-D raises EOFError, Ctrl-C KeyboardInterrupt."""
        self._is_complete = is_complete
        return self._session.prompt(self._prompt)

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            text = buffer.text
            at_end = not buffer.document.text_after_cursor.strip()
            if text.strip() in _COMMANDS or (at_end and self._is_complete(text)):
                buffer.validate_and_handle()
            else:
                buffer.newline()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.newline()

        return keys


class _GlobalNames(Completer):
    """Complete the functions of State as they are declared."""

    def __init__(self, engine: str) -> None:
        self._names = sorted(_names(engine))

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        match = _NAME.search(document.text_before_cursor)
        typed = match[0] if match else ""
        if typed:
            for name in self._names:
                if name.startswith(typed):
                    yield Completion(name, start_position=-len(typed))


def _names(engine: str) -> Iterable[str]:
    from llmspell_stdlib.state import STATE

    for function in STATE.functions:
        if function.internal or function.gate or engine not in function.languages:
            continue
        name = function.name
        if engine == "js":
            first, *rest = name.split("_")
            name = first + "".join(part.capitalize() for part in rest)
        yield f"{STATE.name}.{name}"


def _history(engine: str) -> History:
    """Keep the history in the user's state folder; without one, only for this session."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(base) / "llmspell" / f"history-{engine}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
