"""One crawl of one archive, shared by all crawlers of the process: the store, the crawl's row, the parser processes.

Whoever comes first opens it, whoever leaves last closes it, so that `scrapy crawl` and `gongkai crawl` do the same
work. The archive is the crawl's only state: what is kept here is lost at a death and nothing but time is lost with it.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import parsers
from archive import door, freshness
from archive.errors import ArchiveBusy, ArchiveError
from archive.parsing import ParserPool
from archive.store import Capture, Store
from crawler.portals import Portal

BACKLOG = 16  # captures of a former crawl that are read at a time
TOGETHER = 0.05  # seconds in which pages and readings are gathered to be saved at once
CACHE = 8192  # KiB of the archive's pages kept in memory: a page a second needs no more
SAMPLE = 100  # stored bodies whose hashes are recomputed after a crawl, those that were not for longest

Progress = Callable[[int, int, str], None]  # pages done, pages known of so far, the page's title


class EntryRow(NamedTuple):
    """One line of a list with its decision, as it is stored."""

    portal: str
    url: str
    title: str | None
    listed_date: str | None
    listing_capture: str | None
    decision: str


class Shared(Protocol):
    """What a crawl shares with other workers (`crawler.shared_queue`)."""

    known: list[Store]

    def claim(self, url: str) -> bool:
        """Whether this worker is the first to want a page."""

    def takes(self, portal: str) -> bool:
        """Whether this worker is the first to want a portal's list."""

    def history(self, url: str) -> list[Capture]:
        """What other archives know of a page."""


def default_db() -> Path:
    """The archive where none is named; see `archive.door`."""
    return Path(door.default_db())


