"""拓尔思 WCM with static lists: Chongqing, Guizhou, Yunnan, Fujian, Hubei, Hunan, Tianjin, many ministries.

`createPageHTML(pages, current, prefix, ext)` writes the pager: page 1 is `index.html`, page n is `index_{n-1}.html`.
Traps: links are relative to the column's directory; no total of lines is declared; anchor text is cut, `a[title]` is
not; a deep page may be a stub without a list. UCAP's function of the same name takes the pager's id first, another
contract: it does not match here. Evidence: `portals.md` 3.4.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider

_PAGER = re.compile(r"""createPageHTML\(\s*(\d+)\s*,\s*(\d+)\s*,\s*["']([\w-]+)["']\s*,\s*["'](\w+)["']""")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)")


class TrsWcm(PortalSpider):
    """The family `trs-wcm`."""

    name = "trs-wcm"

    def listing(self, response: TextResponse) -> Listing:
        """The links of list items that carry a date, and the page after this one."""
        entries = []
        for item in response.xpath("//li[a[@href]]"):
            date = _DATE.search(re.sub(r"\s+", "", "".join(item.xpath(".//text()[not(ancestor::a)]").getall())))
            link = item.xpath("a[@href]")[0]
            if date is None or link.attrib["href"].lower().startswith("javascript:"):
                continue
            title = link.attrib.get("title") or link.xpath("string()").get() or ""
            listed = f"{date[1]}-{int(date[2]):02d}-{int(date[3]):02d}"
            entries.append(Entry(urljoin(response.url, link.attrib["href"].strip()), title, listed))
        return Listing(entries, next_page(response), None)


def next_page(response: TextResponse) -> Request | None:
    """The request for the page after this one, None on the last one and where no pager is."""
    pager = _PAGER.search(response.text)
    if pager is None or int(pager[2]) + 1 >= int(pager[1]):
        return None
    return Request(urljoin(response.url, f"{pager[3]}_{int(pager[2]) + 1}.{pager[4]}"))
