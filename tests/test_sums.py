"""The sums beside the panel: what the dashboard shows is what the panel gives, also after rows change or go."""

from __future__ import annotations

import sqlite3

from test_questions import Planted, planted

from archive import sums

__all__ = ["planted"]

NAME = "denied_state_secret"
SUMMED = f"SELECT coalesce(sum(total), 0), coalesce(sum(reports), 0) FROM panel_sum WHERE name = '{NAME}'"
PANEL = f"SELECT coalesce(sum({NAME}), 0), count({NAME}) FROM panel"
COUNTED = "SELECT status, kind, name, cause, findings FROM finding_count ORDER BY 1, 2, 3, 4"
FINDINGS = (
    "SELECT status, kind, name, coalesce(cause, ''), count(*) FROM finding GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)


def _compared(conn: sqlite3.Connection) -> tuple[int, int]:
    total, reports = conn.execute(SUMMED).fetchone()
    assert (total, reports) == conn.execute(PANEL).fetchone()
    assert conn.execute(COUNTED).fetchall() == conn.execute(FINDINGS).fetchall()
    return total, reports


def test_sums_follow_every_report_its_change_and_its_end(planted: Planted) -> None:
    conn = planted.store.conn
    planted.report("衢州市衢江区民政局", 2021, {"denied_state_secret:total": 3})
    planted.report("衢州市衢江区教育局", 2021, {"denied_state_secret:total": 4})
    assert _compared(conn) == (7, 2)
    planted.report("衢州市衢江区民政局", 2021, {"denied_state_secret:total": 5}, day=2)
    assert _compared(conn) == (9, 2)
    sums.fill(conn)  # as a rebuild writes them
    assert _compared(conn) == (9, 2)
    conn.execute("PRAGMA foreign_keys = OFF")
    conn.execute("DELETE FROM report WHERE agency_name = '衢州市衢江区教育局'")
    assert conn.execute(SUMMED).fetchone() == conn.execute(PANEL).fetchone() == (5, 1)
