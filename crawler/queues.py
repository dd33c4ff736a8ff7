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
from scrapy.utils.request import request_from_dict


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
        plain = request.meta.get("kind") == "report" and "article" not in request.meta
        super().push(pickle.dumps(request.to_dict(spider=self.spider)) if plain else request)

    def pop(self) -> Request | None:
        """The request that was added last, None where there is none."""
        return self._unpacked(super().pop())

    def peek(self) -> Request | None:
        """The same, and it stays."""
        return self._unpacked(super().peek())

    def _unpacked(self, packed: bytes | Request | None) -> Request | None:
        if isinstance(packed, bytes):
            return request_from_dict(pickle.loads(packed), spider=self.spider)
        return packed
