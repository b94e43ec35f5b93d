"""What a run may reach outside its sandbox; each part is made when a script first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from llmspell.config.defaults import DATABASE, VALUE_BYTES

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions
    from llmspell.services.env import Environment
    from llmspell.services.files import Files
    from llmspell.services.http import Web

__all__ = ["HostAccess"]


class HostAccess:
    """The services behind ``Fs``, ``Env`` and ``Http`` for one run, or one session."""

    def __init__(self, permissions: Callable[[], Permissions], config: Config | None) -> None:
        self._permissions = permissions
        self._config = config

    @cached_property
    def files(self) -> Files:
        """Files and folders."""
        from llmspell.services.files import Files

        own_files = _own_files(self._config)
        return Files(self._permissions(), own_files=own_files, max_bytes=self._max_bytes)

    @cached_property
    def environment(self) -> Environment:
        """Environment variables."""
        from llmspell.services.env import Environment

        return Environment(self._permissions())

    @cached_property
    def web(self) -> Web:
        """Web requests."""
        from llmspell.services.http import Web

        return Web(self._permissions(), max_bytes=self._max_bytes)

    @property
    def _max_bytes(self) -> int:
        return VALUE_BYTES if self._config is None else self._config.limits.value_bytes

    def close(self) -> None:
        """End connections that are still open."""
        if "web" in self.__dict__:
            self.web.close()


def _own_files(config: Config | None) -> list[str]:
    """Return the host's own files, which no permission includes: its database."""
    if config is None:
        return [DATABASE]
    state = config.state
    scheme, _, path = (state.url or "").partition(":///")
    own = path if scheme.startswith("sqlite") else str(state.path)
    return [own, str(state.failover.path)]
