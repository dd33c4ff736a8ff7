"""Stata (format 118, Stata 14 and later): labelled variables, labelled values, one file a table.

Stata holds a data set in memory, and so does this module; figures and findings are therefore cut by the report's year
(`figure_2021.dta`; `figure_none.dta` where no year is known), to be put together with `append`. Row and column codes
are numbers with value labels (`applications_received 本年新收…`), the same in every file of an export. Of a figure,
`state` is a labelled number: 0 number, 1 blank, 2 dash, 3 text; a missing `value` says nothing without it.
Traps: a name has at most 32 characters, a variable's label 80, a data label 80; whole numbers over 2^31 are doubles,
exact up to 2^53; times stay text. Prose, captures and checks that pass are left to the other formats.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from archive.citing import Edition
from archive.export_tables import STATES, Column, Row, Table, batches

LONGEST_NAME = 32
LONGEST_LABEL = 80
LEFT_OUT = ("section", "capture")
_BY_YEAR = ("figure", "finding")
_ROWS = {("indicator", "code"), ("figure", "indicator"), ("claim", "indicator"), ("revision", "indicator")}
_COLS = {("form_column", "code"), ("figure", "col"), ("claim", "col"), ("revision", "col")}

Codes = Mapping[str, Mapping[str, str]]  # "row" and "col" -> code -> label of the value


def codes(conn: sqlite3.Connection) -> Codes:
    """The forms' row and column codes in the order of the forms, each with its first label."""
    found: dict[str, dict[str, str]] = {"row": {}, "col": {}}
    for name, query in (
        ("row", "SELECT code, label FROM indicator ORDER BY form, tbl, ordinal"),
        ("col", "SELECT code, label FROM form_column ORDER BY form, tbl, ordinal"),
    ):
        for code, label in conn.execute(query):
            found[name].setdefault(code, f"{code} {label}")
    return found


def parts(conn: sqlite3.Connection, table: Table) -> Iterator[tuple[str, str]]:
    """File name and query of each file that `table` becomes; none where it is left out."""
    if table.name in LEFT_OUT:
        return
    if table.name not in _BY_YEAR:
        yield f"{table.name}.dta", table.query
        return
    select, order, rest = table.query.partition(" ORDER BY ")
    years = [year for (year,) in conn.execute("SELECT DISTINCT year FROM report ORDER BY year")]
    for year in [None, *(year for year in years if year is not None)]:
        where = f"report_id IN (SELECT id FROM report WHERE year IS {'NULL' if year is None else year})"
        if table.name == "finding":
            where = f"({where}{' OR report_id IS NULL' if year is None else ''}) AND status <> 'pass'"
        yield f"{table.name}_{year or 'none'}.dta", f"{select} WHERE {where}{order}{rest}"


def write(
    conn: sqlite3.Connection,
    table: Table,
    file: tuple[str, str],
    folder: Path,
    found: Edition,
    labels: Codes,
    advance: Callable[[int], None],
) -> list[Path]:
    """Write one of the `parts` of `table`, (name, query), to `folder`; no file where the query gives no row."""
    name, query = file
    rows: list[Row] = []
    for batch in batches(conn, query):
        rows.extend(batch)
        advance(len(batch))
    if not rows and table.name in _BY_YEAR:
        return []
    frame = pd.DataFrame(
        {
            column.name[:LONGEST_NAME]: _series(table, column, [row[place] for row in rows], labels)
            for place, column in enumerate(table.columns)
        }
    )
    if len(frame.columns) != len(table.columns):
        raise ValueError(f"two columns of {table.name} have the same first {LONGEST_NAME} characters")
    path = folder / name
    frame.to_stata(
        path,
        write_index=False,
        version=118,
        data_label=f"gongkai {found.version}: {table.name}"[:LONGEST_LABEL],
        variable_labels={column.name[:LONGEST_NAME]: label(column) for column in table.columns},
        time_stamp=datetime.fromisoformat(found.newest or "1970-01-01T00:00:00Z").replace(tzinfo=None),
    )
    return [path]


def label(column: Column) -> str:
    """A variable's label: both languages where they fit into Stata's 80 characters, else as much as fits."""
    text = column.label if len(column.label) <= LONGEST_LABEL else column.label.partition(" · ")[0]
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _series(table: Table, column: Column, values: Sequence[Any], labels: Codes) -> Any:
    place = (table.name, column.name)
    if not values and column.type == "s":
        return pd.Series([], dtype="object")  # pandas writes no categories where there are no rows
    if place == ("figure", "state"):
        return pd.Series(pd.Categorical(values, categories=STATES))
    for kind, places in (("row", _ROWS), ("col", _COLS)):
        if place in places:
            known = labels[kind]
            categories = list(dict.fromkeys([*known.values(), *(known.get(v, v) for v in values)]))
            return pd.Series(pd.Categorical([known.get(v, v) for v in values], categories=categories))
    if column.type in ("i", "n"):
        return pd.Series([None if value is None else float(value) for value in values], dtype="float64")
    return pd.Series(["" if value is None else str(value) for value in values], dtype="object")
