"""The replica's crawl without delay against a bare Scrapy spider that only downloads the same pages; archive size."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import Crawls

from archive.store import Store
from crawler.replica.hanweb_jcms import HanwebJcmsSite

YEARS = tuple(range(2015, 2025))
ROUNDS = 3

BARE = """
import json, sys
import scrapy
from scrapy.crawler import CrawlerProcess

class Bare(scrapy.Spider):
    name = "bare"
    async def start(self):
        for url in json.loads(sys.stdin.read()):
            yield scrapy.Request(url, dont_filter=True)
    def parse(self, response):
        pass

process = CrawlerProcess({"TELNETCONSOLE_ENABLED": False, "REMOTE_CONTROL_ENABLED": False, "LOG_ENABLED": False})
process.crawl(Bare)
process.start()
"""


def _bare(urls: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], input=json.dumps(urls), text=True, check=True, timeout=300)
    return time.perf_counter() - began


def run() -> None:
    with HanwebJcmsSite(years=YEARS) as site, tempfile.TemporaryDirectory() as folder:
        assert isinstance(site, HanwebJcmsSite)
        crawls = Crawls(site, Path(folder))
        ours, theirs = [], []
        for n in range(ROUNDS):
            crawls.db = Path(folder) / f"{n}.db"
            began = time.perf_counter()
            done = crawls.run()
            ours.append(time.perf_counter() - began)
            assert not done.stderr, done.stderr
            asked = [url for (url,) in crawls.rows("SELECT url FROM capture WHERE outcome <> 'failed'")]
            theirs.append(_bare(asked))
        pages = len(asked)
        print(f"{pages} pages, start-up included, best of {ROUNDS}; ours one at a time, Scrapy as it comes")
        print(f"  crawl + parse + archive   {pages / min(ours):7.1f} pages/s")
        print(f"  bare Scrapy, download only {pages / min(theirs):6.1f} pages/s")
        print(f"  ratio                     {min(theirs) / min(ours):7.2f}")
        with Store.open(crawls.db, write=False) as store:
            received, stored = store.conn.execute("SELECT sum(size), sum(length(data)) FROM body").fetchone()
            reports = store.conn.execute("SELECT count(*) FROM report").fetchone()[0]
        whole = crawls.db.stat().st_size
        print(
            f"size: {received / 1024:.0f} KB received, bodies stored in {stored / 1024:.0f} KB: {stored / received:.2f}"
        )
        print(f"  the whole archive {whole / 1024:.0f} KB: {whole / reports / 1024:.1f} KB a report")
        print(f"  {whole / received:.2f} of the raw bytes")
