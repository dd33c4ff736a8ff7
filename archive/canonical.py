"""An archive as sorted lines of text, to compare archives and rebuilds.

`dump` leaves out what must differ between two runs that archived the same: times, ids of crawls and captures, and the
traces of having looked twice (`unchanged` captures; `fresh` entries count as `fetched`). `derived` leaves out nothing.
A line is the table's name and a JSON list of its columns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from archive.schema import DERIVED

_SHA = "(SELECT sha256 FROM capture WHERE id = {0})"
_URL = "(SELECT url FROM capture WHERE id = {0})"

_DUMPED: dict[str, str] = {
    "portal": "SELECT key, name, region, family, url FROM portal",
    "body": "SELECT sha256, size, media_type FROM body",
    "capture": "SELECT DISTINCT url, kind, outcome, sha256 FROM capture WHERE outcome <> 'unchanged'",
    "entry": "SELECT DISTINCT portal, url, title, listed_date, iif(decision = 'fresh', 'fetched', decision) FROM entry",
    "reading": f"SELECT DISTINCT {_URL.format('capture_id')}, {_SHA.format('capture_id')}, parser, page_kind, form"
    " FROM reading",
    "region": "SELECT * FROM region",
    "agency": "SELECT * FROM agency",
    "form": "SELECT * FROM form",
    "indicator": "SELECT * FROM indicator",
    "form_column": "SELECT * FROM form_column",
    "report": "SELECT id, url, agency_id, agency_name, region, year, title, form, index_number, publisher, written_on,"
    " published_on, openness, validity, document_number, registration, gone_at IS NOT NULL,"
    f" {_SHA.format('capture_id')}, parser FROM report",
    "figure": "SELECT * FROM figure",
    "section": "SELECT * FROM section",
    "claim": "SELECT * FROM claim",
    "finding": f"SELECT DISTINCT report_id, {_URL.format('capture_id')}, {_SHA.format('capture_id')}, portal, kind,"
    " name, at, strength, status, expected, found, cause, note FROM finding",
    "twin": "SELECT * FROM twin",
    "panel": "SELECT agency_id, year, report_id, reports FROM panel_data",
    "revision": f"SELECT report_id, {_SHA.format('from_capture')}, {_SHA.format('to_capture')}, form, indicator, col,"
    " before, after FROM revision",
}


# Codes are numbers in the order of first use; the views say what they mean.
_CODED = frozenset(
    {"figure_code", "figure_data", "check_code", "check_data", "across_data", "finding_data", "search_doc", "search"}
)
# The index of the search numbers its reports in the order of saving; numbers of reports that changed stay empty.
_SEARCHED = (
    "SELECT d.report_id, group_concat(t.term, ' ') FROM temp.searched AS t JOIN search_doc AS d ON d.doc = t.doc"
    " WHERE d.report_id IS NOT NULL GROUP BY d.report_id"
)


def dump(conn: sqlite3.Connection) -> Iterator[str]:
    """The canonical dump: two archives with the same content give the same lines."""
    for name, query in _DUMPED.items():
        yield from _lines(conn, name, query)


def derived(conn: sqlite3.Connection) -> Iterator[str]:
    """The derived tables in full, ids and times included: what a rebuild must give again byte for byte."""
    for name in (*(name for name in DERIVED if name not in _CODED), "figure", "finding"):
        yield from _lines(conn, name, f"SELECT * FROM {name}")
    conn.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.searched USING fts5vocab(main, search, instance)")
    yield from _lines(conn, "search", _SEARCHED)


def _lines(conn: sqlite3.Connection, name: str, query: str) -> list[str]:
    return sorted(f"{name} {json.dumps(row, ensure_ascii=False, default=bytes.hex)}" for row in conn.execute(query))
