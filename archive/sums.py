"""Sums that the desk would else make anew from every row, kept beside the rows.

`panel_sum` has a row a column of `panel`, year, form and province (the first two digits of the agency's region): the
sum (`total`) and on how many reports it rests (`reports`); under the name `reports`, both count agency-years.
`finding_count` has a row a status, kind, name and cause of the view `finding`: how many there are. What is NULL there
(a report without a form, an agency without a region, a finding that nobody is blamed for) is an empty text here.

A rebuild fills both at its end (`fill`). From then on triggers keep them, whoever writes a row: a crawl, a merge, or a
hand. A report that is deleted by hand takes its row of the panel along, and so its part of the sums.
Traps: a sum that is kept may differ in its last bit from one made anew where a page prints fractions of a case;
nothing fires on the shadow tables of a rebuild, nor for rows that `INSERT OR REPLACE` removes.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator

from archive.panel import PANEL

TABLES: dict[str, str] = {
    "panel_sum": """(
  name TEXT NOT NULL, year INTEGER NOT NULL, form TEXT NOT NULL, province TEXT NOT NULL, total ANY NOT NULL,
  reports INTEGER NOT NULL,
  PRIMARY KEY (name, year, form, province)
) STRICT, WITHOUT ROWID""",
    "finding_count": """(
  status TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, cause TEXT NOT NULL, findings INTEGER NOT NULL,
  PRIMARY KEY (status, kind, name, cause)
) STRICT, WITHOUT ROWID""",
}

_ADDED = " ON CONFLICT DO UPDATE SET findings = findings + excluded.findings"
_PACKED = (("passed", "pass"), ("moot", "not_assessable"))


def fill(conn: sqlite3.Connection, p: str = "") -> None:
    """Write both tables under prefix `p` anew, from `panel_data` and the tables behind `finding`."""
    for table in TABLES:
        conn.execute(f"DELETE FROM {p}{table}")
    sums = ", ".join(f"sum(d.{name}) AS {name}, count(d.{name}) AS {name}_of" for name in PANEL)
    each = " UNION ALL ".join(
        f"SELECT '{name}', year, form, province, {name}, {name}_of FROM wide WHERE {name}_of > 0"
        for name in ("reports", *PANEL)
    )
    conn.execute(
        f"INSERT INTO {p}panel_sum WITH wide AS MATERIALIZED (SELECT d.year, coalesce(d.form, '') AS form,"
        f" coalesce(substr(a.region, 1, 2), '') AS province, count(*) AS reports, count(*) AS reports_of, {sums}"
        f" FROM {p}panel_data AS d JOIN {p}agency AS a ON a.id = d.agency_id GROUP BY 1, 2, 3) {each}"
    )
    conn.execute(
        f"INSERT INTO {p}finding_count SELECT status, kind, name, coalesce(cause, ''), count(*) FROM {p}finding_data"
        " GROUP BY 1, 2, 3, 4"
    )
    counted: Counter[tuple[str, int]] = Counter()
    for table in ("check_data", "across_data"):
        for lists in conn.execute(f"SELECT passed, moot FROM {p}{table}"):
            for (_, status), elements in zip(_PACKED, lists, strict=True):
                counted.update((status, e if type(e) is int else e[0]) for e in json.loads(elements))
    conn.executemany(
        f"INSERT INTO {p}finding_count SELECT ?1, kind, name, '', ?3 FROM {p}check_code WHERE code = ?2{_ADDED}",
        ((status, code, number) for (status, code), number in sorted(counted.items())),
    )


def _code(j: str) -> str:
    return f"CASE {j}.type WHEN 'integer' THEN {j}.value ELSE json_extract({j}.value, '$[0]') END"


_SWEPT = "DELETE FROM finding_count WHERE findings = 0"


def _panel(row: str, sign: str) -> Iterator[str]:
    """The row `new` of `panel_data` added to the sums, or `old` taken from them."""
    province = f"coalesce((SELECT substr(region, 1, 2) FROM agency WHERE id = {row}.agency_id), '')"
    values = ", ".join(("('reports', 1)", *(f"('{name}', {row}.{name})" for name in PANEL)))
    yield (
        f"INSERT INTO panel_sum SELECT column1, {row}.year, coalesce({row}.form, ''), {province}, {sign}column2,"
        f" {sign}1"
        f" FROM (VALUES {values}) WHERE column2 IS NOT NULL"
        " ON CONFLICT DO UPDATE SET total = total + excluded.total, reports = reports + excluded.reports"
    )
    if sign == "-":
        yield "DELETE FROM panel_sum WHERE reports = 0"


def _finding(row: str, sign: str) -> Iterator[str]:
    yield (
        f"INSERT INTO finding_count VALUES ({row}.status, {row}.kind, {row}.name, coalesce({row}.cause, ''), {sign}1)"
        + _ADDED
    )
    if sign == "-":
        yield _SWEPT


def _checks(row: str, sign: str) -> Iterator[str]:
    for column, status in _PACKED:
        yield (
            f"INSERT INTO finding_count SELECT '{status}', k.kind, k.name, '', {sign}count(*)"
            f" FROM json_each({row}.{column}) AS j JOIN check_code AS k ON k.code = {_code('j')}"
            f" WHERE true GROUP BY k.kind, k.name{_ADDED}"
        )
    if sign == "-":
        yield _SWEPT


def triggers() -> dict[str, str]:
    """The statements that create the triggers, by name; the live tables only."""
    made: dict[str, str] = {}
    for table, kept in (("panel_data", _panel), ("finding_data", _finding), ("check_data", _checks),
                        ("across_data", _checks)):  # fmt: skip
        events = {"insert": [("new", "")], "delete": [("old", "-")], "update": [("old", "-"), ("new", "")]}
        for event, rows in events.items():
            steps = [step for row, sign in rows for step in kept(row, sign)]
            made[f"{table}_{event}"] = f"AFTER {event.upper()} ON {table} BEGIN {'; '.join(steps)}; END"
    made["report_delete"] = "AFTER DELETE ON report BEGIN DELETE FROM panel_data WHERE report_id = old.id; END"
    return {name: f"CREATE TRIGGER {name} {body}" for name, body in made.items()}
