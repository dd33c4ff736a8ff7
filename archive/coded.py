"""Names as numbers, where a report has hundreds of rows that say the same as those of every other report.

`figure_code` numbers the cells of the forms (form, indicator, col). `check_code` numbers what a check that passes or
cannot be assessed says of itself: all but its two sides, and those too where they are 0 or nothing, as they mostly
are. A report's such checks are two JSON lists, one a status, in the order in which the parser named them. An element is

    code                     both sides as `check_code` says
    [code, found]            the right side as `check_code` says
    [code, found, expected]

Numbers are given in the order of first use, so they differ between archives; the views decode them.
Trap: a transaction that is rolled back takes its new codes along, so `forget` must follow it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from archive import ids

STATES = ("number", "blank", "dash", "text")
PACKED = {"pass": "passed", "not_assessable": "moot"}
"""Statuses whose findings are packed, and the column of `check_data` and `across_data` that holds them."""


class UnknownCode(Exception):
    """What has no code yet was asked for where none may be made."""


class Codes:
    """The two tables of codes under one prefix; reads what it needs once, and adds what is new.

    With `write` false nothing is added: UnknownCode is raised where there is no code yet.
    """

    def __init__(self, conn: sqlite3.Connection, prefix: str = "", *, write: bool = True) -> None:
        self.conn = conn
        self.prefix = prefix
        self.write = write
        self._figures: dict[tuple[str, str, str], int] = {}
        self._cells: dict[int, tuple[str, str, str]] = {}
        self._checks: dict[tuple[Any, ...], int] = {}

    def forget(self) -> None:
        """Read anew: a transaction was rolled back, or the tables were replaced."""
        self._figures.clear()
        self._cells.clear()
        self._checks.clear()

    def figure(self, form: str, indicator: str, col: str) -> int:
        """The code of a cell of a form, made where there is none yet."""
        cell = (form, indicator, col)
        if (code := self._figures.get(cell)) is None:
            code = self._figures[cell] = self._number(
                "figure_code", "form = ? AND indicator = ? AND col = ?", ("form", "indicator", "col"), cell
            )
        return code

    def cells(self) -> dict[int, tuple[str, str, str]]:
        """The cell (form, indicator, col) of each code."""
        count = self.conn.execute(f"SELECT max(code) FROM {self.prefix}figure_code").fetchone()[0] or 0
        if count not in self._cells:
            query = f"SELECT code, form, indicator, col FROM {self.prefix}figure_code"
            self._cells = {code: (form, indicator, col) for code, form, indicator, col in self.conn.execute(query)}
        return self._cells

    def element(self, finding: Mapping[str, Any], ordinal: int, expected: Any, found: Any) -> Any:
        """A finding as an element of a packed list; `ordinal` counts repetitions, from 0."""
        kind, name, at = finding["kind"], finding["name"], finding.get("at")
        sides = None if expected is None else 0, None if found is None else 0
        says = (kind, name, at, ordinal, finding.get("strength"), finding.get("note"), *sides)
        if (code := self._checks.get(says)) is None:
            columns = ("key", "kind", "name", "at", "strength", "note", "expected", "found")
            where = (
                "name = ?3 AND at IS ?4 AND key = ?1 AND kind = ?2 AND strength IS ?5 AND note IS ?6"
                " AND expected IS ?7 AND found IS ?8"
            )
            values = (ids.finding_key(kind, name, at, ordinal), kind, name, at, *says[4:])
            code = self._checks[says] = self._number("check_code", where, columns, values)
        if expected == sides[0]:
            return code if found == sides[1] else [code, found]
        return [code, found, expected]

    def _number(self, table: str, where: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        row = self.conn.execute(f"SELECT code FROM {self.prefix}{table} WHERE {where}", values).fetchone()
        if row is not None:
            return int(row[0])
        if not self.write:
            raise UnknownCode
        marks = ", ".join("?" * len(columns))
        added = self.conn.execute(f"INSERT INTO {self.prefix}{table} ({', '.join(columns)}) VALUES ({marks})", values)
        return int(added.lastrowid or 0)


def packable(finding: Mapping[str, Any]) -> bool:
    """Whether a finding of a report is packed: of a check or claim, passed or not assessable, with nobody to blame."""
    return (
        finding["status"] in PACKED
        and finding["kind"] in ("check", "claim")
        and finding.get("cause") is None
        and (finding["status"] == "not_assessable" or finding.get("note") is None)
    )


def packed(elements: Iterable[Any]) -> str:
    return json.dumps(list(elements), separators=(",", ":"), ensure_ascii=False)


def raw_of(value: Any, raw: str, state: str) -> str | None:
    """What `figure_data.raw` holds: nothing where value and state say it already."""
    if type(value) is int:
        return None if raw == str(value) else raw
    return None if value is None and raw == "" and state != "number" else raw
