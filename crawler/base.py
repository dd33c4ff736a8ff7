"""What all families share: lists, the decision on each of their lines, report pages, and the end of a visit.

A family says how its lists are written (`listing()`); everything else is here, once. Every line of a list becomes a
row with its decision, declared against found becomes a row, and every request ends as a capture or, where the host
was left alone or the crawl stopped, as the line's decision. A visit walks the portal's list and, two levels down, the
columns of years and groups that its lines name. Traps that the base handles for every family: a list whose further
pages repeat the first or come without their list, endless calendars (300 pages), one address under two lines or two
portals, lines without a date or a link, a column that is a shell around a frame, a column that is itself the report,
reports that are their attachments, articles set over several pages.
"""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse

from archive.addresses import canonical_url
from archive.store import Capture
from crawler.attachments import attachments, is_file
from crawler.captures import answer_verdict, answered, media_type_of, unanswered
from crawler.columns import COLUMN_ADDRESS, frame_of, is_column_address, is_report_page, page_title
from crawler.gate import gate_for
from crawler.lists import Entry, leads_to_list, names_group, names_report, path_of
from crawler.middlewares import foreign
from crawler.outcomes import is_report_title, says_report
from crawler.pipelines import Page
from crawler.portals import Portal, PortalError, choose, host_and_port, host_key, is_loopback, load
from crawler.reports import ReportSpider, redecoded
from crawler.session import EntryRow
from crawler.walks import UNREADABLE, WALKED, Listing, Visit, Walk

__all__ = ["Entry", "Listing", "PortalSpider", "redecoded", "require_contact"]

PAGE_BUDGET = 300  # list pages of one list; the longest real list seen has some 90
COLUMN_BUDGET = 1000  # lists of one portal: forty bodies with fifteen years each are six hundred
DEPTH = 2  # levels of columns below the portal's own: year and group, or group and body


