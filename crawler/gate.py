"""One request at a time to a host, starts at least a second apart, over all crawlers of the process.

Scrapy's slots belong to one crawler and its default key ignores the port; two families on one host would each have
their own. So every download, robots.txt, redirect hops and retries included, passes this gate at the last moment
before the connection. The pause is counted from the end of the former answer: so the server never sees two starts
closer than the pause, however long the connection took, and a host that is slow is asked less often.
Retry-After (RFC 9110, 10.2.3) stops the whole host; a host that asks for more than ten minutes is left alone, and so
is one that let nine requests in a row time out: three minutes each, for every page of a list, would be days.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import DownloadTimeoutError, IgnoreRequest
from scrapy.http import Response

from crawler.portals import host_and_port, host_key, is_loopback
from crawler.tls import HostTLS

LONGEST_WAIT = 600.0  # seconds of Retry-After that a crawl waits for
CHALLENGES_BEFORE_LEAVING = 3
SILENCES_BEFORE_LEAVING = 9  # three tries of three pages
GRACE = 6.0  # seconds that a request in flight has left after the crawl was asked to stop


class Interrupted(IgnoreRequest):
    """The crawl was asked to stop before the request was sent or answered; the next crawl sends it again."""


class HostLeftAlone(IgnoreRequest):
    """The host showed three challenges, fell silent, or asked to be left for longer than a crawl waits."""


class Gate:
    """What this process owes one host."""

    def __init__(self, key: str, delay: float) -> None:
        self.key = key
        self.delay = delay
        self.lock = asyncio.Lock()
        self.free_at = 0.0
        self.challenges = 0
        self.silences = 0
        self.left_alone: str | None = None

    def saw_challenge(self) -> None:
        """Count a challenge; the third makes the host left alone."""
        self.challenges += 1
        if self.challenges >= CHALLENGES_BEFORE_LEAVING:
            self.left_alone = f"{self.challenges} challenges from {self.key}"

    def saw_silence(self) -> None:
        """Count a request that timed out; the ninth in a row makes the host left alone."""
        self.silences += 1
        if self.silences >= SILENCES_BEFORE_LEAVING:
            self.left_alone = f"{self.key} let {self.silences} requests in a row time out"

    def hold(self, seconds: float) -> None:
        """Obey a Retry-After of `seconds` from now."""
        if seconds > LONGEST_WAIT:
            self.left_alone = f"{self.key} asked for {seconds:.0f} s of rest"
        self.free_at = max(self.free_at, monotonic() + min(seconds, LONGEST_WAIT))


_gates: dict[str, Gate] = {}


def gate_for(url: str, delay: float = 1.0) -> Gate:
    """The gate of a URL's host. `GONGKAI_LOOPBACK_DELAY` replaces `delay` for loopback hosts, and for no others."""
    key = host_key(url)
    if key not in _gates:
        if is_loopback(host_and_port(url)[0]):
            delay = float(os.environ.get("GONGKAI_LOOPBACK_DELAY", delay))
        _gates[key] = Gate(key, delay)
    return _gates[key]


def retry_after(value: bytes | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None where there is none that can be read."""
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())


class GatedHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler behind the host's gate."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._delay = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._tls = HostTLS.from_files(self._contextFactory)
        self._contextFactory: Any = self._tls

    async def download_request(self, request: Request) -> Response:
        """Wait for the host, then fetch. Raises Interrupted once the engine stops, HostLeftAlone as the gate says."""
        gate = gate_for(request.url, self._delay)
        async with gate.lock:
            while (wait := gate.free_at - monotonic()) > 0:
                self._check(gate)
                await asyncio.sleep(min(wait, 0.25))
            self._check(gate)
            try:
                response = await self._download(request)
            except DownloadTimeoutError:
                gate.saw_silence()
                raise
            finally:
                gate.free_at = max(gate.free_at, monotonic() + gate.delay)
            gate.silences = 0
            seconds = retry_after(response.headers.get(b"Retry-After"))
            if seconds is not None:  # whatever the status: firewalls send it with 403 too
                gate.hold(seconds)
            return response

    def _check(self, gate: Gate) -> None:
        if not self._crawler.engine.running:
            for slot in self._crawler.engine.downloader.slots.values():
                slot.delay = 0.0  # what still queues there is to end at once
            raise Interrupted(f"stopped before {gate.key} was asked")
        if gate.left_alone is not None:
            raise HostLeftAlone(gate.left_alone)

    async def _download(self, request: Request) -> Response:
        if request.url.startswith("https:"):
            exception = self._tls.exception(*host_and_port(request.url))
            request.meta["tls"] = exception.reason if exception else None
        task = asyncio.ensure_future(super().download_request(request))
        deadline: float | None = None
        while True:
            done, _ = await asyncio.wait({task}, timeout=0.5)
            if done:
                return task.result()
            if not self._crawler.engine.running:
                deadline = deadline or monotonic() + GRACE
                if monotonic() > deadline:
                    task.cancel()
                    raise Interrupted(f"{request.url} had not answered {GRACE:.0f} s after the crawl was stopped")
