"""A worker: builds the sandbox it was told of and does what the host asks, until told to end."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from orjson import loads

from llmspell_bridges.door import InternalError
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.limits import exceeded
from llmspell_bridges.process.description import Description
from llmspell_bridges.process.frames import Kind
from llmspell_bridges.process.outcomes import error_text, value_from, value_text
from llmspell_bridges.process.probes import probe
from llmspell_bridges.process.remote_door import RemoteDoor
from llmspell_bridges.process.worker_channel import WorkerChannel
from llmspell_bridges.sandbox import Sandbox, create_sandbox

__all__ = ["work"]

_RESET: Final = "reset"
# A list of arguments is a value like any other, in a list.
_ARGUMENT_LEVELS: Final = 1
_ASKED: Final[dict[str, Callable[..., Any]]] = {
    "run": lambda sandbox, source, name: sandbox.run(source, name=name),
    "evaluate": lambda sandbox, source, name: sandbox.evaluate(source, name=name),
    "is_complete": lambda sandbox, source: sandbox.is_complete(source),
    "probe": lambda _: probe(),
}


def work(channel: WorkerChannel, description: Description, report: bytes) -> NoReturn:
    """Serve one host, with one sandbox after the other; never returns.

    ``report`` is sent along when a sandbox is ready: what confines this process.
    """
    while True:
        try:
            sandbox = _build(channel, description)
        except Exception as error:
            channel.send(Kind.ERROR, payload=error_text(_told(error, description)))
            os._exit(1)
        channel.send(Kind.READY, payload=report)
        _answer(channel, description, sandbox)
        sandbox.close()


def _build(channel: WorkerChannel, description: Description) -> Sandbox:
    def warn(line: str) -> None:
        channel.send(Kind.WARNING, payload=line.encode(errors="replace"))

    def on_asked(payload: bytes) -> None:
        asked, *arguments = loads(payload)
        _answer_one(channel, description, sandbox, asked, arguments)

    is_text = description.language == "js"
    make_door = partial(RemoteDoor, channel, is_text, on_asked)
    options = description.options(warn=warn, make_door=make_door)
    sandbox = create_sandbox(description.language, options)
    return sandbox


def _answer(channel: WorkerChannel, description: Description, sandbox: Sandbox) -> None:
    """Do what the host asks of a sandbox, until it wants a fresh one."""
    while True:
        asked, *arguments = loads(channel.receive().payload)
        if asked == _RESET:
            return
        _answer_one(channel, description, sandbox, asked, arguments)


def _answer_one(
    channel: WorkerChannel,
    description: Description,
    sandbox: Sandbox,
    asked: str,
    arguments: list[str],
) -> None:
    try:
        if asked == "call":
            function, encoded = arguments
            values = value_from(encoded.encode(), description.max_depth + _ARGUMENT_LEVELS)
            value = sandbox.call(function, *values)
        else:
            value = _ASKED[asked](sandbox, *arguments)
        text = value_text(value)
    except Exception as error:
        channel.send(Kind.ERROR, payload=error_text(_told(error, description)))
    else:
        channel.send(Kind.VALUE, payload=text)


def _told(error: Exception, description: Description) -> LlmSpellError:
    """Return what the host is told of an error."""
    if isinstance(error, LlmSpellError):
        return error
    if isinstance(error, MemoryError) and description.limits.memory_bytes is not None:
        return exceeded(
            "memory_bytes", description.limits.memory_bytes, language=description.language
        )
    # Its message may hold anything; its class says enough to whoever reads the code.
    return InternalError(f"the worker failed ({type(error).__name__})")
