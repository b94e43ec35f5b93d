"""From a configuration to an open audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.security.audit.auditor import Auditor
from llmspell.security.audit.log import AuditLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.config.audit_section import Audit

__all__ = ["open_auditor"]


def open_auditor(
    section: Audit, *, key: bytes | None, older_keys: Sequence[bytes] = ()
) -> Auditor | None:
    """Open what a configuration asks for; None when audit is off. Raises AuditError."""
    if not section.enabled:
        return None
    log = AuditLog(section.path, key=key, older_keys=older_keys, fsync=section.fsync)
    return Auditor(log, records=section.records)