class Session:
    """What the crawlers of one process share. Every write to the archive passes here."""

    def __init__(self, store: Store, crawl_id: str, pool: ParserPool) -> None:
        self.store = store
        self.crawl_id = crawl_id
        self.pool = pool
        self.robots: dict[str, tuple[float, asyncio.Future[Any]]] = {}  # since when (monotonic seconds), rules
        self.outcomes: Counter[str] = Counter()  # of report pages and attachments
        self.visits: dict[str, str] = {}
        self.short: dict[str, str] = {}
        self.problems: list[str] = []
        self.unparsed: dict[str, list[str]] = {}  # the parser's own finding -> addresses
        self.fatal: ArchiveError | ArchiveBusy | None = None
        self.limit: int | None = None
        self.progress: Progress | None = None
        self.planned = 0
        self.interrupted = False
        self.stoppers: list[Callable[[], None]] = []
        self.backlog: asyncio.Future[None] | None = None
        self.shared: Shared | None = None
        self._claimed: set[str] = set()
        self._writes: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._sampled = False

    def claim(self, url: str) -> bool:
        """True for the first caller of a URL in this crawl: two portals may list one page."""
        if url in self._claimed:
            return False
        self._claimed.add(url)
        return self.shared is None or self.shared.claim(url)

    def takes(self, portal: str) -> bool:
        """Whether this process walks a portal's list, and no other worker of the run does."""
        return self.shared is None or self.shared.takes(portal)

    def within_limit(self) -> bool:
        """Whether another page may be fetched; counts it when it may."""
        if self.limit is not None and self.planned >= self.limit:
            return False
        self.planned += 1
        return True

    def save_capture(self, capture: Capture, body: bytes | None, media_type: str | None) -> Capture:
        """Commit a capture with its body; returns it with the outcome that the archive decided."""
        with self._archive():
            return self._counted(self.store.save_capture(capture, body, media_type))

    async def save_page(self, capture: Capture, body: bytes | None, media_type: str | None) -> Capture:
        """The same, in one commit with what else comes in the same moment."""
        stored: Capture = await self._together(lambda: self.store.save_capture(capture, body, media_type))
        return self._counted(stored)

    def _counted(self, stored: Capture) -> Capture:
        if stored.kind in ("report", "attachment"):
            self.outcomes[stored.outcome] += 1
        return stored

    def save_portals(self, portals: Iterable[Portal]) -> None:
        """Name the portals that the crawl visits in the archive."""
        with self._archive():
            self.store.save_portals((p.key, p.name, p.region, p.family, p.url) for p in portals)

    def save_entries(self, rows: Iterable[EntryRow]) -> None:
        """Save lines of a list; a later decision on the same line replaces the former."""
        with self._archive():
            self.store.save_entries(self.crawl_id, rows)

    def save_visit(self, portal: Portal, declared: int | None, found: int, outcome: str, note: str | None) -> None:
        """Save a portal's visit; the last one of a crawl stands."""
        self.visits[portal.key] = outcome
        with self._archive():
            self.store.save_visit(self.crawl_id, portal.key, declared, found, outcome, note)

    def save_finding(self, portal: Portal, name: str, *, expected: int | None, found: int | None, note: str) -> None:
        """Save a finding of kind `listing`; `expected` is what the list declares."""
        if name == "count_mismatch" and expected is not None and found is not None and found < expected:
            self.short[portal.key] = note
        with self._archive():
            self.store.save_finding(
                crawl_id=self.crawl_id,
                portal=portal.key,
                kind="listing",
                name=name,
                expected=expected,
                found=found,
                note=note,
            )

    async def read(self, capture: Capture, body: bytes, media_type: str | None) -> None:
        """Parse a saved body in a worker process and save what was read."""
        future = self.pool.submit(body, capture.url, media_type)
        report = await asyncio.wrap_future(future)
        await self._together(lambda: self.store.save_report(capture, report))
        for finding in report["findings"]:
            if finding["kind"] == "parser":
                self.unparsed.setdefault(finding["name"], []).append(capture.url)

    async def _together(self, write: Callable[[], Any]) -> Any:
        """Have `write` called in one transaction with what else is to be kept in the next moment, and give what it
        gives, once that is on the disk: a commit waits for it."""
        kept: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._writes.append((write, kept))
        if len(self._writes) == 1:
            asyncio.get_running_loop().call_later(TOGETHER, self._write)
        return await kept

    def _write(self) -> None:
        writes, self._writes = self._writes, []
        try:
            try:
                with self._archive(), self.store.transaction():
                    results = [write() for write, _ in writes]
            except (ArchiveError, ArchiveBusy):
                raise
            except Exception:
                if len(writes) == 1:
                    raise
                for one in writes:  # one of them is to blame, and the others are to be kept
                    self._writes = [one]
                    self._write()
                return
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            for _, kept in writes:
                if not kept.done():
                    kept.set_exception(error)
            return
        for (_, kept), result in zip(writes, results, strict=True):
            if not kept.done():
                kept.set_result(result)

    async def read_backlog(self) -> None:
        """Read what a former crawl captured and did not come to read; once a session, whoever asks."""
        if self.backlog is None:
            self.backlog = asyncio.ensure_future(self._read_backlog())
        await self.backlog

    async def _read_backlog(self) -> None:
        settle_memory()
        with self._archive():
            captures = list(self.store.unread(parsers.VERSION))
        for start in range(0, len(captures), BACKLOG):
            await asyncio.gather(*(self._read_again(capture) for capture in captures[start : start + BACKLOG]))

    async def _read_again(self, capture: Capture) -> None:
        if capture.sha256 is None:
            raise ValueError(f"capture {capture.id} is good and has no body")
        with self._archive():
            body, media_type = self.store.body(capture.sha256), self.store.media_type(capture.sha256)
        await self.read(capture, body, media_type)

    def is_fresh(self, url: str, *, listed: bool = True, at: datetime | None = None) -> bool:
        """Whether a page's newest capture settles the matter until its next visit is due; see `archive.freshness`."""
        history: list[Capture] = []
        furniture: frozenset[str] = frozenset()
        with self._archive():
            for store in self._stores():
                here = [capture for capture in store.history(url) if capture.kind == "report"]
                if any(capture.outcome == "changed" for capture in here):
                    furniture |= freshness.furniture_alone(store.conn, here)
                history += here
        if self.shared is not None:
            history.sort(key=lambda capture: capture.fetched_at)
        return freshness.is_fresh(history, furniture, listed=listed, at=at or datetime.now(UTC))

    def validators(self, url: str) -> dict[str, str]:
        """The headers of a conditional request (RFC 9110, 13.1) for the bytes that the archive has of a page.

        A 304 may come without the validators it was asked with, so they are those that last came with these bytes.
        """
        with self._archive():
            history = self.store.history(url)
        known = [capture for capture in history if capture.kind == "report" and capture.outcome in freshness.GOOD]
        for capture in reversed(known):
            if capture.sha256 != known[-1].sha256:
                break
            sent = {name.lower(): value for name, value in json.loads(capture.headers)}
            pairs = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
            if headers := {asked: sent[name] for name, asked in pairs if sent.get(name)}:
                return headers
        return {}

    def verify_sample(self) -> None:
        """Check some stored bodies, once a crawl; a damaged one is a problem that someone must look at."""
        if self._sampled:
            return
        self._sampled = True
        with self._archive():
            damaged = self.store.verify(sample=SAMPLE).damaged
        for damage in damaged:
            self.problems.append(f"stored body {damage.sha256} is damaged ({damage.problem}); run `gongkai verify`")

    def decisions(self) -> Counter[str]:
        """How many lines of the crawl's lists have each decision."""
        rows = self.store.conn.execute(
            "SELECT decision, count(*) FROM entry WHERE crawl_id = ? GROUP BY decision", (self.crawl_id,)
        )
        return Counter({str(decision): int(count) for decision, count in rows})

    def known_pages(self, portal: str) -> list[str]:
        """Every page of a portal that was once captured as a report's, listed today or not."""
        query = "SELECT DISTINCT url FROM capture WHERE portal = ? AND kind = 'report' AND outcome = 'new'"
        return sorted({str(url) for store in self._stores() for (url,) in store.conn.execute(query, (portal,))})

    def _stores(self) -> list[Store]:
        """The archive, and those of other workers that are known here."""
        return [self.store, *(self.shared.known if self.shared is not None else ())]

    def unfinished(self) -> set[str]:
        """Pages that the crawls before this one captured and did not finish with: what they attach may be missing."""
        crawls: list[str] = []
        for identity, outcome in self.store.conn.execute(
            "SELECT id, outcome FROM crawl WHERE id <> ? ORDER BY started_at DESC, rowid DESC", (self.crawl_id,)
        ):
            if outcome == "finished":
                break
            crawls.append(identity)
        query = (
            "SELECT DISTINCT url FROM capture WHERE crawl_id = ? AND kind = 'report' AND outcome IN ('new', 'changed')"
        )
        return {str(url) for crawl in crawls for (url,) in self.store.conn.execute(query, (crawl,))}

    def done(self, title: str) -> None:
        """Tell the progress display, if there is one, that a page has its outcome."""
        if self.progress is not None:
            self.progress(sum(self.outcomes.values()), max(self.planned, sum(self.outcomes.values())), title)

    def stop(self) -> None:
        """Ask every crawler of the process to stop."""
        for stopper in self.stoppers:
            stopper()

    @contextmanager
    def _archive(self) -> Iterator[None]:
        """Nothing can be fetched that cannot be kept: the archive's trouble stops the crawl."""
        try:
            yield
        except (ArchiveError, ArchiveBusy) as error:
            if self.fatal is None:
                self.fatal = error
                self.stop()
            raise


