"""The tables that leave the archive, with the type of every column: the contract of docs/design.md, read, never stored.

Only contract names are read, so that it does not matter which of them are tables and which views over coded ones.
Types: `i` integer, `n` number (an integer or a decimal fraction), `s` text, `t` a time in UTC. A column of `panel` that
is not named here is a number. What an archive holds beyond this (bodies, response headers, the crawl's own log) leaves
it as WARC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

BATCH = 50_000  # rows; what one writer holds in memory

Row = tuple[Any, ...]

STATES = ("number", "blank", "dash", "text")
"""The states of a figure; a cell that the page lacks has no row, and is the fifth fact."""


class Column(NamedTuple):
    name: str
    type: str  # i, n, s or t
    label: str  # Chinese · English, from archive/metadata.yml; the name where it says nothing


class Table(NamedTuple):
    """`query` gives the columns in their order; `references` maps a tuple of columns to a table and its columns."""

    name: str
    query: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: Mapping[tuple[str, ...], tuple[str, tuple[str, ...]]]


_COLUMNS: dict[str, str] = {
    "region": "code:s name:s level:s parent:s valid_from:i valid_to:i successor:s",
    "agency": "id:i name:s region:s level:s kind:s",
    "form": "id:s name:s document:s first_year:i last_year:i",
    "indicator": "form:s code:s tbl:s ordinal:i parent:s label:s label_en:s unit:s kind:s",
    "form_column": "form:s tbl:s code:s ordinal:i label:s label_en:s unit:s",
    "portal": "key:s name:s region:s family:s url:s",
    "capture": "id:s crawl_id:s portal:s url:s final_url:s fetched_at:t kind:s status:i outcome:s sha256:s note:s",
    "report": "id:i url:s agency_id:i agency_name:s region:s year:i title:s form:s index_number:s publisher:s"
    " written_on:s published_on:s openness:s validity:s document_number:s registration:s first_seen:t last_seen:t"
    " gone_at:t capture_id:s parser:s",
    "figure": "report_id:i form:s indicator:s col:s value:n raw:s state:s tbl:i row:i cell:i",
    "section": "report_id:i ordinal:i heading:s text:s",
    "claim": "report_id:i ordinal:i name:s form:s indicator:s col:s value:n raw:s section:i start:i",
    "finding": "id:i report_id:i capture_id:s crawl_id:s portal:s kind:s name:s at:s strength:s status:s expected:n"
    " found:n cause:s note:s",
    "revision": "report_id:i from_capture:s to_capture:s form:s indicator:s col:s before:s after:s",
    "twin": "report_id:i shown:i relation:s compared:i differing:i",
    "panel": "agency_id:i agency:s region:s region_name:s level:s kind:s year:i form:s report_id:i url:s reports:i"
    " contradictions:i others:s",
}
_KEYS = {
    "region": "code",
    "agency": "id",
    "form": "id",
    "indicator": "form code",
    "form_column": "form tbl code",
    "portal": "key",
    "capture": "id",
    "report": "id",
    "figure": "report_id form indicator col",
    "section": "report_id ordinal",
    "claim": "report_id ordinal",
    "finding": "id",
    "revision": "report_id from_capture to_capture form indicator col",
    "twin": "report_id",
    "panel": "agency_id year",
}
_REFERENCES = {
    "agency": "region>region.code",
    "indicator": "form>form.id",
    "form_column": "form>form.id",
    "portal": "region>region.code",
    "capture": "portal>portal.key",
    "report": "agency_id>agency.id region>region.code capture_id>capture.id",
    "figure": "report_id>report.id form,indicator>indicator.form,code",
    "section": "report_id>report.id",
    "claim": "report_id>report.id",
    "finding": "report_id>report.id capture_id>capture.id",
    "revision": "report_id>report.id from_capture>capture.id to_capture>capture.id",
    "twin": "report_id>report.id shown>report.id",
    "panel": "agency_id>agency.id report_id>report.id",
}
_UNSORTED = frozenset({"finding"})  # a view of five arms: sorting it would need as much disk again
NAMES = tuple(_COLUMNS)
"""Every exported table, those that others refer to first."""


def tables(conn: sqlite3.Connection) -> tuple[Table, ...]:
    """All exported tables as the archive behind `conn` has them."""
    return tuple(_table(conn, name) for name in NAMES)


def batches(conn: sqlite3.Connection, query: str, parameters: tuple[Any, ...] = ()) -> Iterator[list[Row]]:
    """The rows of a query, `BATCH` at a time."""
    cursor = conn.execute(query, parameters)
    while rows := cursor.fetchmany(BATCH):
        yield rows


@cache
def described() -> dict[str, Any]:
    """`archive/metadata.yml`: what the desk says about tables and columns."""
    text = Path(__file__).with_name("metadata.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["databases"]["gongkai"]["tables"]
    return found


def _table(conn: sqlite3.Connection, name: str) -> Table:
    types = dict(part.split(":") for part in _COLUMNS[name].split())
    labels = described().get(name, {}).get("columns", {})
    if name == "panel":
        has = [column[0] for column in conn.execute("SELECT * FROM panel LIMIT 0").description]
        types = {column: types.get(column, "n") for column in has}
    columns = tuple(Column(column, kind, labels.get(column, column)) for column, kind in types.items())
    key = tuple(_KEYS[name].split())
    order = "" if name in _UNSORTED else f" ORDER BY {', '.join(key)}"
    query = f"SELECT {', '.join(column.name for column in columns)} FROM {name}{order}"
    references = {}
    for part in _REFERENCES.get(name, "").split():
        own, _, other = part.partition(">")
        table, _, theirs = other.partition(".")
        references[tuple(own.split(","))] = (table, tuple(theirs.split(",")))
    return Table(name, query, columns, key, references)