class PortalSpider(ReportSpider):
    """A family's spider. Arguments (`-a`): `portal=KEY[,KEY]` (all of the family where missing), `portals=FILE[,FILE]`,
    `revisit=1`, `limit=N`. The archive is `GONGKAI_DB`, as a setting or in the environment. `given` are portals that
    stand in no file: a spider that only reads pages (`crawler.probing`) has such."""

    def __init__(self, *args: Any, given: Sequence[Portal] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        files = [Path(part) for part in str(kwargs.get("portals", "")).split(",") if part]
        keys = [part for part in str(kwargs.get("portal", "")).split(",") if part]
        registry = load(files) if given is None else {portal.key: portal for portal in given}
        chosen = choose(registry, keys) if keys else [p for p in registry.values() if p.family == self.name]
        for portal in chosen:
            if portal.family != self.name:
                raise PortalError(f"{portal.key} is of the family {portal.family}, not {self.name}")
        require_contact(chosen)
        self.portals = {portal.key: portal for portal in chosen}
        self.visits = {portal.key: Visit(portal) for portal in chosen}
        self.list_pages = set()
        self.revisit = str(kwargs.get("revisit", "")) not in ("", "0")
        self.limit = int(kwargs["limit"]) if kwargs.get("limit") else None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> PortalSpider:
        """Scrapy's way in; loopback hosts get the queue's delay that the gate gives them."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        set_loopback_slots(crawler, spider.portals.values())
        return spider

    column_address: ClassVar[re.Pattern[str]] = COLUMN_ADDRESS
    """Which paths are columns' in this family; a line there that names no body with its year is a further list."""
    outbound_reports: ClassVar[bool] = True
    """Whether a line that leads to another official host, and says it is a report, is one."""

    @abstractmethod
    def listing(self, response: TextResponse) -> Listing:
        """Read one page of a list; of the next request set only what the family knows.

        A next page whose address is a guess has `guessed` in its meta: that it is not there is the list's end.
        """

    def may_fail(self, response: TextResponse) -> bool:
        """Asked where the answer to a list request is missing, empty or an error: whether `listing()` reads it all the
        same, because the family has another way to ask, or because nothing is a right answer. Blocks are never read."""
        return False

    def other_way(self, response: TextResponse) -> Request | None:
        """Asked where a further page repeats its list or lacks it: the request that asks for it in another way."""
        return None

    def arguments(self) -> str:
        """The crawl's arguments as they are stored, for a crawl that Scrapy's own command started."""
        return json.dumps({"portals": sorted(self.portals), "revisit": self.revisit, "limit": self.limit})

    def register(self) -> None:
        """Once the session is open: name the portals in the archive, as visits and captures refer to them."""
        if self.limit is not None:
            self.session.limit = self.limit
        self.session.save_portals(self.portals.values())
        self.unfinished = self.session.unfinished()

    async def start(self) -> AsyncIterator[Any]:
        """Each portal's list, and the pages that are known without one."""
        self.visits = {key: visit for key, visit in self.visits.items() if self.session.takes(key)}
        for visit in self.visits.values():
            for request in self._decide(visit, [Entry(url, "", None) for url in visit.portal.pages], None, None):
                yield request
            if not visit.portal.listed:
                self._save_visit(visit, "finished", "no list is known; its pages are fetched")
                continue
            visit.columns.add(canonical_url(visit.portal.url))
            visit.walks.append(Walk(visit.portal.url, visit.portal.name, 0))
            yield self._list_request(visit, visit.walks[0], Request(visit.portal.url))

    def crawl_listing(self, response: Response) -> Iterator[Request | Page]:
        """Save a list page, decide its lines, go on to the next page or end the list."""
        visit, walk = self._place(response.meta)
        walk.pages += 1
        verdict = answer_verdict(response)
        if verdict.outcome == "unchanged":
            verdict = verdict._replace(outcome="failed", note="304 to a request that named no version")
        capture = answered(response, self.session.crawl_id, verdict.outcome, verdict.note)
        good = verdict.outcome == "ok"
        read = isinstance(response, TextResponse) and (
            good
            or (verdict.outcome in ("gone", "failed") and "dataloss" not in response.flags and self.may_fail(response))
        )
        if not read or not isinstance(response, TextResponse):
            self.session.save_capture(capture, response.body or None, media_type_of(response))
            if verdict.outcome == "blocked":
                gate_for(response.url).saw_challenge()
            elif isinstance(response, TextResponse) and walk.pages > 1 and (other := self._another(walk, response)):
                yield self._list_request(visit, walk, other)
                return
            elif verdict.outcome == "gone" and response.meta.get("guessed"):
                yield from self._end_walk(visit, walk, "finished" if walk.seen else "empty", None)
                return
            outcome = verdict.outcome if verdict.outcome != "ok" else "failed"
            yield from self._end_walk(visit, walk, outcome, f"list page {walk.pages}: {verdict.note or 'no text'}")
            return
        page = redecoded(response)
        try:
            listing = self.listing(page)
        except UNREADABLE as error:
            self.logger.exception("%s: the spider of %s cannot read it", page.url, self.name)
            self.session.save_capture(capture, response.body or None, media_type_of(response))
            note = f"list page {walk.pages}: the spider of {self.name} cannot read it ({error!r})"
            yield from self._end_walk(visit, walk, "failed", note)
            return
        except Exception:  # the log and the exit code say it; what came is kept
            self.session.save_capture(capture, response.body or None, media_type_of(response))
            raise
        if listing.declared is not None:
            walk.declared = listing.declared
        listed: Capture | None = None
        if good and walk.pages == 1 and self._is_report(walk, page, listing):
            walk.is_report = True
            yield self._own_report(visit, walk, page, capture)
            yield from self._attached(visit.portal, page, capture.url)
            listing = listing._replace(entries=[entry for entry in listing.entries if not is_file(entry.url)])
        else:
            listed = self.session.save_capture(capture, response.body or None, media_type_of(response))
            self.list_pages.add(str(listed.sha256))
        urls = {canonical_url(entry.url) for entry in listing.entries if entry.url}
        seen = urls | {entry.title for entry in listing.entries if not entry.url}
        news = bool(seen - walk.seen)
        if not news and walk.pages > 1 and (listing.entries or not listing.complete):
            other = self._another(walk, page)
            if other is not None:  # what this page repeats has its rows, what it lacks is asked for again
                yield self._list_request(visit, walk, other)
                return
        walk.lines += len(listing.entries) if news else 0
        pages = [*self._decide(visit, self._linked(visit, walk, listing.entries, news=news), listed, walk)]
        if not walk.found:  # up to the first page with lines: what frames a list frames each of its pages
            known = urls | visit.columns
            tabs = [entry for entry in listing.columns if canonical_url(entry.url) not in known]
            pages += self._decide(visit, tabs, listed, walk, columns=True)
        pages += self._probe(visit, walk, listing.probes)
        walk.found |= urls
        walk.seen |= seen
        yield from self._go_on(visit, walk, page, listing, news=news)  # lists before the pages they list
        yield from pages

    def _another(self, walk: Walk, page: TextResponse) -> Request | None:
        """The family's other way to ask for a page, where it was not tried yet."""
        other = self.other_way(page)
        return other if other is not None and _identity(other) not in walk.asked else None

    def _go_on(
        self, visit: Visit, walk: Walk, page: TextResponse, listing: Listing, *, news: bool
    ) -> Iterator[Request]:
        """After a list page: the next one, another way to ask for it, the frame that holds the list, or the end."""
        where = f"list page {walk.pages} of {walk.url}"
        bare = walk.pages == 1 and not listing.entries and listing.next is None and not walk.is_report
        if bare and not walk.framed and (frame := frame_of(page)):
            walk.framed, walk.pages = True, 0
            yield self._list_request(visit, walk, Request(frame))
            return
        if not news and walk.pages > 1 and page.meta.get("guessed"):
            yield from self._end_walk(visit, walk, "finished" if walk.seen else "empty", None)
            return
        lacking = not listing.complete if walk.pages > 1 else bare and listing.complete is False
        if not news and (listing.entries or lacking):
            if listing.entries:
                self._finding(visit, "repeated_page", f"{where} lists nothing that was not listed before")
            else:
                self._finding(visit, "incomplete_page", f"{where} holds no list")
            told = walk.declared is not None and walk.lines >= walk.declared
            outcome = "finished" if told else "incomplete"
            yield from self._end_walk(visit, walk, outcome, None if told else f"{where}: the list breaks off")
            return
        following = listing.next if news or (listing.complete and not walk.is_report) else None
        if following is not None and _identity(following) not in walk.asked:
            if walk.pages < PAGE_BUDGET:
                yield self._list_request(visit, walk, following)
                return
            self._finding(visit, "page_budget", f"{walk.url} goes on after {PAGE_BUDGET} pages")
            yield from self._end_walk(visit, walk, "incomplete", f"{where}: the list goes on")
            return
        short = walk.declared is not None and walk.found and walk.lines < walk.declared
        note = f"{where} is the last of {walk.declared} declared lines, {walk.lines} were listed" if short else None
        below = listing.columns or listing.probes
        found = "finished" if walk.found or walk.lines or below or walk.is_report else "empty"
        yield from self._end_walk(visit, walk, "incomplete" if short else found, note)

    def listing_failed(self, failure: Any) -> Iterator[Request]:
        """A list page without an answer ends the list."""
        request = failure.request
        visit, walk = self._place(request.meta)
        outcome, note = self._fate(failure.value)
        if outcome in ("failed", "refused"):
            self.session.save_capture(unanswered(request.meta, self.session.crawl_id, outcome, note), None, None)
        yield from self._end_walk(visit, walk, outcome, f"list page {walk.pages + 1}: {note}")

    def close_visits(self, reason: str) -> None:
        """At the spider's end: a visit that did not come to its own end is written down as that."""
        for visit in self.visits.values():
            if visit.outcome is None:
                outcome = "interrupted" if reason != "finished" else "failed"
                self._save_visit(visit, outcome, f"the crawl ended first ({reason})")

    def _place(self, meta: dict[str, Any]) -> tuple[Visit, Walk]:
        visit = self.visits[meta["portal"]]
        return visit, visit.walks[meta["walk"]]

    def _list_request(self, visit: Visit, walk: Walk, request: Request) -> Request:
        walk.asked.add(_identity(request))
        known = {"portal": visit.portal.key, "kind": "listing", "listed": canonical_url(request.url)}
        meta = {**request.meta, **known, "walk": visit.walks.index(walk), "download_slot": host_key(request.url)}
        return request.replace(
            callback=self.crawl_listing, errback=self.listing_failed, meta=meta, priority=10, dont_filter=True
        )

    def _linked(self, visit: Visit, walk: Walk, entries: list[Entry], *, news: bool) -> list[Entry]:
        """The lines that lead somewhere; of each other one a finding, since it can have no row."""
        for entry in entries:
            if news and not entry.url:
                self._finding(visit, "line_without_link", f"list page {walk.pages} of {walk.url}: {entry.title}")
        return [entry for entry in entries if entry.url]

    def _decide(
        self,
        visit: Visit,
        entries: Sequence[Entry],
        listing: Capture | None,
        walk: Walk | None,
        *,
        columns: bool = False,
    ) -> Iterator[Request]:
        """A row with its decision for each line, and the requests that follow; `walk` is None for known pages."""
        rows, requests, outbound = [], [], 0
        for entry in entries:
            url = canonical_url(entry.url)
            title = re.sub(r"\s+", " ", entry.title).strip() or None
            row = EntryRow(visit.portal.key, url, title, entry.listed_date, listing.id if listing else None, "")
            if walk is not None and (columns or self._leads_down(visit, url, entry.title)):
                row, request = self._go_down(visit, walk, row)
                rows.append(row)
                requests += request
                continue
            away = walk is not None and not visit.portal.trusts(*host_and_port(url))
            seed = away and not (self.outbound_reports and says_report(entry.title))
            outbound += seed
            decision = self._decision(visit, url, entry.title, listed=walk is not None, seed=seed)
            if walk is not None:
                visit.found.add(url)
            row = row._replace(decision=decision)
            rows.append(row)
            if decision == "fetched":
                requests.append(self._report_request(visit.portal, url, row))
            elif decision == "fresh" and url in self.unfinished:
                requests += self._attached_before(visit.portal, url)
            elif decision == "refused":
                meta = {"portal": row.portal, "kind": "report", "listed": url}
                why = foreign(url, visit.portal)
                self.session.save_capture(unanswered(meta, self.session.crawl_id, "refused", why), None, None)
        self.session.save_entries(rows)
        if outbound and walk is not None:
            self._finding(
                visit, "outbound_links", f"{walk.url}: {outbound} line(s) lead to other hosts: seeds, no reports"
            )
        yield from requests

    def _decision(self, visit: Visit, url: str, title: str, *, listed: bool, seed: bool) -> str:
        if url in visit.found:
            return "duplicate"
        if listed and (seed or not is_report_title(title)):
            return "not_a_report"
        if not self.session.claim(url):
            return "duplicate"
        if foreign(url, visit.portal) is not None:
            return "refused"
        if not self.revisit and self.session.is_fresh(url):
            return "fresh"
        if gate_for(url).left_alone is not None:
            return "host_left_alone"
        return "fetched" if self.session.within_limit() else "over_budget"

    def _leads_down(self, visit: Visit, url: str, title: str) -> bool:
        """Whether a line leads to a further list of the portal: by its address, and by what it names."""
        own = visit.portal.trusts(*host_and_port(url))
        return own and is_column_address(path_of(url), self.column_address) and leads_to_list(title)

    def _go_down(self, visit: Visit, walk: Walk, row: EntryRow) -> tuple[EntryRow, list[Request]]:
        """The row of a line that leads to a further list, and the request for it, if it is to be walked."""
        if row.url in visit.columns:
            return row._replace(decision="duplicate"), []
        if foreign(row.url, visit.portal) is not None:
            return row._replace(decision="refused"), []
        if walk.depth >= DEPTH or len(visit.walks) >= COLUMN_BUDGET:
            why = f"more than {COLUMN_BUDGET} lists" if walk.depth < DEPTH else f"more than {DEPTH} levels down"
            self._finding(visit, "column_left", f"{row.url} ({row.title}) was not walked: {why}")
            return row._replace(decision="over_budget"), []
        visit.columns.add(row.url)
        row = row._replace(decision="not_a_report")
        below = Walk(row.url, row.title or "", walk.depth + 1, row)
        visit.walks.append(below)
        return row, [self._list_request(visit, below, Request(row.url))]

    def _probe(self, visit: Visit, walk: Walk, entries: Sequence[Entry]) -> Iterator[Request]:
        """Ask for addresses that hold a report or nothing; only what holds one becomes a line."""
        for entry in entries:
            url = canonical_url(entry.url)
            if url in visit.columns or url in visit.found:
                continue
            if len(visit.walks) >= COLUMN_BUDGET:
                self._finding(visit, "column_left", f"{url} and what follows was not asked for: {COLUMN_BUDGET} lists")
                return
            visit.columns.add(url)
            if not self.revisit and self.session.is_fresh(url):
                self.session.claim(url)
                visit.found.add(url)
                self.session.save_entries([EntryRow(visit.portal.key, url, entry.title, None, None, "fresh")])
                continue
            below = Walk(url, entry.title, walk.depth + 1, probe=True)
            visit.walks.append(below)
            yield self._list_request(visit, below, Request(url))

    def _is_report(self, walk: Walk, page: TextResponse, listing: Listing) -> bool:
        """Whether a column is its own report: by its text; where it shows no list, by a body's name or a file."""
        if is_report_page(page):
            return True
        if any(not is_file(entry.url) for entry in listing.entries):
            return False
        if listing.columns or listing.complete or frame_of(page) is not None:
            return False
        title = page_title(page)
        if names_report(title) and not names_group(title) and attachments(page):
            return True
        return walk.depth > 0 and not listing.entries and is_report_title(walk.title) and not names_group(walk.title)

    def _own_report(self, visit: Visit, walk: Walk, page: TextResponse, capture: Capture) -> Page:
        """The answer of a column that is itself the report, as that report's capture and line."""
        title = page_title(page) or walk.title
        framed = EntryRow(visit.portal.key, capture.url, title, None, None, "")
        row = (framed if walk.framed or walk.row is None else walk.row)._replace(decision="fetched")
        self.session.claim(row.url)
        self.session.save_entries([row])
        visit.found.add(row.url)
        return Page(capture._replace(kind="report", url=row.url), page.body, media_type_of(page), row)

    def _end_walk(self, visit: Visit, walk: Walk, outcome: str, note: str | None) -> Iterator[Request]:
        """A list is done; the last one ends the visit."""
        walk.outcome, walk.note = outcome, note
        found = len(walk.found)
        if walk.declared is not None and walk.declared != found and outcome in WALKED:
            where = "the list" if walk.depth == 0 else walk.url
            note = f"{where} declares {walk.declared}, {found} addresses were found"
            self._finding(visit, "count_mismatch", note, walk.declared, found)
        if outcome == "empty" and walk.depth > 0 and not walk.probe:
            self._finding(visit, "empty_column", f"{walk.url} ({walk.title}) has no lines")
        if all(one.outcome is not None for one in visit.walks):
            yield from self._end_visit(visit)

    def _end_visit(self, visit: Visit) -> Iterator[Request]:
        """Of the lists' ends the worst is the visit's; then the pages that are due and no longer listed."""
        outcome, note = visit.end()
        self._save_visit(visit, outcome, note)
        if outcome not in (*WALKED, "gone", "failed"):
            return  # the host does not want us; a list that is broken says nothing about its pages
        for url in self.session.known_pages(visit.portal.key):
            if url not in visit.found and self.session.claim(url) and foreign(url, visit.portal) is None:
                due = self.revisit or not self.session.is_fresh(url, listed=False)
                if due and gate_for(url).left_alone is None and self.session.within_limit():
                    yield self._report_request(visit.portal, url, None)

    def _save_visit(self, visit: Visit, outcome: str, note: str | None) -> None:
        visit.outcome = outcome
        self.session.save_visit(visit.portal, visit.declared(), len(visit.found), outcome, note)

    def _finding(
        self, visit: Visit, name: str, note: str, expected: int | None = None, found: int | None = None
    ) -> None:
        self.session.save_finding(visit.portal, name, expected=expected, found=found, note=note)


def _identity(request: Request) -> tuple[str, str, bytes]:
    return request.method, request.url, request.body


def set_loopback_slots(crawler: Crawler, portals: Iterable[Portal]) -> None:
    """Give Scrapy's queues of loopback hosts the delay that the gate gives these hosts."""
    slots = {}
    for portal in portals:
        for url in (portal.url, *portal.pages):
            if is_loopback(host_and_port(url)[0]):
                delay = gate_for(url, crawler.settings.getfloat("DOWNLOAD_DELAY")).delay
                slots[host_key(url)] = {"concurrency": 1, "delay": delay, "jitter": 0.0}
    crawler.settings.set("DOWNLOAD_SLOTS", slots, priority="spider")


def require_contact(portals: list[Portal]) -> None:
    """PortalError where a host that is not this machine would be asked and nobody says whom to call about it."""
    if os.environ.get("GONGKAI_CONTACT", "").strip():
        return
    for portal in portals:
        for url in (portal.url, *portal.pages):
            if not is_loopback(host_and_port(url)[0]):
                raise PortalError(
                    f"set GONGKAI_CONTACT to an e-mail address or a web page before crawling {host_and_port(url)[0]}: "
                    "operators must be able to reach whoever asks"
                )
