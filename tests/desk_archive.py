"""Archives for the tests of the desk: real readings of the pages of tests/pages, without a crawl."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from datasette.app import Datasette
from httpx import Response
from lxml.html import document_fromstring

import parsers
from archive import desk
from archive.store import Capture, Store

PAGES = Path(__file__).with_name("pages")
HOST = "http://www.qj.example"
PORTAL = ("quzhou-qujiang", "衢州市衢江区人民政府", "330803", "hanweb-jcms", f"{HOST}/col/index.html")
NAMES = (
    "v2014-gbk-2015.html", "v2021-failing-sums.html", "v2019-stored-text.txt", "v2014-flat-lines-2015.html",
    "v2021-nested.html", "v2014-zhejiang-2017.html", "v2021-tokens.html", "dalu-2019.html",
)  # fmt: skip


class Page(NamedTuple):
    """A page of an address; `day` of January 2026 is when it was fetched."""

    url: str
    body: bytes
    media_type: str | None = "text/html"
    day: int = 2
    outcome: str = "ok"


def saved(name: str, **changes: object) -> Page:
    """A page of tests/pages."""
    kind = "text/plain" if name.endswith(".txt") else "text/html"
    return Page(f"{HOST}/art/{name}", (PAGES / name).read_bytes(), kind)._replace(**changes)  # type: ignore[arg-type]


def build(path: Path, pages: Iterable[Page], *, read: bool = True) -> Path:
    """An archive of `pages`, each captured, then read by the real parser if `read`; into one that is there already."""
    with Store.open(path, create=True) as store:
        store.save_portals([PORTAL])
        crawl = store.begin_crawl("a test", "test", "2026-01-01T00:00:00Z")
        for page in pages:
            capture = Capture(
                "", crawl, PORTAL[0], page.url, page.url, f"2026-01-{page.day:02}T02:15:00Z", "report", 200,
                page.outcome, "[]", None, None,
            )  # fmt: skip
            kept = store.save_capture(capture, page.body, page.media_type)
            if read and page.outcome == "ok":
                reading = parsers.parse(page.body, url=page.url, media_type=page.media_type)
                store.save_report(kept, parsers.as_dict(reading))
        store.finish_crawl(crawl, "finished")
    return path


def get(datasette: Datasette, path: str, headers: Mapping[str, str] | None = None) -> Response:
    async def fetch() -> Response:
        await datasette.invoke_startup()
        response: Response = await datasette.client.get(path, headers=headers)
        return response

    return asyncio.run(fetch())


def several(path: Path) -> Path:
    """An archive of NAMES, of a page that was fetched again with another figure in it, of a PDF and of a lost page."""
    pages = [saved(name) for name in NAMES]
    first = saved("qujiang-2020.html")
    assert first.body.count(b">163<") == 1
    pages += [first, first._replace(body=first.body.replace(b">163<", b">164<"), day=9)]
    pages.append(Page(f"{HOST}/art/scan.pdf", b"%PDF-1.4 " + bytes(200), "application/pdf"))
    pages.append(Page(f"{HOST}/art/gone.html", b"<p>404</p>", "text/html", 3, "gone"))
    return build(path, pages)


def ask(path: Path, address: str) -> Response:
    """The answer of a desk over the archive at `path`."""
    return get(desk.desk(path), address)


def asked(archive: Path, sql: str, *values: Any) -> list[Any]:
    """Rows of a query in the file itself."""
    conn = sqlite3.connect(archive)
    try:
        return conn.execute(sql, values).fetchall()
    finally:
        conn.close()


def report_of(archive: Path, name: str) -> tuple[int, str]:
    """Id and capture of the report read from a page of tests/pages."""
    ((identity, capture),) = asked(archive, "select id, capture_id from report where url like ?", f"%/{name}")
    return identity, capture


def parsed(text: str) -> Any:
    """A page as lxml has it."""
    return document_fromstring(text)
