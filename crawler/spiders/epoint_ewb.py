"""新点 EWB: Xuzhou and its districts, Yingkou, some units of Shanghai. The column page is a shell, its list is JSON.

`POST <projectName>/rest/lightfrontaction/getgovinfolist` with `deptcode`, `categorynum` (both in the column's address),
`pageIndex`, `pageSize` and `siteGuid` gives `{"custom": {"total": 37, "data": […]}}`. `siteGuid` and `projectName`
stand in `/js/webBuilderCommon.js` (`var siteInfo = {…}`), on older sites in `/js/ajaxReq.js`. Traps: pages count from 0
on most sites and from 1 on others, where page 0 repeats page 1 or is empty: both are asked for, what is repeated is
left out; older sites want the parameters inside `params`, and answer anything else with nothing or an error; `title`
is cut, `realtitle` is not; `deptcode=""` lists every body. The page is in the query of our requests too, which
servers ignore: captures are kept by address.
Evidence: A (portals.md 3.12: public crawlers of Xuzhou's districts and bureaux, of Yingkou and of Fushun).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from parsel import Selector
from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider
from crawler.lists import date_in

SCRIPTS = ("/js/webBuilderCommon.js", "/js/ajaxReq.js")
PAGE_SIZE = 20
_GUID = re.compile(r"""siteGuid["']?\s*[:=]\s*["']([0-9A-Fa-f-]{36})["']""")
_PROJECT = re.compile(r"""projectName["']?\s*[:=]\s*["']([^"']*)["']|["']([^"'\s]*)/rest/lightfrontaction""")
_ATTEMPTS = ((0, False), (0, True), (1, False), (1, True))  # page, and whether wrapped in `params`


class EpointEwb(PortalSpider):
    """The family `epoint-ewb`."""

    name = "epoint-ewb"

    def may_fail(self, response: TextResponse) -> bool:
        """A script that is not there, and a service that does not like how it was asked."""
        return "column" in response.meta

    def listing(self, response: TextResponse) -> Listing:
        """The shell and its scripts until the site's id is known, then the service's answers."""
        if "page" in response.meta:
            return self.answered(response)
        column, asked = response.meta.get("column", response.url), response.meta.get("asked", 0)
        guid, project = _GUID.search(response.text), _PROJECT.search(response.text)
        if guid is not None and response.status == 200:
            root = (project[1] or project[2] or "") if project else "EWB-FRONT"
            root = root if root.startswith("http") else f"/{root.strip('/')}"
            service = urljoin(column, f"{root.rstrip('/')}/rest/lightfrontaction/getgovinfolist")
            return Listing(
                [], self.ask({"column": column, "service": service, "guid": guid[1]}, 0), None, complete=True
            )
        if asked == len(SCRIPTS):
            return Listing([], None, None, complete=False)
        script = Request(urljoin(column, SCRIPTS[asked]), meta={"column": column, "asked": asked + 1})
        return Listing([], script, None, complete=True)

    def answered(self, response: TextResponse) -> Listing:
        """One page of the list; while nothing was given yet, the other ways to ask."""
        meta = response.meta
        given, page = meta["given"], meta["page"]
        data, total = read_answer(response)
        if not data and not given:
            attempt = meta["attempt"] + 1
            more = self.ask(meta, attempt) if attempt < len(_ATTEMPTS) else None
            return Listing([], more, total, complete=more is not None or total == 0)
        entries = [read_line(line, meta["column"]) for line in data]
        urls = [entry.url for entry in entries]
        if page == 1 and urls and urls == list(given) and total != len(given):
            return Listing([], self.ask(meta, meta["attempt"], 2), total, complete=True)
        given = (*given, *urls)
        more = self.ask(meta, meta["attempt"], page + 1, given) if data and (total or 0) > len(given) else None
        return Listing(entries, more, total, complete=True)

    def ask(
        self, known: dict[str, Any], attempt: int, page: int | None = None, given: tuple[str, ...] | None = None
    ) -> Request:
        """The request for one page; `given` are the addresses listed so far."""
        first, wrapped = _ATTEMPTS[attempt]
        page = first if page is None else page
        query = dict(parse_qsl(urlsplit(known["column"]).query))
        body: dict[str, Any] = {
            "deptcode": query.get("deptcode", ""),
            "categorynum": query.get("categorynum", ""),
            "pageIndex": page,
            "pageSize": PAGE_SIZE,
            "siteGuid": known["guid"],
        }
        return Request(
            f"{known['service']}?{urlencode({'pageIndex': page} | ({'wrapped': 1} if wrapped else {}))}",
            method="POST",
            body=json.dumps({"token": "", "params": body} if wrapped else body),
            headers={
                "Content-Type": "application/json;charset=UTF-8",
                "X-Requested-With": "XMLHttpRequest",
                "Referer": known["column"],
            },
            meta={name: known[name] for name in ("column", "service", "guid")}
            | {"page": page, "attempt": attempt, "given": given if given is not None else known.get("given", ())},
        )


def read_answer(response: TextResponse) -> tuple[list[dict[str, Any]], int | None]:
    """The lines of an answer and their total; none and None for anything else."""
    try:
        answer: Any = json.loads(response.text)
        custom = answer["custom"]
        custom = json.loads(custom) if isinstance(custom, str) else custom
        return list(custom["data"] or []), int(custom["total"] or 0)
    except (ValueError, KeyError, TypeError):
        return [], None


def read_line(line: dict[str, Any], column: str) -> Entry:
    """One line: `realtitle` before `title`, without markup."""
    title = Selector(str(line.get("realtitle") or line.get("title") or "") or " ").xpath("string()").get() or ""
    url = str(line.get("infourl") or "").strip()
    return Entry(urljoin(column, url) if url else "", title.strip(), date_in(str(line.get("infodate") or "")))
