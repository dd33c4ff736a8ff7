"""Which stored body helps to compress a new one, and whether it does.

The URL's first good body if there is one, else the portal's first report page: never robots.txt or a list, which share
nothing with a report. A dictionary is read back for every body that uses it, so chains are short: a body that serves as
dictionary may use one itself, and that one none. Nothing ever deletes a body.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from archive import bodies
from archive.fixity import Bodies
from archive.schema import CAPTURE_ORDER, GOOD

_FIRST = (
    "SELECT sha256 FROM capture WHERE {0} AND sha256 IS NOT NULL AND outcome IN "
    f"{GOOD} ORDER BY {CAPTURE_ORDER} LIMIT 1"
)


class Kept(NamedTuple):
    """A body as its row holds it."""

    dictionary: str | None
    encoding: str
    data: bytes


class Dictionaries:
    """The dictionaries of one archive; remembers each portal's first page."""

    def __init__(self, conn: sqlite3.Connection, stored: Bodies) -> None:
        self.conn = conn
        self.stored = stored
        self._first_pages: dict[str, str] = {}

    def encode(self, body: bytes, url: str, portal: str | None) -> Kept:
        """A new body of `url` with or without a dictionary, whichever is smaller.

        A dictionary that is damaged or not there is not used; `verify` reports it.
        """
        alone = bodies.compress(body)
        name = self.name_for(url, portal)
        if name is None:
            return Kept(None, *alone)
        try:
            dictionary = self.stored.dictionary(name)
        except (KeyError, bodies.Damaged):
            return Kept(None, *alone)
        helped = bodies.compress(body, dictionary)
        return Kept(name, *helped) if len(helped.data) < len(alone.data) else Kept(None, *alone)

    def name_for(self, url: str, portal: str | None) -> str | None:
        """Hash of the dictionary for a new body of `url`, None where there is none or its own chain is too long."""
        row = self.conn.execute(_FIRST.format("url = ?"), (url,)).fetchone()
        name = row[0] if row else self._first_page(portal)
        return None if name is None or chained(self.conn, name) > 1 else str(name)

    def _first_page(self, portal: str | None) -> str | None:
        if portal is not None and portal not in self._first_pages:
            row = self.conn.execute(_FIRST.format("portal = ? AND kind = 'report'"), (portal,)).fetchone()
            if row is None:
                return None
            self._first_pages[portal] = row[0]
        return self._first_pages.get(portal) if portal is not None else None


def save_body(conn: sqlite3.Connection, sha256: str, size: int, media_type: str | None, kept: Kept) -> None:
    """Insert a body's row, with its digest; in the caller's transaction."""
    row = (sha256, size, media_type, kept.encoding, kept.dictionary, kept.data)
    conn.execute(
        "INSERT INTO body (sha256, size, media_type, encoding, dictionary, data, digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, bodies.row_digest(*row)),
    )


def chained(conn: sqlite3.Connection, sha256: str) -> int:
    """How many bodies must be read before this one: 0 without a dictionary, 1 with, 2 where that one has one too."""
    row = conn.execute(
        "SELECT b.dictionary IS NOT NULL, d.dictionary IS NOT NULL FROM body AS b"
        " LEFT JOIN body AS d ON d.sha256 = b.dictionary WHERE b.sha256 = ?",
        (sha256,),
    ).fetchone()
    return sum(row) if row else 0
