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
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import HtmlResponse, TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.lists import columns_in, directory_of, lines

LIST_TAG = "信息列表"


class HanwebJpaas(PortalSpider):
    """The family `hanweb-jpaas`."""

    name = "hanweb-jpaas"

    def listing(self, response: TextResponse) -> Listing:
        """The units of a column page, or the gateway's answer for one page of a unit."""
        if "unit" not in response.meta:
            return self.column(response)
        answer = read_answer(response.text)
        column, page, left = response.meta["column"], response.meta["page"], response.meta["left"]
        if answer is None:
            return Listing([], self.unit_page(column, left[0], left[1:]) if left else None, None, complete=bool(left))
        fragment = HtmlResponse(column, body=f"<body>{answer}</body>".encode(), encoding="utf-8")
        entries = lines(fragment, (".page-content", "body"))
        if not entries and page == 1 and left:
            return Listing([], self.unit_page(column, left[0], left[1:]), None, complete=True)
        rows, count = read_pagination(fragment)
        seen = response.meta["seen"] + len(entries)
        request = None
        if entries and (count is None or seen < count):
            rows = rows or len(entries)
            request = self.unit_page(column, response.meta["unit"], (), page + 1, rows, response.meta["bare"], seen)
        return Listing(entries, request, count, complete=True)

    def other_way(self, response: TextResponse) -> Request | None:
        """The same page with bare parameters, where `paramJson` gave the first page again."""
        meta = response.meta
        if "unit" not in meta or meta["bare"] or meta["page"] == 1:
            return None
        return self.unit_page(meta["column"], meta["unit"], (), meta["page"], meta["rows"], True, meta["seen"])

    def column(self, response: TextResponse) -> Listing:
        """The request for the column's list unit, and the further lists that the page links."""
        units = read_units(response)
        more = [
            Entry(response.urljoin(link.attrib["href"]), link.xpath("normalize-space()").get() or "", None)
            for link in response.css("a.xxgk_more[href]")
        ]
        columns = [*more, *columns_in(response, self.column_address, directory_of(response))]
        if not units:
            return Listing(lines(response), None, None, columns=columns)
        first = None if more else self.unit_page(response.url, units[0], tuple(units[1:]))
        return Listing([], first, None, columns=columns, complete=True)

    def unit_page(
        self,
        column: str,
        unit: tuple[str, dict[str, str]],
        left: tuple[tuple[str, dict[str, str]], ...],
        page: int = 1,
        rows: int = 15,
        bare: bool = False,
        seen: int = 0,
    ) -> Request:
        """The request for one page of a unit; `left` are the units to try where it has no lines."""
        url, query = unit
        if page > 1 and bare:
            query = query | {"pageNo": str(page), "pageSize": str(rows)}
        elif page > 1:
            query = query | {"paramJson": json.dumps({"pageNo": page, "pageSize": str(rows)}, separators=(",", ":"))}
        meta = {"unit": unit, "left": left, "column": column, "page": page, "rows": rows, "bare": bare, "seen": seen}
        headers = {"X-Requested-With": "XMLHttpRequest", "Referer": column}
        return Request(f"{url}?{urlencode(query)}", headers=headers, meta=meta)


def read_units(response: TextResponse) -> list[tuple[str, dict[str, str]]]:
    """The page's list units as address and parameters, the likeliest first; without a named list, all its units."""
    units = []
    for script in response.xpath("//script[contains(@src, 'unitbuild')][@url]"):
        data = read_query(script.attrib.get("querydata") or script.attrib.get("queryData") or "")
        if data:
            units.append((response.urljoin(script.attrib["url"]), data))
    named = [unit for unit in units if "列表" in unit[1].get("tagId", "")]
    return sorted(named or units, key=lambda unit: unit[1].get("tagId") != LIST_TAG)


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
