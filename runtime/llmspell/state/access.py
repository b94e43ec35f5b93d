"""What the manager asks before anything else: whether who calls may do that, there.

Every public method turns the scope it is given into text by the reader that is named for what
it does: ``_reads``, ``_writes``, ``_deletes``, ``_updates`` and ``_returns``. There is no other
way to the text, so no method can forget to ask. Without access control all of them are the
plain reader, and asking costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from llmspell.state.origin import ADDRESS, CURRENT
from llmspell.state.scope import StateScope

if TYPE_CHECKING:
    from llmspell.security.access import AccessControl, Permission

__all__ = ["Guarded", "ScopeReader"]

ScopeReader: TypeAlias = Callable[[str | StateScope], str]


class Guarded:
    """The readers of scopes, one for each thing that can be done in one.

    ``_takes_part`` asks whether the caller may do anything at all, ``_administers`` whether he
    may do what is about the store as a whole.
    """

    _reads: ScopeReader
    _writes: ScopeReader
    _deletes: ScopeReader
    #: Reads, and writes what comes of it.
    _updates: ScopeReader
    #: Makes a scope what it was: reads, writes and deletes.
    _returns: ScopeReader
    _takes_part: Callable[[], None]
    _administers: Callable[[], None]
    #: Leaves out the scopes that the caller may not read.
    _readable: Callable[[Iterable[str]], list[str]]
    #: Returns what tells, at any later time, whether who calls now may read a scope.
    _right_to_read: Callable[[str], Callable[[], bool]]
    #: Tells whether a VM may go on with what it has read of a scope. None: always.
    _may_keep: Callable[[str], bool] | None = None
    #: Asked about scope, stored form and class of a value to be written. None: nothing to ask.
    _check_written: Callable[[str, bytes, str], None] | None = None
    _access: AccessControl | None = None

    def _guard(
        self, text_of: ScopeReader, access: AccessControl | None, encrypts: Callable[[str], bool]
    ) -> None:
        """Ask ``access`` before everything; without it let everybody do everything.

        ``encrypts`` tells of a class whether its values are stored encrypted.
        """
        self._access = access
        if access is not None:
            self._ask(text_of, access, encrypts)
            return
        self._reads = self._writes = self._deletes = text_of
        self._updates = self._returns = text_of
        self._takes_part = self._administers = _nothing
        self._readable = list
        self._right_to_read = _always

    def _ask(
        self, text_of: ScopeReader, access: AccessControl, encrypts: Callable[[str], bool]
    ) -> None:
        from llmspell.security.access import WHOLE_STORE, Permission

        def administers() -> None:
            access.check(_actor(), WHOLE_STORE, Permission.ADMIN, address=ADDRESS.get())

        def right_to_read(scope: str) -> Callable[[], bool]:
            actor, address = _actor(), ADDRESS.get()
            return lambda: access.may(actor, scope, Permission.READ, address=address)

        def readable(scopes: Iterable[str]) -> list[str]:
            actor, address = _actor(), ADDRESS.get()
            return [
                scope
                for scope in scopes
                if access.may(actor, scope, Permission.READ, address=address)
            ]

        def check_written(scope: str, blob: bytes, state_class: str) -> None:
            access.check_written(
                _actor(), scope, len(blob), encrypted=lambda: encrypts(state_class)
            )

        self._reads = _reader(text_of, access, Permission.READ)
        self._writes = _reader(text_of, access, Permission.WRITE)
        self._deletes = _reader(text_of, access, Permission.DELETE)
        self._updates = _reader(text_of, access, Permission.READ_WRITE)
        self._returns = _reader(text_of, access, Permission.NOT_ADMIN)
        self._takes_part = lambda: access.check_known(_actor())
        self._administers = administers
        self._readable = readable
        self._right_to_read = right_to_read
        self._may_keep = _keeper(access)
        self._check_written = check_written


def _reader(text_of: ScopeReader, access: AccessControl, permission: Permission) -> ScopeReader:
    """Return a reader that raises ``AccessDenied`` where something is not permitted."""
    needed, origin, now = int(permission), CURRENT.get, access.monotonic_s

    def read(scope: str | StateScope) -> str:
        text = text_of(scope)
        actor = origin()[0]
        known = access.masks.get((actor, text))
        if known is None or known & needed != needed or now() >= access.due_at:
            access.check(actor, text, permission, address=ADDRESS.get())
        return text

    return read


def _keeper(access: AccessControl) -> Callable[[str], bool]:
    """Return what tells whether reading a scope is permitted whatever the circumstances.

    Where it depends on any, each load has to ask, and be counted, by itself.
    """
    now = access.monotonic_s

    def may_keep(scope: str) -> bool:
        return now() < access.due_at and access.masks.get((_actor(), scope), 0) & 1 == 1

    return may_keep


def _actor() -> str | None:
    return CURRENT.get()[0]


def _nothing() -> None:
    pass


def _always(_scope: str) -> Callable[[], bool]:
    return lambda: True
