"""What a rebuild has its parser processes do: read a page, work out its rows, and hand over the rows only.

A process has the archive open to read, under a connection that keeps the rows it is told to insert instead of inserting
them; the rebuild then does so. The same code therefore makes a row in a crawl, in a process of a rebuild and in the
rebuild itself. Two things cannot be done at a distance: to give out a code (archive.coded), and to read what was just
written. A value that needs a code which is not there yet is handed back undone (`left`), and the rebuild does it; that
happens to the first pages only. What reads what it wrote is not done here.

The archive is opened anew for each task, so that no process holds it when the rebuild is over. Dictionaries and codes
are kept between the tasks of one rebuild.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from archive import bodies, connection, fixity, schema
from archive.coded import Codes, UnknownCode
from archive.derive import Capture, Derived
from archive.errors import ArchiveError
from archive.parsing import read
from archive.sqlite import Database

_COLUMNS = ", ".join(f"c.{name}" for name in Capture._fields)

Rows = dict[str, list[tuple[Any, ...]]]  # by the statement that inserts them
Reading = tuple[Capture, dict[str, Any]]


class Task(NamedTuple):
    """What every task of one rebuild says: the archive, the parser's module, a name that no other rebuild has, and the
    seconds after which a task takes up no further page."""

    path: Path
    parser: str
    name: str
    patience: float


class Read(NamedTuple):
    """The first `done` pages of a task; `left` are those that the rebuild must save itself, and whether as the only one
    of their URL. `stopped` says why the next was not read: its body is `damaged`, or the parser `raised`."""

    done: int
    rows: Rows
    left: list[tuple[Reading, bool]]
    stopped: str | None = None


class Recorder(sqlite3.Connection):
    """Reads, and keeps in `rows` what it is told to insert. What it is told to delete is taken for not being there."""

    rows: Rows

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        verb = sql[:6]
        if verb == "INSERT":
            self.rows[sql].append(parameters)
        elif verb == "UPDATE":
            raise ValueError(f"rows that are recorded cannot be updated: {sql}")
        elif verb != "DELETE":
            return super().execute(sql, parameters)
        return self.cursor()

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        if sql[:6] == "INSERT":
            self.rows[sql].extend(parameters)
        elif sql[:6] != "DELETE":
            raise ValueError(f"rows that are recorded cannot be updated: {sql}")
        return self.cursor()


class _Kept(NamedTuple):
    """What a process keeps between the tasks of a rebuild."""

    name: str
    bodies: fixity.Bodies
    codes: Codes


_kept: _Kept | None = None


@contextmanager
def _opened(task: Task) -> Iterator[tuple[Recorder, Derived]]:
    global _kept
    conn = connection.reader(task.path, Recorder)
    assert isinstance(conn, Recorder)
    try:
        derived = Derived(Database(conn, execute_plugins=False, strict=True), schema.SHADOW)
        if _kept is None or _kept.name != task.name:
            _kept = _Kept(task.name, fixity.Bodies(conn), Codes(conn, schema.SHADOW, write=False))
        _kept.bodies.conn = _kept.codes.conn = conn
        derived.codes = _kept.codes
        yield conn, derived
    finally:
        conn.close()


def pages(task: Task, wanted: list[tuple[int, bool]]) -> Read:
    """In a process: read captures, each given as its rowid and whether it is the only one of its URL to be read."""
    began = time.monotonic()
    rows: Rows = defaultdict(list)
    left: list[tuple[Reading, bool]] = []
    with _opened(task) as (conn, derived):
        for done, (rowid, only) in enumerate(wanted):
            if done and time.monotonic() - began > task.patience:
                return Read(done, dict(rows), left)
            *said, media_type = conn.execute(
                f"SELECT {_COLUMNS}, b.media_type FROM capture AS c LEFT JOIN body AS b ON b.sha256 = c.sha256"
                " WHERE c.rowid = ?", (rowid,)
            ).fetchone()  # fmt: skip
            capture = Capture(*said)
            assert _kept is not None and capture.sha256 is not None
            try:
                body = _kept.bodies.fetch(capture.sha256)
            except (KeyError, bodies.Damaged):
                return Read(done, dict(rows), left, "damaged")
            try:
                report = read(task.parser, body, capture.url, media_type)
            except Exception:  # noqa: BLE001 - the pool, given this page alone, says what it was
                return Read(done, dict(rows), left, "raised")
            if not only or not _done(conn, rows, Derived.add, derived, capture, report):
                left.append(((capture, report), only))
    return Read(len(wanted), dict(rows), left)


def each(task: Task, write: Callable[..., None], values: list[tuple[Any, ...]]) -> tuple[Rows, list[tuple[Any, ...]]]:
    """In a process: call `write`, a module's own, with each of `values`; the rows, and the values that are left."""
    rows: Rows = defaultdict(list)
    with _opened(task) as (conn, derived):
        left = [value for value in values if not _done(conn, rows, write, derived, *value)]
    return dict(rows), left


def _done(conn: Recorder, rows: Rows, write: Callable[..., None], *arguments: Any) -> bool:
    conn.rows = defaultdict(list)
    try:
        write(*arguments)
    except UnknownCode:
        return False
    for sql, made in conn.rows.items():
        rows[sql] += made
    return True


def insert(conn: sqlite3.Connection, rows: Rows) -> None:
    """In the rebuild: what was recorded. Two rows under one id are an ArchiveError."""
    try:
        for sql, made in rows.items():
            conn.executemany(sql, made)
    except sqlite3.IntegrityError as error:
        raise ArchiveError(f"Two reports, agencies or findings have the same id: {error}") from error
