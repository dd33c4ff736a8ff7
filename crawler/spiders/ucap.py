"""开普云 UCAP: Xinjiang, Heilongjiang, Sanya, Hanzhong, Jurong, Suzhou, Sichuan variants, the CSRC.

`createPageHTML('page_div', pages, current, prefix, ext, total)` writes the pager, pages from 1: page 2 is
`list_2.shtml`. Where a script draws the list, or its further pages fail, `/common/search/{channelid}` or
`/searchList/{channelid}` gives it as JSON, whichever the page's scripts name. Traps: TRS has a function of the same
name with another contract, told by its first argument, here a string; the total may be missing; JSON's addresses begin
with `//` and its titles may hold tags; the CSRC answers a burst with status 200 and the section's index instead of the
article; `zwgk_cont.shtml` is a column that is itself the report. Evidence: A (Ganzhou's counties: look-alikes only).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.lists import DISCLOSURE, at_directory, columns_in, date_in, directory_of, has, lines, original, pagers

_PATHS = ("/common/search/", "/searchList/")
_SEARCH = re.compile(r"(/(?:common/search|searchList)/)([0-9a-f]{32})?")
_CONTAINERS = (DISCLOSURE, "ul.pageList", "ul.newsList")
_ARTICLE = re.compile(
    r"""<ucap(?:title|content)\b|UCAP-?(?:CONTENT|TITLE)|name=["']ArticleTitle|id=["']zoom""", re.IGNORECASE
)
_PAGE_SIZE = 15


class Ucap(PortalSpider):
    """The family `ucap`. `meta` of a list request: `json`, the list's JSON address, which may be `guessed`; `size` and
    `number` of the page."""

    name = "ucap"

    def listing(self, response: TextResponse) -> Listing:
        """A static page of the list, or an answer of the list's JSON."""
        if response.meta.get("as_json"):
            return self._found(response)
        page = at_directory(response)
        entries = lines(page, _CONTAINERS)
        number = page.meta.get("number", 1)
        tabs = columns_in(page, self.column_address, directory_of(page)) if number == 1 else []
        pager = next((pager for pager in pagers(page.text) if pager.vendor == "ucap"), None)
        meta = {
            "json": json_address(page) or page.meta.get("json"),
            "size": page.meta.get("size") or len(entries) or _PAGE_SIZE,
            "number": number + 1,
            "guessed": _SEARCH.search(page.text) is None,
        }
        if pager is not None:
            following = pager.following()
            request = Request(page.urljoin(following), meta=meta | {"guessed": False}) if following else None
            return Listing(entries, request, pager.total, tabs, True if pager.pages < 2 else None)
        drawn = meta["json"] is not None and (not entries or page.xpath("//*[@id='page_div']"))
        request = json_request(meta | {"number": number + bool(entries)}) if drawn else None
        return Listing(entries, request, None, tabs, True if request or has(page, _CONTAINERS) else None)

    def other_way(self, response: TextResponse) -> Request | None:
        """From a static page that breaks the list off to the same page of its JSON; from one JSON to the other."""
        meta = response.meta
        if not meta.get("json"):
            return None
        if meta.get("as_json"):
            here, there = _PATHS if _PATHS[0] in meta["json"] else _PATHS[::-1]
            meta = meta | {"json": meta["json"].replace(here, there)}
        return json_request(meta)

    def is_article(self, response: TextResponse) -> bool:
        """Whether a page is an article by UCAP's markup, or at least no section of its."""
        section = has(response, _CONTAINERS) or "createPageHTML('" in response.text
        return _ARTICLE.search(response.text) is not None or not section

    def _found(self, response: TextResponse) -> Listing:
        try:
            data = json.loads(response.text)["data"]
            rows, total = list(data["results"]), int(data["total"])
            entries = [read_row(row, response) for row in rows]
        except (ValueError, KeyError, TypeError):
            return Listing([], None, None, complete=False)
        number, size = response.meta["number"], int(data.get("rows") or response.meta["size"])
        more = bool(rows) and number * size < total
        following = json_request(response.meta | {"number": number + 1}) if more else None
        return Listing(entries, following, total, complete=True if (number - 1) * size >= total else None)


def json_address(page: TextResponse) -> str | None:
    """Where the page's scripts ask for its list, by default the first of the two; None without a channel's id."""
    path = _SEARCH.search(page.text)
    channel = (path and path[2]) or page.xpath("//meta[@name='channelid']/@content").get()
    return page.urljoin(f"{path[1] if path else _PATHS[0]}{channel}") if channel else None


def json_request(meta: dict[str, Any]) -> Request:
    """The request for page `number` of the list's JSON."""
    query = {"_isAgg": "true", "_isJson": "true", "_pageSize": meta["size"], "_template": "index"}
    kept = {name: meta[name] for name in ("json", "size", "number", "guessed")}
    address = f"{meta['json']}?{urlencode(query | {'page': meta['number']})}"
    return Request(address, headers={"X-Requested-With": "XMLHttpRequest"}, meta=kept | {"as_json": True})


def read_row(row: dict[str, Any], response: TextResponse) -> Entry:
    """One result: its address may lack the scheme, its title may hold tags that mark what was sought."""
    title = re.sub(r"<[^>]+>", "", str(row["title"]))
    url = str(row.get("url") or "").strip()
    listed = date_in(str(row.get("publishedTimeStr") or ""))
    return Entry(original(response.urljoin(url)) if url else "", title, listed)
