"""Lists of ordinary links, whatever wrote them: the long tail, and the disclosure platform's layout of any vendor.

Nothing is configured: the lines are those of the platform's container (`zfxxgk_zdgkc`) or of the groups of links that
look like a list, the next page is where 下一页 leads, else the pager's script, else the next number, else the next of
gov.cn's `home_0.htm`, `home_1.htm`. Traps: a last page whose 下一页 leads to itself; columns that are shells around a
frame, and columns that are the report (both: `crawler.base`); collections of outbound links, whose lines are seeds and
never reports: a bare body's name says neither title nor year. A list that this does not read is a family of its own,
not a setting here. Evidence: C by shape, A for the platform's layout.
"""

from __future__ import annotations

import re

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.lists import (
    DISCLOSURE,
    at_directory,
    columns_in,
    directory_of,
    has,
    lines,
    next_link,
    numbered_link,
    pagers,
    path_of,
)

_HOME = re.compile(r"/home_(\d+)\.htm$")


class Plain(PortalSpider):
    """The family `plain`."""

    name = "plain"
    outbound_reports = False

    def listing(self, response: TextResponse) -> Listing:
        """The lines of the list, the columns inside it, and the page after this one."""
        page = at_directory(response)
        return Listing(
            lines(page, (DISCLOSURE,), bodies=True),
            next_page(page),
            None,
            columns=columns_in(page, self.column_address, directory_of(page)),
            complete=True if has(page, (DISCLOSURE,)) else None,
        )


def next_page(response: TextResponse) -> Request | None:
    """The request for the page after this one, None where nothing on the page leads there."""
    if url := next_link(response):
        return Request(url)
    for pager in pagers(response.text):
        following = pager.following()
        return Request(response.urljoin(following)) if following else None
    if url := numbered_link(response):
        return Request(url)
    home = _HOME.search(path_of(response.url))
    if home is not None:
        return Request(response.urljoin(f"home_{int(home[1]) + 1}.htm"), meta={"guessed": True})
    return None
