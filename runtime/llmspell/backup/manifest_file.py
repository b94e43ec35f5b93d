"""The file of a manifest: JSON in one exact form, with a checksum of all else in it.

As there is only one way to write each manifest, no bit of the file can change unnoticed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import ValidationError

from llmspell.backup.formats import chunk_name
from llmspell.backup.model import FORMAT_VERSION, ChunkInfo, Encryption, Manifest
from llmspell.backup.sealing import BackupKey
from llmspell.errors import BackupDamaged, UnsupportedBackup

__all__ = [
    "check_signature",
    "contradictions",
    "pack",
    "signed",
    "unpack",
    "whole_checksum",
]

_CHECKSUM: Final = "manifest_sha256"
_FORM: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_MAX_TOLD: Final = 5


def pack(manifest: Manifest, key: BackupKey | None = None) -> bytes:
    """Return the bytes of the file; with ``key`` of a manifest that it signs."""
    if key is not None:
        manifest = signed(manifest, key)
    data = manifest.model_dump(mode="json")
    return _canonical(data | {_CHECKSUM: _checksum(data)})


def unpack(data: bytes, expected_id: str) -> Manifest:
    """Return the manifest in a file of the backup of that id.

    Whether somebody forged it ``check_signature`` tells. Raises UnsupportedBackup for a later
    format, and BackupDamaged for all that ``pack`` did not write as it is, for the manifest of
    another backup and for what contradicts itself.
    """
    read = _parsed(data, expected_id)
    version = read.get("format_version")
    if type(version) is not int:
        raise _damaged(expected_id, ["it names no format"])
    if version > FORMAT_VERSION:
        raise UnsupportedBackup(
            f"backup {expected_id} is of a newer llmspell: it has format {version}, this one knows"
            f" {FORMAT_VERSION}",
            hint="upgrade llmspell",
            backup=expected_id,
        )
    try:
        told = read.pop(_CHECKSUM, None)
        if told != _checksum(read) or _canonical(read | {_CHECKSUM: told}) != data:
            raise _damaged(expected_id, ["its checksum does not match"])
        manifest = Manifest.model_validate_json(_canonical(read))
    except ValidationError as error:
        raise _damaged(expected_id, _what_is_wrong(error)) from None
    except orjson.JSONEncodeError:
        raise _damaged(expected_id, ["it is nested too deeply"]) from None
    problems = list(contradictions(manifest))
    if manifest.id != expected_id:
        problems.insert(0, f"it is the one of backup {manifest.id}")
    if problems:
        raise _damaged(expected_id, problems)
    return manifest


def signed(manifest: Manifest, key: BackupKey) -> Manifest:
    """Return the manifest of an encrypted backup with the signature of all else in it."""
    info = manifest.encryption or key.info()
    info = info.model_copy(update={"signature": key.sign(_to_sign(manifest, info))})
    return manifest.model_copy(update={"encryption": info})


def check_signature(manifest: Manifest, key: BackupKey | None) -> None:
    """Check that whoever had the key of an encrypted backup wrote its manifest.

    Without a key, or without encryption, there is nothing to check. Raises BackupDamaged.
    """
    info = manifest.encryption
    if info is None or key is None:
        return
    right = key.sign(_to_sign(manifest, info))
    if not hmac.compare_digest(right.encode(), info.signature.encode()):
        raise _damaged(manifest.id, ["its signature does not match: somebody changed it"])


def whole_checksum(chunks: Iterable[ChunkInfo]) -> str:
    """Return the checksum of a backup, which is of the names and checksums of its chunks."""
    digest = sha256()
    for chunk in chunks:
        digest.update(f"{chunk.name} {chunk.sha256}\n".encode())
    return digest.hexdigest()


def contradictions(manifest: Manifest) -> Iterator[str]:
    """Yield what in a manifest cannot be, however well it is formed."""
    yield from _wrong_chunks(manifest)
    yield from _wrong_chain(manifest)
    if (manifest.type == "scope") != (manifest.scope is not None):
        yield "only a backup of a scope names one, and always does"
    if manifest.entries + manifest.deletions != manifest.records:
        yield "its entries and deletions are not as many as its records"


def _wrong_chunks(manifest: Manifest) -> Iterator[str]:
    chunks = manifest.chunks
    names = [
        chunk_name(
            number,
            format=manifest.format,
            compression=manifest.compression.algorithm,
            sealed=manifest.encryption is not None,
        )
        for number in range(1, len(chunks) + 1)
    ]
    if [chunk.name for chunk in chunks] != names:
        yield "its chunks are not called as they have to be, or are not in their order"
    if whole_checksum(chunks) != manifest.checksum:
        yield "the checksum of the whole does not match"
    sums = {
        "records": sum(chunk.records for chunk in chunks),
        "size_bytes": sum(chunk.size_bytes for chunk in chunks),
        "stored_bytes": sum(chunk.stored_bytes for chunk in chunks),
    }
    for name, total in sums.items():
        if total != getattr(manifest, name):
            yield f"{name} is not the sum of its chunks"


def _wrong_chain(manifest: Manifest) -> Iterator[str]:
    chain = manifest.chain
    if manifest.type in ("full", "scope"):
        if chain or manifest.base is not None or manifest.base_checksum is not None:
            yield f"a {manifest.type} backup has no base"
        return
    if manifest.base is None or manifest.base_checksum is None or manifest.journal is None:
        yield f"a backup of type {manifest.type} has a base and its checksum, and a journal"
    if not chain or chain[-1] != manifest.base:
        yield "its chain does not end with its base"
    if len({*chain, manifest.id}) != len(chain) + 1:
        yield "a backup comes twice in its chain"
    if manifest.type == "differential" and len(chain) != 1:
        yield "the chain of a differential backup is its full one alone"


def _parsed(data: bytes, expected_id: str) -> dict[str, Any]:
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _damaged(expected_id, ["it is no JSON"]) from None
    if type(read) is not dict:
        raise _damaged(expected_id, ["it is no manifest"])
    return read


def _to_sign(manifest: Manifest, info: Encryption) -> bytes:
    """Return what the signature is of: all but itself."""
    unsigned = info.model_copy(update={"signature": ""})
    return _canonical(manifest.model_copy(update={"encryption": unsigned}).model_dump(mode="json"))


def _canonical(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data, option=_FORM)


def _checksum(data: dict[str, Any]) -> str:
    return sha256(_canonical(data)).hexdigest()


def _what_is_wrong(error: ValidationError) -> list[str]:
    """Say it without the values: the fields, and the rules of these."""
    return [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)[:_MAX_TOLD]
    ]


def _damaged(backup_id: str, problems: list[str]) -> BackupDamaged:
    return BackupDamaged(
        f"the manifest of backup {backup_id} is damaged: {'; '.join(problems)}",
        hint="restore from another backup",
        backup=backup_id,
        problems=[f"manifest.json: {problem}" for problem in problems],
    )
