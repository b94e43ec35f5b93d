"""A quickjs-ng context as a sandbox. The only file that imports quickjs."""

from __future__ import annotations

import re
from typing import Any, Final

import quickjs
from orjson import dumps

from llmspell_bridges.blueprint import blueprint
from llmspell_bridges.door import Door, indexed
from llmspell_bridges.errors import (
    ScriptError,
    ScriptLimitExceeded,
    ScriptSyntaxError,
)
from llmspell_bridges.js.blueprint import setup_script
from llmspell_bridges.js.bytecode import run_compiled
from llmspell_bridges.js.chunks import STACK_LINE, Chunks
from llmspell_bridges.js.imports import import_hint
from llmspell_bridges.js.interrupts import Interrupts
from llmspell_bridges.js.rejections import RejectionTracker
from llmspell_bridges.js.replies import JsReplies
from llmspell_bridges.js.reports import (
    NEVER_SETTLES,
    OUT_OF_MEMORY,
    Reports,
    lenient_loads,
    report_of,
)
from llmspell_bridges.limits import UNLIMITED, exceeded
from llmspell_bridges.sandbox import Owner, SandboxOptions, check_text
from llmspell_bridges.values import Value, canonical
from llmspell_bridges.wire import decode, encode_js

__all__ = ["JsSandbox"]

# The async function a script may need to live in adds two lines before its body.
_WRAPPER_LINES: Final = 2
# The engine's own default, half of this, ends a recursion after 600 calls. Threads have 8 MiB.
_STACK_BYTES: Final = 2 * 1024 * 1024
_HOST_FUNCTIONS: Final = ("run", "call", "nested", "outcome", "leftovers", "track")
_LEXICAL: Final = re.compile(r"^(?:let|const)\b(?=\s*[\w$\[{])", re.MULTILINE)
_CLASS: Final = re.compile(r"^class\s+([\w$]+)", re.MULTILINE)
# Whether text parses as a script without running any of it: the throw comes before all else.
_PARSES_AS_SCRIPT: Final = """(text) => {
  try { (0, eval)("throw 0;" + JSON.parse(text)); } catch (e) { return e === 0; }
}"""
# Text like "}); ...(" must not parse by closing the function around it: it has to fit surroundings
# in which nothing may follow the function in all of them. The last one would run what breaks out.
_PARSES_IN_FUNCTION: Final = """(text) => {
  const body = JSON.parse(text);
  const AsyncFunction = (async function () {}).constructor;
  try {
    (0, eval)("if (0) ({ async f()\\n{\\n" + body + "\\n} })");
    (0, eval)("if (0) { async function f()\\n{\\n" + body + "\\n} }");
    AsyncFunction(body);
    return "";
  } catch (e) { return e.message + "\\n" + e.stack; }
}"""


