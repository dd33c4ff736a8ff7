"""What all families share: lists, the decision on each of their lines, report pages, and the end of a visit.

A family says how its lists are written (`listing()`); everything else is here, once. Every line of a list becomes a
row with its decision, declared against found becomes a row, and every request ends as a capture or, where the host
was left alone or the crawl stopped, as the line's decision. Traps that the base handles for every family: a list
whose further pages repeat the first, endless calendars (300 pages), one address under two lines or two portals.
"""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import Response, TextResponse

from archive.addresses import canonical_url
from archive.store import Capture
from crawler.captures import answer_verdict, answered, media_type_of, unanswered
from crawler.gate import HostLeftAlone, Interrupted, gate_for
from crawler.middlewares import Refused, foreign
from crawler.outcomes import is_report_title
from crawler.pipelines import Page
from crawler.portals import Portal, PortalError, choose, host_and_port, host_key, is_loopback, load
from crawler.session import EntryRow, Session

PAGE_BUDGET = 300  # list pages of one list; the longest real list seen has some 90


# What Scrapy says of bytes that are not UTF-8 where nothing, or UTF-8, is declared; gb2312 is read as its superset.
_NOT_SAID = frozenset({"utf-8", "cp1252", "windows-1252", "latin-1", "iso-8859-1", "ascii", "gb2312", "gbk"})


class Entry(NamedTuple):
    """One line of a list as the family read it; `url` absolute, `title` in full where the page has it so."""

    url: str
    title: str
    listed_date: str | None


class Listing(NamedTuple):
    """One page of a list: its lines, the request for the next page, and how many lines the list says it has."""

    entries: list[Entry]
    next: Request | None
    declared: int | None


@dataclass
class Visit:
    """What this crawl knows of one portal so far; `found` holds the canonical URLs of its lines."""

    portal: Portal
    declared: int | None = None
    found: set[str] = field(default_factory=set)
    pages: int = 0
    outcome: str | None = None
    note: str | None = None


