"""博达 WebPlus/VSB: Gansu (Tianshui, Gangu), Qinghai (Xining Chengzhong), Shandong (Yishui), Yunnan (Chuxiong).

The first page of a list is `name.htm`, the others `name/<k>.htm` and **count down**: `name/1.htm` is the oldest, so the
next page is where `p_next` leads and is never guessed. A dynamic twin, `list.jsp?totalpage=&PAGENUM=&wbtreeid=`, gives
the same pages and is asked where a static one fails. Traps: articles lie at `../info/<tree>/<id>.htm`, relative to the
page; sub-columns are files too (`zfxxgknb/2021n.htm`); pages on private networks redirect to an access-denied text:
blocked. Evidence: A for the markup (universities), B for governments.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.lists import DISCLOSURE, address_of, columns_in, has, lines, next_link, path_of

_TWIN = re.compile(r"""["']([^"'\s]*list\.jsp)\?([^"'\s]*wbtreeid=\d+[^"'\s]*)["']""")


class Vsb(PortalSpider):
    """The family `vsb`."""

    name = "vsb"
    column_address = re.compile(r"^(?!.*/(?:info|content)/).*/(?:[\w-]+\.htm|list\.jsp|index\.s?html?)$|.+/$", re.I)

    def listing(self, response: TextResponse) -> Listing:
        """The lines of the list, its columns, and the page that `p_next` leads to."""
        number = response.meta.get("number", 1)
        following = next_page(response)
        below = re.sub(r"(/\d+)?\.htm$", "/", path_of(response.url)) if number == 1 else None
        meta = {"twin": twin_of(response) or response.meta.get("twin"), "number": number + 1}
        return Listing(
            lines(response, (DISCLOSURE,)),
            Request(following, meta=meta) if following else None,
            None,
            columns=columns_in(response, self.column_address, below) if below else (),
            complete=True if has(response, (DISCLOSURE,)) else None,
        )

    def other_way(self, response: TextResponse) -> Request | None:
        """From a static page that breaks the list off to the same page of its dynamic twin."""
        twin, number = response.meta.get("twin"), response.meta.get("number", 1)
        if not twin or "list.jsp" in response.url:
            return None
        address, query = twin
        asked = dict(parse_qsl(query, keep_blank_values=True)) | {"PAGENUM": str(number)}
        return Request(f"{address}?{urlencode(asked)}", meta={"number": number})


def next_page(response: TextResponse) -> str | None:
    """Where 下页 leads; on the last page the pager has none."""
    for link in response.css(".p_next a[href], a.p_next[href], a.Next[href]"):
        url = address_of(link.root, response.urljoin(""))
        if url and url != response.url:
            return url
    return next_link(response)


def twin_of(response: TextResponse) -> tuple[str, str] | None:
    """The dynamic list's address and query, where the page names it."""
    twin = _TWIN.search(response.text.replace("&amp;", "&"))
    if twin is None:
        return None
    return response.urljoin(twin[1]), twin[2]
