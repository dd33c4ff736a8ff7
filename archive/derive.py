"""From a parser's dictionary to the derived rows of one page, in the live tables or in those of a rebuild.

The result does not depend on the order in which captures of different pages are read, nor on when: times come from
captures, ids from content, the title that helps to name an agency from the entries listed before the fetch. Captures of
one page may be read out of order too (two workers, a killed run): revisions are then cut in two at the right place.
Every method writes within the caller's transaction.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from sqlite_utils import Database
from sqlite_utils.db import Table

from archive import agencies, ids
from archive.errors import ArchiveError
from archive.schema import CAPTURE_ORDER, GOOD
from parsers.regions import lookup

Key = tuple[str, str, str]  # form, indicator, col
Shown = dict[Key, Any]  # what a revision compares: the value, else the raw text

_METADATA = ("index_number", "publisher", "written_on", "published_on", "openness", "validity", "document_number",
             "registration")  # fmt: skip


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


def plain(value: Any) -> Any:
    """A number as SQLite holds it: an integer where it is one and fits in 64 bits, else a float.

    None for what no float holds (1e309, NaN): the figure's raw text remains.
    """
    if value is None:
        return None
    exact = Decimal(value)
    if not exact.is_finite() or abs(exact) > Decimal(sys.float_info.max):
        return None
    if abs(exact) < 2**63 and exact == exact.to_integral_value():
        return int(exact)
    return float(exact)


class Derived:
    """The derived tables under one prefix (`""` live, `schema.SHADOW` of a rebuild)."""

    def __init__(self, db: Database, prefix: str = "") -> None:
        self.db = db
        self.conn = db.conn
        self.prefix = prefix

    def table(self, name: str) -> Table:
        return self.db.table(self.prefix + name)

    def save(self, capture: Capture, report: Mapping[str, Any]) -> None:
        """Write the reading of `capture`, and what follows from it for the report at its URL.

        The report's rows are those of the newest capture read as kind `report`; an older one gives its reading and
        revisions only. A page that is no report gives a reading and findings that hang on the capture. If the capture
        that holds the report is read again as no report, the report goes; `reparse` brings an older one back.
        """
        identity = ids.report_id(capture.url)
        former = self._read_as_report(capture.url)
        states = self._shown_at(identity, former)
        self.table("reading").upsert(
            {
                "capture_id": capture.id,
                "parser": report["parser"],
                "page_kind": report["kind"],
                "form": report["form"],
                "finished_at": capture.fetched_at,
            },
            pk="capture_id",
        )
        self._execute(
            "DELETE FROM {p}finding WHERE capture_id = ? AND report_id IS NULL AND crawl_id IS NULL", (capture.id,)
        )
        order = self._read_as_report(capture.url)
        if report["kind"] == "report":
            states[capture.id] = shown(report["figures"])
        else:
            self._save_findings(f"capture:{capture.id}", None, capture.id, report["findings"])
        if former and former[-1] == capture.id and report["kind"] != "report":
            self._remove(identity)
            return
        self._save_revisions(identity, capture.id, former, order, states)
        if order and order[-1] == capture.id:
            self._save_report(identity, capture, report)

    def update_seen(self, url: str) -> None:
        """Bring first_seen, last_seen and gone_at of the report at `url`, if there is one, up to its captures."""
        if when := seen(self.conn, url):
            self._execute(
                "UPDATE {p}report SET first_seen = ?, last_seen = ?, gone_at = ? WHERE id = ?",
                (*when, ids.report_id(url)),
            )

    def save_region(self, code: str | None) -> str | None:
        """Make sure of the row of `code` and of those above it; a code no list knows gets a row without a name."""
        if not code or self._one("SELECT 1 FROM {p}region WHERE code = ?", (code,)):
            return code
        region = lookup(code)
        self.table("region").insert(
            {
                "code": code,
                "name": region.name if region else None,
                "level": region.level if region else None,
                "parent": self.save_region(region.parent) if region else None,
                "valid_from": region.valid_from if region else None,
                "valid_to": region.valid_to if region else None,
                "successor": region.successor if region else None,
            }
        )
        return code

    def save_forms(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Replace `form`, `indicator` and `form_column` by `rows`: for each table its rows as dictionaries."""
        for name in reversed(rows):
            self._execute(f"DELETE FROM {{p}}{name}")
        for name, records in rows.items():
            self.table(name).insert_all(records)

    def _save_report(self, identity: int, capture: Capture, report: Mapping[str, Any]) -> None:
        when = seen(self.conn, capture.url)
        if when is None:
            raise ValueError(f"capture {capture.id} was not saved before its report")
        former = self._one("SELECT url, agency_id FROM {p}report WHERE id = ?", (identity,))
        if former and former[0] != capture.url:
            raise ArchiveError(f"two addresses have the report id {identity}: {former[0]} and {capture.url}")
        metadata = report["metadata"]
        agency, region, completed = self._save_agency(capture, report)
        self._remove_contents(identity)
        self.table("report").upsert(
            {
                "id": identity,
                "url": capture.url,
                "agency_id": agency[0] if agency else None,
                "agency_name": agency[1] if agency else None,
                "region": region,
                "year": report["year"],
                "title": report["title"],
                "form": report["form"],
                **{name: metadata[name] for name in _METADATA},
                "first_seen": when.first,
                "last_seen": when.last,
                "gone_at": when.gone,
                "capture_id": capture.id,
                "parser": report["parser"],
            },
            pk="id",
        )
        self._many("figure", 10, (
            (identity, f["form"], f["indicator"], f["col"], plain(f["value"]), f["raw"], f["state"], f["tbl"],
             f["row"], f["cell"]) for f in report["figures"]
        ))  # fmt: skip
        self._many("section", 4, ((identity, s["ordinal"], s["heading"], s["text"]) for s in report["sections"]))
        self._many("claim", 10, (
            (identity, ordinal, c["name"], c["form"], c["indicator"], c["col"], plain(c["value"]), c["raw"],
             c["section"], c["start"]) for ordinal, c in enumerate(report["claims"], 1)
        ))  # fmt: skip
        self._save_findings(f"report:{identity}", identity, capture.id, [*report["findings"], *completed])
        if former and former[1]:
            self._execute(
                "DELETE FROM {p}agency WHERE id = ? AND NOT EXISTS (SELECT 1 FROM {p}report WHERE agency_id = ?)",
                (former[1], former[1]),
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
            " SET level = min(coalesce(level, excluded.level), coalesce(excluded.level, level)),"
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

    def _save_findings(
        self, scope: str, report: int | None, capture: str | None, findings: Iterable[Mapping[str, Any]]
    ) -> None:
        repeated: dict[tuple[str, str, str | None], int] = {}
        rows = []
        for finding in findings:
            key = (finding["kind"], finding["name"], finding.get("at"))
            ordinal = repeated[key] = repeated.get(key, -1) + 1
            rows.append(
                (ids.finding_id(scope, *key, ordinal), report, capture, None, None, *key, finding.get("strength"),
                 finding["status"], plain(finding.get("expected")), plain(finding.get("found")), finding.get("cause"),
                 finding.get("note"))
            )  # fmt: skip
        self._many("finding", 14, rows)

    def _read_as_report(self, url: str) -> list[str]:
        """Ids of the captures of `url` that were read as reports, in the order of fetching."""
        rows = self.conn.execute(
            f"SELECT id FROM capture JOIN {self.prefix}reading ON capture_id = id"
            f" WHERE url = ? AND page_kind = 'report' ORDER BY {CAPTURE_ORDER}",
            (url,),
        )
        return [row[0] for row in rows]

    def _shown_at(self, identity: int, order: list[str]) -> dict[str, Shown]:
        """What each of the captures `order` showed: the newest from `figure`, the older by undoing revisions."""
        holder = self._one("SELECT capture_id FROM {p}report WHERE id = ?", (identity,))
        if not order or holder != (order[-1],):
            return {}
        rows = self.conn.execute(
            f"SELECT form, indicator, col, value, raw FROM {self.prefix}figure WHERE report_id = ?", (identity,)
        )
        now: Shown = {(form, row, col): raw if value is None else value for form, row, col, value, raw in rows}
        states = {order[-1]: now}
        for later, earlier in zip(reversed(order), reversed(order[:-1]), strict=False):
            now = dict(now)
            for form, row, col, old in self.conn.execute(
                f"SELECT form, indicator, col, before FROM {self.prefix}revision"
                " WHERE report_id = ? AND from_capture = ? AND to_capture = ?",
                (identity, earlier, later),
            ):
                if old is None:
                    del now[form, row, col]
                else:
                    now[form, row, col] = old
            states[earlier] = now
        return states

    def _save_revisions(
        self, identity: int, capture: str, former: list[str], order: list[str], states: dict[str, Shown]
    ) -> None:
        """Write anew what lies between `capture` and its neighbours, before (`former`) and after (`order`)."""
        old, new = set(pairwise(former)), set(pairwise(order))
        touched = (old ^ new) | {pair for pair in new if capture in pair}
        self.conn.executemany(
            f"DELETE FROM {self.prefix}revision WHERE report_id = ? AND from_capture = ? AND to_capture = ?",
            [(identity, *pair) for pair in touched],
        )
        rows = [
            (identity, earlier, later, *key, states[earlier].get(key), states[later].get(key))
            for earlier, later in sorted(touched & new)
            if earlier in states and later in states
            for key in sorted(states[earlier].keys() | states[later].keys())
            if states[earlier].get(key) != states[later].get(key)
        ]
        self._many("revision", 8, rows)

    def _remove(self, identity: int) -> None:
        self._execute("DELETE FROM {p}revision WHERE report_id = ?", (identity,))
        self._remove_contents(identity)
        self._execute("DELETE FROM {p}report WHERE id = ?", (identity,))

    def _remove_contents(self, identity: int) -> None:
        for name in ("figure", "section", "claim"):
            self._execute(f"DELETE FROM {{p}}{name} WHERE report_id = ?", (identity,))
        self._execute("DELETE FROM {p}finding WHERE report_id = ? AND crawl_id IS NULL", (identity,))

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self.conn.execute(statement.format(p=self.prefix), values)

    def _one(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.conn.execute(query.format(p=self.prefix), values).fetchone()
        return row

    def _many(self, name: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        self.conn.executemany(f"INSERT INTO {self.prefix}{name} VALUES ({', '.join('?' * columns)})", rows)


def shown(figures: Iterable[Mapping[str, Any]]) -> Shown:
    """What a revision compares, from the figures of a parser's dictionary."""
    rows = ((figure, plain(figure["value"])) for figure in figures)
    return {(f["form"], f["indicator"], f["col"]): f["raw"] if value is None else value for f, value in rows}
