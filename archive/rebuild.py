"""`gongkai reparse`: the derived tables anew, from the bodies of every report capture.

They are built beside the live ones in small transactions, and take their place in one: a reader sees the old set or the
new. The parsers work in parallel, their results are written in the order of fetching, so that neither the number of
workers nor chance shows in the result. What a crawl noted (findings with a `crawl_id`) comes from no body and is
carried over as it is. A death on the way leaves the old tables in use; the next opening for writing removes the
half-built ones.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archive import schema
from archive.derive import Capture, Derived
from archive.errors import ArchiveError, explained
from archive.forms import form_rows
from archive.parsing import ParserPool

if TYPE_CHECKING:
    from archive.store import Store

BATCH = 50  # pages a transaction
FINDING = ("id", "capture_id", "crawl_id", "portal", "kind", "name", "at", "strength", "status", "expected", "found",
           "cause", "note")  # fmt: skip
AHEAD = 8  # pages a worker that are read ahead of the one to be written

Progress = Callable[[int, int], None]


def reparse(store: Store, pool: ParserPool, progress: Progress | None = None) -> dict[str, int]:
    """Rebuild with `pool`; calls `progress(done, total)` in pages. Returns how many readings, reports, figures and
    failed pages there now are. Raises ArchiveError with the address where a body is damaged."""
    conn = store.conn
    with explained(store.path):
        captures = [
            row[0]
            for row in conn.execute(
                "SELECT id FROM capture WHERE kind = 'report' AND outcome IN ('new', 'changed')"
                f" AND sha256 IS NOT NULL ORDER BY {schema.CAPTURE_ORDER}"
            )
        ]
        shadow = Derived(store.db, schema.SHADOW)
        with _written(conn):
            schema.drop_shadows(conn)
            schema.create_derived(conn, schema.SHADOW)
            _carry_over(shadow)
        _fill(store, shadow, pool, captures, progress)
        schema.create_indexes(conn, schema.SHADOW)
        conn.execute("PRAGMA foreign_keys = OFF")
        try:
            with _written(conn):
                schema.swap(conn)
        finally:
            conn.execute("PRAGMA foreign_keys = ON")
        counted = {
            name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("reading", "report", "figure")
        }
        failed = conn.execute("SELECT count(*) FROM reading WHERE page_kind = 'failed'").fetchone()[0]
    return {
        "readings": counted["reading"],
        "reports": counted["report"],
        "figures": counted["figure"],
        "failed": failed,
    }


def _carry_over(shadow: Derived) -> None:
    shadow.save_forms(form_rows())
    for (code,) in shadow.conn.execute("SELECT DISTINCT region FROM portal ORDER BY region").fetchall():
        shadow.save_region(code)
    columns = ", ".join(FINDING)
    shadow.conn.execute(
        f"INSERT INTO {shadow.prefix}finding ({columns}) SELECT {columns} FROM finding WHERE crawl_id IS NOT NULL"
    )


def _fill(store: Store, shadow: Derived, pool: ParserPool, captures: list[str], progress: Progress | None) -> None:
    waiting: deque[tuple[Capture, Future[dict[str, Any]]]] = deque()
    done = 0
    source = iter(captures)
    while True:
        with _written(shadow.conn):
            for _ in range(BATCH):
                while len(waiting) < pool.workers * AHEAD and (identity := next(source, None)):
                    waiting.append(_submit(store, pool, identity))
                if not waiting:
                    return
                capture, reading = waiting.popleft()
                shadow.save(capture, reading.result())
                done += 1
                if progress:
                    progress(done, len(captures))


def _submit(store: Store, pool: ParserPool, identity: str) -> tuple[Capture, Future[dict[str, Any]]]:
    capture = store.capture(identity)
    if capture is None or capture.sha256 is None:
        raise ArchiveError(f"{store.path}: capture {identity} has lost its body; run `gongkai verify`.")
    return capture, pool.submit(store.body(capture.sha256), capture.url, store.media_type(capture.sha256))


@contextmanager
def _written(conn: sqlite3.Connection) -> Iterator[None]:
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    conn.execute("COMMIT")
