"""`gongkai verify`: are the stored bytes still those that were received?

A hash says so of a body, and `capture.digest` of a capture's own columns; the outcome of each body's check is logged in
`fixity`. SQLite itself notices damage to its structure, never a changed byte within a value.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple

from archive import bodies, ids
from archive.derive import Capture

BATCH = 200  # bodies a transaction of the log


class Damage(NamedTuple):
    """What is damaged: a body (`sha256`), or a capture's own row (`sha256` None); and the captures that hang on it."""

    sha256: str | None
    problem: str
    captures: list[Capture]


class Verified(NamedTuple):
    checked: int  # bodies
    damaged: list[Damage]


def capture_digest(capture: Capture) -> str:
    """First 16 hex digits of sha256 over all columns of a capture, as a JSON list."""
    return hashlib.sha256(json.dumps(list(capture), ensure_ascii=False).encode()).hexdigest()[:16]


def check_bodies(
    conn: sqlite3.Connection,
    names: Iterable[str],
    checked_at: str,
    log: Callable[[list[tuple[int, str, str, int]]], None],
) -> Verified:
    """Recompute the hash of each body in `names`; `log` gets rows for `fixity` (id, checked_at, sha256, ok)."""
    damaged: list[Damage] = []
    rows: list[tuple[int, str, str, int]] = []
    checked = 0
    for name in names:
        try:
            fetch(conn, name)
            problem = None
        except bodies.Damaged as error:
            problem = str(error)
            damaged.append(Damage(name, problem, captures_of(conn, name)))
        rows.append((ids.fixity_id(checked_at, name), checked_at, name, int(problem is None)))
        checked += 1
        if len(rows) == BATCH:
            log(rows)
            rows = []
    log(rows)
    return Verified(checked, damaged)


def check_captures(conn: sqlite3.Connection) -> list[Damage]:
    """Captures whose row no longer has its digest, or whose body is not there."""
    damaged: list[Damage] = []
    columns = ", ".join(f"c.{name}" for name in Capture._fields)
    for *values, digest, body in conn.execute(
        f"SELECT {columns}, c.digest, b.sha256 FROM capture AS c LEFT JOIN body AS b ON b.sha256 = c.sha256"
        " ORDER BY c.id"
    ):
        capture = Capture(*values)
        if capture_digest(capture) != digest:
            damaged.append(Damage(None, f"the row of capture {capture.id} has changed since it was written", [capture]))
        if capture.sha256 and not body:
            damaged.append(Damage(capture.sha256, "the body is not in the archive", [capture]))
    return damaged


def fetch(conn: sqlite3.Connection, sha256: str) -> bytes:
    """The bytes of a body, checked against their hash. KeyError where there is no such body, Damaged where they differ.

    A dictionary body is read the same way; it may use a dictionary of its own, no deeper.
    """
    return _fetch(conn, sha256, depth=2)


def captures_of(conn: sqlite3.Connection, sha256: str) -> list[Capture]:
    """The captures that need a body: those that returned it, and those whose body it is a dictionary of."""
    columns = ", ".join(Capture._fields)
    query = (
        f"SELECT {columns} FROM capture WHERE sha256 = :name"
        " OR sha256 IN (SELECT sha256 FROM body WHERE dictionary = :name"
        " OR dictionary IN (SELECT sha256 FROM body WHERE dictionary = :name)) ORDER BY id"
    )
    return [Capture(*row) for row in conn.execute(query, {"name": sha256})]


def _fetch(conn: sqlite3.Connection, sha256: str, depth: int) -> bytes:
    row = conn.execute("SELECT encoding, data, dictionary FROM body WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise KeyError(sha256)
    encoding, data, name = row
    dictionary = None
    if name is not None:
        if depth == 0:
            raise bodies.Damaged("its dictionary uses a dictionary that uses another")
        try:
            dictionary = _fetch(conn, name, depth - 1)
        except (KeyError, bodies.Damaged) as error:
            raise bodies.Damaged(f"its dictionary {name} cannot be read: {error}") from error
    return bodies.restore(sha256, encoding, data, dictionary)
