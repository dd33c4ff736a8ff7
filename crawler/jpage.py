"""jpage, the list script of 大汉 JCMS and of TrueCMS: its call, its records, and what it asks of its proxy.

A list is an element with an XML `<datastore>` of inlined records and a call `$('#<unit>').jpage({...})`. Traps: several
units on a page; a record is a fragment of any markup in CDATA; the XML is cut or preceded by white space; `nextgroup`
holds a link whose parameters may be encrypted otherwise than the call's.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from lxml import etree
from parsel import Selector
from scrapy.http import TextResponse

from crawler.lists import Entry, address_of, date_in, title_of
from crawler.outcomes import is_report_title

_JPAGE = re.compile(r"""(?:\$|jQuery)\(\s*['"]#([\w-]+)['"]\s*\)\.jpage\(\s*\{(.*?)\}\s*\)""", re.DOTALL)
_AJAX = re.compile(r"ajaxParam\s*:\s*\{(.*?)\}", re.DOTALL)
_PAIR = re.compile(r"""['"]?(\w+)['"]?\s*:\s*(?:'([^']*)'|"([^"]*)"|([^,}\s]+))""")
_NEXT_GROUP = re.compile(r"<nextgroup>.*?href=[\"']([^\"']+)[\"'].*?</nextgroup>", re.DOTALL)


class Unit(NamedTuple):
    """One jpage call: where its further records are, how they are asked for, how many there are."""

    id: str
    proxy: str
    form: dict[str, str]
    total: int | None
    batch: int


def wanted_unit(response: TextResponse) -> Unit | None:
    """The jpage call of the page's own column (`columnid` is the address' number); else the one whose inlined records
    hold most reports, or of equals most records."""
    units = []
    for unit_id, call in _JPAGE.findall(response.text):
        ajax = _AJAX.search(call)
        form = {name: a or b or c for name, a, b, c in _PAIR.findall(ajax.group(1))} if ajax else {}
        options = {name: a or b or c for name, a, b, c in _PAIR.findall(_AJAX.sub("", call))}
        group = _NEXT_GROUP.search(inlined_in(response, unit_id))
        proxy = options.get("proxyUrl") or (group[1].partition("?")[0] if group else "")
        if not proxy:
            continue
        total = options.get("totalRecord", "")
        per_page = int(options.get("perPage", "15")) * int(options.get("groupSize", "1"))
        units.append(Unit(unit_id, proxy, form, int(total) if total.isdigit() else None, per_page))
    column = re.search(r"/col/col(\d+)/", response.url)
    own = [unit for unit in units if column and unit.form.get("columnid") == column.group(1)]

    def worth(unit: Unit) -> tuple[int, int]:
        records, _ = read_datastore(inlined_in(response, unit.id))
        titles = [read_record(record, response.url).title for record in records]
        return sum(is_report_title(title) for title in titles), unit.total or 0

    return max(own or units, key=worth, default=None)


def inlined_in(response: TextResponse, unit: str) -> str:
    """The XML of a unit, inlined in its element; where a template puts it beside, the page's only one."""
    script = "//script[contains(@type, 'xml')]/text()"
    inside = response.xpath(f"//*[@id=$id]{script}", id=unit).getall()
    found = inside or response.xpath(script).getall()
    return "".join(found) if inside or len(found) == 1 else ""


def with_next_group(unit: Unit, text: str) -> tuple[Unit, int]:
    """The unit with the parameters that `nextgroup` gives otherwise (encrypted ones), and its page (else 2)."""
    group = _NEXT_GROUP.search(text)
    if group is None:
        return unit, 2
    said = dict(parse_qsl(group[1].replace("&amp;", "&").partition("?")[2], keep_blank_values=True))
    page = said.pop("page", "")
    form = unit.form | {name: said[name] for name in ("columnid", "unitid") if said.get(name)}
    form = {**said, **form}
    return unit._replace(form=form), int(page) if page.isdigit() and int(page) else 2


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


def read_record(fragment: str, column: str) -> Entry:
    """One record: the link with the longest title, `title` before text, and the date that stands outside it.

    A record without a link to follow keeps its text as title and has no address.
    """
    selector = Selector(text=fragment)
    links = [(address_of(link.root, column), title_of(link.root)) for link in selector.xpath("//a[@href]")]
    around = selector.xpath("//text()[not(ancestor::a)]").getall()
    url, title = max(links, key=lambda link: (bool(link[0]), len(link[1])), default=("", ""))
    if not url:
        title = title or re.sub(r"\s+", " ", selector.xpath("string()").get() or "").strip()
    return Entry(url, title, date_in(*around) or date_in(*selector.xpath("//text()").getall()))
