"""The sums beside the panel: what the dashboard shows is what the panel gives, also after rows change or go."""

from __future__ import annotations

import sqlite3

from test_questions import Planted, planted

__all__ = ["planted"]

KEPT = {
    "panel_sum": "SELECT coalesce(sum(total), 0), coalesce(sum(reports), 0) FROM panel_sum WHERE name = 'denied_state_secret'",
    "panel": "SELECT coalesce(sum(denied_state_secret), 0), count(denied_state_secret) FROM panel",
    "finding_count": "SELECT status, kind, name, cause, findings FROM finding_count ORDER BY 1, 2, 3, 4",
    "finding": "SELECT status, kind, name, coalesce(cause, ''), count(*) FROM finding GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
}  # fmt: skip


def _compared(conn: sqlite3.Connection) -> tuple[int, int]:
    sums = conn.execute(KEPT["panel_sum"]).fetchone()
    assert sums == conn.execute(KEPT["panel"]).fetchone()
    assert conn.execute(KEPT["finding_count"]).fetchall() == conn.execute(KEPT["finding"]).fetchall()
    return sums


def test_sums_follow_every_report_its_change_and_its_end(planted: Planted) -> None:
    conn = planted.store.conn
    planted.report("衢州市衢江区民政局", 2021, {"denied_state_secret:total": 3})
    planted.report("衢州市衢江区教育局", 2021, {"denied_state_secret:total": 4})
    assert _compared(conn) == (7, 2)
    planted.report("衢州市衢江区民政局", 2021, {"denied_state_secret:total": 5}, day=2)
    assert _compared(conn) == (9, 2)
    planted.store.reparse(1)
    assert _compared(conn) == (9, 2)
    conn.execute("PRAGMA foreign_keys = OFF")
    conn.execute("DELETE FROM report WHERE agency_name = '衢州市衢江区教育局'")
    assert conn.execute(KEPT["panel_sum"]).fetchone() == conn.execute(KEPT["panel"]).fetchone() == (5, 1)
