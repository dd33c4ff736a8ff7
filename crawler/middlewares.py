"""What Scrapy lacks: an address guard, a robots.txt that fails closed, and a second look at short bodies.

Each is asked again on every hop of a redirect, because Scrapy sends a redirected request through all of them.
"""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

from archive.addresses import canonical_url
from crawler.captures import answer_verdict, answered, media_type_of, unanswered
from crawler.gate import HostLeftAlone, Interrupted, gate_for
from crawler.portals import Portal, host_and_port, host_key, is_loopback
from crawler.resolver import addresses_of, is_public, trust

ROBOTS_LIMIT = 512 * 1024  # bytes that are read; RFC 9309, 2.5 asks for at least 500 KiB
ROBOTS_AGE = 24 * 3600.0  # seconds that a decision stands (RFC 9309, 2.4)
LONGEST_CRAWL_DELAY = 30.0  # seconds between requests that a Crawl-delay line can ask for
NETWORK_ERRORS = (
    CannotResolveHostError,
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    OSError,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)


class Refused(IgnoreRequest):
    """We do not ask for this address; the message says why."""


class RobotsRefused(Refused):
    """robots.txt says no, or could not be had."""


class AddressGuard:
    """Lets a request go to its portal's own hosts and to official hosts on the public Internet, nowhere else.

    The name is resolved here, and the connection is made to what was checked: see `crawler.resolver`.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> AddressGuard:
        """Scrapy's way in."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise Refused for an address that is not ours to ask; set the slot to host and port."""
        spider: Any = self.crawler.spider
        await check_address(request.url, spider.portals[request.meta["portal"]])
        request.meta["download_slot"] = host_key(request.url)
        if is_loopback(host_and_port(request.url)[0]) and (seconds := os.environ.get("GONGKAI_LOOPBACK_TIMEOUT")):
            request.meta["download_timeout"] = float(seconds)


def foreign(url: str, portal: Portal) -> str | None:
    """Why a URL may not be asked, judged by its spelling alone; None where it may."""
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        return f"{scheme or 'no scheme'}: is not fetched"
    host, port = host_and_port(url)
    if portal.trusts(host, port):
        return None
    if not host.endswith(".gov.cn") or not port:
        return f"{host or 'an address without a host'} is neither {portal.key}'s own host nor an official one"
    return None


async def check_address(url: str, portal: Portal) -> None:
    """Raise Refused where `url` is foreign or its host resolves to an address that is not public."""
    why = foreign(url, portal)
    if why is not None:
        raise Refused(why)
    host, port = host_and_port(url)
    if portal.trusts(host, port):
        trust(host, port)
        return
    for address in await addresses_of(host):  # where there is none, the download fails, and is recorded as that
        if not is_public(address):
            raise Refused(f"{host} resolves to {address}, which is not a public address")


class Rules(NamedTuple):
    """What a host's robots.txt means for us: a refusal of everything, or rules."""

    refusal: str | None
    rules: Protego | None


class Robots:
    """RFC 9309, failing closed: a robots.txt that cannot be had is a no (docs/design.md, "Politeness").

    Asked once a host and crawl, over all families of the process, and again when a day has gone by; kept as a capture
    with the decision in its note.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.agent: str = crawler.settings["ROBOTSTXT_USER_AGENT"]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Robots:
        """Scrapy's way in."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise RobotsRefused or HostLeftAlone where the host does not want the request."""
        if request.meta["kind"] == "robots":
            return
        gate = gate_for(request.url, self.crawler.settings.getfloat("DOWNLOAD_DELAY"))
        if gate.left_alone is not None:
            raise HostLeftAlone(gate.left_alone)
        robots = await self._rules(request)
        if robots.refusal is not None:
            raise RobotsRefused(robots.refusal)
        if robots.rules is not None and not robots.rules.can_fetch(request.url, self.agent):
            raise RobotsRefused("robots.txt does not allow this address")

    async def _rules(self, request: Request) -> Rules:
        spider: Any = self.crawler.spider
        asked: dict[str, tuple[float, asyncio.Future[Rules]]] = spider.session.robots
        key = f"{urlsplit(request.url).scheme}://{host_key(request.url)}"
        if key not in asked or monotonic() - asked[key][0] > ROBOTS_AGE:
            answer: asyncio.Future[Rules] = asyncio.get_running_loop().create_future()
            asked[key] = (monotonic(), answer)
            try:
                answer.set_result(await self._ask(request))
            except BaseException as error:
                answer.set_exception(error)
                answer.exception()  # seen: it is raised here too
                raise
        return await asyncio.shield(asked[key][1])

    async def _ask(self, request: Request) -> Rules:
        spider: Any = self.crawler.spider
        parts = urlsplit(request.url)
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/robots.txt"
        meta = {"kind": "robots", "portal": request.meta["portal"], "listed": canonical_url(url)}
        query = Request(url, meta=meta, callback=NO_CALLBACK, priority=1000, dont_filter=True)
        try:
            response = await self.crawler.engine.download_async(query)
        except (Interrupted, HostLeftAlone):
            raise
        except (IgnoreRequest, *NETWORK_ERRORS) as error:
            rules = Rules(f"robots.txt could not be had: {error}", None)
            outcome = "refused" if isinstance(error, Refused) else "failed"
            spider.session.save_capture(
                unanswered(query.meta, spider.session.crawl_id, outcome, rules.refusal), None, None
            )
            return rules
        rules, outcome = judge_robots(response)
        if outcome == "blocked":
            gate_for(response.url).saw_challenge()
        if rules.rules is not None:
            rest = rules.rules.crawl_delay(self.agent)
            gate = gate_for(request.url)
            gate.delay = max(gate.delay, min(float(rest or 0), LONGEST_CRAWL_DELAY))
        note = rules.refusal or ("obeyed" if rules.rules else "no robots.txt: all is allowed")
        capture = answered(response, spider.session.crawl_id, outcome, note)
        body = response.body if outcome == "ok" else response.body or None
        spider.session.save_capture(capture, body, media_type_of(response))
        return rules


def judge_robots(response: Response) -> tuple[Rules, str]:
    """The rules of an answer to /robots.txt, and the outcome of its capture."""
    verdict = answer_verdict(response)
    if verdict.outcome == "blocked":
        return Rules(f"robots.txt is behind a challenge: {verdict.note}", None), "blocked"
    if 200 <= response.status < 300 and "dataloss" not in response.flags:
        text = response.body[:ROBOTS_LIMIT].decode("utf-8", errors="replace")
        if len(response.body) > ROBOTS_LIMIT:
            text = text.rpartition("\n")[0]  # the line that was cut says something else
        return Rules(None, Protego.parse(text)), "ok"
    if 400 <= response.status < 500 and response.status != 408:
        return Rules(None, None), verdict.outcome
    return Rules(f"robots.txt could not be had: {verdict.note}", None), verdict.outcome


class ShortBody:
    """A body shorter than its Content-Length is asked for again, like any other broken answer."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ShortBody:
        """Scrapy's way in."""
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """The same request again, up to the tries that are allowed; then the answer as it is."""
        spider: Any = self.crawler.spider
        if "dataloss" not in response.flags:
            return response
        return get_retry_request(request, spider=spider, reason="short body") or response
