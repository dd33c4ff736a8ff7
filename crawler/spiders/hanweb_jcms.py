"""大汉 JCMS with jpage lists: Zhejiang, Jiangsu, Shandong, Jiangxi, Gansu, Inner Mongolia, Harbin, some ministries.

The column page (`/col/col<N>/index.html`) inlines the first records as XML in a script and calls
`$('#<unit>').jpage({...})`; further records come from the call's `proxyUrl` by POST, `startrecord`, `endrecord` and
`perpage` in the query, the call's `ajaxParam` in the form. Traps: one page may hold several units (the list wanted is
the one whose `columnid` is the column's); `?pageNum=2` on the column is the browser's own affair and gives page 1;
anchor text is cut, `a[title]` is not; dates are split by newlines; a record is a fragment, `li`, `tr` or `div`; sites
that ignore `startrecord` repeat page 1, others answer deep pages with nothing: both end the list, and the count tells.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlencode, urljoin

from lxml import etree
from parsel import Selector
from scrapy import FormRequest, Request
from scrapy.http import TextResponse

from crawler.base import Entry, Listing, PortalSpider

_JPAGE = re.compile(r"""\$\(\s*['"]#([\w-]+)['"]\s*\)\.jpage\(\s*\{(.*?)\}\s*\)""", re.DOTALL)
_AJAX = re.compile(r"ajaxParam\s*:\s*\{(.*?)\}", re.DOTALL)
_PAIR = re.compile(r"""['"]?(\w+)['"]?\s*:\s*(?:'([^']*)'|"([^"]*)"|([^,}\s]+))""")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)")


class Unit(NamedTuple):
    """One jpage call: where its further records are, how they are asked for, how many there are."""

    id: str
    proxy: str
    form: dict[str, str]
    total: int | None
    batch: int


class HanwebJcms(PortalSpider):
    """The family `hanweb-jcms`."""

    name = "hanweb-jcms"

    def listing(self, response: TextResponse) -> Listing:
        """The column page's inlined records, or the proxy's answer to a request of ours."""
        unit: Unit | None = response.meta.get("unit")
        if unit is not None:
            column, seen = response.meta["column"], response.meta["seen"]
            records, total = read_datastore(response.text)
        else:
            column, seen = response.url, 0
            unit = wanted_unit(response)
            if unit is None:
                return Listing([], None, None)
            inlined = response.xpath("//div[@id=$id]//script[contains(@type, 'xml')]/text()", id=unit.id).getall()
            records, total = read_datastore("".join(inlined))
        declared = unit.total if unit.total is not None else total
        seen += len(records)
        entries = [entry for entry in (read_record(record, column) for record in records) if entry is not None]
        more = bool(records) and (declared is None or seen < declared)
        return Listing(entries, self.next_page(unit, column, seen) if more else None, declared)

    def next_page(self, unit: Unit, column: str, seen: int) -> Request:
        """The request for the records after the first `seen`."""
        query = {"startrecord": seen + 1, "endrecord": seen + unit.batch, "perpage": unit.batch}
        return FormRequest(
            f"{urljoin(column, unit.proxy)}?{urlencode(query)}",
            formdata=unit.form,
            headers={"X-Requested-With": "XMLHttpRequest", "Referer": column},
            meta={"unit": unit, "column": column, "seen": seen},
        )


def wanted_unit(response: TextResponse) -> Unit | None:
    """The jpage call of the page's own column (`columnid` is the address' number); else the one with most records."""
    units = []
    for unit_id, call in _JPAGE.findall(response.text):
        ajax = _AJAX.search(call)
        form = {name: a or b or c for name, a, b, c in _PAIR.findall(ajax.group(1))} if ajax else {}
        options = {name: a or b or c for name, a, b, c in _PAIR.findall(_AJAX.sub("", call))}
        if "proxyUrl" not in options:
            continue
        total = options.get("totalRecord", "")
        per_page = int(options.get("perPage", "15")) * int(options.get("groupSize", "1"))
        units.append(Unit(unit_id, options["proxyUrl"], form, int(total) if total.isdigit() else None, per_page))
    column = re.search(r"/col/col(\d+)/", response.url)
    own = [unit for unit in units if column and unit.form.get("columnid") == column.group(1)]
    return max(own or units, key=lambda unit: unit.total or 0, default=None)


def read_datastore(text: str) -> tuple[list[str], int | None]:
    """The records of a `<datastore>`, each an HTML fragment, and its `<totalrecord>` where it has one."""
    start = text.find("<datastore")
    if start < 0:
        return [], None
    parser = etree.XMLParser(recover=True, resolve_entities=False, huge_tree=False)
    root = etree.fromstring(text[start:].encode(), parser)
    total = root.findtext("totalrecord")
    records = [record.text for record in root.iter("record") if record.text]
    return records, int(total) if total and total.strip().isdigit() else None


def read_record(fragment: str, column: str) -> Entry | None:
    """One record: the link with the longest title, `title` before text, and the date that stands outside it."""
    selector = Selector(text=fragment)
    links = []
    for link in selector.xpath("//a[@href]"):
        title = (link.attrib.get("title") or link.xpath("string()").get() or "").strip()
        links.append((title, link.attrib["href"].strip()))
    links = [(title, href) for title, href in links if title and not href.lower().startswith("javascript:")]
    if not links:
        return None
    title, href = max(links, key=lambda link: len(link[0]))
    around = re.sub(r"\s+", "", "".join(selector.xpath("//text()[not(ancestor::a)]").getall()))
    date = _DATE.search(around)
    listed = f"{date[1]}-{int(date[2]):02d}-{int(date[3]):02d}" if date else None
    return Entry(urljoin(column, href), title, listed)
