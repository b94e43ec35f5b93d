"""``backup export`` and ``import``: a backup in one file, and files that only look like one."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.conftest import Program, llmspell
from llmspell.backup.archive_import import import_archive
from llmspell.backup.chain import Catalogue
from llmspell.backup.manifest_file import pack, whole_checksum
from llmspell.backup.model import Manifest
from llmspell.backup.repository.folder import FolderRepository
from llmspell.errors import BackupDamaged, BackupError

from .command_line import backup, copied, create, damage, prepare, put, refused, report, stored

__all__ = ["llmspell"]

Made = tuple[Program, str, str]
CHUNK = "chunk-000001.msgpack.zst"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A full backup, an incremental one that is made from it, and both in chain.tar."""
    project = prepare(Program(tmp_path_factory.mktemp("made")), a=1)
    full = create(project)
    put(project, b=2)
    last = create(project, "--type", "incremental")
    backup(project, "export", last, "chain.tar")
    return project, full, last


@pytest.fixture
def empty(llmspell: Program) -> Program:
    """A place without backups and without a store."""
    return prepare(llmspell)


def archive(made: Made) -> Path:
    return made[0].folder / "chain.tar"


def ids(project: Program) -> list[str]:
    return FolderRepository(project.folder / "backups").ids()


# Carrying backups elsewhere --------------------------------------------------------------------


def test_what_was_exported_can_be_imported_and_restored_elsewhere(
    made: Made, llmspell: Program
) -> None:
    _, full, last = made
    llmspell.write("b.toml", (made[0].folder / "b.toml").read_text())
    done = backup(llmspell, "import", archive(made))
    assert (done.stdout.split(), done.stderr) == ([full, last], "imported 2 backups\n")
    assert report(llmspell, "verify", last)["backups"] == [full, last]
    backup(llmspell, "restore", "--yes")
    assert stored(llmspell) == {"a": 1, "b": 2}


def test_export_tells_what_it_wrote_and_that_it_is_in_the_open(
    made: Made, llmspell: Program
) -> None:
    project = copied(made[0], llmspell)
    done = backup(project, "export", made[2], "x.tar")
    assert done.stderr.startswith("exported 2 backups to x.tar: ")
    assert "not encrypted: keep it safe" in done.stderr
    assert (project.folder / "x.tar").stat().st_mode & 0o777 == 0o600
    told = report(project, "export", made[2], "x.tar", "--no-chain")
    assert (told["backups"], told["chunks"]) == ([made[2]], 1)
    assert not list(project.folder.glob(".*.partial"))


def test_what_is_there_already_stays(made: Made, llmspell: Program) -> None:
    project = copied(made[0], llmspell)
    told = report(project, "import", archive(made))
    assert (told["imported"], told["present"]) == ([], [made[1], made[2]])


def test_without_its_base_an_import_tells_what_is_missing(made: Made, empty: Program) -> None:
    _, full, last = made
    backup(made[0], "export", last, empty.folder / "last.tar", "--no-chain")
    done = backup(empty, "import", "last.tar")
    assert f"warning: backup {full}, which others are made from, is missing" in done.stderr
    assert report(empty, "import", archive(made))["imported"] == [full]
    assert report(empty, "verify", last)["ok"]


def test_a_damaged_backup_is_not_exported_and_an_older_file_stays(
    made: Made, llmspell: Program
) -> None:
    project = copied(made[0], llmspell)
    damage(project, made[1])
    before = (project.folder / "chain.tar").read_bytes()
    error = refused(project, "export", made[2], "chain.tar", code="backup_damaged")
    assert error["details"]["problems"] == [f"{CHUNK}: its checksum does not match"]
    assert (project.folder / "chain.tar").read_bytes() == before
    assert not list(project.folder.glob(".*.partial"))


