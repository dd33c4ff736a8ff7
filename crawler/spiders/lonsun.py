"""龙讯 集约化 (Lonsun): all of Anhui, Mianyang and Pingchang in Sichuan, Lushan in Jiangxi. Each body has an `organId`.

`/public/column/<organId>?type=4&action=rel` lists all bodies; a body's `?type=3&nav=3` shows its annual reports: it
prints one in place and links the others by year in `#timeFrame`. Ordinary columns (`?type=4&catId=…&action=list`) are
shells: `/site/label/8888` answers with the lines for `labelName=publicInfoList` and a dozen parameters, of which
`siteId`, `file` and `catId` are each site's own and stand in the page's script. Traps: the report that a body's page
prints is one of those linked, so the page is a list and no report, unless it links none; the lines of `#timeFrame`
are bare years; a body may have no report at all; the label may lie under a path (`/chuzhou/site/label/8888`); the
script's `_` is a random number. Anhui stands behind a WAF that refuses foreign addresses: recorded, not solved.
Evidence: A (portals.md 3.9: an annual-report checker of Pingchang, crawlers of Anhui's bureaux, stored pages).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider, redecoded
from crawler.columns import is_report_page
from crawler.label8888 import ORGAN, read_label
from crawler.lists import DISCLOSURE, address_of, lines, title_of
from crawler.walks import Walk

_PAGES = re.compile(r"""pageCount["']?\s*[:=]\s*["']?(\d+)""")


class Lonsun(PortalSpider):
    """The family `lonsun`."""

    name = "lonsun"
    column_address = re.compile(r"(?!)")  # years are lines: each prints its report

    def listing(self, response: TextResponse) -> Listing:
        """The bodies of a site, the years of a body, or the lines of an ordinary column."""
        if "label" in response.meta:
            return self.labelled(response)
        query = dict(parse_qsl(urlsplit(response.url).query))
        if query.get("action") == "rel":
            return Listing([], None, None, columns=list(read_bodies(response)))
        if query.get("type") == "2":  # a body's guide, as portals are often known by
            return Listing([], Request(re.sub(r"\?.*", "?type=3&nav=3", response.url)), None, complete=True)
        if query.get("type", "3") == "3":
            _, walk = self._place(response.meta)
            return Listing(read_years(response, walk.title), None, None)
        label = read_label(response)
        if label is None:
            return Listing(lines(response, (DISCLOSURE,)), None, None)
        return Listing([], label_page(response.url, *label, 1), None, complete=True)

    def labelled(self, response: TextResponse) -> Listing:
        """One page of a column's lines; the next while this one is full, or while the pager counts more pages."""
        (address, form), column, page = response.meta["label"], response.meta["column"], response.meta["page"]
        entries = lines(response.replace(url=column), ("body",))
        pages = _PAGES.search(response.text)
        more = page < int(pages[1]) if pages else len(entries) >= int(form["pageSize"])
        return Listing(entries, label_page(column, address, form, page + 1) if more else None, None, complete=True)

    def _is_report(self, walk: Walk, page: TextResponse, listing: Listing) -> bool:
        return not listing.entries and is_report_page(page)

    def _is_a_list(self, response: TextResponse) -> bool:
        return super()._is_a_list(response) and not is_report_page(redecoded(response))


def read_bodies(response: TextResponse) -> Iterator[Entry]:
    """The bodies that `action=rel` lists, each with the address of its annual reports."""
    own = ORGAN.search(response.url)
    seen = set()
    for link in response.xpath("//li//a[contains(@href, '/public/column/')]"):
        url = address_of(link.root, response.url)
        organ = ORGAN.search(url)
        annual = dict(parse_qsl(urlsplit(url).query)).get("type") == "3"
        if organ is None or organ[1] in seen or (own and organ[1] == own[1] and not annual):
            continue
        seen.add(organ[1])
        url = url if annual else f"{url.partition('?')[0]}?type=3&nav=3"
        yield Entry(url, title_of(link.root), None)


def read_years(response: TextResponse, body: str) -> list[Entry]:
    """The years that a body's page links; a title is the body and the year, for the page prints the year alone."""
    found = []
    for link in response.xpath("//*[@id='timeFrame']//a[@href]"):
        url = address_of(link.root, response.url)
        if "timeFrame=" in url and "hasContent=false" not in url:
            found.append(Entry(url, f"{body} {title_of(link.root)}", None))
    return found


def label_page(column: str, address: str, form: dict[str, str], page: int) -> Request:
    """The request for one page of a column's lines."""
    root = f"{urlsplit(column).scheme}://{urlsplit(column).netloc}"
    url = address if address.startswith("http") else f"{root}{address}"
    query = {"IsAjax": "1", "dataType": "html", "labelName": "publicInfoList"} | form | {"pageIndex": str(page)}
    return Request(
        f"{url}?{urlencode(query)}",
        headers={"X-Requested-With": "XMLHttpRequest", "Referer": column},
        meta={"label": (address, form), "column": column, "page": page},
    )
