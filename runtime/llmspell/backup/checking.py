"""Check the chunks of a backup without restoring it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from llmspell.backup.manifest_file import check_signature, contradictions
from llmspell.backup.model import ChunkInfo, Manifest
from llmspell.backup.reading import Get, count_records
from llmspell.backup.sealing import BackupKey, no_key
from llmspell.errors import BackupDamaged, DecryptionFailed

__all__ = ["check_chunks"]


def check_chunks(
    get: Get,
    manifest: Manifest,
    key: BackupKey | None = None,
    on_progress: Callable[[int], object] | None = None,
    *,
    names: Iterable[str] | None = None,
    streams: int = 1,
) -> list[str]:
    """Return what is wrong with a backup, a text for each file that is damaged; [] if nothing is.

    Each chunk is read, compared with its checksum, opened, decompressed and its records counted,
    in ``streams`` threads: so many chunks are in memory at most, as they are and compressed.
    ``names`` are the files that are there: chunks among them that the manifest does not know are
    too many. ``on_progress`` is called with the number of records checked so far, those of
    damaged chunks included. Raises KeyMissing, and what ``get`` raises but for BackupDamaged.
    """
    if manifest.encryption is not None and key is None:
        raise no_key(manifest)
    problems = _manifest_problems(manifest, key)
    done = 0
    for chunk, problem in _checked(get, manifest, key, streams):
        problems += problem
        done += chunk.records
        if on_progress is not None:
            on_progress(done)
    return problems + _too_many(manifest, names or ())


def _manifest_problems(manifest: Manifest, key: BackupKey | None) -> list[str]:
    problems = [f"manifest.json: {problem}" for problem in contradictions(manifest)]
    try:
        check_signature(manifest, key)
    except BackupDamaged as error:
        problems += error.details["problems"]
    return problems


def _checked(
    get: Get, manifest: Manifest, key: BackupKey | None, streams: int
) -> Iterator[tuple[ChunkInfo, list[str]]]:
    """Yield each chunk and its problems, in their order, while the next ones are checked."""
    with ThreadPoolExecutor(streams, thread_name_prefix="llmspell-backup") as pool:

        def begin(chunk: ChunkInfo) -> tuple[ChunkInfo, Future[list[str]]]:
            return chunk, pool.submit(_problems, get, manifest, chunk, key)

        waiting = iter(manifest.chunks)
        under_way = [begin(chunk) for chunk in islice(waiting, 2 * streams)]
        try:
            while under_way:
                chunk, problems = under_way.pop(0)
                yield chunk, problems.result()
                under_way += [begin(chunk) for chunk in islice(waiting, 1)]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _problems(get: Get, manifest: Manifest, chunk: ChunkInfo, key: BackupKey | None) -> list[str]:
    try:
        count_records(get, manifest, chunk, key)
    except BackupDamaged as error:
        return list(error.details.get("problems", [f"{chunk.name}: {error.message}"]))
    except DecryptionFailed:
        return [f"{chunk.name}: it does not decrypt: it was changed, or is of another backup"]
    return []


def _too_many(manifest: Manifest, names: Iterable[str]) -> list[str]:
    known = {chunk.name for chunk in manifest.chunks}
    strange = sorted(name for name in names if name.startswith("chunk-") and name not in known)
    return [f"{name}: it does not belong to this backup" for name in strange]
