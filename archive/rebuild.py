"""`gongkai reparse`: the derived tables anew, from the bodies of every report capture.

They are built beside the live ones in small transactions, and take their place in one: a reader sees the old set or the
new. Pages are read in the order of their reports' ids, which is the order of the largest tables, so that these grow at
their end only and without gaps; neither that order nor the number of workers shows in the result. What a crawl noted
(findings with a `crawl_id`) comes from no body and is carried over as it is.

A death on the way leaves the old tables in use, and `shadow_progress` says what it was made from: the next reparse with
the same parser and the same portals goes on from there, also where a crawl has captured more in between. The -wal file
is moved into the archive as it grows; the largest single transaction is the creation of an index.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired

from archive import changes, duty, ids, likeness, looking, schema, searching, sums, years
from archive.derive import Capture, Derived
from archive.errors import ArchiveError, explained
from archive.forms import form_rows
from archive.parsing import ParserPool

if TYPE_CHECKING:
    from archive.store import Store

BATCH = 50  # pages a transaction
MANY = 1000  # rows a transaction where a row is small
AHEAD = 8  # pages a worker that are read ahead of the one to be written
EARLY = frozenset({"finding_report", "version_report", "report_agency"})  # indexes that filling needs
_WANTED = "kind = 'report' AND outcome IN ('new', 'changed') AND sha256 IS NOT NULL"

Progress = Callable[[int, int], None]


def reparse(store: Store, pool: ParserPool, progress: Progress | None = None) -> dict[str, Any]:
    """Rebuild with `pool`; calls `progress(done, total)` in pages.

    Returns how many readings, reports, figures and failed pages there now are, and under `changes` what
    `archive.changes.between` says of the tables before and after (None where those before were of another layout).
    Raises ArchiveError with the hash where a body is damaged.
    """
    conn = store.conn
    with explained(store.path):
        shadow = Derived(store.db, schema.SHADOW)
        with without_foreign_keys(conn):
            since = _begin(shadow, pool.version)
        done = conn.execute(f"SELECT count(*) FROM {shadow.prefix}reading").fetchone()[0]
        _fill(store, shadow, pool, _missing(conn), done, progress)
        _catch_up(shadow, since)
        _settle(shadow, pool)
        schema.create_indexes(conn, schema.SHADOW)
        changed = changes.between(conn) if schema.layout_of(conn) == schema.LAYOUT else None
        with without_foreign_keys(conn), written(conn):
            conn.execute(f"DROP TABLE {schema.SHADOW}progress")
            schema.swap(conn)
        store.tables_replaced()
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


def _missing(conn: sqlite3.Connection) -> list[str]:
    """Captures that are not read yet, in the order of their reports' ids, then of fetching."""
    rows = conn.execute(
        f"SELECT url, id FROM capture WHERE {_WANTED} AND id NOT IN (SELECT capture_id FROM {schema.SHADOW}reading)"
        f" ORDER BY {schema.CAPTURE_ORDER}"
    ).fetchall()
    return [identity for _, identity in sorted(rows, key=lambda row: ids.report_id(row[0]))]


def _fill(
    store: Store, shadow: Derived, pool: ParserPool, captures: list[str], done: int, progress: Progress | None
) -> None:
    waiting: deque[tuple[Capture, Future[dict[str, Any]]]] = deque()
    total = done + len(captures)
    source = iter(captures)
    while True:
        with written(shadow.conn, shadow):
            for _ in range(BATCH):
                while len(waiting) < pool.workers * AHEAD and (identity := next(source, None)):
                    waiting.append(_submit(store, pool, identity))
                if not waiting:
                    return
                capture, reading = waiting.popleft()
                shadow.save(capture, reading.result(), settle=False)
                done += 1
                if progress:
                    progress(done, total)


def _submit(store: Store, pool: ParserPool, identity: str) -> tuple[Capture, Future[dict[str, Any]]]:
    capture = store.capture(identity)
    if capture is None or capture.sha256 is None:
        raise ArchiveError(f"{store.path}: capture {identity} has lost its body; run `gongkai verify`.")
    return capture, pool.submit(store.body(capture.sha256), capture.url, store.media_type(capture.sha256))


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


def _settle(shadow: Derived, pool: ParserPool) -> None:
    """What hangs on several reports, and what is looked for in all of them; in full, whatever a killed run has done."""
    conn, p = shadow.conn, shadow.prefix
    agencies = [row[0] for row in conn.execute(f"SELECT id FROM {p}agency ORDER BY id")]
    for batch in _batches(agencies, BATCH):
        with written(conn, shadow):
            for agency in batch:
                years.settle(shadow, agency)
    urls = conn.execute("SELECT DISTINCT url FROM entry ORDER BY url").fetchall()
    _each(shadow, [url for (url,) in urls], duty.save_listed)
    _each(shadow, duty.agencies_of(shadow), duty.settle)
    _each(shadow, [row[0] for row in conn.execute(f"SELECT report_id FROM {p}prose ORDER BY 1")], likeness.link_earlier)
    with written(conn, shadow):
        looking.fill(conn, p)
        sums.fill(conn, p)
    _index(shadow, pool)


def _index(shadow: Derived, pool: ParserPool) -> None:
    """What is looked for, its words cut in the workers, since that is more work than writing them."""
    waiting: deque[tuple[list[int], Future[list[str]]]] = deque()
    batches = iter(_batches(searching.missing(shadow), BATCH))
    try:
        while True:
            for batch in islice(batches, 2 * pool.workers - len(waiting)):
                texts = [searching.texts_of(shadow, identity) for identity in batch]
                waiting.append((batch, pool.run(searching.words_of, texts)))
            if not waiting:
                return
            batch, words = waiting.popleft()
            with written(shadow.conn, shadow):
                for identity, said in zip(batch, words.result(), strict=True):
                    searching.save(shadow, identity, said)
    except ProcessExpired as error:
        raise ArchiveError(
            "A process that indexed prose was killed. Run `gongkai reparse` again; it goes on."
        ) from error


def _each(shadow: Derived, values: list[Any], write: Callable[[Derived, Any], None]) -> None:
    for batch in _batches(values, MANY):
        with written(shadow.conn, shadow):
            for value in batch:
                write(shadow, value)


def _batches(values: list[int], size: int) -> Iterable[list[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))


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
