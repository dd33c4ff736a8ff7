"""`gongkai merge`: several archives into one, whatever their order, once or again.

Evidence is united row by row under the ids it has; bodies come compressed as they are, their dictionaries first, each
checked against its hash on the way. Where two copies of one crawl disagree (one was taken while it ran), the row that
sorts last is kept: finished after unfinished. Which capture of a URL is `new`, `changed` or `unchanged` depends on what
came before it, so it is judged again over all captures of the URL; nothing else of a capture changes. The derived
tables are then rebuilt; until that is done the archive says that it needs a reparse.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive import bodies, connection, fixity, schema
from archive.derive import Capture
from archive.dictionaries import chained
from archive.errors import ArchiveError, explained
from archive.rebuild import without_foreign_keys, written

if TYPE_CHECKING:
    from archive.store import Store

BATCH = 200  # bodies or captures a transaction
UNFINISHED = "unfinished merge"
_KEYS = {"crawl": ("id",), "visit": ("crawl_id", "portal"), "entry": ("crawl_id", "portal", "ordinal")}
# Of two rows with one key, the later word: of a crawl its end, of a visit what it found.
_LAST = {"crawl": "finished_at", "visit": "found", "entry": "decision"}

Progress = Callable[[int, int, str], None]


def merge(store: Store, sources: Sequence[Path], progress: Progress | None = None) -> dict[str, int]:
    """Add the evidence of `sources` to `store`; returns how many rows of each table were added.

    Raises ArchiveError naming the source that is damaged or gives another content under the same id; what was added
    before stays, and the same call goes on. The caller rebuilds the derived tables afterwards.
    """
    before = _counts(store.conn)
    with explained(store.path):
        _mark(store.conn)
    for number, source in enumerate(sources):
        if progress:
            progress(number, len(sources), source.name)
        connection.inspect(source)
        with explained(source):
            opened = connection.connect(source, write=False, stale=True)
        try:
            _add(store, opened.conn, source)
        finally:
            opened.close()
    after = _counts(store.conn)
    return {name: after[name] - before[name] for name in after}


def _mark(conn: sqlite3.Connection) -> None:
    """The derived tables no longer follow from the evidence; a rebuild that was begun has not seen what is coming."""
    with without_foreign_keys(conn), written(conn):
        if schema.layout_of(conn) is not None:
            conn.execute("UPDATE layout SET digest = ?", (UNFINISHED,))
        schema.drop_shadows(conn)


def _counts(conn: sqlite3.Connection) -> dict[str, int]:
    return {name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in schema.EVIDENCE}


def _add(store: Store, source: sqlite3.Connection, path: Path) -> None:
    conn = store.conn
    with explained(path):
        portals = source.execute("SELECT key, name, region, family, url FROM portal ORDER BY key").fetchall()
    known = {row[0]: row for row in conn.execute("SELECT key, name, region, family, url FROM portal")}
    store.save_portals(max(row, known.get(row[0], row), key=_sortable) for row in portals)
    with store.transaction():
        _add_rows(conn, source, "crawl")
        _add_rows(conn, source, "visit")
    stored = fixity.Bodies(source)
    names = source.execute("SELECT sha256 FROM body ORDER BY rowid")
    while batch := list(islice(names, BATCH)):
        with store.transaction():
            for (name,) in batch:
                _add_body(conn, source, stored, name, path)
    urls: set[str] = set()
    columns = ", ".join(Capture._fields)
    rows = source.execute(f"SELECT {columns}, digest FROM capture ORDER BY id")
    while batch := list(islice(rows, BATCH)):
        with store.transaction():
            urls |= {url for row in batch if (url := _add_capture(conn, Capture(*row[:-1]), row[-1], path))}
    urls |= {row[0] for row in conn.execute("SELECT url FROM capture GROUP BY url, fetched_at HAVING count(*) > 1")}
    for batch_of_urls in _batches(sorted(urls)):
        with store.transaction():
            for url in batch_of_urls:
                _judge_again(conn, url)
    with store.transaction():
        _add_rows(conn, source, "entry")
        fixity.save(conn, source.execute("SELECT id, checked_at, sha256, ok FROM fixity").fetchall())
        _add_findings(conn, source)


def _add_rows(conn: sqlite3.Connection, source: sqlite3.Connection, table: str) -> None:
    names = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")]
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    where = " AND ".join(f"{key} = ?" for key in _KEYS[table])
    places = [names.index(key) for key in _KEYS[table]]
    last = names.index(_LAST[table])
    for row in source.execute(f"SELECT {columns} FROM {table}"):
        key = [row[place] for place in places]
        there = conn.execute(f"SELECT {columns} FROM {table} WHERE {where}", key).fetchone()
        if there is None:
            conn.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)
        elif _sortable((row[last], *row)) > _sortable((there[last], *there)):
            changed = ", ".join(f"{name} = ?" for name in names)
            conn.execute(f"UPDATE {table} SET {changed} WHERE {where}", [*row, *key])


def _add_body(
    conn: sqlite3.Connection, source: sqlite3.Connection, stored: fixity.Bodies, name: str, path: Path
) -> None:
    """Add a body after its dictionary; without it where the chain would be too long here."""
    if _has_body(conn, name):
        return
    row = source.execute("SELECT size, media_type, encoding, dictionary, data FROM body WHERE sha256 = ?", (name,))
    size, media_type, encoding, dictionary, data = row.fetchone()
    try:
        body = stored.fetch(name)
    except (bodies.Damaged, KeyError) as error:
        raise ArchiveError(f"{path}: body {name} is damaged: {error}. Run `gongkai verify` on that archive.") from error
    if dictionary is not None:
        _add_body(conn, source, stored, dictionary, path)
        if chained(conn, dictionary) > 1:
            dictionary, (encoding, data) = None, bodies.compress(body)
    conn.execute(
        "INSERT INTO body (sha256, size, media_type, encoding, dictionary, data) VALUES (?, ?, ?, ?, ?, ?)",
        (name, size, media_type, encoding, dictionary, data),
    )


def _add_capture(conn: sqlite3.Connection, capture: Capture, digest: str, path: Path) -> str | None:
    """Add a capture; its URL where it is new here. Raises ArchiveError where its id stands for another one."""
    if fixity.capture_digest(capture) != digest:
        raise ArchiveError(f"{path}: the row of capture {capture.id} has changed since it was written.")
    columns = ", ".join(Capture._fields)
    row = conn.execute(f"SELECT {columns} FROM capture WHERE id = ?", (capture.id,)).fetchone()
    if row is not None:
        if Capture(*row)._replace(outcome="") != capture._replace(outcome=""):
            raise ArchiveError(f"{path}: capture {capture.id} of {capture.url} differs from the one of that id here.")
        return None
    marks = ", ".join("?" * (len(capture) + 1))
    conn.execute(f"INSERT INTO capture ({columns}, digest) VALUES ({marks})", (*capture, digest))
    return capture.url


def _judge_again(conn: sqlite3.Connection, url: str) -> None:
    """Within a second by id, not as `CAPTURE_ORDER` has it: that depends on the outcome. Attachments by themselves."""
    columns = ", ".join(Capture._fields)
    latest: dict[bool, Capture] = {}
    for row in conn.execute(
        f"SELECT {columns} FROM capture WHERE url = ? AND sha256 IS NOT NULL AND outcome IN {schema.GOOD}"
        " ORDER BY fetched_at, id",
        (url,),
    ).fetchall():
        capture = Capture(*row)
        last = latest.get(capture.kind == "attachment")
        outcome = "new" if last is None else "unchanged" if last.sha256 == capture.sha256 else "changed"
        if outcome != capture.outcome:
            capture = capture._replace(outcome=outcome)
            conn.execute(
                "UPDATE capture SET outcome = ?, digest = ? WHERE id = ?",
                (outcome, fixity.capture_digest(capture), capture.id),
            )
        latest[capture.kind == "attachment"] = capture


def _add_findings(conn: sqlite3.Connection, source: sqlite3.Connection) -> None:
    columns = "id, capture_id, crawl_id, portal, kind, name, at, strength, status, expected, found, cause, note"
    here, there = (
        "finding_data" if schema.layout_of(c) is not None else "finding" for c in (conn, source)
    )  # fmt: skip
    for row in source.execute(f"SELECT {columns} FROM {there} WHERE crawl_id IS NOT NULL"):
        known = conn.execute(f"SELECT {columns} FROM {here} WHERE id = ?", row[:1]).fetchone()
        if known is None:
            conn.execute(f"INSERT INTO {here} ({columns}) VALUES ({', '.join('?' * len(row))})", row)
        elif known != row:
            raise ArchiveError(f"two findings have the id {row[0]}: {known[4:7]} and {row[4:7]}")


def _has_body(conn: sqlite3.Connection, name: str) -> bool:
    return conn.execute("SELECT 1 FROM body WHERE sha256 = ?", (name,)).fetchone() is not None


def _batches(urls: list[str]) -> Iterator[list[str]]:
    return (urls[start : start + BATCH] for start in range(0, len(urls), BATCH))


def _sortable(row: Sequence[Any]) -> tuple[tuple[bool, str, Any], ...]:
    """A row as something that sorts whatever stands in it; nothing comes first."""
    return tuple((value is not None, type(value).__name__, value if value is not None else 0) for value in row)
