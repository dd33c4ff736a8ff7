"""大汉 JPaaS unit-build lists, the successor to jpage: Zhejiang, Jiangsu (Taizhou, Yangzhou), Gansu, Yantai and
ministries.

A column page holds no lines but scripts `unitbuild.js` with a `url` and a `queryData` (JSON in single quotes) for each
unit of the page; the browser asks `<url>?<queryData>` and is given `{"data": {"html": …}}`, whose `.pagination` says
`rows` a page and the `count` of lines. Traps: `bulidstatic` is the vendor's spelling, some sites write it right, so
the parameters are the page's own; page n is asked for with `paramJson={"pageNo":n,"pageSize":"15"}` on most sites and
with bare `pageNo` and `pageSize` on others (MOFCOM, Yangzhou), and the wrong way silently repeats page 1; links are
relative to the column, not to the gateway; `/art/Y/M/D/` links of the older product stand among `art_<32hex>`; a
department's page shows five items and a link `a.xxgk_more` to the real list; years are columns (`/2021n/`).
Evidence: A (portals.md 3.3: three public crawlers, RSSHub, stored pages of seven bodies).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import HtmlResponse, TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.lists import address_of, columns_in, directory_of, lines, title_of

LIST_TAG = "信息列表"


class Unit(NamedTuple):
    """What is asked of the gateway: the units of the column still to try (address, parameters), the page of the first
    of them, the lines a page, the lines given so far, and whether the page's number comes bare."""

    column: str
    units: tuple[tuple[str, dict[str, str]], ...]
    page: int = 1
    rows: int = 15
    seen: int = 0
    bare: bool = False

    def request(self) -> Request:
        """The request for this page."""
        url, query = self.units[0]
        if self.page > 1 and self.bare:
            query = query | {"pageNo": str(self.page), "pageSize": str(self.rows)}
        elif self.page > 1:
            query = query | {"paramJson": f'{{"pageNo":{self.page},"pageSize":"{self.rows}"}}'}
        headers = {"X-Requested-With": "XMLHttpRequest", "Referer": self.column}
        return Request(f"{url}?{urlencode(query)}", headers=headers, meta={"unit": self})


class HanwebJpaas(PortalSpider):
    """The family `hanweb-jpaas`."""

    name = "hanweb-jpaas"

    def listing(self, response: TextResponse) -> Listing:
        """The units of a column page, or the gateway's answer for one page of a unit."""
        if "unit" not in response.meta:
            units = read_units(response)
            more = read_more(response)
            columns = [*more, *columns_in(response, self.column_address, directory_of(response))]
            first = Unit(response.url, tuple(units)).request() if units and not more else None
            return Listing([] if units else lines(response), first, None, columns, complete=True if units else None)
        unit: Unit = response.meta["unit"]
        answer = read_answer(response.text)
        fragment = HtmlResponse(unit.column, body=f"<body>{answer or ''}</body>".encode(), encoding="utf-8")
        entries = lines(fragment, (".page-content", "body"))
        if not entries and unit.page == 1 and len(unit.units) > 1:
            return Listing([], unit._replace(units=unit.units[1:]).request(), None, complete=True)
        rows, count = read_pagination(fragment)
        seen = unit.seen + len(entries)
        more_lines = bool(entries) and (count is None or seen < count)
        following = unit._replace(page=unit.page + 1, rows=rows or len(entries), seen=seen)
        request = following.request() if more_lines else None
        return Listing(entries, request, count, read_more(fragment), complete=answer is not None)

    def other_way(self, response: TextResponse) -> Request | None:
        """The same page with bare parameters, where `paramJson` gave the first page again."""
        unit: Unit | None = response.meta.get("unit")
        return unit._replace(bare=True).request() if unit is not None and not unit.bare and unit.page > 1 else None


def read_units(response: TextResponse) -> list[tuple[str, dict[str, str]]]:
    """The page's list units as address and parameters, the likeliest first; without a named list, all its units."""
    units = []
    for script in response.xpath("//script[contains(@src, 'unitbuild')][@url]"):
        data = read_query(script.attrib.get("querydata") or script.attrib.get("queryData") or "")
        if data:
            units.append((response.urljoin(script.attrib["url"]), data))
    named = [unit for unit in units if "列表" in unit[1].get("tagId", "")]
    return sorted(named or units, key=lambda unit: unit[1].get("tagId") != LIST_TAG)


def read_more(page: TextResponse) -> list[Entry]:
    """The links from what shows a list's first lines to the list itself."""
    links = page.css("a.xxgk_more[href]")
    return [Entry(address_of(link.root, page.url), title_of(link.root), None) for link in links]


def read_query(text: str) -> dict[str, str]:
    """A `queryData`: JSON with single quotes; empty where it cannot be read."""
    try:
        data = json.loads(text if '"' in text else text.replace("'", '"'))
    except ValueError:
        return {}
    return {str(name): "null" if value is None else str(value) for name, value in data.items()}


def read_answer(text: str) -> str | None:
    """The HTML in an answer of the gateway, None where it holds none."""
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return None
    data = answer.get("data") if isinstance(answer, dict) else None
    html = data.get("html") if isinstance(data, dict) else None
    return html if isinstance(html, str) else None


def read_pagination(fragment: TextResponse) -> tuple[int | None, int | None]:
    """Lines a page and lines in all, as the fragment's pagination says; None for what it does not say."""
    pager = fragment.xpath("//*[@count][@rows or contains(@class, 'pagination')]")
    said = [str(pager.attrib.get(name) or "") for name in ("rows", "count")] if pager else ["", ""]
    rows, count = (int(number) if number.isdigit() else None for number in said)
    return rows, count
