"""Lines of lists: every line that a crawl saw, numbered within its crawl and portal, and what became of it.

The same line of the same list page again (URL, title) is the same line, and its last decision counts: a page that was
over the budget at first may be fetched in the end. A `duplicate` is always a line of its own.
"""

from __future__ import annotations

from archive.addresses import canonical_url
from archive.derive import Derived

Line = tuple[str, str, str | None, str | None, str | None, str]
"""Portal, URL, title, date as printed, the list page's capture, decision (one of `schema.DECISIONS`)."""


def save(derived: Derived, crawl_id: str, line: Line) -> None:
    """Write a line of a list in the caller's transaction, and what agencies owe for it; its URL is made canonical."""
    portal, url, title, listed_date, listing_capture, decision = line
    conn, url = derived.conn, canonical_url(url)
    known = None
    if decision != "duplicate":
        known = conn.execute(
            "SELECT ordinal FROM entry WHERE url = ? AND crawl_id = ? AND portal = ? AND title IS ?"
            " AND listing_capture IS ? AND decision <> 'duplicate'",
            (url, crawl_id, portal, title, listing_capture),
        ).fetchone()
    if known:
        conn.execute(
            "UPDATE entry SET decision = ? WHERE crawl_id = ? AND portal = ? AND ordinal = ?",
            (decision, crawl_id, portal, known[0]),
        )
    else:
        conn.execute(
            "INSERT INTO entry (crawl_id, portal, url, title, listed_date, listing_capture, decision, ordinal)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(max(ordinal), 0) + 1 FROM entry"
            " WHERE crawl_id = ?1 AND portal = ?2",
            (crawl_id, portal, url, title, listed_date, listing_capture, decision),
        )
    derived.note_listed(url)
