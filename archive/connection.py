"""Opening the file: what is an archive, who may write it, and how SQLite is set for it.

A path is looked at before SQLite opens it, since SQLite writes beside files that are not ours (a -wal, a -shm) and
calls a text file a damaged database. The writer's lock is a flock on a file of its own: the kernel frees it with its
holder, and locks on the database file itself are SQLite's. A child made by fork would keep the lock alive after
`kill -9` of its parent; hence workers are spawned. WAL needs a local disk; NFS does not keep its promises.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import struct
from pathlib import Path
from typing import cast

from sqlite_utils import Database

from archive import schema
from archive.errors import ArchiveBusy, ArchiveError, NewerArchive, NotAnArchive, explained, explained_files

BUSY_MS = 10_000  # how long a reader's checkpoint or a stray writer is waited for
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit survives a power cut
    "foreign_keys = ON",
    "cache_size = -65536",  # KiB; ids are hashes, so rows of one report land on many pages
    "wal_autocheckpoint = 8000",  # pages: such pages are written back once for many reports
    "journal_size_limit = 67108864",  # bytes of -wal kept after a checkpoint
    "secure_delete = OFF",  # Debian's default is on: a rebuild's swap would write every page of the old tables
)
LEFT_IN_WAL = (
    "%s: another program keeps reading, so the last changes stay in the -wal file beside it (%.1f MB). Nothing is lost;"
    " keep the two files together. The next run moves them in, once that program has let go."
)
_HOLDER = 10  # characters of the lock file that hold the process' id; a note of the newest capture follows
_NOTED = re.compile(rb" *(\d+) ([0-9a-f]{16})\n")
_MAGIC = b"SQLite format 3\x00"


def inspect(path: Path) -> int | None:
    """Schema version in the header of the archive at `path`; None where nothing is there.

    The file is only read. Raises NotAnArchive for anything else, NewerArchive for a version this code does not know.
    (Header: sqlite.org/fileformat2.html, 1.3; user_version at offset 60, application_id at 68.)
    """
    if path.is_dir():
        raise NotAnArchive(
            f"{path} is a folder, not a gongkai archive. Give the path of a file, such as {path}/gongkai.db"
        )
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise NotAnArchive(f"{path} is not a gongkai archive, nor any SQLite database. It was left untouched")
    version, application = struct.unpack(">I4xI", header[60:72])
    if application != schema.APPLICATION_ID:
        raise NotAnArchive(f"{path} is a SQLite database, but not a gongkai archive. It was left untouched")
    _refuse_newer(path, version)
    return cast(int, version)


def lock(path: Path) -> int:
    """Take the writer's lock of the archive at `path`; the file descriptor that holds it. ArchiveBusy if it is held."""
    with explained_files(path):
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, _HOLDER, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise ArchiveBusy(
            f"{path} is being written by another run (process {holder or 'unknown'}). Try again when it has ended."
        ) from None
    os.pwrite(descriptor, f"{os.getpid():<{_HOLDER}}\n".encode(), 0)
    return descriptor


def remember(descriptor: int, conn: sqlite3.Connection) -> None:
    """Write the newest capture beside the process' id: what must be there when the archive is opened again."""
    row = conn.execute("SELECT rowid, id FROM capture ORDER BY rowid DESC LIMIT 1").fetchone()
    number, identity = row or (0, "-" * 16)
    os.pwrite(descriptor, f"{number:>12} {identity}\n".encode(), _HOLDER + 1)


def forget_note(descriptor: int) -> None:
    """Of an archive that was there before."""
    os.ftruncate(descriptor, _HOLDER + 1)


def lost(descriptor: int, conn: sqlite3.Connection) -> str | None:
    """What to say where the newest capture that was noted is not in the archive; None where it is, or none was noted.

    SQLite takes a -wal file that was cut for one that ends there: the archive opens, as it was at an earlier commit.
    The note is not synced: after a power cut it may name an older capture, never one that was not committed.
    """
    found = _NOTED.match(os.pread(descriptor, 64, _HOLDER + 1))
    if found is None:
        return None
    number, identity = int(found[1]), found[2].decode()
    row = conn.execute("SELECT id FROM capture WHERE rowid = ?", (number,)).fetchone()
    if row is not None and row[0] == identity:
        return None
    (there,) = conn.execute("SELECT coalesce(max(rowid), 0) FROM capture").fetchone()
    return (
        f"it holds {there} captures, and {number} were acknowledged; the last was {identity}. Its -wal file was cut or"
        " left behind, or an older copy was put in its place. Put the file back with its -wal, or let the next crawl"
        " fetch again what is missing"
    )


def create(path: Path) -> None:
    """Make an empty archive at `path`, complete or not at all; the caller holds the lock."""
    fresh = Path(f"{path}.new")
    if Path(f"{path}-wal").exists():
        raise ArchiveError(
            f"{path} is not there, but {path.name}-wal, which holds the last changes of an archive of that name, is."
            " Put the archive back beside it, or move that file away."
        )
    with explained_files(path), explained(path):
        fresh.unlink(missing_ok=True)
        db = Database(sqlite3.connect(fresh, isolation_level=None), execute_plugins=False, strict=True)
        try:
            schema.migrations.apply(db)
            with db.atomic():
                schema.create_derived(db.conn)
                schema.create_indexes(db.conn)
                schema.create_views(db.conn)
        finally:
            db.close()
        fresh.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def connect(path: Path, *, write: bool, stale: bool = False) -> Database:
    """Open the archive at `path`, which `inspect` has approved; when writing, bring its schema up to date.

    Derived tables of another layout are an ArchiveError, unless `stale` says that the caller makes do without them.
    """
    with explained(path):
        db = Database(_writer(path) if write else reader(path), execute_plugins=False, strict=True)
        try:
            _refuse_newer(path, db.conn.execute("PRAGMA user_version").fetchone()[0])
            if write:
                schema.migrations.apply(db)
            if schema.layout_of(db.conn) == schema.LAYOUT:
                if write and schema.views_differ(db.conn):
                    with db.atomic():
                        schema.create_views(db.conn)
            elif not stale:
                raise ArchiveError(
                    f"{path}: its derived tables are not those of this gongkai: another version made them, or a merge"
                    " was cut short. `gongkai reparse` makes them anew from the stored pages; no evidence is touched"
                )
        except BaseException:
            db.close()
            raise
    return db


def _writer(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
    for pragma in _PRAGMAS:
        conn.execute(f"PRAGMA {pragma}")
    return conn


def reader(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """A connection that only reads; of a file that `inspect` has approved."""
    # A database in WAL mode cannot be opened in a folder that takes no -shm file, unless as immutable; without a -wal
    # file beside it nobody is writing, and that is safe.
    still = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    address = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if still else ''}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_MS / 1000, factory=factory)


def _refuse_newer(path: Path, version: int) -> None:
    if version > schema.VERSION:
        raise NewerArchive(
            f"{path} has schema version {version}; this gongkai knows versions up to {schema.VERSION}."
            " Update gongkai to open it. It was left untouched"
        )
