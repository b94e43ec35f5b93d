"""What every value passes on its way into the store: validation, protection, encryption, audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import KeyMissing, SensitiveData
from llmspell.store.codec import encode, pack, wrap

if TYPE_CHECKING:
    from llmspell.security.sensitive.protection import Protection
    from llmspell.security.validation import Validator
    from llmspell.state.classes import ClassPolicy
    from llmspell.state.recording import Recording

__all__ = ["NO_SAFEGUARDS", "Safeguards"]


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What is configured of it.

    ``has_key`` tells whether anything can be encrypted, ``encrypts_all`` whether all values are.
    ``compresses`` allows compression before encryption. ``audit`` is told of what is done.
    """

    has_key: bool = False
    encrypts_all: bool = False
    compresses: bool = True
    protection: Protection | None = None
    validator: Validator | None = None
    audit: Recording | None = None

    @property
    def look_at_values(self) -> bool:
        """Whether a value must be looked at before it is encoded."""
        return self.protection is not None or self.validator is not None

    def encrypts(self, policy: ClassPolicy) -> bool:
        """Return whether values of a class are stored encrypted. Raises KeyMissing."""
        if policy.encrypted and not self.has_key:
            raise KeyMissing(
                f"class {policy.name!r} is stored encrypted, and no master key is configured",
                hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file;"
                " `llmspell keys generate` makes a key",
                state_class=policy.name,
            )
        return policy.stored and (self.encrypts_all or policy.encrypted)

    def encoded(
        self, scope: str, key: str, value: Any, policy: ClassPolicy, max_bytes: int
    ) -> bytes:
        """Return the blob of a canonical value, with what must not be in the open protected.

        Raises LimitExceeded, KeyMissing and SensitiveData.
        """
        try:
            confidential = self.encrypts(policy)
        except KeyMissing as error:
            self._note("protect", scope, key, outcome=error.code)
            raise
        compress = self.compresses or not confidential
        best = policy.best_compression
        if self.protection is None:
            return encode(
                value,
                max_bytes=max_bytes,
                best_compression=best,
                compress=compress,
                confidential=confidential,
            )
        packed = pack(value, max_bytes)
        try:
            protected = self.protection.apply(value, packed, state_class=policy.name)
        except SensitiveData as error:
            self._note("protect", scope, key, outcome=error.code)
            error.details.update(scope=scope, key=key)
            raise
        if protected.value is not value:
            packed = pack(protected.value, max_bytes)
        if protected.tags or protected.actions:
            told = {"found": ",".join(protected.tags)} | _counted(protected.actions)
            self._note("protect", scope, key, details=told)
        return wrap(
            packed,
            best_compression=best,
            compress=compress,
            confidential=confidential,
            confidential_members=any(done.action == "encrypt" for done in protected.actions),
            labels=",".join(protected.tags),
        )

    def _note(self, action: str, scope: str, key: str, **facts: Any) -> None:
        if self.audit is not None:
            self.audit.did(action, scope, key, **facts)


def _counted(actions: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for done in actions:
        counts[done.action] = counts.get(done.action, 0) + 1
    return counts


NO_SAFEGUARDS: Final = Safeguards()
