"""大汉's disclosure module: Zhejiang (Lishui, Kaihua), Shandong (Jining, Zoucheng), Harbin.

`/module/xxgk/xxgkAnnualReport.jsp?area=<18-character code of a body>&fbtime=<report year>` is one body's report of one
year as a bare page, and next to nothing where there is none: a body is asked for each year since 2008, an empty
answer is no error, and a page once read is asked for again when it is due. Codes stand in `area=` of links and frames
(`tree.jsp?area=…`) and before the `/` of index numbers. Ordinary columns ask `POST /module/xxgk/search.jsp` for a
fragment of lines and `共N页`; `infotypeId`, `jdid`, `area` and `divid` stand in the column's script, often as
`loadDynamic('/module/xxgk/search.jsp?…', 'div<COL>', '<infotypeId>', …, '<jdid>', …)`, or in its address (`number=`,
`vc_xxgkarea=`). Traps: `fbtime` is the report's year here and -1 for all in search.jsp; with `area` set, search.jsp
may ignore the column and give the whole district, so only `art_<COL>_` links are the column's; newer skins answer with
`.zfxxgk_zdgkc`; areas of nine characters are organisation codes of before 2015; no number of lines is declared.
Evidence: A (portals.md 3.2: crawlers of Zhejiang, Hangzhou, Heze, Jilin's tax bureau, RSSHub for Harbin, stored pages).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from scrapy import FormRequest, Request
from scrapy.http import TextResponse

from crawler.attachments import attachments
from crawler.base import Entry, Listing, PortalSpider
from crawler.columns import is_report_page, page_title
from crawler.lists import DISCLOSURE, lines
from crawler.outcomes import is_report_title
from crawler.walks import Walk
from crawler.xxgk import read_form

REPORT = "/module/xxgk/xxgkAnnualReport.jsp"
LEAST = 200  # characters of a report's text; an empty answer may be a page with a heading
FIRST_YEAR = 2008  # Order 492 has been in force since May 2008
_CODE = "[0-9A-HJ-NP-RTUWXY]{18}"
_AREA = re.compile(rf"(?<![0-9A-Z])({_CODE})(?=/20\d\d-)|\barea=({_CODE})(?![0-9A-Za-z])")
_PAGES = re.compile(r"共\s*(?:<[^>]*>)?\s*(\d+)\s*(?:<[^>]*>)?\s*页")


class HanwebXxgk(PortalSpider):
    """The family `hanweb-xxgk`."""

    name = "hanweb-xxgk"

    def may_fail(self, response: TextResponse) -> bool:
        """A year for which a body has no report."""
        return REPORT in response.url

    def listing(self, response: TextResponse) -> Listing:
        """A body's report and its other years, a column's lines, or the bodies that a page names."""
        if "form" in response.meta:
            return read_lines(response)
        areas = list(dict.fromkeys(a or b for a, b in _AREA.findall(html.unescape(response.text))))
        if REPORT in response.url:
            area = dict(parse_qsl(urlsplit(response.url).query)).get("area", "")
            own = response.meta["walk"] == 0
            if own and not area and not areas:
                tree = Request(urljoin(response.url, "/module/xxgk/tree.jsp?area="))
                return Listing([], tree, None, complete=True)
            known = dict.fromkeys([*([area] if area else []), *areas]) if own else ()
            return Listing([], None, None, probes=annual_pages(response.url, known), complete=True)
        form = read_form(response)
        if form is not None:
            return Listing([], search_page(response.url, form, 1), None, complete=True)
        entries = [line for line in lines(response) if REPORT in line.url]
        named = {line.url for line in entries}
        probes = [page for page in annual_pages(response.url, areas) if page.url not in named]
        return Listing(entries, None, None, complete=True if probes else None, probes=probes)

    def _is_report(self, walk: Walk, page: TextResponse, listing: Listing) -> bool:
        if REPORT not in page.url:
            return super()._is_report(walk, page, listing)
        text = "".join((page.xpath("//*[@id='zoom']") or page.xpath("//body")).xpath("string()").getall())
        held = len(re.sub(r"\s+", "", text)) > LEAST or attachments(page) or page.xpath("//*[@id='zoom']//img")
        return is_report_page(page) or (bool(held) and is_report_title(page_title(page)))


def annual_pages(base: str, areas: Iterable[str]) -> list[Entry]:
    """The addresses of each body's reports, the newest year first, as far as the year before this one in China;
    `base` gives the order of the parameters where it is such an address itself."""
    newest = (datetime.now(UTC) + timedelta(hours=8)).year - 1
    query = dict(parse_qsl(urlsplit(base).query, keep_blank_values=True)) if REPORT in base else {}
    root = base.partition(REPORT)[0] if REPORT in base else urljoin(base, "/").rstrip("/")
    return [
        Entry(f"{root}{REPORT}?{urlencode(query | {'area': area, 'fbtime': year})}", f"{area} {year}年", None)
        for area in areas
        for year in range(newest, FIRST_YEAR - 1, -1)
    ]


def search_page(column: str, form: dict[str, str], page: int, narrowed: bool | None = None) -> Request:
    """The request for one page of a column's lines; `narrowed`: whether other columns' lines are left out."""
    fixed = {"vc_title": "", "vc_number": "", "vc_filenumber": "", "vc_all": "", "fbtime": "-1"}
    query = {name: form[name] for name in ("standardXxgk", "isAllList", "texttype") if form[name]} | fixed
    query |= {"currpage": str(page), "sortfield": form["sortfield"]}
    return FormRequest(
        f"{urljoin(column, '/module/xxgk/search.jsp')}?{urlencode(query, safe=',:')}",
        formdata={name: form[name] for name in ("infotypeId", "jdid", "area", "divid")} | query,
        headers={"X-Requested-With": "XMLHttpRequest", "Referer": column},
        meta={"form": form, "column": column, "page": page, "narrowed": narrowed},
    )


def read_lines(response: TextResponse) -> Listing:
    """One page of a column's lines; those of other columns, which an `area` brings along, are left out."""
    form, column, page = response.meta["form"], response.meta["column"], response.meta["page"]
    entries = lines(response.replace(url=column), (DISCLOSURE, "body"))
    number = re.search(r"\d+", form["divid"])
    own = [line for line in entries if number and f"/art_{number.group()}_" in line.url]
    narrowed = response.meta["narrowed"]
    if narrowed is None:
        narrowed = bool(form["area"]) and bool(own)
    pages = max((int(count) for count in _PAGES.findall(html.unescape(response.text))), default=1)
    more = search_page(column, form, page + 1, narrowed) if entries and page < pages else None
    return Listing(own if narrowed else entries, more, None, complete=True)
