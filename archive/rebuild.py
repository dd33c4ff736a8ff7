"""`gongkai reparse`: the derived tables anew, from the bodies of every report capture.

They are built beside the live ones in small transactions, and take their place in one: a reader sees the old set or the
new. The parser processes read the bodies, the pages and what hangs on several reports, and hand over rows
(archive.recorder); this process inserts them, and does itself what those cannot. Pages are read in the order of their
reports' ids, which is the order of the largest tables, so that these grow at their end only and without gaps; neither
that order nor the number of workers shows in the result. What a crawl noted (findings with a `crawl_id`) comes from no
body and is carried over as it is.

A death on the way leaves the old tables in use, and `shadow_progress` says what it was made from: the next reparse with
the same parser and the same portals goes on from there, also where a crawl has captured more in between. Foreign keys
are checked when the tables are swapped, not row by row. The -wal file is moved into the archive as it grows, and synced
then: a power cut may take the last commits, and they are made again. The largest single transaction is the creation of
an index.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired

from archive import changes, duty, ids, likeness, looking, recorder, schema, searching, sums, years
from archive.derive import Derived
from archive.errors import ArchiveError, explained
from archive.forms import form_rows
from archive.parsing import ParserPool
from archive.recorder import Read, Rows, Task

if TYPE_CHECKING:
    from archive.store import Store

BATCH = 50  # pages a task and a transaction
AHEAD = 2  # tasks a worker that wait
PATIENCE = 2.0  # seconds after which a task takes up no further page
EARLY = frozenset({"finding_report", "version_report"})  # indexes that filling needs
SETTLING = frozenset({"report_agency"})  # and that settling needs
_WANTED = "kind = 'report' AND outcome IN ('new', 'changed') AND sha256 IS NOT NULL"
_TOGETHER = ("twin", "panel_data", "across_data", "alike", "listed", "duty")

Progress = Callable[[int, int], None]
Wanted = list[tuple[int, bool]]


def reparse(store: Store, pool: ParserPool, progress: Progress | None = None) -> dict[str, Any]:
    """Rebuild with `pool`; calls `progress(done, total)` in pages.

    Returns how many readings, reports, figures and failed pages there now are, and under `changes` what
    `archive.changes.between` says of the tables before and after (None where those before were of another layout).
    Raises ArchiveError with the hash where a body is damaged.
    """
    conn = store.conn
    with explained(store.path):
        shadow = Derived(store.db, schema.SHADOW)
        task = Task(store.path.resolve(), pool.parser, secrets.token_hex(8), PATIENCE)
        with without_foreign_keys(conn), _relaxed(conn):
            since = _begin(shadow, pool.version)
            done = conn.execute(f"SELECT count(*) FROM {shadow.prefix}reading").fetchone()[0]
            _fill(store, shadow, pool, task, done, progress)
            _catch_up(shadow, since)
            _settle(shadow, pool, task)
            schema.create_indexes(conn, schema.SHADOW)
        changed = changes.between(conn) if schema.layout_of(conn) == schema.LAYOUT else None
        with without_foreign_keys(conn), written(conn):
            conn.execute(f"DROP TABLE {schema.SHADOW}progress")
            schema.swap(conn)
        store.forget()
        conn.execute("PRAGMA wal_checkpoint(PASSIVE)")
        counted = {
            f"{name}s": conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for name, table in (("reading", "reading"), ("report", "report"), ("figure", "figure_data"))
        }
        failed = conn.execute("SELECT count(*) FROM reading WHERE page_kind = 'failed'").fetchone()[0]
    return counted | {"failed": failed, "changes": changed}


def _begin(shadow: Derived, parser: str) -> int:
    """Go on with what there is, or begin; returns the newest capture (its rowid) when it was begun."""
    conn = shadow.conn
    portals = conn.execute("SELECT key, name, region FROM portal ORDER BY key").fetchall()
    made_from = f"{parser} {hashlib.sha256(repr(portals).encode()).hexdigest()}"
    if schema.layout_of(conn, schema.SHADOW) == schema.LAYOUT:
        row = conn.execute(f"SELECT since FROM {schema.SHADOW}progress WHERE made_from = ?", (made_from,)).fetchone()
        if row is not None:
            return int(row[0])
    with written(conn, shadow):
        schema.drop_shadows(conn)
        schema.create_derived(conn, schema.SHADOW)
        schema.create_indexes(conn, schema.SHADOW, EARLY)
        shadow.save_forms(form_rows())
        conn.execute(f"CREATE TABLE {schema.SHADOW}progress (made_from TEXT, since INTEGER) STRICT")
        since = int(conn.execute("SELECT coalesce(max(rowid), 0) FROM capture").fetchone()[0])
        conn.execute(f"INSERT INTO {schema.SHADOW}progress VALUES (?, ?)", (made_from, since))
    return since


def _missing(conn: sqlite3.Connection) -> Wanted:
    """Captures that are not read yet, in the order of their reports' ids, then of fetching: rowid, and whether it is
    the only one of its URL to be read."""
    conn.create_function("report_id", 1, ids.report_id, deterministic=True)
    rows = conn.execute(
        f"SELECT rowid, NOT EXISTS (SELECT 1 FROM capture AS other WHERE other.url = capture.url AND {_WANTED}"
        f" AND other.rowid <> capture.rowid) FROM capture WHERE {_WANTED}"
        f" AND id NOT IN (SELECT capture_id FROM {schema.SHADOW}reading)"
        f" ORDER BY report_id(url), {schema.CAPTURE_ORDER}"
    )
    return [(rowid, bool(only)) for rowid, only in rows]


def _fill(store: Store, shadow: Derived, pool: ParserPool, task: Task, done: int, progress: Progress | None) -> None:
    missing = _missing(shadow.conn)
    total = done + len(missing)
    batches = _batches(missing, BATCH)
    waiting: deque[tuple[Wanted, Future[Read]]] = deque()

    def submit(wanted: Wanted) -> tuple[Wanted, Future[Read]]:
        return wanted, pool.run(recorder.pages, task, wanted, timeout=task.patience + pool.timeout)

    while True:
        waiting.extend(submit(wanted) for wanted in islice(batches, pool.workers * AHEAD - len(waiting)))
        if not waiting:
            return
        wanted, future = waiting.popleft()
        read = _result(store, pool, wanted, future)
        if len(wanted) > read.done:
            waiting.appendleft(submit(wanted[read.done :]))
        with written(shadow.conn, shadow):
            recorder.insert(shadow.conn, read.rows)
            for (capture, report), only in read.left:
                if only:
                    shadow.add(capture, report)
                else:
                    shadow.save(capture, report, settle=False)
            for _ in range(read.done):
                done += 1
                if progress:
                    progress(done, total)


def _result(store: Store, pool: ParserPool, wanted: Wanted, future: Future[Read]) -> Read:
    """What came of a task. Of one that was ended, since a page took too long or killed it, each page by itself."""
    try:
        read = future.result()
    except (TimeoutError, ProcessExpired):
        return Read(len(wanted), {}, _alone(store, pool, wanted))
    if read.stopped is None:
        return read
    return read._replace(done=read.done + 1, left=[*read.left, *_alone(store, pool, wanted[read.done : read.done + 1])])


def _alone(store: Store, pool: ParserPool, wanted: Wanted) -> list[tuple[recorder.Reading, bool]]:
    """Each page by itself, so that the one that cannot be read is named, and no other with it."""
    readings = []
    for rowid, only in wanted:
        (identity,) = store.conn.execute("SELECT id FROM capture WHERE rowid = ?", (rowid,)).fetchone()
        capture = store.capture(identity)
        if capture is None or capture.sha256 is None:
            raise ArchiveError(f"{store.path}: capture {identity} has lost its body; run `gongkai verify`.")
        body = store.body(capture.sha256)
        readings.append((capture, pool.submit(body, capture.url, store.media_type(capture.sha256)), only))
    return [((capture, reading.result()), only) for capture, reading, only in readings]


def _catch_up(shadow: Derived, since: int) -> None:
    """What comes from no body: forms, the portals' regions, what crawls noted; and captures made since the start."""
    conn = shadow.conn
    with written(conn, shadow):
        shadow.save_forms(form_rows())
        for (code,) in conn.execute("SELECT DISTINCT region FROM portal ORDER BY region").fetchall():
            shadow.save_region(code)
        conn.execute(f"DELETE FROM {shadow.prefix}finding_data WHERE crawl_id IS NOT NULL")
        table = "finding_data" if schema.layout_of(conn) else "finding"
        columns = "id, capture_id, crawl_id, portal, kind, name, at, strength, status, expected, found, cause, note"
        conn.execute(
            f"INSERT INTO {shadow.prefix}finding_data ({columns})"
            f" SELECT {columns} FROM {table} WHERE crawl_id IS NOT NULL"
        )
        urls = conn.execute("SELECT DISTINCT url FROM capture WHERE rowid > ? AND kind = 'report'", (since,)).fetchall()
        for (url,) in urls:
            shadow.update_seen(url, settle=False)


