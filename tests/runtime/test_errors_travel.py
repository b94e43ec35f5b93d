"""An error that goes to another process arrives with all it knows."""

from __future__ import annotations

import pickle

import pytest

import llmspell.errors
from llmspell import Runtime
from llmspell.errors import LlmSpellError, ScriptError, StorageError
from llmspell.mapping import ExecutorFailed

KINDS = [
    kind
    for kind in vars(llmspell.errors).values()
    if isinstance(kind, type)
    and issubclass(kind, LlmSpellError)
    and not issubclass(kind, ScriptError)
]


@pytest.mark.parametrize("kind", [*KINDS, ExecutorFailed], ids=lambda kind: kind.__name__)
def test_every_error_travels_with_all_it_knows(kind: type[LlmSpellError]) -> None:
    error = kind("what happened", hint="what to do", reason="io", message_bytes=3)
    error.output, error.warnings = "printed", ("careful",)
    error.__cause__ = StorageError("below", reason="locked")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.to_dict()) == (str(error), error.to_dict())
    assert (again.output, again.warnings) == ("printed", ("careful",))
    assert again.__cause__.to_dict() == error.__cause__.to_dict()


def test_a_cause_that_is_not_llmspells_stays_behind() -> None:
    error = StorageError("it failed", reason="io")
    error.__cause__ = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")
    assert pickle.loads(pickle.dumps(error)).__cause__ is None


def test_a_script_error_travels_with_its_place_and_traceback() -> None:
    script = "local function f() error({ code = 'no_funds', message = 'poor' }) end\nf()"
    with Runtime(profile="minimal") as runtime, pytest.raises(ScriptError) as caught:
        runtime.execute(script, engine="lua", name="pay.lua")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.to_dict() == caught.value.to_dict()
    assert (again.code, again.frames) == ("no_funds", caught.value.frames)
