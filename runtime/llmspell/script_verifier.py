"""Verifiers that are scripts: each thread has a sandbox of its own that keeps the function."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Final

from llmspell.errors import ConfigError, LlmSpellError, ScriptError, ScriptLimitExceeded
from llmspell.module_roots import modules_for
from llmspell.script import Script
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_stdlib.json_global import JSON
from llmspell_stdlib.time_global import TIME

__all__ = ["ScriptVerifier"]

_LIMITS: Final = Limits(timeout_s=1.0, memory_bytes=64 * 1024 * 1024)
_FUNCTION: Final = "__llmspell_verify"
_DEPTH: Final = 256
_MAIN: Final = "<verifier>"
_HINT: Final = (
    "it returns a function: return function(candidate) ... end in Lua, "
    "module.exports = (candidate) => ... in JavaScript"
)

#: The script is a module: so it may require others beside it, and errors show its own lines.
_LOADERS: Final = {
    "lua": (
        "local verify = require({name})\n"
        'if type(verify) ~= "function" then error("it returns no function", 0) end\n'
        "function {function}(candidate) return verify(candidate) end"
    ),
    "js": (
        "const verify = require({name});\n"
        'if (typeof verify !== "function") throw new Error("module.exports is no function");\n'
        "globalThis.{function} = (candidate) => verify(candidate);"
    ),
}


class ScriptVerifier:
    """A function in a script: ``return function(candidate) ... end``, ``module.exports = ...``.

    Called with a map of ``scope``, ``key``, ``value``, ``former``, ``class`` and ``actor``, it
    returns what the function returns. The script has ``JSON``, ``Time`` and ``require``, and
    neither State nor files, hosts or output. A call may take a second and 64 MiB; after one that
    took more the script starts anew. Raises ``ConfigError`` for a script that cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._script = Script.read(path)
            # A link is as good as the file it leads to, which is where its modules are.
            self._module = _module_name(self._script.engine, Path(os.path.realpath(path)))
            self._own = threading.local()
            self._sandbox()
        except LlmSpellError as error:
            raise _unusable(path, error) from None

    def __call__(self, candidate: dict[str, Any]) -> Any:
        sandbox = self._sandbox()
        try:
            return sandbox.call(_FUNCTION, candidate)
        except ScriptLimitExceeded:
            self._own.sandbox = None
            sandbox.close()
            raise

    def _sandbox(self) -> Sandbox:
        """Return this thread's sandbox: a VM belongs to the thread that made it."""
        sandbox: Sandbox | None = getattr(self._own, "sandbox", None)
        if sandbox is None:
            sandbox = self._own.sandbox = self._loaded()
        return sandbox

    def _loaded(self) -> Sandbox:
        script = self._script
        modules = modules_for(None, engine=script.engine, name=_MAIN, folder=script.folder)
        offered = [BoundGlobal(JSON, None), BoundGlobal(TIME, None), modules]
        options = SandboxOptions(offered, max_depth=_DEPTH, limits=_LIMITS)
        sandbox = create_sandbox(script.engine, options)
        try:
            loader = _LOADERS[script.engine].format(name=self._module, function=_FUNCTION)
            sandbox.run(loader, name=_MAIN)
        except BaseException:
            sandbox.close()
            raise
        return sandbox


def _module_name(engine: str, file: Path) -> str:
    """Return the name by which its own language requires a file, as text of that language."""
    if engine == "js":
        return json.dumps(f"./{file.name}")
    if "." in file.stem:
        raise ConfigError(
            f"{file.name} cannot be required: dots stand for folders in Lua",
            hint="give it a name without further dots, such as check_user.lua",
        )
    return "".join(("'", *(f"\\{byte:03d}" for byte in file.stem.encode()), "'"))


def _unusable(path: Path, error: LlmSpellError) -> ConfigError:
    """Return the error of a script that cannot serve. The lines of the loader are not its own."""
    hint, text = error.hint or _HINT, error.message
    if isinstance(error, ScriptLimitExceeded):
        hint = "a verifier may take a second and 64 MiB, and so may loading it"
    if isinstance(error, ScriptError) and error.file != _MAIN:
        text = str(error)
    return ConfigError(
        f"the verifier {path} cannot be used: {text}",
        hint=hint,
        file=str(path),
        key="state.validation.verifiers",
    )
