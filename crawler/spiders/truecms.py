"""TrueCMS: Nantong, Lianyungang (Ganyu). The jpage of another vendor before another server.

A column `…/<name>/<name>.html` inlines its first lines as HTML in `#initData`; `$(…).jpage({…, totalRecord:40,
proxyUrl:'/TrueCMS/messageController/getMessage.do', ajaxParam:{columnId:'<uuid>'}})` asks for the rest by GET with
`startrecord`, `endrecord`, `perpage`, `columnId`, `callback`, and is given JSONP around `{"result": "<datastore>…"}`.
Traps: sites allow different `perpage` (100 gives nothing; 50 gives a 404 on some, or fewer lines than were asked for),
so 50, 20 and 10 are tried; the path's case differs (`/truecms`), so the page's own is used; without a Referer some
answer 404; on some sites the endpoint is switched off and only the inlined lines exist, some 60 of them: what is
declared beyond is then missing, and said so.
Evidence: A for lists (portals.md 3.11: crawlers of Nantong, Lianyungang and Shanghai, and the vendor's template).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode, urljoin

from scrapy import Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.jpage import read_datastore, read_record
from crawler.lists import lines

SIZES = (50, 20, 10)
_PROXY = re.compile(r"""proxyUrl\s*:\s*['"]([^'"]*messageController/getMessage\.do)['"]""")
_COLUMN = re.compile(r"""columnId\s*:\s*['"]([^'"]+)['"]""")
_TOTAL = re.compile(r"""totalRecord\s*:\s*['"]?(\d+)""")
_JSONP = re.compile(r"^[^({]*\((.*)\)\s*;?\s*$", re.DOTALL)


class Truecms(PortalSpider):
    """The family `truecms`."""

    name = "truecms"

    def may_fail(self, response: TextResponse) -> bool:
        """The endpoint is asked in several ways, and is switched off on some sites."""
        return "start" in response.meta

    def listing(self, response: TextResponse) -> Listing:
        """The inlined lines of the column page, or one answer of the endpoint."""
        if "start" in response.meta:
            return self.answered(response)
        inlined = lines(response, ("#initData",))
        proxy, column, total = (pattern.search(response.text) for pattern in (_PROXY, _COLUMN, _TOTAL))
        declared = int(total[1]) if total else None
        more = None
        if proxy and column and (declared is None or len(inlined) < declared):
            known = {"column": response.url, "endpoint": proxy[1], "id": column[1], "total": declared}
            more = self.ask(known, len(inlined), 0)
        return Listing(inlined, more, declared, complete=True)

    def answered(self, response: TextResponse) -> Listing:
        """The lines after those already had; with none, the same question in smaller portions."""
        meta = response.meta
        records, total = read_message(response)
        total = total if total is not None else meta["total"]
        if not records:
            smaller = meta["size"] + 1
            if not meta["worked"] and smaller < len(SIZES):
                return Listing([], self.ask(meta, meta["seen"], smaller), None, complete=True)
            return Listing([], None, None, complete=False)
        fresh = [read_record(record, meta["column"]) for record in records[meta["seen"] - meta["start"] :]]
        seen = meta["seen"] + len(fresh)
        fits = next((n for n, count in enumerate(SIZES) if count <= len(records)), len(SIZES) - 1)
        goes_on = (total is None or seen < total) and (bool(fresh) or fits > meta["size"])
        more = self.ask(meta | {"worked": True}, seen, max(fits, meta["size"])) if goes_on else None
        return Listing(fresh, more, total, complete=True)

    def ask(self, known: dict[str, Any], seen: int, size: int) -> Request:
        """The request for the portion that holds the line after the first `seen`; portions begin at whole multiples."""
        count = SIZES[size]
        start = seen // count * count
        query = {"startrecord": start + 1, "endrecord": start + count, "perpage": count}
        url = urljoin(known["column"], known["endpoint"])
        meta = {name: known.get(name) for name in ("column", "endpoint", "id", "total", "worked")}
        return Request(
            f"{url}?{urlencode(query | {'columnId': known['id'], 'callback': 'cb'})}",
            headers={"Referer": known["column"], "X-Requested-With": "XMLHttpRequest"},
            meta=meta | {"seen": seen, "start": start, "size": size},
        )


def read_message(response: TextResponse) -> tuple[list[str], int | None]:
    """The records of an answer, each an HTML fragment, and the total; none and None for anything else."""
    if response.status != 200:
        return [], None
    text = response.text.strip()
    call = _JSONP.match(text)
    try:
        answer: Any = json.loads(call[1] if call else text)
    except ValueError:
        return read_datastore(text)
    return read_datastore(str(answer.get("result") or "")) if isinstance(answer, dict) else ([], None)
