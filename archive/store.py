"""Every write of the project goes through a `Store`: one SQLite file, one writing process.

What a method that saves evidence has returned from is on the disk (WAL, synchronous=FULL), and a `kill -9` at any
moment leaves a valid archive. A store belongs to the thread that opened it. Times are UTC, `YYYY-MM-DDTHH:MM:SSZ`.
Errors: ArchiveError (the disk, the file), ArchiveBusy (another process writes); all else is a mistake of the caller.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from archive import bodies, census, connection, entries, fixity, ids, rebuild
from archive.addresses import canonical_url
from archive.derive import Capture, Derived
from archive.dictionaries import Dictionaries, save_body
from archive.errors import ArchiveBusy, ArchiveError, NewerArchive, NotAnArchive, explained
from archive.forms import form_rows
from archive.parsing import TIMEOUT, ParserPool
from archive.schema import CAPTURE_ORDER, GOOD

__all__ = ["ArchiveBusy", "ArchiveError", "Capture", "NewerArchive", "NotAnArchive", "Store", "canonical_url", "now"]

_LOG = logging.getLogger(__name__)
_COLUMNS = ", ".join(Capture._fields)
_GOOD = f"sha256 IS NOT NULL AND outcome IN {GOOD}"


def now() -> str:
    """The present time as the archive writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """An open archive; `open` is the way to get one."""

    def __init__(self, path: Path, *, write: bool, held: int | None, stale: bool = False) -> None:
        self.path = path
        self._held = held
        self.db = connection.connect(path, write=write, stale=stale)
        self.conn: sqlite3.Connection = self.db.conn
        self._derived = Derived(self.db)
        self._bodies = fixity.Bodies(self.conn)
        self._dictionaries = Dictionaries(self.conn, self._bodies)
        self.lost = None if held is None else connection.lost(held, self.conn)
        if self.lost:
            _LOG.warning("%s: %s. `gongkai verify` says so once more and takes note.", path, self.lost)

    @classmethod
    def open(cls, path: Path, *, write: bool = True, create: bool = False, stale: bool = False) -> Store:
        """Open the archive at `path`; with `write`, as its only writer; with `create`, make it where nothing is.

        Raises NotAnArchive and NewerArchive (the file is left untouched), ArchiveBusy where another process writes,
        ArchiveError where the derived tables are of another layout. With `stale` that is no error, and only evidence
        may be read and written until `reparse`.
        """
        path = Path(path)
        known = connection.inspect(path)
        if known is None and not (write and create):
            raise ArchiveError(f"There is no archive at {path}. `gongkai demo` or `gongkai crawl` makes one.")
        if known is None and not path.parent.is_dir():
            raise ArchiveError(f"There is no folder {path.parent} to make the archive {path.name} in.")
        if not write:
            return cls(path, write=False, held=None, stale=stale)
        held = connection.lock(path.resolve())
        try:
            if connection.inspect(path) is None:
                connection.create(path.resolve())
                connection.forget_note(held)
            return cls(path, write=True, held=held, stale=stale)
        except BaseException:
            os.close(held)
            raise

    def close(self) -> None:
        """Move the -wal file into the archive (as far as readers allow) and give up the lock."""
        self._close(checkpoint=True)

    def _close(self, *, checkpoint: bool) -> None:
        try:
            with explained(self.path):
                if checkpoint:
                    self._note()
                if checkpoint and self._held is not None:
                    self.conn.execute("PRAGMA busy_timeout = 500")
                    if self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                        _LOG.warning(connection.LEFT_IN_WAL, self.path, Path(f"{self.path}-wal").stat().st_size / 2**20)
                self.db.close()
        finally:
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error a statement may still be open, and SQLite refuses to checkpoint past it.
        self._close(checkpoint=error is None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything within is written at once or not at all."""
        with explained(self.path):
            self.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.conn.execute("COMMIT")
            except BaseException:
                self._derived.codes.forget()
                if self.conn.in_transaction:
                    self.conn.execute("ROLLBACK")
                raise

    def tables_replaced(self) -> None:
        """What is remembered of the derived tables no longer holds: a rebuild has put others in their place."""
        self._derived.codes.forget()

    # Evidence

    def save_portals(self, portals: Iterable[tuple[str, str, str, str, str]]) -> None:
        """Bring the registry up to date: rows of key, name, region (GB/T 2260), family, url."""
        with self.transaction():
            for key, name, region, family, url in portals:
                code = self._derived.save_region(region)
                row = {"key": key, "name": name, "region": code, "family": family, "url": url}
                self.db.table("portal").upsert(row, pk="key")

    def begin_crawl(self, arguments: str, version: str, started_at: str | None = None) -> str:
        """Open a crawl and return its id; the forms' tables are brought up to date on the way."""
        started_at = started_at or now()
        crawl_id = ids.new_crawl_id(started_at)
        with self.transaction():
            self._derived.save_forms(form_rows())
            self.db.table("crawl").insert(
                {"id": crawl_id, "started_at": started_at, "version": version, "arguments": arguments}
            )
        return crawl_id

    def finish_crawl(self, crawl_id: str, outcome: str) -> None:
        """Close a crawl as `finished` or `interrupted`; its counts are those of its report pages and attachments."""
        names = ("unchanged", "gone", "blocked", "refused", "failed")
        with self.transaction():
            found = dict(
                self.conn.execute(
                    "SELECT outcome, count(*) FROM capture WHERE crawl_id = ? AND kind IN ('report', 'attachment')"
                    " GROUP BY outcome",
                    (crawl_id,),
                )
            )
            self.db.table("crawl").update(
                crawl_id,
                {
                    "finished_at": now(),
                    "outcome": outcome,
                    "captured": found.get("new", 0) + found.get("changed", 0),
                    **{name: found.get(name, 0) for name in names},
                },
            )

    def save_visit(
        self, crawl_id: str, portal: str, declared: int | None, found: int, outcome: str, note: str | None
    ) -> None:
        """What the crawl made of one portal; said again, the last word counts."""
        row = {"crawl_id": crawl_id, "portal": portal, "declared": declared, "found": found, "outcome": outcome}
        with self.transaction():
            self.db.table("visit").upsert(row | {"note": note}, pk=("crawl_id", "portal"))

    def save_entries(self, crawl_id: str, rows: Iterable[entries.Line]) -> None:
        """Lines of lists and what becomes of them, at once; see `entries.save`."""
        with self.transaction():
            for row in rows:
                entries.save(self._derived, crawl_id, row)

    def save_capture(self, capture: Capture, body: bytes | None, media_type: str | None) -> Capture:
        """Keep a fetch and the bytes that came, and return it as stored.

        With outcome `ok` the store decides: `new`, `unchanged` or `changed` against the URL's last good capture (an
        attachment against attachments: the first page of a long article is one, under the report's own address). With
        `unchanged` and no body (a 304) the hash of that capture is repeated. `id` and `sha256` are computed here, `url`
        is made canonical. The same crawl cannot fetch one URL twice within a second: that is an ArchiveError.
        """
        url = canonical_url(capture.url)
        sha256 = bodies.digest(body) if body is not None else None
        encoded = None
        if body is not None and not self._known_body(sha256):
            with explained(self.path):
                encoded = self._dictionaries.encode(body, url, capture.portal)
        last = self.last_good(url, capture.kind)
        outcome = capture.outcome
        if outcome == "ok":
            if sha256 is None:
                raise ValueError(f"a capture of {url} says ok, but no body came with it")
            outcome = "new" if last is None else "unchanged" if last.sha256 == sha256 else "changed"
        if outcome == "unchanged" and sha256 is None:
            if last is None:
                raise ValueError(f"a capture of {url} says unchanged, but there is no earlier one")
            sha256 = last.sha256
        identity = ids.capture_id(capture.crawl_id, url, capture.fetched_at)
        stored = capture._replace(id=identity, url=url, outcome=outcome, sha256=sha256)
        with self.transaction():
            if encoded is not None and sha256 is not None:
                save_body(self.conn, sha256, len(body or b""), media_type, encoded)
            if self.conn.execute("SELECT 1 FROM capture WHERE id = ?", (identity,)).fetchone():
                raise ArchiveError(f"{url} was captured twice at {stored.fetched_at} by the crawl {stored.crawl_id}.")
            self.db.table("capture").insert(stored._asdict() | {"digest": fixity.capture_digest(stored)})
            if stored.kind == "report":
                self._derived.update_seen(url)
        self._note()
        return stored

    # Reading evidence

    def capture(self, identity: str) -> Capture | None:
        return next(self._captures("id = ?", identity), None)

    def last_good(self, url: str, kind: str = "report") -> Capture | None:
        """The newest capture of `url` that has a body and whose outcome is new, changed or unchanged.

        Attachments are looked for where `kind` is attachment, else all others.
        """
        with explained(self.path):
            row = self.conn.execute(
                f"SELECT {_COLUMNS} FROM capture WHERE url = ? AND {_GOOD} AND (kind = 'attachment') = ?"
                " ORDER BY fetched_at DESC, outcome = 'new', id DESC LIMIT 1",
                (canonical_url(url), kind == "attachment"),
            ).fetchone()
        return Capture(*row) if row else None

    def history(self, url: str) -> list[Capture]:
        """All captures of `url`, oldest first."""
        return list(self._captures("url = ?", canonical_url(url)))

    def unread(self, parser: str | None = None) -> Iterator[Capture]:
        """Report captures (new, changed) that were not read yet, oldest first.

        With `parser`, also those that another version of the parser failed to read.
        """
        return self._captures(
            "kind = 'report' AND outcome IN ('new', 'changed') AND sha256 IS NOT NULL AND NOT EXISTS ("
            "SELECT 1 FROM reading AS r WHERE r.capture_id = capture.id"
            " AND (?1 IS NULL OR r.page_kind <> 'failed' OR r.parser = ?1))",
            parser,
        )

    def body(self, sha256: str) -> bytes:
        """The bytes with this hash, checked. ArchiveError where there are none or they are damaged."""
        with explained(self.path):
            try:
                return self._bodies.fetch(sha256)
            except KeyError:
                raise ArchiveError(
                    f"{self.path}: the body {sha256} is not in it. Is it a copy published without bodies? Take"
                    " the archive itself, or a whole copy; else run `gongkai verify`"
                ) from None
            except bodies.Damaged as error:
                raise ArchiveError(f"{self.path}: body {sha256} is damaged: {error}. Run `gongkai verify`.") from error

    def media_type(self, sha256: str) -> str | None:
        """The media type that the body came with when it was first stored; the one to parse it with."""
        with explained(self.path):
            row = self.conn.execute("SELECT media_type FROM body WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            raise KeyError(sha256)
        return None if row[0] is None else str(row[0])

    def status(self) -> list[dict[str, Any]]:
        """See `census.status`."""
        with explained(self.path):
            return census.status(self.conn)

    def counts(self) -> dict[str, Any]:
        """See `census.counts`."""
        with explained(self.path):
            return census.counts(self.conn)

    # Derived

    def save_report(self, capture: Capture, report: Mapping[str, Any]) -> None:
        """Keep what the parser made of a capture: `report` is `parsers.as_dict`'s dictionary, or ParserPool's.

        One transaction; see `derive.Derived.save`. An `unchanged` capture repeats bytes that have been read already:
        nothing is written. Any other outcome than new and changed is never read: ValueError.
        """
        self.save_reports([(capture, report)])

    def save_reports(self, read: Iterable[tuple[Capture, Mapping[str, Any]]]) -> None:
        """The same for several readings, in one transaction."""
        wanted = [(capture, report) for capture, report in read if capture.outcome != "unchanged"]
        for capture, _ in wanted:
            if capture.outcome not in ("new", "changed"):
                raise ValueError(f"capture {capture.id} is {capture.outcome}; only new and changed pages are read")
        if not wanted:
            return
        with self.transaction():
            for capture, report in wanted:
                self._derived.save(capture, report)

    def save_finding(
        self,
        *,
        kind: str,
        name: str,
        crawl_id: str | None = None,
        portal: str | None = None,
        capture_id: str | None = None,
        at: str | None = None,
        status: str = "notice",
        expected: int | None = None,
        found: int | None = None,
        cause: str | None = None,
        note: str | None = None,
    ) -> None:
        """Something that a crawl noticed. It names the crawl, or a capture of it, and outlives every rebuild."""
        with self.transaction():
            if crawl_id is None:
                noticed = self.capture(capture_id) if capture_id else None
                if noticed is None:
                    raise ValueError("a finding of a crawl names the crawl or one of its captures")
                crawl_id, portal = noticed.crawl_id, portal or noticed.portal
            scope = f"crawl:{crawl_id}:{portal or ''}:{capture_id or ''}"
            ordinal = self.conn.execute(
                "SELECT count(*) FROM finding_data WHERE crawl_id = ? AND portal IS ? AND capture_id IS ?"
                " AND kind = ? AND name = ? AND at IS ?",
                (crawl_id, portal, capture_id, kind, name, at),
            ).fetchone()[0]
            self.db.table("finding_data").insert(
                {
                    "id": ids.finding_id(scope, ids.finding_key(kind, name, at, ordinal)),
                    "capture_id": capture_id,
                    "crawl_id": crawl_id,
                    "portal": portal,
                    "kind": kind,
                    "name": name,
                    "at": at,
                    "status": status,
                    "expected": expected,
                    "found": found,
                    "cause": cause,
                    "note": note,
                }
            )

    def reparse(
        self,
        workers: int = 2,
        progress: rebuild.Progress | None = None,
        *,
        parser: str = "parsers",
        timeout: float = TIMEOUT,
    ) -> dict[str, Any]:
        """See `rebuild.reparse`."""
        with ParserPool(workers, parser=parser, timeout=timeout) as pool:
            return rebuild.reparse(self, pool, progress)

    def verify(
        self, sample: int | None = None, progress: rebuild.Progress | None = None, workers: int = 1
    ) -> fixity.Verified:
        """Recompute hashes and log them in `workers` processes: of all bodies and the captures' own rows, or of the
        `sample` bodies that were not checked for longest."""
        done = 0

        def log(rows: list[tuple[int, str, str, int]], total: int) -> None:
            nonlocal done
            with self.transaction():
                fixity.save(self.conn, rows)
            done += len(rows)
            if progress:
                progress(done, total)

        with explained(self.path):
            verified = fixity.verify(self.conn, self.path, sample, now(), log, workers)
        if sample is None and self.lost:
            verified.damaged.append(fixity.Damage(None, self.lost, []))
            self.lost = None
            self._note()
        return verified

    def _note(self) -> None:
        if self._held is not None and self.lost is None:
            connection.remember(self._held, self.conn)

    def _captures(self, condition: str, *values: object) -> Iterator[Capture]:
        with explained(self.path):
            sql = f"SELECT {_COLUMNS} FROM capture WHERE {condition} ORDER BY {CAPTURE_ORDER}"
            rows = self.conn.execute(sql, values).fetchall()
        return (Capture(*row) for row in rows)

    def _known_body(self, sha256: str | None) -> bool:
        with explained(self.path):
            return self.conn.execute("SELECT 1 FROM body WHERE sha256 = ?", (sha256,)).fetchone() is not None
