"""Shaanxi's county platform (Wuqi, Fuxian, Yuyang, bureaux of Yan'an; Xi'an's districts with another kind of id).

A list is `<column>/1.html`, then `2.html`; how many pages there are stands in a script as `parseInt('4')`. Lines are
`.m-lst li`. Articles are named by a number of 16 to 19 digits (Xi'an: 24 hexadecimal digits) below their group and
year (`zj/2021n/`), which are columns. Traps: no number of lines is declared; the column's directory without `1.html`
is its first page too; a script's `parseInt` of another thing must not count as pages; the year of the path is not the
report's. Pages end in `#printContent` with the labels as nested `div`s.
Evidence: B (portals.md 3.13: stored pages of four counties and one public program).
"""

from __future__ import annotations

import re

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.lists import DISCLOSURE, at_directory, columns_in, directory_of, has, lines, next_link

LISTS = (".m-lst", DISCLOSURE)
_PAGES = re.compile(r"""parseInt\(\s*['"](\d+)['"]""")
_PAGE = re.compile(r"/(\d{1,4})\.html$")


class SxSnowflake(PortalSpider):
    """The family `sx-snowflake`."""

    name = "sx-snowflake"
    column_address = re.compile(r"/$|/[^/.]+$|/(index|\d{1,4})\.html$")

    def listing(self, response: TextResponse) -> Listing:
        """The lines of one page, and the page after it while the script's number of pages is not reached."""
        response = at_directory(response)
        found = has(response, LISTS)
        page = _PAGE.search(response.url.partition("?")[0])
        current = int(page[1]) if page else 1
        pages = max((int(number) for number in _PAGES.findall(response.text)), default=0)
        following = next_link(response)
        if current < pages:
            following = response.urljoin(f"{current + 1}.html")
        columns = columns_in(response, self.column_address, directory_of(response))
        more = Request(following) if following else None
        return Listing(lines(response, LISTS), more, None, columns=columns, complete=found or None)
