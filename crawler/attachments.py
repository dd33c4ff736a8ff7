"""The files that a report's page links, by the ways in which portals link them.

Pure functions of an answer. Traps: attachments stand after the article's container as often as in it; downloads hide
behind scripts' names (`downfile.jsp`, `download.jsp`) that redirect to the file; a whole report may be a PDF in a
frame or a viewer; footers link readers and forms to everyone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from lxml.etree import _Element as Element
from scrapy import Selector
from scrapy.http import JsonResponse, TextResponse

from crawler.columns import absolute
from crawler.lists import address_of, original, path_of

MOST = 60  # attachments of one page; the longest honest list seen has some 20

_FILE = re.compile(r"\.(pdf|docx?|xlsx?|pptx?|wps|et|ofd|zip|rar|7z|ceb)$", re.IGNORECASE)
_SCRIPT = re.compile(
    r"(downfile|download|downloadfile|fileload|filedownload)\.(jsp|do|aspx|php|action)$", re.IGNORECASE
)
_PLACES = re.compile(r"^(/.*)?/(attachment|attach|__local|group\d+/M\d+)/.*\.\w{2,5}$|/download/\w+$", re.IGNORECASE)
_HINT = re.compile(
    r"pdf|doc|xls|ppt|wps|(\.|%2e)et|ofd|zip|rar|7z|ceb|down|fileload|attach|__local|group\d", re.IGNORECASE
)
"""Stands in every address that `is_file` takes for a file's; a page has a hundred links without."""
_IDS = frozenset(("zoom", "zoomcon", "UCAP-CONTENT", "ivs_content"))
_CLASSES = frozenset(
    (
        "TRS_Editor", "TRS_UEDITOR", "trs_editor_view", "v_news_content", "bt_content", "artile_zw", "wzzw-article",
        "article-content", "ewb-article-content", "m-txt-article", "Custom_UnionStyle", "wzcon", "j-fontContent",
    )
)  # fmt: skip
_ID_BEGINS = "vsb_content"
_TEXT = ", ".join(
    [*(f"#{name}" for name in sorted(_IDS)), *(f".{name}" for name in sorted(_CLASSES)), f"[id^={_ID_BEGINS}]",
     "ucapcontent", ".position ~ .content"]
)  # fmt: skip
"""The boxes in which the vendors' templates put an article's text."""
_NOT_THE_PAGE = re.compile(
    r"(?:^|[\s_-])(header|footer|foot|nav|menu|crumbs?|friend\w*|yqlj)(?=$|[\s_-])", re.IGNORECASE
)


class Attachment(NamedTuple):
    """A file that a page links: its address, and the link's text."""

    url: str
    text: str


def attachments(response: TextResponse) -> list[Attachment]:
    """The files that a report's page links or shows in a frame, in the order of the page, each address once; of a text
    without a table also its pictures, which may be the tables."""
    if isinstance(response, JsonResponse):
        return []
    page = Selector(response)  # not the answer's own, whose tree would live as long as the answer waits to be kept
    found: dict[str, str] = {}
    for url, text in (*_linked(page, response), *_pictures(page, response)):
        if url and url.partition("#")[0] != response.url.partition("#")[0]:
            found.setdefault(url, text)
    return [Attachment(url, text) for url, text in found.items()]


def is_file(url: str) -> bool:
    """Whether an address is a file's or a download script's by its spelling."""
    path = path_of(url)
    if _FILE.search(path) or _SCRIPT.search(path) or _PLACES.search(path):
        return True
    try:
        values = [value for part in parse_qs(urlsplit(url).query).values() for value in part]
    except ValueError:
        return False
    return any(_FILE.search(value) for value in values)


def _pictures(page: Selector, response: TextResponse) -> Iterator[tuple[str, str]]:
    if not any(_is_box(above) for picture in _elements(page, "img") for above in picture.iterancestors()):
        return  # so on nearly all pages, and much sooner than by the selectors
    boxes = page.css(_TEXT)
    if boxes.css("table"):
        return
    for source in boxes.css("img::attr(src)").getall():
        if source.strip() and not source.strip().lower().startswith("data:"):
            yield original(absolute(response.urljoin(""), source)), ""


def _is_box(element: Element) -> bool:
    """Whether `_TEXT` selects an element."""
    name = element.get("id") or ""
    if name in _IDS or name.startswith(_ID_BEGINS) or element.tag == "ucapcontent":
        return True
    classes = _classes(element)
    if not classes.isdisjoint(_CLASSES):
        return True
    return "content" in classes and any("position" in _classes(one) for one in element.itersiblings(preceding=True))


def _classes(element: Element) -> set[str]:
    return set((element.get("class") or "").split())


def _elements(page: Selector, *tags: str) -> Iterator[Element]:
    """The elements of a page with these names, in its order."""
    for root in page.xpath("/*"):
        yield from root.root.iter(*tags)


def _linked(page: Selector, response: TextResponse) -> Iterator[tuple[str, str]]:
    base = response.urljoin("")
    anything = _HINT.search(base)
    for element in _elements(page, "a", "iframe", "embed", "object"):
        if not anything and not _HINT.search(" ".join(map(str, element.values()))):
            continue
        if element.tag == "a":
            url = address_of(element, base) if element.get("href") is not None else ""
            attached = is_file(url) or (url and "attachment" in (element.get("class") or ""))
        else:
            source = absolute(base, element.get("src") or element.get("data") or "")
            shown = parse_qs(urlsplit(source).query).get("file", [source])[0]  # a viewer names its file
            url, attached = original(absolute(base, shown)), is_file(shown)
        if attached and not _beside_the_page(element):
            text = re.sub(r"\s+", " ", str(element.xpath("string()"))).strip() or (element.get("title") or "")
            yield url, text if element.tag == "a" else ""


def _beside_the_page(element: Element) -> bool:
    """Whether an element stands in what frames the page: a header, a menu, a footer."""
    return any(
        above.tag in ("header", "footer", "nav")
        or (above.tag != "body" and _NOT_THE_PAGE.search(f"{above.get('id') or ''} {above.get('class') or ''}"))
        for above in element.iterancestors()
    )