def settle_memory() -> None:
    """For a crawl of days: what was imported is looked through no more, and dead pages are looked for often.

    An answer and its selector refer to each other, each with a parsed tree of ten times the page; the collector sees
    two small objects, and as it comes would let thousands of them wait.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(700, 10, 1)


class _Held(NamedTuple):
    session: Session
    path: Path


_held: _Held | None = None
_holders = 0


def acquire(path: Path, *, arguments: str, version: str) -> Session:
    """The process' session, opened by the first caller. Raises ArchiveError or ArchiveBusy.

    Each `acquire` needs its `release`. A second archive at the same time is an error of the caller.
    """
    global _held, _holders
    if _held is None:
        store = Store.open(path, create=True)
        store.conn.execute(f"PRAGMA cache_size = -{CACHE}")
        try:
            crawl_id = store.begin_crawl(arguments, version)
            pool = ParserPool()
        except BaseException:
            store.close()
            raise
        _held = _Held(Session(store, crawl_id, pool), path)
    elif _held.path != path:
        raise RuntimeError(f"this process already crawls into {_held.path}")
    _holders += 1
    return _held.session


def release() -> None:
    """Give the session back; the last holder finishes the crawl and closes the archive."""
    global _held, _holders
    if _held is None:
        raise RuntimeError("no session to release")
    _holders -= 1
    if _holders > 0:
        return
    session, _held = _held.session, None
    try:
        session.pool.close()
        if session.fatal is None:
            session.verify_sample()
            session.store.finish_crawl(session.crawl_id, "interrupted" if session.interrupted else "finished")
    finally:
        session.store.close()
