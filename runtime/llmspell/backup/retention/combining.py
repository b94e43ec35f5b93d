"""Policies made of others, and of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from llmspell.backup.model import Manifest
from llmspell.backup.retention.policies import RetentionPolicy
from llmspell.errors import BackupError, ConfigError

__all__ = ["AllOf", "AnyOf", "Custom"]


class _Combined:
    def __init__(self, *policies: RetentionPolicy) -> None:
        if not policies or not all(callable(getattr(one, "decide", None)) for one in policies):
            raise ConfigError(
                "a combination needs policies: at least one, each with a method decide",
                key="policies",
            )
        self.policies = policies


class AnyOf(_Combined):
    """Keeps what any of some policies keeps."""

    def __str__(self) -> str:
        return "; or ".join(map(str, self.policies))

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return what one of them keeps, with the reason of the first."""
        kept: dict[str, str] = {}
        for policy in self.policies:
            kept = policy.decide(backups, now_us) | kept
        return kept


class AllOf(_Combined):
    """Keeps only what all of some policies keep: each is a limit to the others."""

    def __str__(self) -> str:
        return "; and also ".join(f"({policy})" for policy in self.policies)

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return what every one keeps, with all reasons."""
        first, *others = [policy.decide(backups, now_us) for policy in self.policies]
        return {
            backup: ", ".join([reason, *(other[backup] for other in others)])
            for backup, reason in first.items()
            if all(backup in other for other in others)
        }


@dataclass(frozen=True, slots=True)
class Custom:
    """Keeps what a function chooses: it is given the backups and the time in microseconds.

    It returns the ids to keep, or the backups themselves. If it fails, or returns anything else,
    ``BackupError`` is raised and nothing is removed.
    """

    choose: Callable[[Sequence[Manifest], int], Iterable[str | Manifest]]

    def __post_init__(self) -> None:
        if not callable(self.choose):
            raise ConfigError("a custom policy needs a function of backups and a time", key="kind")

    def __str__(self) -> str:
        return f"those that {getattr(self.choose, '__name__', 'a function')} chooses"

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return what the function chooses."""
        try:
            chosen = self.choose(tuple(backups), now_us)
            ids = None if isinstance(chosen, str) else [_id(one) for one in chosen]
        except Exception as error:
            raise BackupError(
                f"the function of the retention policy failed with {type(error).__name__}",
                hint="it takes the backups and the time in microseconds, and returns ids to keep;"
                " nothing was removed",
            ) from error
        if ids is None:
            raise BackupError("the function of the retention policy must return a list of ids")
        return dict.fromkeys(ids, str(self).replace("those that", "what"))


def _id(chosen: str | Manifest) -> str:
    if isinstance(chosen, Manifest):
        return chosen.id
    if not isinstance(chosen, str):
        raise TypeError("neither a backup nor its id")
    return chosen
