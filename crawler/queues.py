"""What waits in memory: report pages packed, so that a portal with thousands of them costs a few megabytes.

Lists are walked before their pages are fetched, one a second a host: a country-wide run has tens of thousands of
requests waiting, three kilobytes each as Scrapy's objects, a few hundred bytes packed.
"""

from __future__ import annotations

import pickle
from typing import Any

from queuelib.queue import LifoMemoryQueue
from scrapy import Request
from scrapy.crawler import Crawler


class PackedLifoMemoryQueue(LifoMemoryQueue):
    """Scrapy's default memory queue with its report pages packed."""

    def __init__(self, spider: Any) -> None:
        super().__init__()
        self.spider = spider

    @classmethod
    def from_crawler(cls, crawler: Crawler, *_: Any, **__: Any) -> PackedLifoMemoryQueue:
        """Scrapy's way in."""
        return cls(crawler.spider)

    def push(self, request: Request) -> None:
        """Add a request; one that carries more than an address and its line stays as it is."""
        kind, cb, eb = request.meta.get("kind"), request.callback, request.errback
        more = request.method != "GET" or request.body or request.cookies or request.cb_kwargs or request.flags
        if kind != "report" or "article" in request.meta or more or cb is None or eb is None:
            super().push(request)
            return
        methods = cb.__name__, eb.__name__
        super().push(pickle.dumps((request.url, *methods, dict(request.headers), request.meta, request.priority)))

    def pop(self) -> Request | None:
        """The request that was added last, None where there is none."""
        return self._unpacked(super().pop())

    def peek(self) -> Request | None:
        """The same, and it stays."""
        return self._unpacked(super().peek())

    def _unpacked(self, packed: bytes | Request | None) -> Request | None:
        if not isinstance(packed, bytes):
            return packed
        url, callback, errback, headers, meta, priority = pickle.loads(packed)
        return Request(
            url, callback=getattr(self.spider, callback), errback=getattr(self.spider, errback), headers=headers,
            meta=meta, priority=priority, dont_filter=True,
        )  # fmt: skip