class PortalSpider(Spider):
    """A family's spider. Arguments (`-a`): `portal=KEY[,KEY]` (all of the family where missing), `portals=FILE[,FILE]`,
    `revisit=1`, `limit=N`. The archive is `GONGKAI_DB`, as a setting or in the environment."""

    session: Session

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        files = [Path(part) for part in str(kwargs.get("portals", "")).split(",") if part]
        keys = [part for part in str(kwargs.get("portal", "")).split(",") if part]
        registry = load(files)
        chosen = choose(registry, keys) if keys else [p for p in registry.values() if p.family == self.name]
        for portal in chosen:
            if portal.family != self.name:
                raise PortalError(f"{portal.key} is of the family {portal.family}, not {self.name}")
        require_contact(chosen)
        self.portals = {portal.key: portal for portal in chosen}
        self.visits = {portal.key: Visit(portal) for portal in chosen}
        self.revisit = str(kwargs.get("revisit", "")) not in ("", "0")
        self.limit = int(kwargs["limit"]) if kwargs.get("limit") else None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> PortalSpider:
        """Scrapy's way in; loopback hosts get the queue's delay that the gate gives them."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        slots = {}
        for portal in spider.portals.values():
            for url in (portal.url, *portal.pages):
                if is_loopback(host_and_port(url)[0]):
                    delay = gate_for(url, crawler.settings.getfloat("DOWNLOAD_DELAY")).delay
                    slots[host_key(url)] = {"concurrency": 1, "delay": delay, "jitter": 0.0}
        crawler.settings.set("DOWNLOAD_SLOTS", slots, priority="spider")
        return spider

    @abstractmethod
    def listing(self, response: TextResponse) -> Listing:
        """Read one page of a list; of the next request set only what the family knows."""

    def arguments(self) -> str:
        """The crawl's arguments as they are stored, for a crawl that Scrapy's own command started."""
        return json.dumps({"portals": sorted(self.portals), "revisit": self.revisit, "limit": self.limit})

    def register(self) -> None:
        """Once the session is open: name the portals in the archive, as visits and captures refer to them."""
        if self.limit is not None:
            self.session.limit = self.limit
        self.session.save_portals(self.portals.values())

    async def start(self) -> AsyncIterator[Any]:
        """Each portal's list, and the pages that are known without one."""
        self.visits = {key: visit for key, visit in self.visits.items() if self.session.takes(key)}
        for visit in self.visits.values():
            for request in self._decide(visit, [Entry(url, "", None) for url in visit.portal.pages], None):
                yield request
            yield self._list_request(visit.portal, Request(visit.portal.url))

    def crawl_listing(self, response: Response) -> Iterator[Request]:
        """Save a list page, decide its lines, go on to the next page or end the visit."""
        visit = self.visits[response.meta["portal"]]
        visit.pages += 1
        verdict = answer_verdict(response)
        capture = answered(response, self.session.crawl_id, verdict.outcome, verdict.note)
        capture = self.session.save_capture(capture, response.body or None, media_type_of(response))
        if verdict.outcome != "ok" or not isinstance(response, TextResponse):
            if verdict.outcome == "blocked":
                gate_for(response.url).saw_challenge()
            outcome = verdict.outcome if verdict.outcome != "ok" else "failed"
            yield from self._end_visit(visit, outcome, f"list page {visit.pages}: {verdict.note or 'no text'}")
            return
        listing = self.listing(redecoded(response))
        if listing.declared is not None:
            visit.declared = listing.declared
        new = [entry for entry in listing.entries if canonical_url(entry.url) not in visit.found]
        yield from self._decide(visit, listing.entries, capture)
        if listing.entries and not new:
            self._finding(visit, "repeated_page", f"list page {visit.pages} lists nothing that was not listed before")
        elif listing.entries and listing.next is not None:
            if visit.pages < PAGE_BUDGET:
                yield self._list_request(visit.portal, listing.next)
                return
            self._finding(visit, "page_budget", f"the list goes on after {PAGE_BUDGET} pages")
        yield from self._end_visit(visit, "finished" if visit.found else "empty", None)

    def listing_failed(self, failure: Any) -> Iterator[Request]:
        """A list page without an answer ends the visit."""
        request, visit = failure.request, self.visits[failure.request.meta["portal"]]
        outcome, note = self._fate(failure.value)
        if outcome in ("failed", "refused"):
            self.session.save_capture(unanswered(request.meta, self.session.crawl_id, outcome, note), None, None)
        yield from self._end_visit(visit, outcome, f"list page {visit.pages + 1}: {note}")

    def crawl_report(self, response: Response) -> Iterator[Page]:
        """A report page's answer, whatever it is, to the pipeline."""
        verdict = answer_verdict(response)
        if verdict.outcome == "blocked":
            gate_for(response.url).saw_challenge()
        if verdict.outcome == "unchanged":
            known = self.session.store.last_good(response.meta["listed"])
            sha256 = known.sha256 if known else None
            capture = answered(response, self.session.crawl_id, "unchanged", verdict.note, sha256)
            yield Page(capture, None, None, response.meta["entry"])
            return
        capture = answered(response, self.session.crawl_id, verdict.outcome, verdict.note)
        yield Page(capture, response.body or None, media_type_of(response), response.meta["entry"])

    def report_failed(self, failure: Any) -> Iterator[Page]:
        """A report page without an answer: a capture that says so, or a changed decision on its line."""
        request, entry = failure.request, failure.request.meta["entry"]
        outcome, note = self._fate(failure.value)
        decision = {"refused": "refused", "host_left_alone": "host_left_alone"}.get(outcome)
        if decision and entry is not None:
            self.session.save_entries([entry._replace(decision=decision)])
        if outcome in ("failed", "refused"):
            yield Page(unanswered(request.meta, self.session.crawl_id, outcome, note), None, None, entry)

    def close_visits(self, reason: str) -> None:
        """At the spider's end: a visit that did not come to its own end is written down as that."""
        for visit in self.visits.values():
            if visit.outcome is None:
                outcome = "interrupted" if reason != "finished" else "failed"
                list(self._end_visit(visit, outcome, f"the crawl ended first ({reason})", known_pages=False))

    def _list_request(self, portal: Portal, request: Request) -> Request:
        known = {"portal": portal.key, "kind": "listing", "listed": canonical_url(request.url)}
        meta = {**request.meta, **known, "download_slot": host_key(request.url)}
        return request.replace(
            callback=self.crawl_listing, errback=self.listing_failed, meta=meta, priority=10, dont_filter=True
        )

    def _decide(self, visit: Visit, entries: list[Entry], listing: Capture | None) -> Iterator[Request]:
        rows, requests = [], []
        for entry in entries:
            url = canonical_url(entry.url)
            decision = self._decision(visit, url, entry.title, listed=listing is not None)
            if listing is not None:
                visit.found.add(url)
            title = re.sub(r"\s+", " ", entry.title).strip() or None
            row = EntryRow(visit.portal.key, url, title, entry.listed_date, listing.id if listing else None, decision)
            rows.append(row)
            if decision == "fetched":
                requests.append(self._report_request(visit.portal, url, row))
            elif decision == "refused":
                meta = {"portal": row.portal, "kind": "report", "listed": url}
                why = foreign(url, visit.portal)
                self.session.save_capture(unanswered(meta, self.session.crawl_id, "refused", why), None, None)
        self.session.save_entries(rows)
        yield from requests

    def _decision(self, visit: Visit, url: str, title: str, *, listed: bool) -> str:
        if url in visit.found:
            return "duplicate"
        if listed and not is_report_title(title):
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

    def _report_request(self, portal: Portal, url: str, row: EntryRow | None) -> Request:
        meta = {"portal": portal.key, "kind": "report", "listed": url, "entry": row, "download_slot": host_key(url)}
        return Request(
            url,
            callback=self.crawl_report,
            errback=self.report_failed,
            headers=self.session.validators(url),
            meta=meta,
            dont_filter=True,
        )

    def _end_visit(
        self, visit: Visit, outcome: str, note: str | None, *, known_pages: bool = True
    ) -> Iterator[Request]:
        visit.outcome, visit.note = outcome, note
        found = len(visit.found)
        if visit.declared is not None and visit.declared != found and outcome in ("finished", "empty"):
            self._finding(visit, "count_mismatch", f"the list declares {visit.declared}, {found} addresses were found")
        self.session.save_visit(visit.portal, visit.declared, found, outcome, note)
        if not known_pages or outcome not in ("finished", "empty"):
            return
        for url in self.session.known_pages(visit.portal.key):
            if url not in visit.found and self.session.claim(url) and foreign(url, visit.portal) is None:
                due = self.revisit or not self.session.is_fresh(url, listed=False)
                if due and gate_for(url).left_alone is None and self.session.within_limit():
                    yield self._report_request(visit.portal, url, None)

    def _finding(self, visit: Visit, name: str, note: str) -> None:
        counts = (visit.declared, len(visit.found)) if name == "count_mismatch" else (None, None)
        self.session.save_finding(visit.portal, name, expected=counts[0], found=counts[1], note=note)

    def _fate(self, error: BaseException) -> tuple[str, str]:
        if isinstance(error, Interrupted):
            return "interrupted", str(error)
        if isinstance(error, HostLeftAlone):
            return "host_left_alone", str(error)
        if isinstance(error, Refused):
            return "refused", str(error)
        if isinstance(error, DownloadCancelledError) or "DOWNLOAD_MAXSIZE" in str(error):
            size = self.settings.getint("DOWNLOAD_MAXSIZE") // 2**20
            return "refused", f"over {size} MB"
        return "failed", f"{type(error).__name__}: {error}"


def redecoded(response: TextResponse) -> TextResponse:
    """A list page with the charset its bytes have: GBK under a UTF-8 header occurs (domain: county sites)."""
    try:
        response.body.decode("utf-8")
    except UnicodeDecodeError:
        declared = response.encoding.lower().replace("_", "-")
        return response.replace(encoding="gb18030") if declared in _NOT_SAID else response
    return response.replace(encoding="utf-8")


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
