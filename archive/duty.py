"""Which agency owes a report of which year: what the view `coverage` rests on.

Due is every agency with a report, or with a line of a list that names it and a year, for each year between its first
and its last; a portal's own government besides, between the portal's first and last (the view adds it). `listed` is one
row a listed address: agency and year as its report says, else as the title in the list says. So a report that is lost
leaves its agency due all the same. `duty` is one row an agency.
Traps: a title without a body (2020年政府信息公开工作年度报告) names nobody; the first listing of an address counts,
whatever later lists call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive import agencies, ids
from parsers.labels import normalise
from parsers.regions import lookup
from parsers.wording import year_of_title

if TYPE_CHECKING:
    from archive.derive import Derived

_FIRST, _LAST = 2007, 2100  # years of reports; others in a title are something else


def list_anew(derived: Derived, url: str) -> None:
    """The row of `url` in `listed`, where there is none yet; what agencies owe is left to the caller."""
    if (row := _row(derived, url)) is not None:
        derived.conn.execute(f"INSERT INTO {derived.prefix}listed VALUES (?, ?, ?, ?, ?, ?)", row)


def save_listed(derived: Derived, url: str) -> None:
    """Bring `listed`, and the duty of the agencies concerned, up to the entries and the report of `url`."""
    conn, p = derived.conn, derived.prefix
    known = conn.execute(f"SELECT agency_id FROM {p}listed WHERE url = ?", (url,)).fetchone()
    row = _row(derived, url)
    if row is None:
        conn.execute(f"DELETE FROM {p}listed WHERE url = ?", (url,))
    else:
        conn.execute(f"INSERT OR REPLACE INTO {p}listed VALUES (?, ?, ?, ?, ?, ?)", row)
    concerned = {found[place] for found, place in ((known, 0), (row, 2)) if found is not None}
    for agency in sorted(concerned - {None}):
        settle(derived, agency)


def _row(derived: Derived, url: str) -> tuple[Any, ...] | None:
    """url, portal, agency's id and name, region, year; None where no list names the address."""
    conn, p = derived.conn, derived.prefix
    entry = conn.execute(
        "SELECT e.portal, e.title, p.name, p.region FROM entry AS e JOIN portal AS p ON p.key = e.portal"
        " WHERE e.url = ? AND e.decision <> 'not_a_report' ORDER BY e.crawl_id, e.portal, e.ordinal LIMIT 1", (url,)
    ).fetchone()  # fmt: skip
    if entry is None:
        return None
    portal, title, portal_name, region = entry
    report = conn.execute(
        f"SELECT agency_id, agency_name, region, year FROM {p}report WHERE id = ?", (ids.report_id(url),)
    ).fetchone()
    if report is not None:
        return (url, portal, *report)
    year = year_of_title(normalise(title or ""))
    named = agencies.full_name(
        None, titles=(title,), publisher=None, portal=agencies.Portal(portal_name, region), region=region,
        lookup=lookup,
    )  # fmt: skip
    year = year if year is not None and _FIRST <= year <= _LAST else None
    if named is None:
        return (url, portal, None, None, region, year)
    return (url, portal, ids.agency_id(region, named.name), named.name, region, year)


def settle(derived: Derived, agency: int) -> None:
    """Write anew what an agency owes."""
    conn, p = derived.conn, derived.prefix
    first, last, portal = conn.execute(
        f"SELECT min(year), max(year), min(portal) FROM ("
        f"SELECT r.year, c.portal FROM {p}report AS r JOIN capture AS c ON c.id = r.capture_id WHERE r.agency_id = ?1"
        f" UNION ALL SELECT year, portal FROM {p}listed WHERE agency_id = ?1) WHERE year IS NOT NULL", (agency,)
    ).fetchone()  # fmt: skip
    conn.execute(f"DELETE FROM {p}duty WHERE agency_id = ?", (agency,))
    if first is None:
        return
    known = conn.execute(f"SELECT name, region, level, kind FROM {p}agency WHERE id = ?", (agency,)).fetchone()
    if known is None:
        name, region = conn.execute(
            f"SELECT agency, region FROM {p}listed WHERE agency_id = ? ORDER BY url LIMIT 1", (agency,)
        ).fetchone()
        place = lookup(region) if region else None
        level = agencies.level_of(name, place.level if place else None)
        known = (name, region, level, agencies.kind_of(name))
    conn.execute(f"INSERT INTO {p}duty VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (agency, *known, portal, first, last))


def agencies_of(derived: Derived) -> list[int]:
    """Every agency with a report or a line of a list."""
    p = derived.prefix
    rows = derived.conn.execute(f"SELECT id FROM {p}agency UNION SELECT agency_id FROM {p}listed ORDER BY 1")
    return [row[0] for row in rows if row[0] is not None]
