"""ideacms, an "Openness" platform in PHP: Tongling, Yi'an, Xuanzhou, Ma'anshan's Huashan.

Annual reports are a content type of their own: they stand in no directory list but per body under
`/opennessAnnualReport/?branch_id=<24hex>&page=n` (with or without `/openness` before it, in any case of letters);
details are `/OpennessAnnualReport/show/<n>.html`, `/XxgkAnnualReport/show/<n>.html` or
`/xxgk/openness/detail/annual_report/<24hex>.html`. Bodies are listed at the organ index, whose links or inline data
(`url_annual_report`) name each body's list; a body with a site of its own has only that link. Traps: the name of the
body stands in the breadcrumb alone, so titles of towns may lack it; `show/<n>` counts over the whole site and has
holes, so bodies are walked, not numbers; an address without `branch_id` lists every body's.
Evidence: A for addresses (stored pages of five bodies), B for markup (portals.md 3.10; the makers' own controllers).
"""

from __future__ import annotations

import html
import re

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.lists import DISCLOSURE, address_of, lines, next_link

LISTS = ("ul.list", ".list", DISCLOSURE)
DETAIL = re.compile(r"annual_?report/(?:show/\d+|[0-9a-f]{24})\.html", re.IGNORECASE)
_LIST = re.compile(r"annual_?reports?/?(?:index)?\?(?:[^\"'#]*&)?branch_?id=([0-9a-f]{24})", re.IGNORECASE)
_INLINE = re.compile(r"""url_annual_report["']?\s*[:=]\s*["']([^"']+)["']""")
_NAMED = re.compile(r"""["']name["']\s*:\s*["']([^"']+)["'][^{}]*?url_annual_report["']?\s*:\s*["']([^"']+)["']""")


class Ideacms(PortalSpider):
    """The family `ideacms`."""

    name = "ideacms"
    column_address = re.compile(r"annual_?reports?/?(?:index)?$", re.IGNORECASE)

    def listing(self, response: TextResponse) -> Listing:
        """The bodies of an organ index as further lists, or one page of a body's list and the page after it."""
        entries = [line for line in lines(response, LISTS) if DETAIL.search(line.url)]
        if not entries:
            entries = [line for line in lines(response) if DETAIL.search(line.url)]
        listed = _LIST.search(response.url)
        following = next_link(response)
        same = following is not None and (_LIST.search(following) is not None) == (listed is not None)
        bodies = [] if listed else read_bodies(response)
        return Listing(
            entries,
            Request(following) if following and same else None,
            None,
            columns=bodies,
            complete=True if listed else None,
        )


def read_bodies(response: TextResponse) -> list[Entry]:
    """The lists of the bodies that an organ index names, in links or inline data, each once."""
    found: dict[str, str] = {}
    for link in response.xpath("//a[@href]"):
        url = address_of(link.root, response.url)
        if _LIST.search(url):
            found.setdefault(url, (link.attrib.get("title") or link.xpath("normalize-space()").get() or "").strip())
    text = response.text.replace("\\/", "/")
    names = {url: _unescaped(name) for name, url in _NAMED.findall(text)}
    for url in _INLINE.findall(text):
        if _LIST.search(url):
            found.setdefault(response.urljoin(html.unescape(url)), names.get(url, ""))
    return [Entry(url, name, None) for url, name in found.items()]


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda escape: chr(int(escape[1], 16)), text)
