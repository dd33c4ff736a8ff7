"""Is a portal well: judged against its own past, with no limit set by hand.

A portal's reports come once a year, and late ones are ordinary. Order 711, article 49: departments publish by
31 January, governments by 31 March, for report years from 2019; for earlier years both by 31 March (Order 492,
article 31). So what a portal gave last season is asked of it only when its date has passed, and only of a portal that
was looked at in that season: a first crawl of old lists alarms nobody. Everything is judged at the portal's newest
visit, never by the clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from archive.freshness import CHINA

FIRST_YEAR_OF_711 = 2019

_CLOSED = {
    "blocked": "its list is behind a challenge",
    "refused": "its list may not be asked for",
    "host_left_alone": "its host was left alone",
    "failed": "its list could not be had",
    "gone": "its list is gone",
}

_VISITS = """
SELECT * FROM (
  SELECT v.portal, v.crawl_id, c.started_at, v.outcome,
    row_number() OVER (PARTITION BY v.portal ORDER BY c.started_at DESC, c.id DESC) AS age
  FROM visit AS v JOIN crawl AS c ON c.id = v.crawl_id WHERE v.outcome <> 'interrupted'
) WHERE age = 1"""

_SEASONS = """
SELECT c.portal, r.year, coalesce(r.agency_id, r.id), a.kind, min(r.first_seen)
FROM report AS r JOIN capture AS c ON c.id = r.capture_id LEFT JOIN agency AS a ON a.id = r.agency_id
WHERE c.portal IS NOT NULL AND r.year IS NOT NULL GROUP BY 1, 2, 3"""


class Health(NamedTuple):
    """A portal at its newest visit that came to an end.

    `season` is the report year that is published in the visit's year; `given` how many bodies gave a report of it,
    `before` how many did for the year before, `late` how many of those have not, though their date has passed. `alarm`
    says in a sentence that a portal which used to give reports gives none; None where there is no such thing.
    """

    season: int
    given: int
    before: int
    late: int
    alarm: str | None


def due(year: int, kind: str | None) -> date:
    """The last day on which a body may publish its report for a year; `kind` as in the table agency."""
    early = kind == "department" and year >= FIRST_YEAR_OF_711
    return date(year + 1, 1 if early else 3, 31)


def health(conn: sqlite3.Connection, portals: Collection[str] | None = None) -> dict[str, Health]:
    """The health of each portal that was visited, by key; of `portals` only, where given."""
    seasons: dict[str, dict[int, dict[int, tuple[str | None, str]]]] = {}
    for portal, year, body, kind, seen in conn.execute(_SEASONS):
        seasons.setdefault(portal, {}).setdefault(year, {})[body] = (kind, seen)
    found = {}
    for portal, crawl_id, started_at, outcome, _ in conn.execute(_VISITS).fetchall():
        if portals is not None and portal not in portals:
            continue
        at = datetime.strptime(started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        found[portal] = _judged(seasons.get(portal, {}), at.astimezone(CHINA).date())
        used = any(seen < started_at for bodies in seasons.get(portal, {}).values() for _, seen in bodies.values())
        if used and (silence := _silence(conn, portal, crawl_id, outcome)):
            found[portal] = found[portal]._replace(alarm=silence)
    return found


def _judged(years: dict[int, dict[int, tuple[str | None, str]]], on: date) -> Health:
    season = on.year - 1
    given, before = years.get(season, {}), years.get(season - 1, {})
    late = [body for body, (kind, _) in before.items() if body not in given and on > due(season, kind)]
    watched = any(datetime.strptime(seen, "%Y-%m-%dT%H:%M:%SZ").year <= season for _, seen in before.values())
    alarm = None
    if late and watched and not given:
        alarm = f"it gave {len(before)} report(s) for {season - 1} and none for {season}, whose date has passed"
    return Health(season, len(given), len(before), len(late), alarm)


def _silence(conn: sqlite3.Connection, portal: str, crawl_id: str, outcome: str) -> str | None:
    """Why the newest visit of a portal that used to give reports gave none, None where it gave some."""
    if outcome in _CLOSED:
        return f"it used to give reports; now {_CLOSED[outcome]}"
    place: tuple[Any, ...] = (portal, crawl_id)
    lines = dict(
        conn.execute("SELECT decision, count(*) FROM entry WHERE portal = ? AND crawl_id = ? GROUP BY 1", place)
    )
    lines.pop("not_a_report", None)
    if not lines:
        return "it used to give reports; now its list has none"
    asked = dict(
        conn.execute(
            "SELECT outcome, count(DISTINCT url) FROM capture WHERE portal = ? AND crawl_id = ? AND kind = 'report'"
            " GROUP BY 1",
            place,
        )
    )
    if asked and not lines.get("fresh") and not asked.keys() & {"new", "changed", "unchanged"}:
        said = ", ".join(f"{number} {name}" for name, number in sorted(asked.items()))
        return f"it used to give reports; now none of its pages can be had ({said})"
    return None
