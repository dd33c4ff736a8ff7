"""All that the archive says of one report, as its page shows it: facts of the tables, no name of a person among them.

Neighbours in time are the reports that `panel` shows for the agency's years before and after; twins are its other
reports of the same year. Versions are the captures of the page's address. A claim is cut out of its section by its
offset, and compared with its cell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from archive.official import Account, lay_out
from parsers.codebook import findings as meanings

METADATA = (
    "publisher", "index_number", "written_on", "published_on", "openness", "validity", "document_number",
    "registration",
)  # fmt: skip
VERSIONS = 200  # captures of one address that are listed, newest first
Facts = Mapping[str, Any]


class Piece(NamedTuple):
    """A run of a section's text; `claim` is the claim that stands there, if any."""

    text: str
    claim: Facts | None


class Prose(NamedTuple):
    heading: str
    pieces: tuple[Piece, ...]


class ReportPage(NamedTuple):
    """`earlier` and `later` are neighbours in time; `said` are findings other than checks that pass, with meanings."""

    report: Facts
    capture: Facts
    agency: Facts | None
    region: str | None
    account: Account
    sections: tuple[Prose, ...]
    claims: tuple[Facts, ...]
    said: tuple[tuple[Facts, Facts | None], ...]
    counts: Mapping[str, int]
    revisions: tuple[Facts, ...]
    twins: tuple[Facts, ...]
    earlier: Facts | None
    later: Facts | None
    years: tuple[Facts, ...]
    versions: tuple[Facts, ...]


def gather(conn: sqlite3.Connection, identity: int) -> ReportPage | None:
    """The page of a report by its id; None where there is no such report."""
    report = _one(conn, "SELECT * FROM report WHERE id = ?", identity)
    if report is None:
        return None
    capture = _one(conn, "SELECT * FROM capture WHERE id = ?", report["capture_id"]) or {}
    agency = _one(conn, "SELECT * FROM agency WHERE id = ?", report["agency_id"])
    region = _one(conn, "SELECT name FROM region WHERE code = ?", report["region"])
    figures = _all(conn, "SELECT * FROM figure WHERE report_id = ?", identity)
    findings = _all(conn, "SELECT * FROM finding WHERE report_id = ? ORDER BY kind, name, at", identity)
    claims = _all(conn, "SELECT * FROM claim WHERE report_id = ? ORDER BY ordinal", identity)
    sections = _all(conn, "SELECT * FROM section WHERE report_id = ? ORDER BY ordinal", identity)
    cells = {(f["form"], f["indicator"], f["col"]): f for f in figures}
    checks = [f for f in findings if f["kind"] == "check"]
    counts = {status: sum(f["status"] == status for f in checks) for status in ("pass", "fail", "not_assessable")}
    years = _all(
        conn,
        "SELECT d.year, d.report_id, r.form FROM panel_data d JOIN report r ON r.id = d.report_id"
        " WHERE d.agency_id = ? ORDER BY d.year",
        report["agency_id"],
    )
    before = [y for y in years if report["year"] is not None and y["year"] < report["year"]]
    after = [y for y in years if report["year"] is not None and y["year"] > report["year"]]
    return ReportPage(
        report=report,
        capture=capture,
        agency=agency,
        region=region["name"] if region else None,
        account=lay_out(figures, findings),
        sections=tuple(_cut(section, claims) for section in sections),
        claims=tuple(
            {**claim, "cell": cells.get((claim["form"], claim["indicator"], claim["col"]))} for claim in claims
        ),
        said=tuple(
            (finding, meanings().get(finding["name"]))
            for finding in findings
            if finding["kind"] not in ("check", "claim") and finding["status"] in ("notice", "fail")
        ),
        counts=counts,
        revisions=_all(
            conn, "SELECT * FROM revision WHERE report_id = ? ORDER BY to_capture, indicator, col", identity
        ),
        twins=_twins(conn, report),
        earlier=before[-1] if before else None,
        later=after[0] if after else None,
        years=years,
        versions=_all(
            conn,
            "SELECT id, fetched_at, outcome, status, sha256, note FROM capture WHERE url = ?"
            f" ORDER BY fetched_at DESC, id LIMIT {VERSIONS}",
            report["url"],
        ),
    )


def _twins(conn: sqlite3.Connection, report: Facts) -> tuple[Facts, ...]:
    """The other reports of the agency and year; `relation` is None for the one that `panel` shows."""
    return _all(
        conn,
        "SELECT r.id, r.url, r.form, r.title, t.relation, t.compared, t.differing FROM report r"
        " LEFT JOIN twin t ON t.report_id = r.id WHERE r.agency_id = ? AND r.year = ? AND r.id <> ? ORDER BY r.id",
        report["agency_id"],
        report["year"],
        report["id"],
    )


def _cut(section: Facts, claims: Iterable[Facts]) -> Prose:
    """A section's text in pieces, so that what states a figure can be marked. Claims never overlap a former one."""
    text, at = section["text"], 0
    pieces = []
    for claim in sorted((c for c in claims if c["section"] == section["ordinal"]), key=lambda c: int(c["start"])):
        start, end = claim["start"], claim["start"] + len(claim["raw"])
        if start < at or text[start:end] != claim["raw"]:
            continue
        pieces += [Piece(text[at:start], None), Piece(text[start:end], claim)]
        at = end
    pieces.append(Piece(text[at:], None))
    return Prose(section["heading"], tuple(piece for piece in pieces if piece.text))


def _one(conn: sqlite3.Connection, sql: str, *values: Any) -> dict[str, Any] | None:
    found = _all(conn, sql, *values)
    return dict(found[0]) if found else None


def _all(conn: sqlite3.Connection, sql: str, *values: Any) -> tuple[dict[str, Any], ...]:
    cursor = conn.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor)
