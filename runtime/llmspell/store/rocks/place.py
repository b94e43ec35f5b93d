"""The folder of a RocksDB store: whose it is, and opening what is in it.

The folder carries a small file of ours beside RocksDB's own. RocksDB cannot be asked without
writing to the folder, and the driver writes to it even before it holds the lock.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmspell.errors import ConfigError, StorageError
from llmspell.store.checks import check_journal
from llmspell.store.rocks.errors import failure, missing_package, place_failure, wrong_folder
from llmspell.store.rocks.format import FORMAT

if TYPE_CHECKING:
    from rocksdict import Cache, Options, Rdict

__all__ = ["MARK", "RocksOptions", "Tables", "open_tables", "prepare_place", "probe_place"]

#: The file that says that a folder is ours.
MARK: Final = "LLMSPELL"
_APPLICATION: Final = "llmspell"
_PROBE: Final = f"{MARK}.probe"
_BY_EFFECTIVE_USER: Final = os.access in os.supports_effective_ids
_MIB: Final = 1 << 20

_TABLES: Final = ("entries", "journal", "expiry", "scopes")
# The log of all tables is kept until each of them has been written out; without this bound a
# table that is seldom written to would keep a gigabyte of it, to be read when it is opened.
_LOG_BYTES: Final = 64 * _MIB
# Sweeping and compaction remove what stands first in its table. Files made up of so many
# removals are merged early, or every reader would have to walk over them.
_REMOVALS_WINDOW: Final = 1024
_REMOVALS: Final = 512


class RocksOptions(NamedTuple):
    """Sizes in bytes. ``bloom_filter_bits`` are per key; 0 makes no filters."""

    max_open_files: int = 1000
    cache_capacity: int = 500 * _MIB
    compression: bool = True
    bloom_filter_bits: int = 10
    block_size: int = 32 << 10


class Tables:
    """An open database: its tables to read from, and handles by which a batch names them.

    ``meta`` is the database itself, by its default table. The lock on the folder is held until
    ``close`` was called and all iterators are gone.
    """

    def __init__(self, database: Rdict) -> None:
        from rocksdict import WriteBatch

        self.new_batch = partial(WriteBatch, raw_mode=True)
        self.meta = database
        self.entries, self.journal, self.expiry, self.scopes = (
            database.get_column_family(name) for name in _TABLES
        )
        self.to_entries, self.to_journal, self.to_expiry, self.to_scopes = (
            database.get_column_family_handle(name) for name in _TABLES
        )

    def rewrite(self) -> None:
        """Write every file anew, without what was replaced."""
        for table in (self.entries, self.journal):
            table.flush()
            table.compact_range(None, None)

    def close(self) -> None:
        """Write everything out and release it; raises what the driver does, after releasing."""
        tables = [self.entries, self.journal, self.expiry, self.scopes, self.meta]
        del self.to_entries, self.to_journal, self.to_expiry, self.to_scopes
        first: Exception | None = None
        for table in tables:
            try:
                table.close()
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def parts(self) -> list[Any]:
        """Return every object of the driver."""
        return list(vars(self).values())


def prepare_place(path: Path, *, journal: bool) -> Path:
    """Make the folder if there is none and mark it as ours; return where it really is.

    Raises StorageError, and has written nothing, unless it is empty or was made by us;
    ConfigError if it was made with a journal and shall have none, or the other way round;
    FeatureUnavailable without the driver.
    """
    try:
        import rocksdict  # noqa: F401
    except ImportError as error:
        raise missing_package() from error
    try:
        place = Path(os.path.realpath(path))
        if place.exists() and not place.is_dir():
            raise wrong_folder(place, "it is a file, and RocksDB needs a folder")
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK, effective_ids=_BY_EFFECTIVE_USER):
            raise place_failure(PermissionError(f"Permission denied: {place}"), place)
        mark = place / MARK
        if not mark.exists():
            if all(name.startswith(MARK) for name in os.listdir(place)):
                _write_mark(place, made=False, journal=journal)
            elif not mark.exists():  # or another process has made the database just now
                raise wrong_folder(place, "it holds the files of another application")
        check_journal(kept=_read_mark(place).journal, wanted=journal)
    except (StorageError, ConfigError):
        raise
    except (OSError, ValueError) as error:
        raise place_failure(error, path) from error
    return place


def open_tables(place: Path, options: RocksOptions) -> Tables:
    """Open the database in a prepared folder; make it if that was never done to its end."""
    from rocksdict import Cache, Rdict

    try:
        mark = _read_mark(place)
        made = mark.made
        cache = Cache(options.cache_capacity)
        database_options = _driver_options(options, cache)
        # What is missing in a database that was once complete must not be made anew in silence.
        database_options.create_if_missing(not made)
        database_options.create_missing_column_families(not made)
        table_options = {name: _driver_options(options, cache) for name in _TABLES}
        tables = Tables(Rdict(str(place), database_options, table_options))
    except StorageError:
        raise
    except Exception as error:
        raise failure(error, place) from error
    if not made:
        try:
            _write_mark(place, made=True, journal=mark.journal)
        except OSError as error:
            tables.close()
            raise place_failure(error, place) from error
    return tables


def probe_place(place: Path) -> None:
    """Raise StorageError unless the folder takes a new file of a few kilobytes."""
    try:
        _write_file(place / _PROBE, bytes(_MIB // 16))
    except OSError as error:
        raise failure(error, place) from error
    finally:
        (place / _PROBE).unlink(missing_ok=True)


def _driver_options(options: RocksOptions, cache: Cache) -> Options:
    from rocksdict import BlockBasedOptions, DBCompressionType, Options

    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_block_size(options.block_size)
    if options.bloom_filter_bits:
        blocks.set_bloom_filter(options.bloom_filter_bits, False)
    compression = DBCompressionType.lz4() if options.compression else DBCompressionType.none()
    made = Options(raw_mode=True)
    made.set_block_based_table_factory(blocks)
    made.set_compression_type(compression)
    made.set_max_open_files(options.max_open_files)
    made.set_max_total_wal_size(_LOG_BYTES)
    made.add_compact_on_deletion_collector_factory(_REMOVALS_WINDOW, _REMOVALS, 0.0)
    made.set_keep_log_file_num(2)
    made.set_stats_dump_period_sec(0)
    return made


class _Mark(NamedTuple):
    """What the mark tells: whether the database was made to its end, and with a journal."""

    made: bool
    journal: bool


def _write_mark(place: Path, *, made: bool, journal: bool) -> None:
    mark = {"application": _APPLICATION, "format": FORMAT, "made": made, "journal": journal}
    new = place / f"{MARK}.{os.getpid()}"  # another process may be at it as well
    _write_file(new, json.dumps(mark).encode())
    os.replace(new, place / MARK)


def _read_mark(place: Path) -> _Mark:
    """Return what the mark tells; raise unless the database is one of ours."""
    try:
        mark = json.loads((place / MARK).read_bytes())
        application, version, made = mark["application"], int(mark["format"]), mark["made"]
        journal = mark["journal"]
    except (ValueError, KeyError, TypeError) as error:
        raise failure(Exception(f"Corruption: {MARK} is not readable"), place) from error
    if application != _APPLICATION:
        raise wrong_folder(place, "it is the database of another application")
    if version > FORMAT:
        raise StorageError(
            f"{place} was made by a newer llmspell (format {version}, this one knows {FORMAT})",
            hint="upgrade llmspell, or choose another path",
            reason="newer_version",
            path=str(place),
        )
    return _Mark(bool(made), bool(journal))


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
