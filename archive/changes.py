"""What a rebuild changes: the derived tables in use against those that are about to take their place.

So that a change of the parser is reviewed on the whole archive: which cells were gained, lost or altered, and which
checks newly fail or pass. Cells are compared by form, indicator and column within a report, findings by their ids.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from archive import schema

EXAMPLES = 20  # of each kind
_P = schema.SHADOW
_STATE = "CASE {0}.state WHEN 0 THEN 'number' WHEN 1 THEN 'blank' WHEN 2 THEN 'dash' ELSE 'text' END"


def _shown(table: str) -> str:
    return f"coalesce({table}.raw, CAST({table}.value AS TEXT), '') || ' (' || {_STATE.format(table)} || ')'"


_DIFFERS = "(n.value IS NOT o.value OR n.state <> o.state OR n.raw IS NOT o.raw)"
_PAIRS = f"""FROM figure_data AS o LEFT JOIN temp.same_code AS m ON m.old = o.code
LEFT JOIN {_P}figure_data AS n ON n.report_id = o.report_id AND n.code = m.new"""
_GAINED = f"""FROM {_P}figure_data AS n LEFT JOIN temp.same_code AS m ON m.new = n.code
LEFT JOIN figure_data AS o ON o.report_id = n.report_id AND o.code = m.old"""


def between(conn: sqlite3.Connection) -> dict[str, Any]:
    """Live tables against the shadow tables of a complete rebuild.

    `parsers` (versions before), `reports`, `figures` and `checks` count; `cells` lists the cells with most changes, as
    form, indicator, column, gained, lost, altered; `examples` some of each, with the page's address.
    """
    conn.execute("CREATE TEMP TABLE same_code (old INTEGER PRIMARY KEY, new INTEGER)")
    conn.execute("CREATE INDEX temp.same_new ON same_code(new)")
    try:
        conn.execute(
            f"INSERT INTO temp.same_code SELECT o.code, n.code FROM figure_code AS o JOIN {_P}figure_code AS n"
            " USING (form, indicator, col)"
        )
        return _compared(conn)
    finally:
        conn.execute("DROP TABLE temp.same_code")


def _compared(conn: sqlite3.Connection) -> dict[str, Any]:
    cells: dict[tuple[str, str, str], list[int]] = {}
    for form, indicator, col, lost, altered in conn.execute(
        f"SELECT c.form, c.indicator, c.col, sum(n.code IS NULL), sum(n.code IS NOT NULL AND {_DIFFERS}) {_PAIRS}"
        f" JOIN figure_code AS c ON c.code = o.code WHERE n.code IS NULL OR {_DIFFERS} GROUP BY c.code"
    ):
        cells[form, indicator, col] = [0, lost, altered]
    before, after = (_one(conn, f"SELECT count(*) FROM {p}figure_data") for p in ("", _P))
    if after > before - sum(row[1] for row in cells.values()):
        for form, indicator, col, gained in conn.execute(
            f"SELECT c.form, c.indicator, c.col, count(*) {_GAINED}"
            f" JOIN {_P}figure_code AS c ON c.code = n.code WHERE o.code IS NULL GROUP BY c.code"
        ):
            cells.setdefault((form, indicator, col), [0, 0, 0])[0] = gained
    totals = [sum(row[place] for row in cells.values()) for place in range(3)]
    most = sorted(cells.items(), key=lambda item: (-sum(item[1]), item[0]))[:EXAMPLES]
    return {
        "parsers": [row[0] for row in conn.execute("SELECT DISTINCT parser FROM reading ORDER BY parser")],
        "reports": {
            "gained": _one(conn, f"SELECT count(*) FROM {_P}report WHERE id NOT IN (SELECT id FROM report)"),
            "lost": _one(conn, f"SELECT count(*) FROM report WHERE id NOT IN (SELECT id FROM {_P}report)"),
        },
        "figures": dict(zip(("gained", "lost", "altered"), totals, strict=True)),
        "checks": _checks(conn),
        "cells": [[*cell, *counts] for cell, counts in most],
        "examples": _examples(conn) if any(totals) else [],
    }


def _checks(conn: sqlite3.Connection) -> dict[str, int]:
    """Checks that fail now and did not, and that failed: now passing, or no longer assessed."""
    failing = "SELECT id FROM {0}finding_data WHERE kind = 'check' AND status = 'fail' AND report_id IS NOT NULL"
    old, new = failing.format(""), failing.format(_P)
    passing = """SELECT count(*) FROM finding_data AS f WHERE f.id IN ({old}) AND f.id NOT IN ({new}) AND EXISTS (
  SELECT 1 FROM {p}{table} AS d, json_each(d.passed) AS j JOIN {p}check_code AS k
  ON k.code = CASE j.type WHEN 'integer' THEN j.value ELSE json_extract(j.value, '$[0]') END
  WHERE d.report_id = f.report_id AND k.name = f.name AND k.at IS f.at)"""
    passed = sum(
        _one(conn, passing.format(old=old, new=new, p=_P, table=table)) for table in ("check_data", "across_data")
    )
    gone = _one(conn, f"SELECT count(*) FROM ({old}) WHERE id NOT IN ({new})")
    return {
        "newly_failing": _one(conn, f"SELECT count(*) FROM ({new}) WHERE id NOT IN ({old})"),
        "newly_passing": passed,
        "failing_no_more_otherwise": gone - passed,
    }


def _examples(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    found = []
    for kind, sql in (
        (
            "altered",
            f"SELECT r.url, c.form, c.indicator, c.col, {_shown('o')}, {_shown('n')} {_PAIRS}"
            " JOIN figure_code AS c ON c.code = o.code JOIN report AS r ON r.id = o.report_id"
            f" WHERE n.code IS NOT NULL AND {_DIFFERS} LIMIT {EXAMPLES}",
        ),
        (
            "lost",
            f"SELECT r.url, c.form, c.indicator, c.col, {_shown('o')}, NULL {_PAIRS}"
            " JOIN figure_code AS c ON c.code = o.code JOIN report AS r ON r.id = o.report_id"
            f" WHERE n.code IS NULL LIMIT {EXAMPLES}",
        ),
        (
            "gained",
            f"SELECT r.url, c.form, c.indicator, c.col, NULL, {_shown('n')} {_GAINED}"
            f" JOIN {_P}figure_code AS c ON c.code = n.code JOIN {_P}report AS r ON r.id = n.report_id"
            f" WHERE o.code IS NULL LIMIT {EXAMPLES}",
        ),
    ):
        for url, form, indicator, col, before, after in conn.execute(sql):
            found.append(
                {"change": kind, "url": url, "form": form, "indicator": indicator, "col": col, "before": before,
                 "after": after}
            )  # fmt: skip
    return found


def _one(conn: sqlite3.Connection, query: str) -> int:
    return int(conn.execute(query).fetchone()[0])
