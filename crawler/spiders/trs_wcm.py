"""拓尔思 WCM with static lists: Chongqing, Guizhou, Yunnan, Fujian, Hubei, Hunan, Tianjin, many ministries.

The pager is a script: `createPageHTML(pages, current, prefix, ext)`, in some templates `var countPage = 3`, at
ministries `pagination_script_config = {pageNumber:'0', total:'3'}`; page 1 is `index.html`, page n `index_{n-1}.html`.
No total of lines is declared. Traps: links are relative to the column's directory, also where its address lacks the
slash; anchor text is cut, `a[title]` is not; lines without a date; a deep page may be a stub of 400 bytes without a
list (incomplete, not the end); left menus list other columns, so the disclosure platform's container is read where it
is there; `_wap`, `isMobile` and big5 twins; articles `t<date>_<id>.html` and, in Guangxi, `t<id>.shtml`; years are
directories with chance names (`zfxxgknb_58255`, `nb_2022n`), walked as they are linked. UCAP's function of the same
name takes the pager's id first, another contract. Evidence: A (many programs and pages).
"""

from __future__ import annotations

import re

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.lists import DISCLOSURE, Pager, at_directory, columns_in, directory_of, has, lines, pagers, path_of

_COUNT = re.compile(r"""\bcountPage\s*=\s*["']?(\d+)""")
_CURRENT = re.compile(r"""\bcurrentPage\s*=\s*["']?(\d+)""")
_CONFIG = re.compile(r"""pagination_script_config\s*=\s*\{([^}]*)\}""")
_SETTING = re.compile(r"""["']?(\w+)["']?\s*:\s*["']?(\w+)""")
_EXTENSION = re.compile(r"""["']_?\.?(s?html?)["']""")
_FILE = re.compile(r"([\w-]+?)(?:_(\d+))?\.(s?html?)$")


class TrsWcm(PortalSpider):
    """The family `trs-wcm`."""

    name = "trs-wcm"

    def listing(self, response: TextResponse) -> Listing:
        """The lines of the list, the columns inside it, and the page after this one."""
        page = at_directory(response)
        pager = pager_of(page)
        following = pager.following() if pager else None
        return Listing(
            lines(page, (DISCLOSURE,)),
            Request(page.urljoin(following)) if following else None,
            None,
            columns=columns_in(page, self.column_address, directory_of(page)),
            complete=True if has(page, (DISCLOSURE,)) else None,
        )


def pager_of(response: TextResponse) -> Pager | None:
    """What the page's scripts say of its list's pages; None where they say nothing."""
    text = response.text
    file = _FILE.search(path_of(response.url))
    name, here, extension = (file[1], int(file[2] or 0), file[3]) if file else ("index", 0, "html")
    for pager in sorted(pagers(text), key=lambda pager: pager.prefix != name):
        if pager.vendor == "trs":
            return pager
    if config := _CONFIG.search(text):
        said = dict(_SETTING.findall(config[1]))
        if said.get("total", "").isdigit():
            current = int(said["pageNumber"]) if said.get("pageNumber", "").isdigit() else here
            return Pager(int(said["total"]), current, name, extension, None, "trs")
    if count := _COUNT.search(text):
        current_page = _CURRENT.search(text)
        written = None if file else _EXTENSION.search(text, count.end())
        extension = written[1] if written else extension
        return Pager(int(count[1]), int(current_page[1]) if current_page else here, name, extension, None, "trs")
    return None