def _settle(shadow: Derived, pool: ParserPool, task: Task) -> None:
    """What hangs on several reports, and what is looked for in all of them; in full, whatever a killed run has done."""
    conn, p = shadow.conn, shadow.prefix
    with written(conn, shadow):
        schema.create_indexes(conn, schema.SHADOW, SETTLING)
        if any(conn.execute(f"SELECT 1 FROM {p}{table} LIMIT 1").fetchone() for table in _TOGETHER):
            for table in _TOGETHER:
                conn.execute(f"DELETE FROM {p}{table}")
            years.forget_findings(shadow)
    for write, query in (
        (years.settle, f"SELECT id FROM {p}agency ORDER BY id"),
        (likeness.link_earlier, f"SELECT report_id FROM {p}prose ORDER BY 1"),
        (duty.list_anew, "SELECT DISTINCT url FROM entry ORDER BY url"),
        (duty.settle, f"SELECT id FROM {p}agency UNION SELECT agency_id FROM {p}listed WHERE agency_id > 0 ORDER BY 1"),
    ):
        _each(shadow, pool, task, write, conn.execute(query).fetchall())
    with written(conn, shadow):
        looking.fill(conn, p)
        sums.fill(conn, p)
    _each(shadow, pool, task, searching.index, searching.missing(shadow))


