"""What can go wrong with an archive, as sentences for people.

SQLite reports a full disk, a read-only folder and a damaged file all as `OperationalError` or `DatabaseError` with
a few English words; the words are stable across versions (they come from `sqlite3_errstr`), the Python classes are not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ArchiveError(Exception):
    """The disk or the database is in the way (exit code 5); `str(error)` is a sentence that says what to do."""


class NotAnArchive(ArchiveError):
    """Something that is no gongkai archive lies at the path; it was not touched."""


class NewerArchive(ArchiveError):
    """The archive was written by a newer gongkai."""


class ArchiveBusy(Exception):
    """Another process holds the archive (exit code 4)."""


_CAUSES = (
    ("disk is full", "the disk is full. Everything acknowledged so far is kept; free some space and run this again"),
    ("readonly", "the file or its folder is read-only. Check the permissions of both"),
    ("unable to open", "the file cannot be opened. Check that it and its folder can be read and written"),
    ("disk I/O error", "the disk reports an error. Check the disk and `dmesg` before anything else"),
    ("malformed", "the file is damaged. Keep it, run `gongkai verify`, and restore a copy if it names damage"),
    ("could not decode", "a stored text is damaged. Run `gongkai verify`, which names it, and restore a copy"),
    ("not a database", "the file is damaged: it no longer begins as a SQLite database"),
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's trouble with `path` into ArchiveError, another's lock into ArchiveBusy.

    Errors of ours (a broken constraint, a misused interface) pass through unchanged.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "database is locked" in said:
            raise ArchiveBusy(
                f"{path}: another program is writing to this archive. Try again when it is done."
            ) from error
        for words, sentence in _CAUSES:
            if words.lower() in said.lower():
                raise ArchiveError(f"{path}: {sentence}. (SQLite: {said})") from error
        raise ArchiveError(f"{path}: SQLite could not do this: {said}.") from error


@contextmanager
def explained_files(path: Path) -> Iterator[None]:
    """Turn the operating system's trouble with files at `path` into ArchiveError."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}. Check the permissions of its folder.") from error
