"""Which archive a number came from: a version that anyone who holds the same archive computes again.

The version depends on the evidence and on the readings' parser, on nothing else: not on the file, its path, the clock,
nor the order in which captures came in. An archive that has made one more capture has another version.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import NamedTuple

NAME = "gongkai 公开: an open archive of China's government information disclosure annual reports"


class Edition(NamedTuple):
    """`version` is `<newest capture's date>.<12 hex>`; `newest` the time of that capture, None in an empty archive."""

    version: str
    newest: str | None
    captures: int
    reports: int


def edition(conn: sqlite3.Connection) -> Edition:
    """The edition of an archive: a hash over every capture's id and digest, and over the parsers that read them."""
    running = hashlib.sha256()
    captures = 0
    for identity, digest in conn.execute("SELECT id, digest FROM capture ORDER BY id"):
        running.update(f"{identity} {digest}\n".encode())
        captures += 1
    for (parser,) in conn.execute("SELECT DISTINCT parser FROM reading ORDER BY parser"):
        running.update(f"{parser}\n".encode())
    newest = conn.execute("SELECT max(fetched_at) FROM capture").fetchone()[0]
    reports = conn.execute("SELECT count(*) FROM report").fetchone()[0]
    return Edition(f"{newest[:10] if newest else 'empty'}.{running.hexdigest()[:12]}", newest, captures, int(reports))


def citation(found: Edition, query: str) -> str:
    """One paragraph to cite the rows that `query` gives on the archive of edition `found`."""
    until = f"captures up to {found.newest}" if found.newest else "no captures"
    return f"{NAME}. Version {found.version} ({until}). Query: {' '.join(query.split())}"
