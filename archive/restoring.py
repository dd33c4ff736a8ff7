"""Evidence that another archive wrote, put back row by row: same ids, same times, same outcomes.

`Store.save_capture` decides what a fetch was; here that was decided long ago. What is there already stays: the same
capture again is passed over, and one that differs under the same id is an error, never a merge.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from archive import bodies, fixity, ids, looking
from archive.derive import Capture, Derived
from archive.dictionaries import Dictionaries, save_body
from archive.errors import ArchiveError
from archive.export_warc import LOG, NOTICED
from archive.store import Store


class Restorer:
    """Writes evidence of another archive into `store`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._derived = Derived(store.db)
        self._dictionaries = Dictionaries(store.conn, fixity.Bodies(store.conn))

    def rows(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of a table of `export_warc.LOG`, or of `finding`, with its columns; those that are there stay.

        ValueError for a table that is none of these, and for rows that do not fit it.
        """
        given = list(rows)
        width = 5 if table == "portal" else len(NOTICED if table == "finding" else LOG.get(table, ()))
        if not width:
            raise ValueError(f"no table of evidence is called {table!r}")
        if any(not isinstance(row, list) or len(row) != width for row in given):
            raise ValueError(f"a row of the table {table} has not its {width} columns")
        with _fitting(f"a row of the table {table}"):
            self._rows(table, given)

    def _rows(self, table: str, given: list[Sequence[Any]]) -> None:
        if table == "portal":
            there = {key for (key,) in self.store.conn.execute("SELECT key FROM portal")}
            self.store.save_portals((row[0], row[1], row[2], row[3], row[4]) for row in given if row[0] not in there)
            return
        columns = NOTICED if table == "finding" else LOG[table]
        target = "finding_data" if table == "finding" else table
        marks = ", ".join("?" * len(columns))
        with self.store.transaction():
            self.store.conn.executemany(
                f"INSERT INTO {target} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", given
            )
            if table == "entry":
                for url in sorted({row[columns.index("url")] for row in given}):
                    self._derived.note_listed(url)
            elif table == "visit":
                looking.fill(self.store.conn)

    def capture(self, capture: Capture, body: bytes | None, media_type: str | None) -> bool:
        """Put back a capture, with its body where that is not there yet; False where the very same is there.

        Raises ArchiveError where another capture has its id, ValueError where the body is missing or another one, or
        where the capture is none that gongkai wrote.
        """
        if ids.capture_id(capture.crawl_id, capture.url, str(capture.fetched_at)) != capture.id:
            raise ValueError(f"the id {capture.id} is not that of its crawl, address and time")
        if not isinstance(json.loads(str(capture.headers)), list):
            raise ValueError(f"the headers of {capture.url} are no list")
        conn, sha256 = self.store.conn, capture.sha256
        if body is not None and bodies.digest(body) != sha256:
            raise ValueError(f"the body of {capture.url} has not the hash that its capture names")
        digest = fixity.capture_digest(capture)
        known = self.store.capture(capture.id)
        if known is not None:
            if known._replace(outcome=capture.outcome) != capture:  # a merge judges outcomes anew, and nothing else
                raise ArchiveError(f"{self.store.path} has another capture {capture.id} than the one to be imported.")
            return False
        has_body = conn.execute("SELECT 1 FROM body WHERE sha256 = ?", (sha256,)).fetchone() is not None
        if sha256 is not None and body is None and not has_body:
            raise ValueError(f"the body {sha256} of {capture.url} is neither in the file nor in the archive")
        encoded = None
        if body is not None and not has_body:
            encoded = self._dictionaries.encode(body, capture.url, capture.portal)
        with _fitting(f"the capture of {capture.url}"), self.store.transaction():
            if encoded is not None and sha256 is not None:
                save_body(conn, sha256, len(body or b""), media_type, encoded)
            names = (*Capture._fields, "digest")
            conn.execute(
                f"INSERT INTO capture ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", (*capture, digest)
            )
            if capture.kind == "report":
                self._derived.update_seen(capture.url)
        return True


@contextmanager
def _fitting(what: str) -> Iterator[None]:
    """ValueError for values that STRICT tables, their references and their keys do not take."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
        raise ValueError(f"{what} does not fit: {error}") from error