def test_another_backup_of_the_same_id_is_in_the_way(made: Made, llmspell: Program) -> None:
    project = copied(made[0], llmspell)
    damage(project, made[1], "manifest.json")
    error = refused(project, "import", archive(made), code="backup_error")
    assert f"backup delete {made[1]}" in error["hint"]


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code", "words"),
    [
        (["import", "nowhere.tar"], "backup_error", 1, "there is no such file"),
        (["import", "backups"], "backup_error", 1, "it is no file"),
        (["import", "b.toml"], "backup_damaged", 1, "it is no tar file"),
        (["export", "ID", "backups"], "backup_error", 1, "it is a folder"),
        (["export", "ID", "no/such/folder.tar"], "backup_error", 1, "No such file"),
        (["export", "20200101T000000Z-000000", "x.tar"], "backup_not_found", 1, "no backup"),
        (["export", "../x", "x.tar"], "invalid_argument", 1, "no id"),
    ],
)
def test_mistakes_are_answered(
    made: Made, arguments: list[str], code: str, exit_code: int, words: str
) -> None:
    given = [made[2] if each == "ID" else each for each in arguments]
    error = refused(made[0], *given, code=code, exit_code=exit_code)
    assert words in error["message"]


def test_a_pipe_is_no_file(made: Made) -> None:
    for arguments in (["import", "-"], ["export", made[2], "-"]):
        done = made[0].here("backup", *arguments)
        assert (done.returncode, "FILE must be a file" in done.stderr) == (2, True)


def test_a_compressed_file_is_to_be_unpacked_first(made: Made, empty: Program) -> None:
    packed = empty.folder / "chain.tar.gz"
    packed.write_bytes(gzip.compress(archive(made).read_bytes()))
    error = refused(empty, "import", packed, code="backup_damaged")
    assert "gunzip" in error["message"]


# Files that only look like one -----------------------------------------------------------------

