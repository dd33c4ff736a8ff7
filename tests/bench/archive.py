"""The archive's size, and its speed against raw sqlite3 and bare hashing, with 10,000 and 100,000 made-up reports.

The archives are kept in `.bench/` between runs (100,000 reports: some 3 GB, built in half an hour on two cores).
GONGKAI_BENCH_REPORTS="2000 10000" takes other numbers.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from archive import schema
from archive.derive import Capture
from archive.parsing import ParserPool
from archive.store import Store
from bench import _pages as pages
from parsers import VERSION

CACHE = Path(__file__).parents[2] / ".bench"
SIZES = tuple(int(number) for number in os.environ.get("GONGKAI_BENCH_REPORTS", "10000 100000").split())
HEADERS = (
    '[["Server", "nginx"], ["Date", "Mon, 18 Jan 2021 02:15:{0:02} GMT"], ["Content-Type", "text/html; charset=utf-8"],'
    ' ["Last-Modified", "Fri, 15 Jan 2021 01:{0:02}:00 GMT"], ["Etag", "W/\\"6001{0:x}-1f0b2\\""],'
    ' ["X-Frame-Options", "SAMEORIGIN"], ["Vary", "Accept-Encoding"], ["Connection", "keep-alive"]]'
)


def _made_from() -> str:
    """Changes where an archive made before would differ: its layout, the parser, the pages."""
    text = f"{schema.LAYOUT} {schema.VERSION} {VERSION} {Path(pages.__file__).read_text(encoding='utf-8')}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def built(reports: int) -> Path:
    """The archive of the first `reports` pages, as one crawl would have left it; made where it is not there yet."""
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"archive-{reports}-{_made_from()}.db"
    if not path.exists():
        began = time.perf_counter()
        fresh = path.with_suffix(".part")
        for left in CACHE.glob(f"{fresh.name}*"):
            left.unlink()
        fill(fresh, reports)
        fresh.rename(path)
        print(f"  built {path.name} in {time.perf_counter() - began:,.0f} s", flush=True)
    return path


def fill(path: Path, reports: int, version: int = 0) -> None:
    """Captures and readings of the first `reports` pages, parsed on all cores."""
    with Store.open(path, create=True) as store, ParserPool(os.cpu_count() or 1) as pool:
        store.save_portals(
            (f"p{n}", f"{pages.county(n)[1]}人民政府", pages.county(n)[0], "plain", f"http://p{n}.example/")
            for n in range(-(-reports // pages.A_PORTAL))
        )
        crawl = store.begin_crawl("a bench", "bench")
        waiting = []
        for number in range(reports):
            page = pages.page(number, version)
            capture = store.save_capture(fetched(crawl, page, number, version), page.body, "text/html")
            if capture.outcome in ("new", "changed"):
                waiting.append((capture, pool.submit(page.body, page.url, "text/html")))
            while len(waiting) > (32 if number + 1 < reports else 0):
                kept, reading = waiting.pop(0)
                store.save_report(kept, reading.result())
        store.finish_crawl(crawl, "finished")


def fetched(crawl: str, page: pages.Page, number: int, version: int = 0) -> Capture:
    day, second = divmod(number, 86_400)
    at = f"2026-0{1 + version}-{18 + day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    headers = HEADERS.format(number % 60)
    return Capture("", crawl, page.portal, page.url, page.url, at, "report", 200, "ok", headers, None, None)


_PARTS = {
    "bodies": ("body", "sqlite_autoindex_body_1"),
    "captures": ("capture", "entry", "crawl", "visit", "fixity", "reading", "version"),
    "figures": ("figure_data", "figure_code"),
    "prose": ("section", "claim"),
    "checks": ("check_data", "check_code", "across_data", "finding_data"),
    "reports": ("report", "agency", "region", "twin", "panel_data", "revision"),
}


def sizes(path: Path, reports: int) -> dict[str, float]:
    """Bytes a report by part, from `dbstat`; indexes but the bodies' own stand together."""
    parts: Counter[str] = Counter()
    with Store.open(path, write=False) as store:
        kinds = dict(store.conn.execute("SELECT name, type FROM sqlite_master"))
        for name, size in store.conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            found = [part for part, names in _PARTS.items() if name in names]
            kind = "indexes" if kinds.get(name) == "index" else "search" if "search" in name else "other"
            parts[found[0] if found else kind] += size
        assert parts.total() + store.conn.execute("PRAGMA freelist_count").fetchone()[0] * 4096 == path.stat().st_size
    return {part: size / reports for part, size in parts.most_common()}


def run() -> None:
    for reports in SIZES:
        path = built(reports)
        found = sizes(path, reports)
        told = ", ".join(f"{part} {size / 1024:.1f}" for part, size in found.items())
        print(f"  {reports:7,} reports: {sum(found.values()) / 1024:.1f} KB a report: {told}", flush=True)


def _numbers(reports: int) -> Iterator[int]:
    return iter(range(reports))
