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
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from archive import ids

STATES = ("number", "blank", "dash", "text")
PACKED = {"pass": "passed", "not_assessable": "moot"}
"""Statuses whose findings are packed, and the column of `check_data` and `across_data` that holds them."""


class Packed(NamedTuple):
    """Elements by status, how many of them are of checks, and the other findings, each with how often its kind, name
    and place stood before."""

    lists: dict[str, list[Any]]
    checks: dict[str, int]
    others: list[tuple[Mapping[str, Any], int]]


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

    def pack(self, findings: Iterable[Mapping[str, Any]]) -> Packed:
        """Findings of a report as packed lists, as far as `PACKED` takes them: of checks and claims that passed or are
        not assessable, with nobody to blame."""
        made = Packed({status: [] for status in PACKED}, dict.fromkeys(PACKED, 0), [])
        repeated: dict[tuple[str, str, str | None], int] = {}
        for finding in findings:
            kind, status, get = finding["kind"], finding["status"], finding.get
            key = (kind, finding["name"], get("at"))
            ordinal = repeated[key] = repeated[key] + 1 if key in repeated else 0
            note = get("note")
            if (
                status not in PACKED
                or (kind != "check" and kind != "claim")
                or get("cause") is not None
                or (note is not None and status == "pass")
            ):
                made.others.append((finding, ordinal))
                continue
            expected, found = plain(get("expected")), plain(get("found"))
            none_expected, none_found = None if expected is None else 0, None if found is None else 0
            says = (*key, ordinal, get("strength"), note, none_expected, none_found)
            if (code := self._checks.get(says)) is None:
                code = self._check(says)
            if expected != none_expected:
                made.lists[status].append([code, found, expected])
            else:
                made.lists[status].append(code if found == none_found else [code, found])
            made.checks[status] += kind == "check"
        return made

    def _check(self, says: tuple[Any, ...]) -> int:
        columns = ("key", "kind", "name", "at", "strength", "note", "expected", "found")
        where = (
            "name = ?3 AND at IS ?4 AND key = ?1 AND kind = ?2 AND strength IS ?5 AND note IS ?6"
            " AND expected IS ?7 AND found IS ?8"
        )
        values = (ids.finding_key(*says[:4]), *says[:3], *says[4:])
        code = self._checks[says] = self._number("check_code", where, columns, values)
        return code

    def _number(self, table: str, where: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        row = self.conn.execute(f"SELECT code FROM {self.prefix}{table} WHERE {where}", values).fetchone()
        if row is not None:
            return int(row[0])
        if not self.write:
            raise UnknownCode
        marks = ", ".join("?" * len(columns))
        added = self.conn.execute(f"INSERT INTO {self.prefix}{table} ({', '.join(columns)}) VALUES ({marks})", values)
        return int(added.lastrowid or 0)


def plain(value: Any) -> Any:
    """A number as SQLite holds it: an integer where it is one and fits in 64 bits, else a float.

    None for what no float holds (1e309, NaN): the figure's raw text remains.
    """
    if value is None or (type(value) is int and -(2**63) <= value < 2**63):
        return value
    exact = Decimal(value)
    if not exact.is_finite() or abs(exact) > Decimal(sys.float_info.max):
        return None
    if abs(exact) < 2**63 and exact == exact.to_integral_value():
        return int(exact)
    return float(exact)


def packed(elements: Iterable[Any]) -> str:
    return json.dumps(list(elements), separators=(",", ":"), ensure_ascii=False)


def raw_of(value: Any, raw: str, state: str) -> str | None:
    """What `figure_data.raw` holds: nothing where value and state say it already."""
    if type(value) is int:
        return None if raw == str(value) else raw
    return None if value is None and raw == "" and state != "number" else raw
