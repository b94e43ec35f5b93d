"""The runtime: configuration, state, globals, sandbox, result.

A ``Runtime`` lives as long as the application and owns the store; each run has a sandbox of its
own, made and freed by the thread that runs it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from llmspell.errors import BackupRunning, LlmSpellError, RuntimeClosed, ScriptError
from llmspell.given import (
    checked_evolution,
    checked_limits,
    checked_permissions,
    checked_verifiers,
    configuration,
    with_migrations,
)
from llmspell.isolation import open_pool, with_isolation
from llmspell.mapping import map_script
from llmspell.module_roots import ModulePaths, folder_text, with_module_paths
from llmspell.result import RunResult
from llmspell.run_limits import configured_limits
from llmspell.script import Script
from llmspell.session import SESSION_NAME, Session
from llmspell.state.access_opening import Acting
from llmspell.state.origin import originating, warning_to
from llmspell.surroundings import NO_INPUT, Grounds, Surroundings
from llmspell.threads import Threads, in_thread
from llmspell_bridges.advice import advise
from llmspell_bridges.limits import UNLIMITED, Limits

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.scheduler import Scheduler
    from llmspell.config import Config
    from llmspell.migration import MigrationStep
    from llmspell.migration.versioning import Versioning
    from llmspell.permissions import Permissions
    from llmspell.schema import StateSchema
    from llmspell.security.access import Request
    from llmspell.security.validation import Verifier
    from llmspell.state.manager import StateManager

__all__ = ["RunResult", "Runtime", "Session"]

Sink = Callable[[str], None]
#: What scheduled backups may take of the time of the program they are made in.
_LOAD_BESIDE_OTHERS: Final = 0.25
Transformer = Callable[[Any, dict[str, Any]], Any]


class Runtime:
    """Runs scripts over one store. Usable from any number of threads; a context manager.

    ``config`` is a ``Config``, the path of a TOML file, or nothing for the defaults and what the
    environment sets (``LLMSPELL_...``). ``stdout`` and ``stderr`` receive text as it is printed;
    without them it is kept in ``RunResult.output``. The others are as configured if they are left
    out: ``permissions`` say what scripts may reach of files, hosts and environment variables,
    ``limits`` what a run may use up, ``module_paths`` the folders scripts may ``require`` modules
    from besides their own (before those of the configuration), and ``isolation`` where they run,
    ``inline`` or ``process``. ``verifiers`` look at every value before it is stored.
    ``actor`` is as whom its scripts act where nobody is named, ``address`` where they come from,
    and ``access_conditions`` are functions that grants name as conditions. ``schemas`` and
    ``migrations`` are there besides those in files, and switch migrations on; ``transformers``
    and ``validators`` are functions of (value, config) that they name. The store is opened when
    something first uses it. Raises ``ConfigError`` for a configuration that is wrong, and
    ``InvalidArgument``.
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
        verifiers: Sequence[Verifier] = (),
        actor: str | None = None,
        address: str | None = None,
        access_conditions: Mapping[str, Callable[[Request], object]] | None = None,
        schemas: Sequence[StateSchema] = (),
        migrations: Sequence[MigrationStep] = (),
        transformers: Mapping[str, Transformer] | None = None,
        validators: Mapping[str, Transformer] | None = None,
    ) -> None:
        self._acting = Acting(actor, address, access_conditions)
        configured = with_module_paths(configuration(config, profile), module_paths)
        self._evolution = checked_evolution(schemas, migrations, transformers, validators)
        self._config = with_migrations(with_isolation(configured, isolation), self._evolution)
        self._permissions = checked_permissions(permissions)
        if self._config is not None and self._config.permissions.model_fields_set:
            _ = self.permissions  # relative paths in it mean the folder of this moment
        self._grounds = Grounds(
            config=self._config,
            stdout=stdout,
            stderr=stderr,
            limits=(checked_limits(limits) or UNLIMITED).over(configured_limits(self._config)),
            pool=open_pool(self._config),
            permissions=lambda: self.permissions,
            state=lambda: self.state,
        )
        self._verifiers = checked_verifiers(verifiers)
        self._lock = threading.RLock()
        self._state: StateManager | None = None
        self._versioning: Versioning | None = None
        self._scheduler: Scheduler | None = None
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
    def limits(self) -> Limits:
        """What a run may use up, unless it is given limits of its own."""
        return self._grounds.limits

    @property
    def acting(self) -> Acting:
        """As whom scripts act, and the state does what it is told, where nobody is named."""
        return self._acting

    @property
    def state(self) -> StateManager:
        """The state the scripts see. Opens the store at first use; raises ``StorageError``."""
        if self._state is not None:
            return self._state
        with self._lock:
            self.check_open()
            if self._state is None:
                from llmspell.state.opening import open_default_state, open_state

                config, rules = self._config, self._verifiers
                facts: Any = {"scripts": _script_verifier, "acting": self._acting}
                if config is None:
                    self._state = open_default_state(rules, **facts)
                else:
                    self._state = open_state(config, rules, **facts, versioning=self.versioning)
            return self._state

    @property
    def versioning(self) -> Versioning | None:
        """The schemas and migrations there are, ``None`` where they are off. Read at first use.

        Raises ``SchemaError``.
        """
        if self._versioning is None and self._config and self._config.state.migration.enabled:
            from llmspell.migration.versioning import NOTHING_GIVEN, open_versioning
            from llmspell.script_function import ScriptFunction

            given = self._evolution or NOTHING_GIVEN
            section = self._config.state.migration
            self._versioning = open_versioning(section, given, scripts=ScriptFunction)
        return self._versioning

    @property
    def backups(self) -> BackupManager:
        """The backups, asked without any check of access; opens the state only if need be.

        Raises ``FeatureUnavailable`` where they are off.
        """
        if self._state is not None or not self.config.state.backup.enabled:
            return self.state.backups
        from llmspell.state.backing_up import open_backups

        return open_backups(self.config.state, lambda: self._state, lambda: self.state)

    def schedule_backups(self) -> Scheduler:
        """Make the backups of ``[state.backup.schedule]`` in a thread, from now until ``close``.

        What is due at once is begun at once; while another process makes one, nothing is. They
        take a quarter of the time at most, so that the program gets on with its own work. What
        goes wrong is logged (``llmspell.backup``) and tried again at the next time. Calling it
        again changes nothing. Raises ``FeatureUnavailable`` and ``ConfigError``.
        """
        with self._lock:
            self.check_open()
            if self._scheduler is None:
                from llmspell.backup.scheduler import Scheduler

                self.backups.schedule.check_not_empty()
                self._scheduler = Scheduler(self._run_due_backups, self.backups.next_due)
                self._scheduler.start()
            return self._scheduler

    def _run_due_backups(self) -> None:
        with suppress(BackupRunning):
            configured = self.config.state.backup.max_load
            self.state.run_due_backups(max_load=min(configured, _LOAD_BESIDE_OTHERS))

    def run(
        self,
        path: str | Path,
        args: Sequence[str] = (),
        *,
        engine: str | None = None,
        input: Any = NO_INPUT,  # noqa: A002 - scripts know it by that name
        correlation_id: str | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        actor: str | None = None,
    ) -> RunResult:
        """Run a script file; its extension names the engine unless ``engine`` does.

        ``input`` is a value for the script's global ``INPUT``, absent without it.
        ``correlation_id`` is recorded with everything the script writes, as is an id of the run.
        ``permissions``, ``limits`` and ``actor`` are the run's own, in place of those of the
        runtime. Raises ``ScriptNotFound``, ``ScriptSyntaxError`` (nothing ran), ``ScriptError``,
        ``ScriptLimitExceeded`` (which is one) and, for an input that no script could hold,
        ``InvalidValue``.
        """
        self.check_open()
        script = Script.read(path, engine=engine)
        return self._execute(script, args, input, correlation_id, permissions, limits, actor)

    def execute(
        self,
        code: str,
        *,
        engine: str,
        args: Sequence[str] = (),
        name: str = "<exec>",
        input: Any = NO_INPUT,  # noqa: A002
        correlation_id: str | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        folder: str | Path | None = None,
        actor: str | None = None,
    ) -> RunResult:
        """Run a script's text. Errors show ``name`` as its file; raises as ``run`` does.

        ``folder`` is where its modules are; without one ``require`` finds those of the module
        folders alone.
        """
        self.check_open()
        script = Script(code, engine, name, folder_text(folder))
        return self._execute(script, args, input, correlation_id, permissions, limits, actor)

    arun = in_thread(run)
    aexecute = in_thread(execute)
    map = map_script

    def session(
        self,
        engine: str,
        args: Sequence[str] = (),
        *,
        folder: str | Path | None = None,
        actor: str | None = None,
    ) -> Session:
        """Return a REPL session: one sandbox that keeps what each input defines.

        ``folder`` is where its modules are, besides the module folders; ``actor`` is as whom it
        acts, in place of the runtime's.
        """
        self.check_open()
        around = Surroundings(self._grounds, engine, SESSION_NAME, args, folder=folder_text(folder))
        return Session(around, lambda: self._acting.as_whom(actor))

    def close(self) -> None:
        """Close the store; closing again does nothing. Runs after that raise ``RuntimeClosed``.

        A scheduled backup that is being made is made to its end.
        """
        if self._scheduler is not None:  # its thread may be about to open the state
            self._scheduler.close()
        with self._lock:
            self._closed = True
            self.threads.close()
            if self._grounds.pool is not None:
                self._grounds.pool.close()
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

    def _execute(
        self,
        script: Script,
        args: Sequence[str],
        given: Any,
        correlation_id: str | None,
        permissions: Permissions | None,
        limits: Limits | None,
        actor: str | None,
    ) -> RunResult:
        started = time.perf_counter()
        around = Surroundings(
            self._grounds,
            script.engine,
            script.name,
            args,
            folder=script.folder,
            given=given,
            permissions=checked_permissions(permissions),
            limits=checked_limits(limits),
        )
        try:
            with (
                closing(around),
                closing(around.sandbox()) as sandbox,
                originating(
                    run_id=around.run_id,
                    correlation_id=correlation_id,
                    **self._acting.as_whom(actor),
                ),
                warning_to(around.warn),
            ):
                value = sandbox.run(script.code, name=script.name)
        except LlmSpellError as error:
            error.output, error.warnings = around.output.captured, tuple(around.warnings)
            if isinstance(error, ScriptError):
                advise(error, around.offered)
            from llmspell.security.sensitive.reports import redact_error

            redact_error(error)
            raise
        return RunResult(
            value=value,
            output=around.output.captured,
            warnings=tuple(around.warnings),
            duration_ms=(time.perf_counter() - started) * 1000,
            engine=script.engine,
            script=script.name,
            run_id=around.run_id,
        )


def _script_verifier(path: Path) -> Callable[[dict[str, Any]], Any]:
    from llmspell.script_verifier import ScriptVerifier

    return ScriptVerifier(path)
