"""The runtime: configuration, state, globals, sandbox, result.

A ``Runtime`` lives as long as the application and owns the store; each run has a sandbox of its
own, made and freed by the thread that runs it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, Self

from llmspell.errors import (
    InvalidArgument,
    LlmSpellError,
    RuntimeClosed,
    SandboxCrashed,
    ScriptError,
    ScriptLimitExceeded,
)
from llmspell.isolation import open_pool, with_isolation
from llmspell.mapping import map_script
from llmspell.module_roots import ModulePaths, folder_text, modules_for, with_module_paths
from llmspell.output import MAX_CAPTURED_BYTES, Output
from llmspell.result import RunResult
from llmspell.run_limits import configured_limits
from llmspell.script import Script
from llmspell.services.access import HostAccess
from llmspell.state.origin import originating
from llmspell.state.scripting import ScriptState
from llmspell.threads import Threads, in_thread
from llmspell_bridges.advice import advise
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_bridges.values import MAX_DEPTH, canonical
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.input import INPUT
from llmspell_stdlib.registry import GLOBALS

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions
    from llmspell.state.manager import StateManager

__all__ = ["RunResult", "Runtime", "Session"]

Sink = Callable[[str], None]
_REPL_NAME: Final = "<repl>"
_NO_INPUT: Final[Any] = object()  # a run may well be given None
_FEATURES: Final = frozenset({"state.journal.enabled"})


class Runtime:
    """Runs scripts over one store. Usable from any number of threads; a context manager.

    ``config`` is a ``Config``, the path of a TOML file, or nothing for the defaults and what the
    environment sets (``LLMSPELL_...``). ``stdout`` and ``stderr`` receive text as it is printed;
    without them it is kept in ``RunResult.output``. ``permissions`` say what scripts may reach of
    files, hosts and environment variables: by default what ``[permissions]`` in the configuration
    says, which is nothing unless it is there. ``limits`` are what a run may use up: by default
    those of ``[limits]``. ``module_paths`` are folders scripts may ``require``
    modules from besides their own, before those of the configuration. ``isolation`` is where scripts
    run, ``inline`` or ``process``: by default as ``[sandbox]`` says. The store is opened when
    something first uses it. Raises ``ConfigError`` for a configuration that is wrong or asks for a feature this
    version does not have.
    """

    def __init__(
        self,
        config: Config | str | Path | None = None,
        *,
        profile: str | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        module_paths: ModulePaths = (),
        isolation: str | None = None,
    ) -> None:
        self._config = with_module_paths(_configuration(config, profile), module_paths)
        self._config = with_isolation(self._config, isolation)
        self._pool = open_pool(self._config)
        self._limits = _limits(limits) or configured_limits(self._config)
        self._stdout, self._stderr = stdout, stderr
        self._permissions = _checked(permissions)
        if self._config is not None and self._config.permissions.model_fields_set:
            _ = self.permissions  # relative paths in it mean the folder of this moment
        self._lock = threading.RLock()
        self._state: StateManager | None = None
        self.threads = Threads("the runtime")
        self._closed = False

    @property
    def config(self) -> Config:
        """The configuration in force."""
        if self._config is None:
            from llmspell.config import default_config

            self._config = default_config()
        return self._config

    @property
    def permissions(self) -> Permissions:
        """What scripts may reach, unless a run is given permissions of its own."""
        if self._permissions is None:
            from llmspell.permissions import Permissions

            config = self._config
            self._permissions = Permissions() if config is None else config.permissions.granted()
        return self._permissions

    @property
    def state(self) -> StateManager:
        """The state the scripts see. Opens the store at first use; raises ``StorageError``."""
        if self._state is not None:
            return self._state
        with self._lock:
            self.check_open()
            if self._state is None:
                from llmspell.state.opening import open_default_state, open_state

                config = self._config
                self._state = open_default_state() if config is None else open_state(config)
            return self._state

    def run(
        self,
        path: str | Path,
        args: Sequence[str] = (),
        *,
        engine: str | None = None,
        input: Any = _NO_INPUT,  # noqa: A002 - scripts know it by that name
        correlation_id: str | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
    ) -> RunResult:
        """Run a script file; its extension names the engine unless ``engine`` does.

        ``input`` is a value for the script's global ``INPUT``, absent without it.
        ``correlation_id`` is recorded with everything the script writes, as is an id of the run.
        ``permissions`` and ``limits`` are the run's own, in place of those of the runtime. Raises
        ``ScriptNotFound``, ``ScriptSyntaxError`` (nothing ran), ``ScriptError``,
        ``ScriptLimitExceeded`` (which is one) and, for an input that no script could hold,
        ``InvalidValue``.
        """
        self.check_open()
        script = Script.read(path, engine=engine)
        return self._execute(script, args, input, correlation_id, permissions, limits)

    def execute(
        self,
        code: str,
        *,
        engine: str,
        args: Sequence[str] = (),
        name: str = "<exec>",
        input: Any = _NO_INPUT,  # noqa: A002
        correlation_id: str | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        folder: str | Path | None = None,
    ) -> RunResult:
        """Run a script's text. Errors show ``name`` as its file; raises as ``run`` does.

        ``folder`` is where its modules are; without one ``require`` finds those of the module
        folders alone.
        """
        self.check_open()
        script = Script(code, engine, name, folder_text(folder))
        return self._execute(script, args, input, correlation_id, permissions, limits)

    arun = in_thread(run)
    aexecute = in_thread(execute)
    map = map_script

    def session(
        self, engine: str, args: Sequence[str] = (), *, folder: str | Path | None = None
    ) -> Session:
        """Return a REPL session: one sandbox that keeps what each input defines.

        ``folder`` is where its modules are, besides the module folders.
        """
        self.check_open()
        output = self._output()
        state, access = ScriptState(lambda: self.state), self._access(None)
        offered = self._offered(_REPL_NAME, args, output, state, access)
        offered.append(self._modules(engine, _REPL_NAME, folder_text(folder)))
        options = self._options(offered)
        return Session(lambda: self._sandbox(engine, options), offered, state, access)

    def close(self) -> None:
        """Close the store; closing again does nothing. Runs after that raise ``RuntimeClosed``."""
        with self._lock:
            self._closed = True
            self.threads.close()
            if self._pool is not None:
                self._pool.close()
            if self._state is not None:
                self._state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_open(self) -> None:
        """Raise ``RuntimeClosed`` after ``close``."""
        if self._closed:
            raise RuntimeClosed("the runtime is closed", hint="create a new Runtime")

    def _output(self) -> Output:
        limit = MAX_CAPTURED_BYTES if self._config is None else self._config.limits.output_bytes
        return Output(self._stdout, self._stderr, limit)

    def _execute(
        self,
        script: Script,
        args: Sequence[str],
        given: Any,
        correlation_id: str | None,
        permissions: Permissions | None,
        limits: Limits | None,
    ) -> RunResult:
        output, warnings = self._output(), list[str]()
        started = time.perf_counter()
        state, run_id = ScriptState(lambda: self.state), _new_run_id()
        access = self._access(_checked(permissions))
        offered = self._offered(PurePath(script.name).name, args, output, state, access)
        offered.append(self._modules(script.engine, script.name, script.folder))
        if given is not _NO_INPUT:
            offered.append(BoundGlobal(INPUT, canonical(given, max_depth=self._max_depth)))
        options = self._options(offered, _limits(limits), warnings.append)
        sandbox = self._sandbox(script.engine, options)
        try:
            with originating(run_id=run_id, correlation_id=correlation_id):
                value = sandbox.run(script.code, name=script.name)
        except LlmSpellError as error:
            error.output, error.warnings = output.captured, tuple(warnings)
            if isinstance(error, ScriptError):
                advise(error, offered)
            raise
        finally:
            sandbox.close()
            state.close()
            access.close()
        return RunResult(
            value=value,
            output=output.captured,
            warnings=tuple(warnings),
            duration_ms=(time.perf_counter() - started) * 1000,
            engine=script.engine,
            script=script.name,
            run_id=run_id,
        )

    def _access(self, permissions: Permissions | None) -> HostAccess:
        return HostAccess(lambda: permissions or self.permissions, self._config)

    def _offered(
        self,
        name: str,
        args: Sequence[str],
        output: Output,
        state: ScriptState,
        access: HostAccess,
    ) -> list[BoundGlobal]:
        services = {
            "": output,
            "ARGS": ScriptArguments.parse(name, args),
            "State": state,
            "Fs": access,
            "Env": access,
            "Http": access,
        }
        config = self._config
        return [
            BoundGlobal(declared, services.get(declared.name), self._features())
            for declared in GLOBALS
            if declared.name != "State" or config is None or config.state.enabled
        ]

    def _sandbox(self, engine: str, options: SandboxOptions) -> Sandbox:
        pool = self._pool
        if pool is None:
            return create_sandbox(engine, options)
        return pool.sandbox(engine, options)

    def _modules(self, engine: str, name: str, folder: str | None) -> BoundGlobal:
        return modules_for(self._config, engine=engine, name=name, folder=folder)

    def _features(self) -> frozenset[str]:
        """Return the gates that are open: the keys that switch features on and are on."""
        config = self._config
        return frozenset() if config and not config.state.journal.enabled else _FEATURES

    @property
    def _max_depth(self) -> int:
        return MAX_DEPTH if self._config is None else self._config.limits.depth

    @property
    def limits(self) -> Limits:
        """What a run may use up, unless it is given limits of its own."""
        return self._limits

    def _options(
        self,
        offered: Sequence[BoundGlobal],
        limits: Limits | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> SandboxOptions:
        return SandboxOptions(
            offered, max_depth=self._max_depth, warn=warn, limits=limits or self._limits
        )


class Session:
    """A REPL's sandbox; a context manager. Belongs to the thread that made it."""

    def __init__(
        self,
        make_sandbox: Callable[[], Sandbox],
        offered: Sequence[BoundGlobal],
        state: ScriptState,
        access: HostAccess,
    ) -> None:
        self._make_sandbox = make_sandbox
        self._sandbox = make_sandbox()
        self._offered = offered
        self._state = state
        self._access = access
        self._run_id = _new_run_id()
        self.engine = self._sandbox.language

    def evaluate(self, code: str) -> str | None:
        """Run one input and return its value as readable text, ``None`` when it has none."""
        try:
            with originating(run_id=self._run_id):
                return self._sandbox.evaluate(code, name=_REPL_NAME)
        except (ScriptLimitExceeded, SandboxCrashed) as error:
            self._begin_anew()
            error.hint = f"{error.hint or ''}\nwhat the session had defined is gone".strip()
            raise
        except ScriptError as error:
            advise(error, self._offered)
            raise
        except KeyboardInterrupt:
            if getattr(self._sandbox, "has_ended", False):
                self._begin_anew()
            raise

    def _begin_anew(self) -> None:
        """Go on with another sandbox: what is left of this one is of no use."""
        self._sandbox.close()
        self._sandbox = self._make_sandbox()

    def is_complete(self, code: str) -> bool:
        """Return whether the input could run, or needs more lines first."""
        return self._sandbox.is_complete(code)

    def close(self) -> None:
        """Free the sandbox, and what the session left open."""
        self._sandbox.close()
        self._state.close()
        self._access.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(permissions: Permissions | None) -> Permissions | None:
    if permissions is None:
        return None
    from llmspell.permissions import Permissions

    if not isinstance(permissions, Permissions):
        raise InvalidArgument(
            f"permissions must be a Permissions, not {type(permissions).__name__}",
            hint='write Permissions(read=["data"])',
            parameter="permissions",
        )
    return permissions


def _limits(limits: Limits | None) -> Limits | None:
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidArgument(
            f"limits must be a Limits, not {type(limits).__name__}",
            hint="write Limits(timeout_s=5), or runtime.limits.but(timeout_s=5)",
            parameter="limits",
        )
    return limits


def _new_run_id() -> str:
    return os.urandom(8).hex()


def _configuration(config: Config | str | Path | None, profile: str | None) -> Config | None:
    """Return the configuration, or ``None`` when the defaults apply (which costs no import)."""
    if config is None or isinstance(config, str | os.PathLike):
        from llmspell.config import nothing_configured

        if nothing_configured(config, profile=profile):
            return None
        from llmspell.config import load_config

        config = load_config(config, profile=profile)
    if not hasattr(config, "check_available"):
        raise InvalidArgument(
            f"config must be a Config or a path, not {type(config).__name__}", parameter="config"
        )
    config.check_available()
    return config
