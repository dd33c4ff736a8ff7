"""Articles that a portal sets over several pages: which pages belong to one, and their text joined into one page.

TRS pages a long article with the same `createPageHTML` as its lists, UCAP with its own: the call stands inside the
article, and its prefix is the article's own file name (`t20151009_67430` with `t20151009_67430_1.html`). The joined
page is the first one with the others' text before its pager: furniture once, the tables in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree, html
from lxml.etree import _Element as Element
from parsel import Selector
from scrapy.http import TextResponse

from crawler.lists import pagers, path_of

LONGEST_ARTICLE = 50  # pages of one article
_SOME_TEXT = 40  # characters: an element around the pager that holds less is the pager's own box


def further_pages(response: TextResponse) -> list[str]:
    """The addresses of an article's second and later pages; empty for an article that has one.

    A pager belongs to the article where its prefix is the page's own file name (portals: `t20151009_67430`).
    """
    name = path_of(response.url).rpartition("/")[2].rpartition(".")[0]
    for pager in pagers(response.text):
        if pager.prefix == name and pager.pages > 1 and pager.current == 0:
            return [response.urljoin(pager.page(number)) for number in range(1, min(pager.pages, LONGEST_ARTICLE))]
    return []


def join(pages: Sequence[TextResponse]) -> bytes:
    """The article as one page in UTF-8: the first page, and before its pager what the others hold around theirs.

    ValueError where a page has no such pager.
    """
    name = path_of(pages[0].url).rpartition("/")[2].rpartition(".")[0]
    trees = [html.document_fromstring(page.text.encode(), parser=html.HTMLParser(encoding="utf-8")) for page in pages]
    first = _pager(trees[0], name, pages[0].url)
    box = _box(first)
    place = next(child for child in box if child is first or first in child.iterdescendants())
    for page, tree in zip(pages[1:], trees[1:], strict=True):
        pager = _pager(tree, name, page.url)
        for child in list(_box(pager)):
            if child is not pager and pager not in child.iterdescendants():
                place.addprevious(child)
    for meta in trees[0].iter("meta"):
        if meta.get("charset"):
            meta.set("charset", "utf-8")
    return b"<!DOCTYPE html>\n" + etree.tostring(trees[0], encoding="utf-8", method="html")


def _pager(tree: Element, name: str, url: str) -> Element:
    for script in tree.iter("script"):
        if any(pager.prefix == name for pager in pagers(script.text or "")):
            return script
    raise ValueError(f"{url} lacks the pager of its article")


def _box(pager: Element) -> Element:
    """The element around the pager that holds the article's text, not the pager alone."""
    for above in pager.iterancestors():
        text = "".join(Selector(root=above).xpath(".//text()[not(ancestor::script)]").getall()).strip()
        if above.tag == "body" or len(text) > _SOME_TEXT or above.find(".//table") is not None:
            return above
    raise ValueError("a pager outside the page's body")
