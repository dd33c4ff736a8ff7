"""From a parser's dictionary to the derived rows of one page, in the live tables or in those of a rebuild.

The result does not depend on the order in which captures of different pages are read, nor on when: times come from
captures, ids from content, the title that helps to name an agency from the entries listed before the fetch. Captures of
one page may be read out of order too (two workers, a killed run): revisions are then cut in two at the right place.
Every method writes within the caller's transaction, after whose failure `codes.forget` is called.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from archive import agencies, duty, ids, likeness, looking, revisions, searching, years
from archive.coded import STATES, Codes, packed, plain, raw_of
from archive.errors import ArchiveError
from archive.schema import CAPTURE_ORDER, GOOD
from archive.sqlite import Database, Table
from parsers.regions import lookup


class Capture(NamedTuple):
    """Evidence of one fetch. `headers`: JSON list of [name, value]; kind: listing, report, attachment, robots."""

    id: str
    crawl_id: str
    portal: str | None
    url: str
    final_url: str | None
    fetched_at: str
    kind: str
    status: int | None
    outcome: str
    headers: str
    sha256: str | None
    note: str | None


class Seen(NamedTuple):
    """When a page was there: first and last good capture, and the first `gone` after it, unless it came back."""

    first: str
    last: str
    gone: str | None


def seen(conn: sqlite3.Connection, url: str) -> Seen | None:
    """From the report captures of `url`; None where none was good."""
    first = last = gone = None
    for fetched_at, outcome in conn.execute(
        f"SELECT fetched_at, outcome FROM capture WHERE url = ? AND kind = 'report' ORDER BY {CAPTURE_ORDER}", (url,)
    ):
        if outcome in GOOD:
            first, last, gone = first or fetched_at, fetched_at, None
        elif outcome == "gone" and last and gone is None:
            gone = fetched_at
    return Seen(first, last, gone) if first and last else None


class Derived:
    """The derived tables under one prefix (`""` live, `schema.SHADOW` of a rebuild)."""

    def __init__(self, db: Database, prefix: str = "") -> None:
        self.db = db
        self.conn = db.conn
        self.prefix = prefix
        self.codes = Codes(db.conn, prefix)

    def table(self, name: str) -> Table:
        return self.db.table(self.prefix + name)

    def save(self, capture: Capture, report: Mapping[str, Any], *, settle: bool = True) -> None:
        """Write the reading of `capture`, and what follows from it for the report at its URL.

        The report's rows are those of the newest capture read as kind `report`; an older one gives its reading and
        revisions only. A page that is no report gives a reading and findings that hang on the capture. If the capture
        that holds the report is read again as no report, the report goes; `reparse` brings an older one back. Without
        `settle`, what hangs on several reports (archive.years) is left to the caller.
        """
        identity = ids.report_id(capture.url)
        former = self._read_as_report(capture.url)
        states = revisions.figures_at(self, identity, former)
        again = self._one("SELECT 1 FROM {p}reading WHERE capture_id = ?", (capture.id,))
        self._save_reading(capture, report)
        if again:
            self._execute(
                "DELETE FROM {p}finding_data WHERE capture_id = ? AND report_id IS NULL AND crawl_id IS NULL",
                (capture.id,),
            )
            self._execute("DELETE FROM {p}version WHERE capture_id = ?", (capture.id,))
        order = self._read_as_report(capture.url)
        if report["kind"] == "report":
            if len(order) > 1:
                states[capture.id] = figures(report)
        else:
            self._save_apart(capture, report)
        if former and former[-1] == capture.id and report["kind"] != "report":
            self._remove(identity, settle)
            return
        revisions.save_revisions(self, identity, capture.id, former, order, states)
        if report["kind"] != "report":
            return
        holder = self._one("SELECT capture_id FROM {p}report WHERE id = ?", (identity,))
        if order[-1] == capture.id:
            if holder and holder[0] != capture.id:
                revisions.save_version(self, holder[0], identity, revisions.content_kept(self, identity))
            self._save_report(identity, capture, report, settle)
        elif holder:
            revisions.save_version(self, capture.id, identity, revisions.content_of(report))
        if len(order) > 1 and (holder or order[-1] == capture.id):
            revisions.save_changes(self, identity, order)

    def add(self, capture: Capture, report: Mapping[str, Any]) -> None:
        """`save` of the only capture of its URL that is to be read, which was not read before, without `settle`.

        Nothing that this writes is read again on the way, so it may be recorded (archive.recorder).
        """
        self._save_reading(capture, report)
        if report["kind"] == "report":
            self._save_report(ids.report_id(capture.url), capture, report, settle=False)
        else:
            self._save_apart(capture, report)

    def _save_reading(self, capture: Capture, report: Mapping[str, Any]) -> None:
        self._execute(
            "INSERT INTO {p}reading VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (capture_id)"
            " DO UPDATE SET parser = ?2, page_kind = ?3, form = ?4, finished_at = ?5",
            (capture.id, report["parser"], report["kind"], report["form"], capture.fetched_at),
        )

    def _save_apart(self, capture: Capture, report: Mapping[str, Any]) -> None:
        """Findings of a page that is no report."""
        self.insert_findings(_numbered(report["findings"]), f"capture:{capture.id}", None, capture.id)

    def update_seen(self, url: str, *, settle: bool = True) -> None:
        """Bring first_seen, last_seen and gone_at of the report at `url`, if there is one, up to its captures."""
        identity = ids.report_id(url)
        row = self._one("SELECT gone_at, agency_id, year FROM {p}report WHERE id = ?", (identity,))
        if row and (when := seen(self.conn, url)):
            self._execute(
                "UPDATE {p}report SET first_seen = ?, last_seen = ?, gone_at = ? WHERE id = ?", (*when, identity)
            )
            if settle and (when.gone is None) != (row[0] is None):
                self._settle(row[1:])

    def save_region(self, code: str | None) -> str | None:
        """Make sure of the row of `code` and of those above it; a code no list knows gets a row without a name."""
        if not code or self._one("SELECT 1 FROM {p}region WHERE code = ?", (code,)):
            return code
        region = lookup(code)
        row: tuple[Any, ...] = (code, None, None, None, None, None, None)
        if region:
            parent = self.save_region(region.parent)
            row = (code, region.name, region.level, parent, region.valid_from, region.valid_to, region.successor)
        self._execute("INSERT INTO {p}region VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO NOTHING", row)
        return code

    def note_listed(self, url: str) -> None:
        """Bring what agencies owe, and what we had seen before, up to the entries of `url`."""
        duty.save_listed(self, url)
        looking.save(self, url)

    def save_forms(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Replace `form`, `indicator` and `form_column` by `rows`: for each table its rows as dictionaries.

        Every cell of the forms gets its code, in the order of the names, so that figures are listed in that order.
        """
        for name in reversed(rows):
            self._execute(f"DELETE FROM {{p}}{name}")
        for name, records in rows.items():
            self.table(name).insert_all(records)
        columns: dict[tuple[str, str], list[str]] = {}
        for column in rows["form_column"]:
            columns.setdefault((column["form"], column["tbl"]), []).append(column["code"])
        cells = [(i["form"], i["code"], c) for i in rows["indicator"] for c in columns[i["form"], i["tbl"]]]
        for cell in sorted(cells):
            self.codes.figure(*cell)

    def insert_findings(
        self, findings: Iterable[tuple[Mapping[str, Any], int]], scope: int | str, report: int | None, capture: str
    ) -> None:
        """Insert findings, each with how often its kind, name and place stood before within `scope`."""
        self._many("finding_data", 14, (
            (ids.finding_id(scope, ids.finding_key(f["kind"], f["name"], f.get("at"), ordinal)), report, capture, None,
             None, f["kind"], f["name"], f.get("at"), f.get("strength"), f["status"], plain(f.get("expected")),
             plain(f.get("found")), f.get("cause"), f.get("note")) for f, ordinal in findings
        ))  # fmt: skip

    def _save_report(self, identity: int, capture: Capture, report: Mapping[str, Any], settle: bool) -> None:
        when = seen(self.conn, capture.url)
        if when is None:
            raise ValueError(f"capture {capture.id} was not saved before its report")
        former = self._one("SELECT url, agency_id, year FROM {p}report WHERE id = ?", (identity,))
        if former and former[0] != capture.url:
            raise ArchiveError(f"two addresses have the report id {identity}: {former[0]} and {capture.url}")
        metadata = report["metadata"]
        agency, region, completed = self._save_agency(capture, report)
        if former:
            self._remove_contents(identity)
        row = {
            "id": identity,
            "url": capture.url,
            "agency_id": agency[0] if agency else None,
            "agency_name": agency[1] if agency else None,
            "region": region,
            "year": report["year"],
            "title": report["title"],
            "form": report["form"],
            **{name: metadata[name] for name in revisions.METADATA},
            "first_seen": when.first,
            "last_seen": when.last,
            "gone_at": when.gone,
            "capture_id": capture.id,
            "parser": report["parser"],
        }
        if former:
            self.table("report").update(identity, row)
        else:
            self._many("report", len(row), [tuple(row.values())])
        code = self.codes.figure
        values = ((figure, plain(figure["value"])) for figure in report["figures"])
        self._many("figure_data", 8, (
            (identity, code(f["form"], f["indicator"], f["col"]), value, raw_of(value, f["raw"], f["state"]),
             STATES.index(f["state"]), f["tbl"], f["row"], f["cell"]) for f, value in values
        ))  # fmt: skip
        self._many("section", 4, ((identity, s["ordinal"], s["heading"], s["text"]) for s in report["sections"]))
        self._many("claim", 10, (
            (identity, ordinal, c["name"], c["form"], c["indicator"], c["col"], plain(c["value"]), c["raw"],
             c["section"], c["start"]) for ordinal, c in enumerate(report["claims"], 1)
        ))  # fmt: skip
        self._save_findings(identity, capture.id, [*report["findings"], *completed])
        texts = [section["text"] for section in report["sections"]]
        likeness.save(self, identity, agency, report["year"], texts)
        present = (agency[0] if agency else None, report["year"])
        if settle:
            likeness.link(self, identity)
            searching.save(self, identity)
            self._settle(present)
            if former and former[1:] != present:
                self._settle(former[1:])
        if former and former[1]:
            self._drop_agency(former[1])
        if settle:
            self._owe(capture.url, present[0], former[1] if former else None)

    def _settle(self, agency_year: tuple[Any, ...]) -> None:
        agency, year = agency_year
        if agency is not None and year is not None:
            years.settle(self, agency, year)

    def _owe(self, url: str, *agencies_: int | None) -> None:
        self.note_listed(url)
        for agency in sorted({agency for agency in agencies_ if agency is not None}):
            duty.settle(self, agency)

    def _drop_agency(self, identity: int) -> None:
        self._execute(
            "DELETE FROM {p}agency WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM {p}report WHERE agency_id = ?1)",
            (identity,),
        )

    def _save_agency(
        self, capture: Capture, report: Mapping[str, Any]
    ) -> tuple[tuple[int, str] | None, str | None, list[dict[str, Any]]]:
        metadata = report["metadata"]
        row = self._one("SELECT name, region FROM portal WHERE key = ?", (capture.portal,))
        portal = agencies.Portal(*row) if row else None
        region = self.save_region(metadata["region"] or (portal.region if portal else None))
        named = agencies.full_name(
            metadata["agency"], titles=(report["title"], self._entry_title(capture)), publisher=metadata["publisher"],
            portal=portal, region=region, lookup=lookup,
        )  # fmt: skip
        if named is None:
            return None, region, []
        found = lookup(region) if region else None
        level = metadata.get("level") or agencies.level_of(named.name, found.level if found else None)
        kind = metadata.get("agency_kind") or agencies.kind_of(named.name)
        identity = ids.agency_id(region, named.name)
        known = self._one("SELECT name, region FROM {p}agency WHERE id = ?", (identity,))
        if known and known != (named.name, region):
            raise ArchiveError(f"two agencies have the id {identity}: {known} and {(named.name, region)}")
        self._execute(
            "INSERT INTO {p}agency (id, name, region, level, kind) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET name = iif(name = excluded.name AND region IS excluded.region, name, NULL),"
            " level = min(coalesce(level, excluded.level), coalesce(excluded.level, level)),"
            " kind = min(kind, excluded.kind)",
            (identity, named.name, region, level, kind),
        )
        if named.completed_from is None:
            return (identity, named.name), region, []
        note = f"{metadata['agency'] or metadata['publisher'] or 'no name'} → {named.name}, from {named.completed_from}"
        completed = {"kind": "metadata", "name": "agency_completed", "status": "notice", "note": note}
        return (identity, named.name), region, [completed]

    def _entry_title(self, capture: Capture) -> str | None:
        row = self._one(
            "SELECT e.title FROM entry AS e LEFT JOIN capture AS c ON c.id = e.listing_capture"
            " WHERE e.url = ? AND e.portal IS ? AND e.crawl_id <= ? AND coalesce(c.fetched_at, '') <= ?"
            " AND e.title IS NOT NULL ORDER BY e.crawl_id DESC, e.ordinal LIMIT 1",
            (capture.url, capture.portal, capture.crawl_id, capture.fetched_at),
        )
        return str(row[0]) if row else None

    def _save_findings(self, identity: int, capture: str, findings: Iterable[Mapping[str, Any]]) -> None:
        made = self.codes.pack(findings)
        if any(made.lists.values()):
            self._many("check_data", 5, [(identity, *map(packed, made.lists.values()), *made.checks.values())])
        self.insert_findings(made.others, identity, identity, capture)

    def _read_as_report(self, url: str) -> list[str]:
        """Ids of the captures of `url` that were read as reports, in the order of fetching."""
        rows = self.conn.execute(
            f"SELECT id FROM capture JOIN {self.prefix}reading ON capture_id = id"
            f" WHERE url = ? AND page_kind = 'report' ORDER BY {CAPTURE_ORDER}",
            (url,),
        )
        return [row[0] for row in rows]

    def _remove(self, identity: int, settle: bool) -> None:
        held = self._one("SELECT agency_id, year FROM {p}report WHERE id = ?", (identity,))
        for name in ("revision", "version"):
            self._execute(f"DELETE FROM {{p}}{name} WHERE report_id = ?", (identity,))
        self._remove_contents(identity)
        url = self._one("SELECT url FROM {p}report WHERE id = ?", (identity,))
        self._execute("DELETE FROM {p}report WHERE id = ?", (identity,))
        if held and settle:
            self._settle(held)
            if held[0] is not None:
                self._drop_agency(held[0])
            if url:
                self._owe(url[0], held[0])

    def _remove_contents(self, identity: int) -> None:
        years.forget(self, identity)
        likeness.forget(self, identity)
        searching.forget(self, identity)
        for name in ("figure_data", "section", "claim", "check_data"):
            self._execute(f"DELETE FROM {{p}}{name} WHERE report_id = ?", (identity,))
        self._execute("DELETE FROM {p}finding_data WHERE report_id = ? AND crawl_id IS NULL", (identity,))

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self.conn.execute(statement.format(p=self.prefix), values)

    def _one(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.conn.execute(query.format(p=self.prefix), values).fetchone()
        return row

    def _many(self, name: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        self.conn.executemany(f"INSERT INTO {self.prefix}{name} VALUES ({', '.join('?' * columns)})", rows)


def figures(report: Mapping[str, Any]) -> revisions.Figures:
    """What a revision compares, from a parser's dictionary."""
    rows = ((figure, plain(figure["value"])) for figure in report["figures"])
    return {(f["form"], f["indicator"], f["col"]): f["raw"] if value is None else value for f, value in rows}


def _numbered(findings: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Each finding with how often its kind, name and place stood before, from 0."""
    repeated: dict[tuple[str, str, str | None], int] = {}
    numbered = []
    for finding in findings:
        key = (finding["kind"], finding["name"], finding.get("at"))
        ordinal = repeated[key] = repeated.get(key, -1) + 1
        numbered.append((finding, ordinal))
    return numbered
