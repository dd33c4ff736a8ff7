"""大汉 JCMS with jpage lists: Zhejiang, Jiangsu, Shandong, Jiangxi, Gansu, Inner Mongolia, Harbin, some ministries.

The column page (`/col/col<N>/index.html`) inlines the first records as XML in a script and calls
`$('#<unit>').jpage({...})`; further records come from the call's `proxyUrl` (newer and older sites have other paths for
it) by POST, `startrecord`, `endrecord` and `perpage` in the query, the call's `ajaxParam` in the form. Sites disagree:
where `startrecord` is ignored or answered with nothing, the list goes on by `page`, from the number that the XML's
`nextgroup` names, by POST and then by GET. Traps: one page may hold several units (the list wanted is the one whose
`columnid` is the column's, else the one with reports in it); `nextgroup` may hold `columnid` and `unitid` encrypted,
and then these are what the proxy takes; a deep page may be an empty document of 54 bytes; `?pageNum=2` on the column
is the browser's own affair and gives page 1; anchor text is cut, `a[title]` is not; dates are split by newlines; a
record is a fragment, `li`, `tr` or `div`; years and groups are columns in a menu, with numbers of their own.
Evidence: A (many programs and pages).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode, urljoin

from scrapy import FormRequest, Request
from scrapy.http import TextResponse

from crawler.base import Listing, PortalSpider
from crawler.jpage import Unit, inlined_in, read_datastore, read_record, wanted_unit, with_next_group
from crawler.lists import DISCLOSURE, columns_in, lines, next_link

__all__ = ["HanwebJcms", "Unit", "read_datastore", "read_record", "wanted_unit"]

_WAYS = ("records", "page", "page by GET")


class HanwebJcms(PortalSpider):
    """The family `hanweb-jcms`. `meta` of a request to the proxy: `unit`, `column`, `seen` (records before it), `way`,
    and by page its `page`, the `start` of this way and the addresses `known`."""

    name = "hanweb-jcms"
    column_address = re.compile(r"/col/col\d+/(?:index\.html)?$")

    def listing(self, response: TextResponse) -> Listing:
        """The column page's inlined records, or the proxy's answer to a request of ours."""
        if "unit" in response.meta:
            return self._records(response)
        tabs = columns_in(response, self.column_address, None)
        unit = wanted_unit(response)
        if unit is None:
            following = next_link(response)
            return Listing(lines(response, (DISCLOSURE,)), Request(following) if following else None, None, tabs)
        inlined = inlined_in(response, unit.id)
        records, total = read_datastore(inlined)
        declared = unit.total if unit.total is not None else total
        entries = [read_record(record, response.url) for record in records]
        unit, start = with_next_group(unit, inlined)
        meta = {"unit": unit._replace(total=declared), "column": response.url, "seen": len(records), "way": 0}
        meta |= {"start": start, "known": sorted({entry.url for entry in entries})}
        more = (bool(declared) and len(records) < (declared or 0)) or (declared is None and bool(records))
        return Listing(entries, proxy_request(meta) if more else None, declared, tabs, complete=True)

    def _records(self, response: TextResponse) -> Listing:
        meta, unit = response.meta, response.meta["unit"]
        records, total = read_datastore(response.text)
        entries = [read_record(record, meta["column"]) for record in records]
        declared = unit.total if unit.total is not None else total
        unit, _ = with_next_group(unit, response.text)
        seen = meta["seen"] + len(records)
        known = {*meta["known"], *(entry.url for entry in entries)}
        following = meta | {"unit": unit, "seen": seen, "known": sorted(known)}
        if meta["way"]:
            following["page"] = meta["page"] + 1
            done = declared is not None and (meta["page"] - 1) * max(len(records), unit.batch) >= declared
            more = bool(records) and (declared is None or len(known) < declared)
            return Listing(entries, proxy_request(following) if more else None, declared, complete=done or None)
        more = bool(records) and (declared is None or seen < declared)
        return Listing(entries, proxy_request(following) if more else None, declared)

    def other_way(self, response: TextResponse) -> Request | None:
        """From `startrecord` to `page`, there past the pages that repeat what is known, and at last to GET."""
        meta = response.meta
        if "unit" not in meta:
            return None
        records, _ = read_datastore(response.text)
        if meta["way"] and records and meta["page"] * len(records) <= len(meta["known"]):
            return proxy_request(meta | {"page": meta["page"] + 1})
        if meta["way"] + 1 >= len(_WAYS):
            return None
        return proxy_request(meta | {"way": meta["way"] + 1, "page": meta["start"]})


def proxy_request(meta: dict[str, Any]) -> Request:
    """The request for the records after those seen, in the way that `meta` says."""
    unit, column = meta["unit"], meta["column"]
    names = ("unit", "column", "seen", "way", "start", "known", "page")
    kept = {name: meta[name] for name in names if name in meta}
    headers = {"X-Requested-With": "XMLHttpRequest", "Referer": column}
    address = urljoin(column, unit.proxy)
    # the list's number in the query too: captures of two lists at one proxy must not share an address
    which = {"columnid": unit.form["columnid"]} if "columnid" in unit.form else {}
    if not meta["way"]:
        first = meta["seen"] + 1
        query = {"startrecord": first, "endrecord": first + unit.batch - 1, "perpage": unit.batch}
        return FormRequest(f"{address}?{urlencode(query | which)}", formdata=unit.form, headers=headers, meta=kept)
    page = str(meta["page"])
    if _WAYS[meta["way"]] == "page":
        form = unit.form | {"page": page}
        return FormRequest(f"{address}?{urlencode({'page': page} | which)}", formdata=form, headers=headers, meta=kept)
    return Request(f"{address}?{urlencode({'page': page} | unit.form)}", headers=headers, meta=kept)
