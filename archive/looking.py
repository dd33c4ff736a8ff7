"""When we had looked before a report's page was first listed: what shows that a page was dated back.

`looked_before` has a row a report whose page was first listed by a crawl that was not the first to walk that portal's
lists to their end: `looked_at` is the end of the newest such crawl before, `listed_by` the crawl that listed it first.
Trap: a crawl that died has no end; its start counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive import ids

if TYPE_CHECKING:
    import sqlite3

    from archive.derive import Derived

TABLE = """(
  report_id INTEGER PRIMARY KEY, looked_at TEXT NOT NULL, listed_by TEXT NOT NULL REFERENCES crawl(id)
) STRICT"""

_FIRST = "(SELECT rowid FROM entry WHERE url = r.url ORDER BY crawl_id, portal, ordinal LIMIT 1)"
_LOOKED = """(SELECT max(coalesce(c.finished_at, c.started_at), c.started_at)
  FROM crawl AS c CROSS JOIN visit AS v ON v.crawl_id = c.id AND v.portal = f.portal
  WHERE c.id < f.crawl_id AND v.outcome IN ('finished', 'empty') ORDER BY c.id DESC LIMIT 1)"""


def fill(conn: sqlite3.Connection, p: str = "") -> None:
    """Write `looked_before` under prefix `p` anew."""
    conn.execute(f"DELETE FROM {p}looked_before")
    conn.execute(_rows(p, ""))


def save(derived: Derived, url: str) -> None:
    """Bring the row of the report at `url` up to its entries."""
    identity = ids.report_id(url)
    derived.conn.execute(f"DELETE FROM {derived.prefix}looked_before WHERE report_id = ?", (identity,))
    derived.conn.execute(_rows(derived.prefix, "WHERE r.id = ?"), (identity,))


def _rows(p: str, which: str) -> str:
    return f"""
INSERT INTO {p}looked_before
WITH first AS MATERIALIZED (
  SELECT r.id, e.portal, e.crawl_id FROM {p}report AS r JOIN entry AS e ON e.rowid = {_FIRST} {which}
), look AS MATERIALIZED (
  SELECT f.portal, f.crawl_id, {_LOOKED} AS at FROM (SELECT DISTINCT portal, crawl_id FROM first) AS f
)
SELECT f.id, k.at, f.crawl_id FROM first AS f JOIN look AS k ON k.portal = f.portal AND k.crawl_id = f.crawl_id
WHERE k.at IS NOT NULL"""