Change = Callable[[str, tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]


def changed(made: Made, path: Path, change: Change) -> Path:
    """Write an archive whose every member was replaced by what ``change`` makes of it."""
    with tarfile.open(archive(made)) as old, tarfile.open(path, "w") as new:
        for member in old.getmembers():
            source = old.extractfile(member)
            assert source is not None
            for changed_member, data in change(member.name, member, source.read()):
                new.addfile(changed_member, io.BytesIO(data))
    return path


def with_size(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    member.size = len(data)
    return [(member, data)]


def special(kind: bytes, name: str | None = None) -> Change:
    def change(
        old: str, member: tarfile.TarInfo, data: bytes
    ) -> list[tuple[tarfile.TarInfo, bytes]]:
        added = tarfile.TarInfo(name or f"{old[:22]}/chunk-000009.msgpack.zst")
        added.type, added.linkname = kind, "/etc/passwd"
        return [(member, data), (added, b"")]

    return change


def named(name: str) -> Change:
    def change(
        old: str, member: tarfile.TarInfo, data: bytes
    ) -> list[tuple[tarfile.TarInfo, bytes]]:
        added = tarfile.TarInfo(name.replace("ID", old[:22]))
        return [(member, data), (added, b"")]

    return change


HOSTILE: dict[str, Change] = {
    "a link": special(tarfile.SYMTYPE),
    "a hard link": special(tarfile.LNKTYPE),
    "a device": special(tarfile.CHRTYPE),
    "a pipe": special(tarfile.FIFOTYPE),
    "a linked folder": special(tarfile.SYMTYPE, "20260101T000000Z-000000"),
    "a foreign folder": special(tarfile.DIRTYPE, "../elsewhere"),
    "a way out": named("../evil"),
    "a way out of a backup": named("ID/../../evil"),
    "a way out by a chunk": named("ID/../chunk-000001.msgpack.zst"),
    "an absolute path": named("/tmp/chunk-000001.msgpack.zst"),
    "a foreign file": named("ID/readme.txt"),
    "the lock": named(".lock"),
    "a chunk too many": named("ID/chunk-000002.msgpack.zst"),
    "a backup without manifest": named("20260101T000000Z-000000/chunk-000001.msgpack.zst"),
    "a file twice": lambda name, member, data: [(member, data), (member, data)],
    "a missing chunk": lambda name, member, data: [] if "chunk" in name else [(member, data)],
    "a missing manifest": lambda name, member, data: [(member, data)] if "chunk" in name else [],
    "a longer chunk": lambda name, member, data: with_size(member, data + b"x" * ("chunk" in name)),
    "another chunk": lambda name, member, data: [
        (member, data[:-1] + b"?" if "chunk" in name else data)
    ],
    "another manifest": lambda name, member, data: with_size(
        member, data.replace(b"full", b"FULL") if "manifest" in name else data
    ),
    "a huge manifest": lambda name, member, data: with_size(
        member, data + b" " * (65 << 20 if "manifest" in name else 0)
    ),
    "nothing": lambda name, member, data: [],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_of_a_file_with_anything_wrong_in_it_nothing_is_imported(
    what: str, made: Made, empty: Program
) -> None:
    path = changed(made, empty.folder / "bad.tar", HOSTILE[what])
    before = sorted(empty.folder.parent.rglob("*"))
    repository = FolderRepository(empty.folder / "backups")
    with pytest.raises(BackupDamaged, match="nothing was imported from"):
        import_archive(Catalogue(repository), path)
    assert sorted(empty.folder.parent.rglob("*")) == before


def packed(made: Made, path: Path, manifests: list[Manifest]) -> Path:
    """Write an archive of the chunks there are, with these manifests."""
    chunks = FolderRepository(made[0].folder / "backups")
    with tarfile.open(path, "w") as new:
        for manifest in manifests:
            files = {"manifest.json": pack(manifest)}
            files |= {each.name: chunks.read(manifest.id, each.name) for each in manifest.chunks}
            for name, data in files.items():
                for member, content in with_size(tarfile.TarInfo(f"{manifest.id}/{name}"), data):
                    new.addfile(member, io.BytesIO(content))
    return path


def test_a_base_that_is_not_what_a_backup_was_made_from_is_found(
    made: Made, empty: Program
) -> None:
    """Both are whole by themselves, and the full one even has the right id."""
    catalogue = Catalogue(FolderRepository(made[0].folder / "backups"))
    full, last = catalogue.chain(made[2])
    forged = last.model_copy(update={"base_checksum": "0" * 64})
    place = FolderRepository(empty.folder / "backups")
    path = packed(made, empty.folder / "both.tar", [full, forged])
    with pytest.raises(BackupDamaged, match="was made from another backup"):
        import_archive(Catalogue(place), path)
    import_archive(Catalogue(place), packed(made, path, [full]))
    with pytest.raises(BackupDamaged, match="was made from another backup"):
        import_archive(Catalogue(place), packed(made, path, [forged]))
    assert place.ids() == [full.id]


def test_a_whole_backup_of_the_same_id_with_other_contents_stays(
    made: Made, empty: Program
) -> None:
    full = Catalogue(FolderRepository(made[0].folder / "backups")).get(made[1])
    nothing = {"chunks": (), "entries": 0, "records": 0, "size_bytes": 0, "stored_bytes": 0}
    other = pack(full.model_copy(update={**nothing, "checksum": whole_checksum(())}))
    place = FolderRepository(empty.folder / "backups")
    with place.lock("write it"), place.creating(full.id) as draft:
        draft.commit(other)
    error = refused(empty, "import", archive(made), code="backup_error")
    assert "it is another one" in error["message"]
    assert place.ids() == [full.id]
    assert place.manifest(full.id) == other


def test_headers_that_promise_more_than_there_is_take_no_memory(empty: Program) -> None:
    """A header of the POSIX kind holds text for the next one, which would be read in one piece."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    path = empty.folder / "bomb.tar"
    path.write_bytes(header.tobuf())
    os.truncate(path, 9 << 30)  # takes no room: it is one hole
    with pytest.raises(BackupDamaged):
        import_archive(Catalogue(FolderRepository(empty.folder / "backups")), path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_flipped_bit_and_no_cut_gets_past(made: Made, data: st.DataObject) -> None:
    """What is imported, if anything is, is what was exported."""
    whole = bytearray(archive(made).read_bytes())
    folder = made[0].folder
    if data.draw(st.booleans(), label="cut"):
        del whole[data.draw(st.integers(0, len(whole) - 1), label="at") :]
    else:
        at = data.draw(st.integers(0, len(whole) - 1), label="at")
        whole[at] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    path = folder / "flipped.tar"
    path.write_bytes(whole)
    target = FolderRepository(folder / "target")
    try:
        import_archive(Catalogue(target), path)
    except BackupError:
        assert target.ids() == []
        return
    source = FolderRepository(folder / "backups")
    assert target.ids() == source.ids()
    for backup_id in target.ids():
        for name in source.names(backup_id):
            assert target.read(backup_id, name) == source.read(backup_id, name)
        target.delete(backup_id)
