"""Guangdong's 政府信息公开目录管理平台: every body of the province has an instance, on a host or under a path.

The index page (`/gkmlpt/index`, also `…#321`) carries `window._CONFIG` with the instance's `SID` and the `TREE` of its
columns; `GET <base>/gkmlpt/api/all/<column>?page=n&sid=<SID>` answers JSON, a hundred articles a page. Traps: the
tree's `post_count` exceeds what the API has, `total` is the truth; a column's list may hold what the columns inside it
hold (`classify_main` tells) or nothing of it; a column with a `jump_url` has its articles elsewhere, mostly in a column
of gd-nfcms; articles of type `url` lead to other sites; `post_url` may be dead where
`url` works; `create_time` is what the page prints as 发布日期, `date` is 成文日期, `created_at` neither; times are Unix
seconds, to be read in China's time zone; the session cookie is not needed. Many instances speak HTTP only.
Evidence: A (portals.md 3.6: a survey of all its instances, RSSHub, and stored pages of several bodies).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.spiders.gd_nfcms import read_column

_ANNUAL = re.compile(r"年报|年度报告")
_OTHER = re.compile(r"网站.*(年报|报表|年度)|财政|决算|统计年报|环境")
_SID = re.compile(r"""["']?\bSID["']?\s*:\s*["']?(\w+)""")
_TREE = re.compile(r"""["']?\bTREE["']?\s*:\s*(?=[\[{])""")
_CHINA = timedelta(hours=8)


class GdGkmlpt(PortalSpider):
    """The family `gd-gkmlpt`."""

    name = "gd-gkmlpt"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.below: dict[str, list[Entry]] = {}  # a column's API address without its page -> the columns inside it

    def listing(self, response: TextResponse) -> Listing:
        """The instance's annual-report columns from its index, one page of a column from the API, or a jump's page."""
        if "/gkmlpt/api/" in response.url:
            return self.articles(response)
        if "_CONFIG" in response.text and "/gkmlpt" in response.url:
            return self.index(response)
        return read_column(response)

    def index(self, response: TextResponse) -> Listing:
        """The columns that hold annual reports: the one after `#` in the portal's address, else those so named."""
        sid, nodes = _SID.search(response.text), read_tree(response.text)
        if sid is None or nodes is None:
            return Listing([], None, None, complete=False)
        base = f"{response.url.partition('/gkmlpt')[0]}/gkmlpt/api/all"
        wanted = urlsplit(self.portals[response.meta["portal"]].url).fragment

        def column(node: dict[str, Any]) -> Entry:
            jump = str(node.get("jump_url") or "").strip()
            inside = [column(child) for child in node.get("children") or []]
            url = response.urljoin(jump) if jump else f"{base}/{node['id']}?page=1&sid={sid[1]}"
            self.below[url.partition("?")[0]] = inside
            return Entry(url, str(node.get("name") or ""), None)

        found = [column(node) for node in annual_columns(nodes, wanted if wanted.isdigit() else None)]
        return Listing([], None, None, columns=found, complete=bool(found))

    def articles(self, response: TextResponse) -> Listing:
        """One answer of the API; the next page while fewer than `total` articles were given; the columns inside."""
        try:
            answer: Any = json.loads(response.text)
            articles, total = list(answer["articles"]), int(answer["total"])
        except (ValueError, KeyError, TypeError):
            return Listing([], None, None, complete=False)
        address, _, query = response.url.partition("?")
        asked = parse_qs(query)
        page, seen = int(asked["page"][0]), response.meta.get("seen", 0) + len(articles)
        following = f"{address}?{urlencode({'page': page + 1, 'sid': asked['sid'][0]})}"
        more = Request(following, meta={"seen": seen}) if articles and seen < total else None
        inside = self.below.get(address, []) if page == 1 else []
        ids = {url.url.partition("?")[0].rpartition("/")[2] for url in inside}
        mixed = any(str(article.get("classify_main")) in ids for article in articles)
        columns = [column for column in inside if not mixed or "/gkmlpt/api/" not in column.url]
        entries = [read_article(article, response) for article in articles]
        return Listing(entries, more, total, columns=columns, complete=True)


def read_tree(text: str) -> list[Any] | None:
    """The tree of an instance's columns, None where the page holds none that can be read."""
    start = _TREE.search(text)
    if start is None:
        return None
    try:
        nodes = json.JSONDecoder().raw_decode(text, start.end())[0]
    except ValueError:
        return None
    return nodes if isinstance(nodes, list) else [nodes]


def annual_columns(nodes: list[Any], number: str | None) -> Iterator[dict[str, Any]]:
    """The outermost nodes of the tree that hold annual reports by their name, or the one of the given number."""
    for node in nodes:
        name = str(node.get("name") or "")
        named = number is None and _ANNUAL.search(name) is not None and _OTHER.search(name) is None
        if named or (number is not None and str(node.get("id")) == number):
            yield node
        else:
            yield from annual_columns(node.get("children") or [], number)


def read_article(article: dict[str, Any], response: TextResponse) -> Entry:
    """One article as a line; `url` before `post_url`, 发布日期 before the other times."""
    times = (article.get(name) for name in ("create_time", "display_publish_time", "date"))
    time = next((int(value) for value in times if value), None)
    listed = (datetime.fromtimestamp(time, UTC) + _CHINA).strftime("%Y-%m-%d") if time else None
    url = str(article.get("url") or article.get("post_url") or "")
    return Entry(response.urljoin(url) if url else "", str(article.get("title") or ""), listed)
