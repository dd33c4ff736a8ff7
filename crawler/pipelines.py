"""The one pipeline: keep the page, then read it, then keep what was read.

The capture is committed before anything is parsed; parsing runs in worker processes and never holds up the event
loop. Opening comes before the first request: first what a former crawl captured and did not come to read is read.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from archive.errors import ArchiveBusy, ArchiveError
from archive.store import Capture
from crawler import session as sessions
from crawler.session import EntryRow


class Page(NamedTuple):
    """A report page's end: its capture, the bytes, and the line of a list that led there, if one did."""

    capture: Capture
    body: bytes | None
    media_type: str | None
    entry: EntryRow | None

    def __repr__(self) -> str:
        """Short: Scrapy's log prints an item that fails, and a body may have 32 MB."""
        return f"<Page {self.capture.url} {self.capture.outcome}>"


class ArchivePipeline:
    """Opens the session with the spider, saves its pages, and closes the session when the spider is done."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ArchivePipeline:
        """Scrapy's way in; also hears of everything that went wrong outside the archive."""
        pipeline = cls(crawler)
        crawler.signals.connect(pipeline.spider_closed, signal=signals.spider_closed)
        crawler.signals.connect(pipeline.went_wrong, signal=signals.spider_error)
        crawler.signals.connect(pipeline.went_wrong, signal=signals.item_error)
        return pipeline

    async def open_spider(self) -> None:
        """Join the crawl of the process, or begin it; then read the backlog."""
        spider: Any = self.crawler.spider
        path = Path(self.crawler.settings.get("GONGKAI_DB") or sessions.default_db())
        spider.session = sessions.acquire(
            path.resolve(), arguments=spider.arguments(), version=self.crawler.settings["VERSION"]
        )
        self.session = spider.session
        self.session.stoppers.append(self._stop)
        spider.register()
        await self.session.read_backlog()

    async def process_item(self, item: Page) -> Page:
        """Save the capture; where it is a page not seen before in this form, read it."""
        title = item.entry.title if item.entry else None
        try:
            stored = await self.session.save_page(item.capture, item.body, item.media_type)
            if stored.outcome in ("new", "changed") and stored.kind == "report" and item.body is not None:
                await self.session.read(stored, item.body, item.media_type)
        except (ArchiveError, ArchiveBusy) as error:  # the session has stopped the crawl
            raise DropItem(str(error)) from error
        self.session.done(title or stored.url)
        return item

    def spider_closed(self, spider: Any, reason: str) -> None:
        """The spider is done, or was told to stop: what it did not finish is written down as such."""
        if not hasattr(self, "session"):
            return
        if reason != "finished":
            self.session.interrupted = True
        try:
            if self.session.fatal is None:
                spider.close_visits(reason)
        finally:
            sessions.release()

    def went_wrong(self, failure: Any, response: Any) -> None:
        """An error of ours outside the archive's; it is in the log, and someone must look."""
        where = getattr(response, "url", None) or "start"
        if hasattr(self, "session"):
            self.session.problems.append(f"{where}: {failure.getErrorMessage()}")

    def _stop(self) -> None:
        self.stopping = asyncio.ensure_future(self.crawler.stop_async())
