"""南方 CMS columns of Guangdong (Guangzhou, Shenzhen and others), beside the disclosure platform of the same makers.

A list is `index.html`, then `index_2.html` (page n is `_n`, from 1, unlike TRS); 下一页 and 尾页 are links, and of
these 尾页 alone says how many pages there are. Lines are `ul.news_list li`. Columns of years (`2020n/`) and of groups
(`bm/`) hang below. Traps: no number of lines is declared; on the last page 下一页 is absent or leads to the page
itself, while some skins keep it as a script; an article is `post_<ID>.html` under `content/`, its telephone twin
`mpost_<ID>.html`; HTTPS may fail where HTTP works. Attachments are `a.nfw-cms-attachment` under `/attachment/0/`.
Evidence: A (portals.md 3.7: RSSHub and a survey of gkmlpt portals agree with stored pages of Guangzhou and Shenzhen).
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.columns import COLUMN_ADDRESS
from crawler.lists import DISCLOSURE, at_directory, columns_in, directory_of, has, lines, next_link

LISTS = ("ul.news_list", ".news_list", DISCLOSURE)
_NUMBER = re.compile(r"/(?P<prefix>[A-Za-z]\w*?)(?:_(?P<number>\d+))?\.(?P<extension>s?html?)(?:[?#]|$)")
_TWIN = re.compile(r"/content/mpost_(?=\d+\.html)")


class GdNfcms(PortalSpider):
    """The family `gd-nfcms`."""

    name = "gd-nfcms"

    def listing(self, response: TextResponse) -> Listing:
        """The lines of one page of a column, and the page after it."""
        return read_column(response)


def read_column(response: TextResponse) -> Listing:
    """One page of a column; the disclosure platform's `jump_url` leads to such a page too."""
    response = at_directory(response)
    entries = [untwinned(entry) for entry in lines(response, LISTS)]
    url = next_page(response)
    columns = columns_in(response, COLUMN_ADDRESS, directory_of(response))
    found = has(response, LISTS) or None
    return Listing(entries, Request(url) if url else None, None, columns=columns, complete=found)


def untwinned(entry: Entry) -> Entry:
    """A line under the address of the article itself, where it leads to the article's telephone twin."""
    return entry._replace(url=_TWIN.sub("/content/post_", entry.url))


def next_page(response: TextResponse) -> str | None:
    """The page after this one: counted where 尾页 says how many there are, else what 下一页 links."""
    hrefs = response.xpath(
        "//a[normalize-space() = '尾页' or normalize-space() = '末页' or contains(@class, 'last')]/@href"
    ).getall()
    last = urljoin(response.url, hrefs[0].strip()) if hrefs else None
    end = _NUMBER.search(last) if last else None
    if last is None or end is None or end["number"] is None:
        return next_link(response)
    here = _NUMBER.search(response.url)
    current = int(here["number"] or 1) if here and here["prefix"] == end["prefix"] else 1
    if current >= int(end["number"]):
        return None
    return urljoin(last, f"{end['prefix']}_{current + 1}.{end['extension']}")