class JsSandbox:
    """Runs JavaScript; see ``Sandbox`` for what each method promises."""

    language = "js"

    def __init__(self, options: SandboxOptions) -> None:
        self._owner = Owner()
        self._warn = options.warn
        self._chunks = Chunks()
        self._reports = Reports(self._chunks, options.max_depth)
        self._max_depth = options.max_depth
        self._door: Door[str] = options.make_door(
            JsReplies(), max_depth=options.max_depth, limits=options.limits
        )
        self._limits = options.limits.over(UNLIMITED)
        context = quickjs.Context()
        self._stack_bytes = self._limits.stack_bytes or _STACK_BYTES
        context.set_max_stack_size(self._stack_bytes)
        context.add_callable("__door", self._door.opened())
        context.add_callable("__chunk", self._chunks.add_module)
        for bound, function, _ in indexed(options.globals, self.language):
            self._door.add(bound, function)
        run_compiled(context, blueprint(self.language, options.globals, setup_script))
        context.eval(
            f"globalThis.__host = __setup({options.max_depth});delete globalThis.__setup; undefined"
        )
        # These handles keep what they name alive; the tracker borrows "track".
        self._host = {name: context.eval(f"__host.{name}") for name in _HOST_FUNCTIONS}
        context.eval("globalThis.__track = __host.track; delete globalThis.__host; undefined")
        self._tracker = RejectionTracker(context, "__track")
        context.eval("delete globalThis.__track; undefined")
        self._context: Any = context
        if self._limits.memory_bytes is not None:
            context.set_memory_limit(self._memory_used() + self._limits.memory_bytes)
        self._interrupts = Interrupts(context, self._door.has_to_end, self._door.interrupt)

    def run(self, source: str, *, name: str) -> Value:
        with self._owner, self._door.running():
            check_text(source)
            check_text(name)
            if source.startswith("#!"):
                source = "//" + source
            return self._result(self._run(source, name, shown=False))

    def evaluate(self, source: str, *, name: str) -> str | None:
        with self._owner, self._door.running():
            # `let`, `const` and `class` would end with the input that declares them.
            check_text(source)
            source = _LEXICAL.sub("var", _CLASS.sub(r"var \1 = class \1", source))
            if source.lstrip().startswith("{") and self._parses(f"({source})"):
                source = f"({source})"
            elif not self._parses(source):
                # The value of an `await` expression shows only when it is returned.
                returned = f"return ({source}\n)"
                source = returned if self._parses(returned, in_function=True) else source
            text: str | None = self._result(self._run(source, name, shown=True))
            return text

    def is_complete(self, source: str) -> bool:
        with self._owner:
            scratch = quickjs.Context()
            if scratch.eval(_PARSES_AS_SCRIPT)(_quoted(source)):
                return True
            problem: str = scratch.eval(_PARSES_IN_FUNCTION)(_quoted(source))
            match = STACK_LINE.search(problem)
            if not match:
                return True
            lines = source.split("\n")
            line, column = int(match["line"]) - _WRAPPER_LINES, int(match["column"] or 1)
            # What is missing at the very end may still come: the error is beyond the last line, or
            # where a comment or a template begins. A plain string ends with its line.
            if line > len(lines) or problem.startswith("unexpected end of comment"):
                return False
            is_template = lines[line - 1][column - 1 : column] in ("`", "}")
            return not (is_template and problem.startswith("unexpected end of string"))

    def call(self, function: str, *arguments: Value) -> Value:
        if self._owner.is_within():
            return self._result(self._nested(function, self._encoded(function, arguments)))
        with self._owner, self._door.running():
            return self._result(self._drive("call", function, self._encoded(function, arguments)))

    def _encoded(self, function: str, arguments: tuple[Value, ...]) -> str:
        check_text(function)
        return encode_js([canonical(each, max_depth=self._max_depth) for each in arguments])

    def _nested(self, function: str, arguments: str) -> str:
        """Call a function for a host function that the script called; no job runs meanwhile."""
        try:
            told: str = self._host["nested"](function, arguments)
        except quickjs.JSException as error:
            raise self._door.take_interrupt() or self._vm_failure(str(error)) from None
        return told

    def close(self) -> None:
        if self._owner.close():
            self._tracker.close()
            self._interrupts.close()
            self._door.close()
            self._host.clear()
            self._context = None

    def _run(self, source: str, name: str, *, shown: bool) -> str:
        padding = self._chunks.add(name, source)
        outcome = self._drive("run", _quoted(padding + source), False, shown)
        if outcome.startswith("!") and report_of(outcome)["name"] == "SyntaxError":
            return self._again_in_function(outcome, name, padding, source, shown=shown)
        return outcome

    def _parses(self, source: str, *, in_function: bool = False) -> bool:
        scratch = quickjs.Context()
        if in_function:
            return not scratch.eval(_PARSES_IN_FUNCTION)(_quoted(source))
        return bool(scratch.eval(_PARSES_AS_SCRIPT)(_quoted(source)))

    def _drive(self, entry: str, *arguments: Any) -> str:
        """Start a script or a function and run its pending jobs; return how it ended."""
        try:
            self._host[entry](*arguments)
            run_job, has_to_end = self._context.execute_pending_job, self._door.has_to_end
            # The engine makes a rejected promise of an interrupt, which is none of a script's.
            while not has_to_end() and run_job():
                pass
            if has_to_end():
                raise self._door.take_interrupt() or self._ended("")
            outcome: str | None = self._host["outcome"]()
            leftovers = lenient_loads(self._host["leftovers"]())
        except quickjs.JSException as error:
            raise self._door.take_interrupt() or self._vm_failure(str(error)) from None
        except SystemError as error:
            # The binding came back with the exception of a signal that struck outside the door's
            # own guard.
            self._host["leftovers"]()
            raise (self._door.take_interrupt() or error.__cause__ or error) from None
        if leftovers["interrupted"]:
            raise self._door.take_interrupt() or KeyboardInterrupt
        for read in leftovers["reads"]:
            self._warn_unused(read["call"], read["stack"])
        if outcome is None:
            return leftovers["failure"] or NEVER_SETTLES
        return leftovers["failure"] or outcome if outcome.startswith("=") else outcome

    def _again_in_function(
        self, outcome: str, name: str, padding: str, source: str, *, shown: bool
    ) -> str:
        """Run a script that did not parse once more, where `await` and `return` may stand."""
        scratch = quickjs.Context()
        text = _quoted(source)
        if scratch.eval(_PARSES_AS_SCRIPT)(text):
            return outcome
        problem: str = scratch.eval(_PARSES_IN_FUNCTION)(text)
        if not problem:
            body = padding[: -_WRAPPER_LINES or None] + source
            return self._drive("run", _quoted(body), True, shown)
        message, _, stack = problem.partition("\n")
        match = STACK_LINE.search(stack)
        line = int(match["line"]) - _WRAPPER_LINES if match else None
        column = int(match["column"]) if match and match["column"] else None
        last = source.count("\n") + 1
        if line is not None and line > last:
            # The engine stumbled over the end of the function around the script.
            message, line, column = "unexpected end of the script", last, None
        raise ScriptSyntaxError(
            message,
            language=self.language,
            file=name,
            line=line,
            column=column,
            source_line=self._chunks.source_line(name, line),
            hint=import_hint(source, line),
        )

    def _result(self, outcome: str) -> Value:
        interrupt = self._door.take_interrupt()
        if interrupt is not None:
            raise interrupt
        self._door.weigh(outcome)
        if self._door.has_to_end():
            raise self._ended("")
        if outcome.startswith("!"):
            raise self._script_error(report_of(outcome))
        return decode(outcome[1:], max_depth=self._max_depth)

    def _memory_used(self) -> int:
        used: int = self._context.memory()["malloc_size"]
        return used

    def _script_error(self, report: dict[str, Any]) -> ScriptError:
        limit = self._reports.limit_behind(report, self._limits.memory_bytes)
        if limit is not None:
            self._door.spend(limit)
            return self._ended(report["stack"] or "")
        error = self._reports.script_error(report)
        cause = self._door.error
        if cause is not None and cause.message == report["message"]:
            error.__cause__ = cause
        return error

    def _vm_failure(self, text: str) -> ScriptError:
        """Return the error of a failure that no script could have caught."""
        first = text.strip().partition("\n")[0]
        if self._limits.memory_bytes is not None and first in OUT_OF_MEMORY:
            self._door.spend("memory_bytes")
        if self._door.spent is not None:
            return self._ended(text)
        return ScriptError(f"the JavaScript engine gave up: {first}", language=self.language)

    def _ended(self, stack: str) -> ScriptLimitExceeded:
        """Return the error of the limit that ended the run; ``stack`` tells where it was."""
        limit = self._door.spent or ""
        self._owner.spend(limit)
        return exceeded(
            limit,
            self._stack_bytes if limit == "stack_bytes" else getattr(self._limits, limit),
            language=self.language,
            **self._reports.place(stack),
        )

    def _warn_unused(self, call: str, stack: str) -> None:
        frames = self._chunks.frames(stack)
        place = f"{frames[0].file}:{frames[0].line}: " if frames else ""
        self._warn(f"{place}the promise of {call} is never used; write `await {call}(...)`")


def _quoted(source: str) -> str:
    """Return a script's text as JSON text: raw NUL characters would end it on the way in."""
    return dumps(source).decode()
