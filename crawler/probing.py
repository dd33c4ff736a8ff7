"""A look at portals without an archive: a page or two of each, with the crawl's own manners and the families' own eyes.

The requests pass through Scrapy with the project's settings: robots.txt that fails closed, the address guard, one
request a second to a host, retries, redirects. Nothing is kept. What a page lists is read by its family's spider, so
that a portal which is called reachable here is one that the crawl can read.
Scrapy's reactor cannot be started twice in a process, so `probe()` can be called once.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from archive.addresses import canonical_url
from archive.store import Capture
from crawler.base import Listing, PortalSpider, redecoded, require_contact, set_loopback_slots
from crawler.captures import answer_verdict
from crawler.columns import frame_of, is_report_page
from crawler.discovery import Fetched, Lines, is_markup
from crawler.gate import HostLeftAlone, Interrupted, gate_for
from crawler.links import Link
from crawler.middlewares import NETWORK_ERRORS, Refused
from crawler.outcomes import is_report_title
from crawler.portals import Portal, families
from crawler.session import Progress
from crawler.sniffing import PLAIN, sniff
from crawler.walks import UNREADABLE, Walk

Job = Callable[["Prober", str], Awaitable[Any]]
"""What to find out about one portal: asks through the prober, under the portal's key."""

BEHIND = 3  # requests after the first, only where a product draws its list from elsewhere
FEW_WORDS = 20  # characters of visible text


class Unkept:
    """Stands where a crawl has its session: what the middlewares share is kept for the run, captures are not."""

    crawl_id = "probe"

    def __init__(self) -> None:
        self.robots: dict[str, Any] = {}

    def save_capture(self, capture: Capture, body: bytes | None, media_type: str | None) -> Capture:
        """Keep nothing."""
        return capture


class Prober(Spider):
    """Runs one job for each portal, all at once; hosts are asked one after another as always."""

    name = "gongkai-probe"

    def __init__(
        self, *, portals: Sequence[Portal], job: Job, answers: dict[str, Any], progress: Progress | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.progress = progress
        self.portals = {portal.key: portal for portal in portals}
        self.job, self.answers = job, answers
        self.session = Unkept()
        self.readers: dict[tuple[str, str], PortalSpider] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Prober:
        """Scrapy's way in."""
        prober = super().from_crawler(crawler, *args, **kwargs)
        set_loopback_slots(crawler, prober.portals.values())
        return prober

    async def start(self) -> AsyncIterator[Any]:
        """Every job to its end; yields nothing, since what the jobs ask for does not come back through the spider."""
        await asyncio.gather(*(self._run(key) for key in self.portals))
        for nothing in list[Request]():
            yield nothing

    async def _run(self, key: str) -> None:
        self.answers[key] = await self.job(self, key)
        if self.progress is not None:
            self.progress(len(self.answers), len(self.portals), key)

    async def fetch(self, key: str, request: Request | str) -> Fetched:
        """One page with its redirects and retries; the outcome is a capture's, `ok` for a page that is one."""
        asked = Request(request) if isinstance(request, str) else request
        meta = {**asked.meta, "portal": key, "kind": "listing", "listed": canonical_url(asked.url), "walk": 0}
        try:
            response = await self.crawler.engine.download_async(asked.replace(meta=meta, dont_filter=True))
        except (Interrupted, HostLeftAlone) as error:
            return Fetched(asked.url, None, "host_left_alone", str(error))
        except Refused as error:
            return Fetched(asked.url, None, "refused", str(error))
        except (IgnoreRequest, *NETWORK_ERRORS) as error:
            return Fetched(asked.url, None, "failed", f"{type(error).__name__}: {error}")
        return self._judged(key, asked.url, response)

    def read(self, key: str, family: str, page: TextResponse) -> Listing | None:
        """What the family's spider reads from a page; None where there is no spider, or the page is beyond it."""
        if family not in families():
            return None
        try:
            return self._reader(key, family).listing(page)
        except UNREADABLE as error:
            self.logger.info("%s: the spider of %s cannot read it: %r", page.url, family, error)
            return None

    def lines(self, key: str, family: str, page: TextResponse) -> Lines | None:
        """`read` for the search of a column: titles, further columns, and whether there is more."""
        listing = self.read(key, family, page)
        if listing is None:
            return Lines([], [], False, report=True) if is_report_page(page) else None
        if self.is_report(key, family, page, listing):
            return Lines([], [], False, report=True)
        more = listing.next is not None or frame_of(page) is not None
        titles = [entry.title for entry in listing.entries if entry.url]
        columns = [Link(column.url, re.sub(r"\s+", "", column.title)) for column in listing.columns]
        return Lines(titles, columns, more)

    def is_report(self, key: str, family: str, page: TextResponse, listing: Listing) -> bool:
        """Whether the page of a column is itself a report, as the family's spider judges it."""
        reader = self._reader(key, family)
        return reader._is_report(reader.visits[key].walks[0], page, listing)

    def _judged(self, key: str, asked: str, response: Response) -> Fetched:
        verdict = answer_verdict(response)
        if verdict.outcome == "blocked":
            gate_for(response.url).saw_challenge()
        if verdict.outcome in ("gone", "failed") and isinstance(response, TextResponse):
            told = sniff(response.url, "")
            for family in {self.portals[key].family, told.family if told else PLAIN} & families():
                if self._reader(key, family).may_fail(response):
                    return Fetched(asked, redecoded(response), "ok", verdict.note)
        if verdict.outcome != "ok":
            return Fetched(asked, None, verdict.outcome, verdict.note)
        if not isinstance(response, TextResponse):
            return Fetched(asked, None, "failed", "an answer that is no page")
        return Fetched(asked, redecoded(response), "ok", None)

    def _reader(self, key: str, family: str) -> PortalSpider:
        if (key, family) not in self.readers:
            loader = SpiderLoader.from_settings(project_settings())
            spider: Any = loader.load(family)
            portal = _as(self.portals[key], family)
            self.readers[key, family] = reader = spider(given=[portal])
            reader.visits[key].walks.append(Walk(portal.url, portal.name, 0))
        return self.readers[key, family]


def _as(portal: Portal, family: str) -> Portal:
    return Portal(portal.key, portal.name, portal.region, family, portal.url, portal.hosts, portal.pages)


def project_settings() -> Settings:
    """Scrapy's settings as the crawl has them."""
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "crawler.settings")
    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    return settings


