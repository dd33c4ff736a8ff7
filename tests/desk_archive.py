"""Archives for the tests of the desk: real readings of the pages of tests/pages, without a crawl."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from datasette.app import Datasette
from httpx import Response

import parsers
from archive.store import Capture, Store

PAGES = Path(__file__).with_name("pages")
HOST = "http://www.qj.example"
PORTAL = ("quzhou-qujiang", "衢州市衢江区人民政府", "330803", "hanweb-jcms", f"{HOST}/col/index.html")


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
