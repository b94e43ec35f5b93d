"""Places for backups that others may write to, and backups that somebody made by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
import zstandard

from llmspell import Runtime
from llmspell.backup.manifest_file import pack, unpack, whole_checksum
from llmspell.backup.model import ChunkInfo, Compression, Manifest
from llmspell.backup.reading import count_records, read_chunk
from llmspell.backup.repository import open_repository
from llmspell.errors import BackupDamaged, BackupRunning, ConfigError

from .inventories import NOW_US, backup

ID = "20260701T120000Z-000001"
#: The year 33658, and one long before there were calendars.
BEYOND = (10**18, -(10**18))


def forged(data: bytes, records: int, form: str) -> tuple[Manifest, ChunkInfo, bytes]:
    """A backup of one chunk that agrees with its manifest, whatever is in it."""
    stored = zstandard.compress(data)
    chunk = ChunkInfo(
        name=f"chunk-000001.{form}.zst",
        records=records,
        size_bytes=len(data),
        stored_bytes=len(stored),
        sha256=sha256(stored).hexdigest(),
    )
    facts = {
        "format": form,
        "compression": Compression(algorithm="zstd", level=3),
        "entries": records,
        "records": records,
        "size_bytes": len(data),
        "stored_bytes": len(stored),
        "chunks": (chunk,),
        "checksum": whole_checksum((chunk,)),
    }
    return backup(1, NOW_US).model_copy(update=facts), chunk, stored


def listed(number: int) -> Manifest:
    """A manifest that contradicts itself nowhere."""
    facts = {"entries": 0, "records": 0, "size_bytes": 0, "stored_bytes": 0}
    return backup(number, NOW_US, **facts, checksum=whole_checksum(()))


@pytest.mark.parametrize("beyond", BEYOND)
@pytest.mark.parametrize("field", ["created_us", "snapshot_us", "completed_us", "verified_us"])
def test_a_time_that_no_calendar_has_is_damage_of_that_manifest_alone(
    field: str, beyond: int
) -> None:
    data = pack(listed(1).model_copy(update={field: beyond}))
    with pytest.raises(BackupDamaged, match=field):
        unpack(data, ID)


def test_arrays_of_nothing_are_refused_before_anybody_counts_millions_of_them() -> None:
    manifest, chunk, stored = forged(b"\x90" * 1000, 0, "msgpack")
    for read in (count_records, read_chunk):
        with pytest.raises(BackupDamaged, match="something else than records"):
            read(lambda name: stored, manifest, chunk)


def test_empty_lines_are_refused_at_the_first_one() -> None:
    lines = 4_000_000
    manifest, chunk, stored = forged(b"\n" * lines, lines, "jsonl")
    with pytest.raises(BackupDamaged, match="no well-formed JSON"):
        read_chunk(lambda name: stored, manifest, chunk)


@pytest.mark.parametrize("name", ["manifest.json", "chunk-000001.msgpack.zst"])
def test_a_file_that_claims_to_be_huge_is_damage_of_that_backup_and_is_not_read(
    runtime: Runtime, name: str
) -> None:
    state = runtime.state
    huge, good = state.create_backup().id, state.create_backup().id
    os.truncate(Path("backups") / huge / name, 1 << 40)
    assert state.validate_backup(huge).problems
    assert good in [each.id for each in state.list_backups()]
    assert state.restore_backup(good).backup_id == good


AS_NOBODY = """
import os, sys
from llmspell.backup.chain import Catalogue
from llmspell.backup.repository import open_repository
from llmspell.errors import BackupError
place, others, own = sys.argv[1:]
if os.geteuid() == 0:  # the superuser may read everything
    os.seteuid(65534)
repository = open_repository(place)
catalogue = Catalogue(repository)
print([each.id for each in catalogue.manifests()] == [own], list(catalogue.damaged) == [others])
with repository.lock("test"):
    try:
        repository.delete(others)
    except BackupError as error:
        print(error.details["reason"])
    repository.tidy()
"""


def test_a_backup_of_another_user_keeps_nobody_from_using_the_others() -> None:
    folder = Path(tempfile.mkdtemp())  # those of pytest no other user can reach
    try:
        repository = open_repository(folder)
        ids = [backup(number, NOW_US).id for number in (1, 2)]
        for number, made in enumerate(ids, start=1):
            with repository.creating(made) as draft:
                draft.commit(pack(listed(number)))
        folder.chmod(0o777)
        (folder / ids[0]).chmod(0)
        (folder / ids[1]).chmod(0o755)
        (folder / ids[1] / "manifest.json").chmod(0o644)
        told = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, folder, *ids],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert told.stdout.split() == ["True", "True", "access"], told.stderr
        assert told.returncode == 0, told.stderr
    finally:
        for made in folder.glob("*2026*"):
            made.chmod(0o700)
        shutil.rmtree(folder)


def test_one_backup_of_each_store_stays_whoever_else_uses_the_place(
    open_runtime: Callable[..., Runtime],
) -> None:
    first = open_runtime({"max_backups": 1, "retention": {"kind": "count"}})
    first.state.save("global", "k", "precious")
    only = first.state.create_backup().id
    other = open_runtime({"max_backups": 1, "retention": {"kind": "count"}}, {"path": "another.db"})
    for number in range(3):
        other.state.save("global", "k", number)
        other.state.create_backup()
    removed = other.state.cleanup_backups().deleted
    assert len(removed) == 2
    assert only not in [each.id for each in removed]


@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_a_cache_before_a_place_never_shows_what_was(tmp_path: Path, cache: str) -> None:
    place = open_repository(f"{cache}::memory://{tmp_path.name}")
    for _ in range(2):
        with place.lock("test"):
            place.note({"action": "create"})
    assert len(place.log()) == 2


def test_a_folder_named_by_a_url_is_for_its_owner_alone(tmp_path: Path) -> None:
    place = open_repository(f"file://{tmp_path}/place")
    with place.lock("test"), place.creating(ID) as draft:
        draft.commit(pack(listed(1)))
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("place", f"place/{ID}")} == {
        0o700
    }


@pytest.mark.parametrize(
    "url",
    [
        "nowhere://me:hu/hush@host/x",
        "nowhere://me:hu@hush@host/x",
        "simplecache::nowhere://me:hush@host/x",
    ],
)
def test_no_form_of_a_password_in_a_url_is_told(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_repository(url)
    assert "***@host/x" in caught.value.message
    assert "hush" not in str(caught.value.to_dict())


@pytest.mark.parametrize("since_us", [*BEYOND, 1e300])
def test_whoever_wrote_nonsense_into_a_lock_is_somebody_unknown(
    tmp_path: Path, since_us: float
) -> None:
    place = open_repository(tmp_path)
    with place.lock("test"):
        holder = {"pid": 1, "host": "h", "purpose": "p", "since_us": since_us}
        (tmp_path / ".lock").write_bytes(orjson.dumps(holder))
        with pytest.raises(BackupRunning, match="another process"), place.lock("again"):
            pass
