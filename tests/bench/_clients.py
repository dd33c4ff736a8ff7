"""The three ways to fetch, each a program: `ours`, `floor` (aiohttp, the same parser, the same store), `bare` (Scrapy).

`python -m bench._clients WAY`, with a JSON object on standard input: db, portals, keys, urls, stub, revisit.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


def ours(given: dict[str, Any]) -> int:
    """The crawl as `python -m crawler` runs it; with the stub in place of the parser where asked."""
    from archive.parsing import ParserPool
    from crawler import run, session

    if given["stub"]:
        import parsers

        parsers.VERSION = "stub of 1 ms"
        vars(session)["ParserPool"] = lambda: ParserPool(parser="bench._stub")
    revisit = ["--revisit"] if given["revisit"] else []
    return run.main([*given["keys"], "--db", given["db"], "--portals", given["portals"], *revisit])


def floor(given: dict[str, Any]) -> int:
    """What cannot be left out: download, keep, parse, keep what was read. No lists, no manners, no checks."""
    import aiohttp

    from archive.parsing import ParserPool
    from archive.store import Capture, Store, now

    async def fetch(client: aiohttp.ClientSession, store: Store, pool: ParserPool, crawl: str, urls: list[str]) -> None:
        for url in urls:
            async with client.get(url) as response:
                body = await response.read()
                headers = json.dumps(list(response.headers.items()))
            taken = Capture("", crawl, "bench", url, url, now(), "report", response.status, "ok", headers, None, None)
            stored = store.save_capture(taken, body, response.content_type)
            reading: Any = pool.submit(body, url, response.content_type)
            store.save_report(stored, await asyncio.wrap_future(reading))

    async def everything() -> None:
        hosts: dict[str, list[str]] = {}
        for url in given["urls"]:
            hosts.setdefault(url.split("/")[2], []).append(url)
        pool = ParserPool(parser="bench._stub") if given["stub"] else ParserPool()
        with Store.open(Path(given["db"]), create=True) as store, pool:
            store.save_portals([("bench", "n", "330803", "hanweb-jcms", "http://127.0.0.1/")])
            crawl = store.begin_crawl("{}", "bench")
            async with aiohttp.ClientSession() as client:
                await asyncio.gather(*(fetch(client, store, pool, crawl, urls) for urls in hosts.values()))
            store.finish_crawl(crawl, "finished")

    asyncio.run(everything())
    return 0


def bare(given: dict[str, Any]) -> int:
    """Scrapy as it comes, which downloads and throws away."""
    import scrapy
    from scrapy.crawler import CrawlerProcess

    class Bare(scrapy.Spider):
        name = "bare"

        async def start(self) -> Any:
            for url in given["urls"]:
                yield scrapy.Request(url, dont_filter=True)

        def parse(self, response: Any) -> None:
            pass

    process = CrawlerProcess({"TELNETCONSOLE_ENABLED": False, "REMOTE_CONTROL_ENABLED": False, "LOG_ENABLED": False})
    process.crawl(Bare)
    process.start()
    return 0


if __name__ == "__main__":
    sys.exit({"ours": ours, "floor": floor, "bare": bare}[sys.argv[1]](json.loads(sys.stdin.read())))
