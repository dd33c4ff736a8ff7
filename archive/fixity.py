"""`gongkai verify`: are the stored bytes still those that were received?

A hash says so of a body, `body.digest` and `capture.digest` of the other columns of its row; the outcome of each body's
check is logged in `fixity`. SQLite itself notices damage to its structure (`integrity_check`, where a key in the table
differs from the one in the index), never a changed byte within a value.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from archive import bodies, connection, ids, schema
from archive.derive import Capture
from archive.errors import ArchiveError
from archive.parsing import follow_parent

BATCH = 200  # bodies a transaction of the log
FEW = 20_000  # bodies that are checked sooner than other processes start
KEPT = 32 * 1024 * 1024  # bytes of dictionaries kept in memory
_COLUMNS = ", ".join(Capture._fields)
_TOO_DEEP = "its dictionary uses a dictionary that uses another"
_ROW = re.compile(r"row (\d+) missing from index")

Problem = tuple[str, str | None]  # a body's hash, and what is wrong with it
Log = Callable[[list[tuple[int, str, str, int]], int], None]


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


class Bodies:
    """Bodies read from one connection; dictionaries that were just used are kept."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        self._dictionaries: OrderedDict[str, tuple[bodies.Dictionary, int]] = OrderedDict()  # and what it rests on

    def fetch(self, sha256: str) -> bytes:
        """The bytes of a body, checked against their hash.

        KeyError where there is no such body, Damaged where they differ. A dictionary body is read the same way; it may
        use a dictionary of its own, no deeper.
        """
        return self._fetch(sha256, depth=2)[0]

    def dictionary(self, sha256: str, depth: int = 1) -> bodies.Dictionary:
        """The same, for a body that serves as dictionary and may itself use as many as `depth`."""
        return self._dictionary(sha256, depth)[0]

    def _dictionary(self, sha256: str, depth: int) -> tuple[bodies.Dictionary, int]:
        if (known := self._dictionaries.get(sha256)) is None:
            body, rests_on = self._fetch(sha256, depth)
            known = self._dictionaries[sha256] = bodies.prepared(body), rests_on
            while sum(len(kept) for kept, _ in self._dictionaries.values()) > KEPT and len(self._dictionaries) > 1:
                self._dictionaries.popitem(last=False)
        if known[1] > depth:
            raise bodies.Damaged(_TOO_DEEP)
        self._dictionaries.move_to_end(sha256)
        return known

    def _fetch(self, sha256: str, depth: int) -> tuple[bytes, int]:
        """A body, and how many others had to be read for it."""
        row = self.conn.execute("SELECT encoding, data, dictionary FROM body WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            raise KeyError(sha256)
        encoding, data, name = row
        dictionary, rests_on = None, 0
        if name is not None:
            if depth == 0:
                raise bodies.Damaged(_TOO_DEEP)
            try:
                dictionary, below = self._dictionary(name, depth - 1)
                rests_on = below + 1
            except (KeyError, bodies.Damaged) as error:
                raise bodies.Damaged(f"its dictionary {name} cannot be read: {error}") from error
        return bodies.restore(sha256, encoding, data, dictionary), rests_on

    def problem(self, sha256: str) -> str | None:
        """What is wrong with a body or with the row that holds it, None where nothing is."""
        try:
            self.fetch(sha256)
        except KeyError:
            return "its row cannot be found any more"
        except bodies.Damaged as error:
            return str(error)
        except sqlite3.DatabaseError as error:
            if "malformed" not in str(error):
                raise
            return f"SQLite cannot read its row: {error}"
        *row, digest = self.conn.execute(
            "SELECT sha256, size, media_type, encoding, dictionary, data, digest FROM body WHERE sha256 = ?", (sha256,)
        ).fetchone()
        if bodies.row_digest(*row) != digest:
            return "its row has changed since it was written, though the bytes still have their hash"
        return None


def verify(
    conn: sqlite3.Connection, path: Path, sample: int | None, checked_at: str, log: Log, workers: int
) -> Verified:
    """Recompute the hashes of all bodies and captures, or of the `sample` bodies not checked for longest.

    `log` gets rows for `fixity` (id, checked_at, sha256, ok) a batch at a time, and how many bodies there are.
    """
    conn.text_factory = _readable
    try:
        return _verify(conn, path, sample, checked_at, log, workers)
    finally:
        conn.text_factory = str


def _verify(
    conn: sqlite3.Connection, path: Path, sample: int | None, checked_at: str, log: Log, workers: int
) -> Verified:
    query = (
        "SELECT b.sha256 FROM body AS b LEFT JOIN fixity AS f ON f.sha256 = b.sha256 GROUP BY b.sha256"
        " ORDER BY max(f.checked_at), b.sha256 LIMIT ?"
    )
    damaged = check_structure(conn) if sample is None else []
    checked = 0
    try:
        names = [row[0] for row in conn.execute(query, (-1 if sample is None else sample,))]
        for batch in _checked(conn, path, names, workers):
            rows = [(ids.fixity_id(checked_at, name), checked_at, name, int(wrong is None)) for name, wrong in batch]
            log(rows, len(names))
            damaged += [Damage(name, wrong, captures_of(conn, name)) for name, wrong in batch if wrong]
            checked += len(batch)
        if sample is None:
            damaged += check_captures(conn)
    except sqlite3.DatabaseError as error:
        if "malformed" not in str(error) or not damaged:
            raise
        damaged.append(Damage(None, f"SQLite can read no further ({error}); restore a copy", []))
    return Verified(checked, damaged)


def _checked(conn: sqlite3.Connection, path: Path, names: Sequence[str], workers: int) -> Iterator[list[Problem]]:
    batches = (names[start : start + BATCH] for start in range(0, len(names), BATCH))
    if workers < 2 or len(names) < FEW:
        own = Bodies(conn)
        for batch in batches:
            yield [(name, own.problem(name)) for name in batch]
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(path,)) as pool:
        waiting: deque[Future[list[Problem]]] = deque()
        try:
            for batch in islice(batches, 2 * workers):
                waiting.append(pool.submit(_check, batch))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(_check, batch) for batch in islice(batches, 1))
        except BrokenProcessPool as error:
            raise ArchiveError(
                f"{path}: a process that checked bodies was killed. Run `gongkai verify` again."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_own: Bodies  # of a checking process


def _begin(path: Path) -> None:
    global _own
    follow_parent()
    conn = connection.connect(path, write=False, stale=True).conn
    conn.text_factory = _readable
    _own = Bodies(conn)


def _check(names: Sequence[str]) -> list[Problem]:
    return [(name, _own.problem(name)) for name in names]


def save(conn: sqlite3.Connection, rows: Sequence[tuple[int, str, str, int]]) -> None:
    """Write the log. Twice within a second is one row, the worse; another body under the same id is an ArchiveError."""
    before = conn.total_changes
    conn.executemany(
        "INSERT INTO fixity VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ok = min(ok, excluded.ok)"
        " WHERE sha256 = excluded.sha256 AND checked_at = excluded.checked_at",
        rows,
    )
    if conn.total_changes - before != len(rows):
        raise ArchiveError("Two checks of bodies have the same id. Ids depend on the time: run this again.")


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


def check_structure(conn: sqlite3.Connection) -> list[Damage]:
    """Where a row of evidence is no longer what its table and indexes say: a changed key, a value of another type."""
    damaged: list[Damage] = []
    for table in schema.EVIDENCE:
        for said in list(_said_of(conn, table)):
            found = _ROW.match(said)
            hanging = _of_row(conn, table, int(found[1])) if found else []
            damaged.append(Damage(None, f"the table {table}: {said}", hanging))
    return damaged


def _said_of(conn: sqlite3.Connection, table: str) -> Iterator[str]:
    """What SQLite finds wrong with a table and its indexes; where it gives up itself, that too."""
    try:
        for (said,) in conn.execute(f"PRAGMA integrity_check({table})"):
            if said != "ok":
                yield said
    except sqlite3.DatabaseError as error:
        if "malformed" not in str(error):
            raise
        yield str(error)


def _of_row(conn: sqlite3.Connection, table: str, rowid: int) -> list[Capture]:
    """The captures that hang on a row whose key may be the damaged part of it: a body's name is had from its bytes."""
    if table == "body":
        query = "SELECT encoding, data, dictionary FROM body WHERE rowid = ?"
        row = conn.execute(query, (rowid,)).fetchone()
        if row is None:
            return []
        encoding, data, dictionary = row
        try:
            helper = Bodies(conn).dictionary(dictionary) if dictionary else None
            return captures_of(conn, bodies.digest(bodies.decompress(encoding, data, helper)))
        except (KeyError, bodies.Damaged):
            return []  # such a body is named by its own check
    if table == "capture":
        return [Capture(*row) for row in conn.execute(f"SELECT {_COLUMNS} FROM capture WHERE rowid = ?", (rowid,))]
    return []


def _readable(raw: bytes) -> str:
    """Text of a row that may be damaged: bytes that are no UTF-8 show as such, and the row's digest no longer holds."""
    return raw.decode("utf-8", "backslashreplace")


def fetch(conn: sqlite3.Connection, sha256: str) -> bytes:
    """See `Bodies.fetch`."""
    return Bodies(conn).fetch(sha256)


def captures_of(conn: sqlite3.Connection, sha256: str) -> list[Capture]:
    """The captures that need a body: those that returned it, and those whose body it is a dictionary of."""
    query = (
        f"SELECT {_COLUMNS} FROM capture WHERE sha256 = :name"
        " OR sha256 IN (SELECT sha256 FROM body WHERE dictionary = :name"
        " OR dictionary IN (SELECT sha256 FROM body WHERE dictionary = :name)) ORDER BY id"
    )
    return [Capture(*row) for row in conn.execute(query, {"name": sha256})]