def _each(
    shadow: Derived, pool: ParserPool, task: Task, write: Callable[..., None], values: list[tuple[Any, ...]]
) -> None:
    """Call `write` with each of `values`: in the workers, what they cannot do here."""
    waiting: deque[Future[tuple[Rows, list[tuple[Any, ...]]]]] = deque()
    batches = _batches(values, BATCH)
    try:
        while True:
            for batch in islice(batches, pool.workers * AHEAD - len(waiting)):
                waiting.append(pool.run(recorder.each, task, write, batch))
            if not waiting:
                return
            rows, left = waiting.popleft().result()
            with written(shadow.conn, shadow):
                recorder.insert(shadow.conn, rows)
                for value in left:
                    write(shadow, *value)
    except ProcessExpired as error:
        raise ArchiveError("A process of the rebuild was killed. Run `gongkai reparse` again; it goes on.") from error


def _batches(values: list[Any], size: int) -> Iterator[list[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


@contextmanager
def _relaxed(conn: sqlite3.Connection) -> Iterator[None]:
    """Commits within survive a death of this process; of a power cut's last ones the next run makes up for."""
    conn.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        conn.execute("PRAGMA synchronous = FULL")


@contextmanager
def written(conn: sqlite3.Connection, derived: Derived | None = None) -> Iterator[None]:
    """One transaction; the codes of `derived` are forgotten where it fails."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        conn.execute("COMMIT")
    except BaseException:
        if derived is not None:
            derived.codes.forget()
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


@contextmanager
def without_foreign_keys(conn: sqlite3.Connection) -> Iterator[None]:
    """Foreign keys are not enforced within; not for use inside a transaction, where SQLite ignores the pragma."""
    conn.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        conn.execute("PRAGMA foreign_keys = ON")