def probe(
    portals: Sequence[Portal], job: Job, progress: Progress | None = None, log_level: str = "ERROR"
) -> Mapping[str, Any]:
    """Run `job` for each portal; its answers by key, fewer where the run was interrupted. Raises PortalError where a
    host that is not this machine would be asked without GONGKAI_CONTACT."""
    require_contact(list(portals))
    settings = project_settings()
    settings.set("ITEM_PIPELINES", {}, priority="cmdline")
    settings.set("LOG_LEVEL", log_level, priority="cmdline")
    answers: dict[str, Any] = {}
    process = AsyncCrawlerProcess(settings)
    process.crawl(Prober, portals=portals, job=job, answers=answers, progress=progress)
    process.start()
    return answers


async def check(prober: Prober, key: str) -> tuple[str, str, str]:
    """A request to a portal, a second where the list stands elsewhere: its state, a sentence, where it leads now.

    States: reachable (it lists reports or further columns, or is a report), empty, moved (the address leads to
    another), gone, blocked, refused, failed.
    """
    portal = prober.portals[key]
    asked = portal.url if portal.listed else portal.pages[0]
    fetched = await prober.fetch(key, asked)
    if fetched.page is None:
        return fetched.outcome, fetched.note or "", asked
    page = fetched.page
    state, told = await _seen(prober, portal, page)
    if state in ("reachable", "empty") and not f"{_place(page.url)}/".startswith(f"{_place(asked)}/"):
        return "moved", f"to {page.url}; there: {told}", page.url
    return state, told, page.url


async def _seen(prober: Prober, portal: Portal, page: TextResponse) -> tuple[str, str]:
    if not is_markup(page):
        return "empty", "no web page"
    if not portal.listed:
        return ("reachable", "a report") if is_report_page(page) else ("empty", "the page reads like no report")
    listing = prober.read(portal.key, portal.family, page)
    if listing is None:
        return "failed", f"the spider of {portal.family} cannot read the page"
    if prober.is_report(portal.key, portal.family, page, listing):
        return "reachable", "its column is itself a report"
    for _ in range(BEHIND):
        following: Request | str | None = listing.next or (frame_of(page) if is_markup(page) else None)
        if listing.entries or listing.columns or following is None:
            break
        fetched = await prober.fetch(portal.key, following)
        if fetched.page is None:
            return fetched.outcome, f"{fetched.asked}: {fetched.note}"
        page, behind = fetched.page, prober.read(portal.key, portal.family, fetched.page)
        if behind is None:
            return "failed", f"{fetched.asked}: the spider of {portal.family} cannot read the page"
        listing = behind
    return _told(listing, page)


def _told(listing: Listing, page: TextResponse) -> tuple[str, str]:
    reports = sum(is_report_title(entry.title) for entry in listing.entries)
    named = len(listing.probes) if listing.probes and _words(page) > FEW_WORDS else 0  # an empty answer names nobody
    declared = f" of {listing.declared} declared" if listing.declared is not None else ""
    told = f"{len(listing.entries)} lines{declared}, {reports} by title annual reports"
    told += f", {len(listing.columns)} further columns" + (f", {named} pages of bodies and years" if named else "")
    return ("reachable" if reports or listing.columns or named else "empty"), told


def _words(page: TextResponse) -> int:
    text = "".join(page.xpath("//body//text()[not(ancestor::script or ancestor::style)]").getall())
    return len(re.sub(r"\s+", "", text))


def _place(url: str) -> str:
    """An address without what servers change at will: the scheme, `www.`, a slash or an index at the end. A column
    that leads on to its newest year has not moved."""
    rest = canonical_url(url).partition("://")[2].removeprefix("www.").partition("?")[0]
    for ending in ("index.html", "index.htm", "index.shtml", "/"):
        rest = rest.removesuffix(ending)
    return rest.rstrip("/")
