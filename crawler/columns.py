"""Columns: which addresses lead to a further list, which page is a shell around another, which is itself a report.

Portals file annual reports under years and groups of bodies (`2021n/`, `szbm/`, `/col/col14/`), and some columns show
their single article in place (Yingtan's `/col/col13872/index.html`, UCAP's `zwgk_cont.shtml`). What a page is, its own
text says: the six headings and the tables' labels stand in no list.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from scrapy.http import JsonResponse, TextResponse

from crawler.outcomes import says_report, signs
from crawler.portals import host_key

COLUMN_ADDRESS = re.compile(
    r".+/$|/[^/.]+$|/(index|list|default|home_\d+|node_\d+|zwgk_cont|zwgk_list)\.(s?html?|jsp|aspx)$|/col/col\d+/",
    re.IGNORECASE,
)
"""The address of a column in most families: a directory, its index, or Hanweb's `/col/col<N>/`."""

_ARTICLE_DIRECTORY = re.compile(r"/(\d{5,}|[0-9a-f]{24,}|[0-9a-f]{8}-[0-9a-f-]{20,})(/(index\.\w+)?)?$", re.IGNORECASE)
_HEADINGS_OF_A_REPORT = 3  # of six; prose that quotes the outline names fewer under these very words


def is_column_address(path: str, pattern: re.Pattern[str] = COLUMN_ADDRESS) -> bool:
    """Whether a path is a column's; directories named by a long number or a hash are articles (Daxing, Liaoning)."""
    return pattern.search(path) is not None and _ARTICLE_DIRECTORY.search(path) is None


def page_title(response: TextResponse) -> str:
    """What the page calls itself: the mandated meta, its heading, its title; empty where it says nothing."""
    said = [
        response.xpath("//meta[@name='ArticleTitle']/@content").get(),
        *response.xpath("//h1 | //h2 | //ucaptitle").xpath("string()").getall(),
        response.xpath("//title").xpath("string()").get(),
    ]
    named = [re.sub(r"\s+", " ", text).strip() for text in said if text and text.strip()]
    return next((text for text in named if says_report(text)), named[0] if named else "")


def is_report_page(response: TextResponse) -> bool:
    """Whether a page that was asked for as a list is itself a report, by the text outside its links."""
    if isinstance(response, JsonResponse):
        return False
    pieces = response.xpath("//body//text()[not(ancestor::a or ancestor::script or ancestor::style)]").getall()
    text = re.sub(r"\s+", "", "".join(pieces))
    headings = sum(heading.search(text) is not None for heading in signs().headings)
    return headings >= _HEADINGS_OF_A_REPORT or (signs().tables.search(text) is not None and "<table" in response.text)


def absolute(base: str, href: str) -> str:
    """An address resolved against its page's; empty where it is none (a broken IPv6 host)."""
    try:
        url = urljoin(base, href.strip())
        urlsplit(url)
    except ValueError:
        return ""
    return url


def frame_of(response: TextResponse) -> str | None:
    """The address of the page that a shell shows in a frame on its own host, None where there is none."""
    if isinstance(response, JsonResponse):
        return None
    base = response.urljoin("")
    for source in response.xpath("//iframe/@src | //frame/@src").getall():
        url = absolute(base, source) if source.strip() else ""
        if url.startswith("http") and host_key(url) == host_key(response.url) and url != response.url:
            return url
    return None
