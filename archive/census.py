"""What an archive holds, counted: for `gongkai status` and the last lines of a crawl."""

from __future__ import annotations

import sqlite3
from typing import Any

from archive.health import Health, health

# A page counts as blocked or failed while its newest capture is; a page is a URL with a report capture.
_STATUS = """
WITH page AS (
  SELECT portal, url, outcome,
    row_number() OVER (PARTITION BY url ORDER BY fetched_at DESC, outcome = 'new', id DESC) AS age
  FROM capture WHERE kind IN ('report', 'attachment')
), trouble AS (
  SELECT portal, sum(outcome = 'blocked') AS blocked, sum(outcome = 'failed') AS failed
  FROM page WHERE age = 1 GROUP BY portal
), good AS (
  SELECT portal, count(DISTINCT url) AS captured FROM page
  WHERE outcome IN ('new', 'changed', 'unchanged') GROUP BY portal
), newest_visit AS (
  SELECT v.*, c.started_at, row_number() OVER (PARTITION BY v.portal ORDER BY c.started_at DESC, c.id DESC) AS age
  FROM visit AS v JOIN crawl AS c ON c.id = v.crawl_id
), held AS (
  SELECT c.portal, count(*) AS reports, max(r.year) AS newest
  FROM report AS r JOIN capture AS c ON c.id = r.capture_id GROUP BY c.portal
)
SELECT p.key AS portal, p.name, p.region, p.family, v.started_at AS visited, v.declared, v.found, v.outcome,
  coalesce(g.captured, 0) AS captured, coalesce(h.reports, 0) AS reports, h.newest,
  coalesce(t.blocked, 0) AS blocked, coalesce(t.failed, 0) AS failed
FROM portal AS p
LEFT JOIN trouble AS t ON t.portal = p.key
LEFT JOIN good AS g ON g.portal = p.key
LEFT JOIN newest_visit AS v ON v.portal = p.key AND v.age = 1
LEFT JOIN held AS h ON h.portal = p.key
ORDER BY p.key"""


def status(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    """One dictionary a portal, by key: portal, name, region, family; time (visited), declared, found and outcome of its
    newest visit; captured (pages with bytes), reports, newest (report year), blocked and failed (pages, by their newest
    capture); season, given, before, late and alarm (`archive.health`), None for a portal that was never visited."""
    found = conn.execute(_STATUS)
    names = [column[0] for column in found.description]
    judged = health(conn)
    unknown = dict.fromkeys(Health._fields)
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return [row | (judged[row["portal"]]._asdict() if row["portal"] in judged else unknown) for row in rows]


def counts(conn: sqlite3.Connection) -> dict[str, Any]:
    """Rows of the main tables; `checks` by status; `captures` by outcome; `stored` and `received` bytes of bodies."""
    counted: dict[str, Any] = {
        f"{name.removesuffix('_data')}s": conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in ("portal", "report", "figure_data", "claim", "section", "revision")
    }
    counted["agencies"] = conn.execute("SELECT count(*) FROM agency").fetchone()[0]
    stored, received, bodies = conn.execute(
        "SELECT coalesce(sum(length(data)), 0), coalesce(sum(size), 0), count(*) FROM body"
    ).fetchone()
    counted |= {"bodies": bodies, "stored": stored, "received": received}
    packed = "SELECT coalesce(sum(json_array_length(passed) + json_array_length(moot)), 0) FROM {0}"
    counted["findings"] = sum(
        conn.execute(query).fetchone()[0]
        for query in ("SELECT count(*) FROM finding_data", packed.format("check_data"), packed.format("across_data"))
    )
    counted["checks"] = _checks(conn)
    counted["captures"] = dict(
        conn.execute("SELECT outcome, count(*) FROM capture GROUP BY outcome ORDER BY outcome").fetchall()
    )
    return counted


def _checks(conn: sqlite3.Connection) -> dict[str, int]:
    """Checks by status, without unpacking them: the view `finding` would take seconds for 100,000 reports."""
    passed, moot = conn.execute(
        "SELECT coalesce(sum(checks_passed), 0), coalesce(sum(checks_moot), 0) FROM check_data"
    ).fetchone()
    across_passed, across_moot = conn.execute(
        "SELECT coalesce(sum(json_array_length(passed)), 0), coalesce(sum(json_array_length(moot)), 0) FROM across_data"
    ).fetchone()
    whole = dict(
        conn.execute("SELECT status, count(*) FROM finding_data WHERE kind = 'check' GROUP BY status").fetchall()
    )
    return {
        "pass": whole.get("pass", 0) + passed + across_passed,
        "fail": whole.get("fail", 0),
        "not_assessable": whole.get("not_assessable", 0) + moot + across_moot,
    }
