"""The links of any page, as a reader of its menus would find them, and how much each promises an annual-report column.

Menus are written as anchors, as frames, as `onclick`, as scripts (`location.href = …`, `window.open(…)`) and as JSON
objects with a name and an address; all are read, none is run. Names and weights are data (`discovery.toml`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from scrapy.http import TextResponse

from crawler.outcomes import is_report_title

COLUMN = 80  # a link of this weight bears the column's mandated name

_QUOTED_ADDRESS = re.compile(r"""['"]((?:https?:)?/{0,2}[^'"\s<>]*[/.?][^'"\s<>]*)['"]""")
_SCRIPTED = re.compile(
    r"""(?:location(?:\.href)?\s*=|window\.open\(|location\.(?:replace|assign)\()\s*['"]([^'"\s]+)"""
)
_OBJECT = re.compile(r"\{[^{}]{3,2000}?[}\[]", re.DOTALL)
_FIELD = re.compile(r"""["']?(\w+)["']?\s*:\s*["']((?:[^"'\\\n]|\\.)*)["']""")
_PAIR = re.compile(r"""["']([^"'\n]{2,200})["']\s*[,:]\s*(?=["']([^"'\n]{2,200})["'])""")
_ADDRESSES = frozenset({"data-url", "data-href", "data-link", "data-src"})
_LONGEST_NAME = 40  # characters; an element with more text is no menu's item
_REFRESH = re.compile(r"url\s*=\s*['\"]?([^'\"\s;]+)", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")


class Link(NamedTuple):
    """Where a link leads (absolute) and what it is called; `framed` where the page shows it inside itself."""

    url: str
    name: str
    framed: bool = False


def links_of(page: TextResponse) -> list[Link]:
    """Every link of a page in its order, each address and name once."""
    found = [*_anchors(page), *_frames(page), *_scripts(page)]
    base = page.xpath("//base/@href").get()
    at = urljoin(page.url, base.strip()) if base else page.url
    links = []
    for target, name, framed in found:
        try:
            url = urljoin(at, target.strip()).partition("#")[0]
        except ValueError:  # a broken IPv6 host in an address
            continue
        if url.startswith(("http://", "https://")):
            links.append(Link(url, re.sub(r"\s+", "", name), framed))
    return list(dict.fromkeys(links))


def _anchors(page: TextResponse) -> Iterator[tuple[str, str, bool]]:
    for anchor in page.xpath("//a | //area"):
        name = anchor.attrib.get("title") or anchor.xpath("string()").get() or ""
        if not name.strip():
            name = anchor.attrib.get("alt") or anchor.xpath(".//img/@alt").get() or ""
        target = anchor.attrib.get("href", "")
        if not target.lower().startswith("javascript:") and target.strip() not in ("", "#"):
            yield target, name, False
        else:
            for address in _QUOTED_ADDRESS.findall(target):
                yield address, name, False
    for element in page.xpath("//*[@onclick or @data-url or @data-href or @data-link or @data-src]"):
        name = element.attrib.get("title") or element.xpath("string()").get() or ""
        if len(name.strip()) <= _LONGEST_NAME:
            for address in _QUOTED_ADDRESS.findall(element.attrib.get("onclick", "")):
                yield address, name, False
            for attribute in _ADDRESSES.intersection(element.attrib):
                yield element.attrib[attribute], name, False
    for option in page.xpath("//option[contains(@value, '/')]"):
        yield option.attrib["value"], option.xpath("string()").get() or "", False


def _frames(page: TextResponse) -> Iterator[tuple[str, str, bool]]:
    for source in page.xpath("//iframe/@src | //frame/@src").getall():
        if source.strip() and not source.lower().startswith(("about:", "javascript:")):
            yield source, "", True
    for refresh in page.xpath("//meta[translate(@http-equiv, 'REFSH', 'refsh') = 'refresh']/@content").getall():
        for address in _REFRESH.findall(refresh):
            yield address, "", True


def _scripts(page: TextResponse) -> Iterator[tuple[str, str, bool]]:
    short = len(page.text) < 4000  # a page that does nothing but lead on
    for script in page.xpath("//script[not(@src)]/text()").getall():
        for address in _SCRIPTED.findall(script):
            yield address, "", short
        for first, second in _PAIR.findall(script):
            for name, address in ((first, second), (second, first)):
                if weight(_plain(name)) > 0 and re.search(r"[/.?]", address):
                    yield address.replace("\\/", "/"), _plain(name), False
        for item in _OBJECT.findall(script):
            fields = dict(_FIELD.findall(item))
            name = next((value for value in fields.values() if weight(_plain(value)) > 0), "")
            if name:
                for field, value in fields.items():
                    if re.search(r"(?i)url|href|link|path", field) and ("/" in value or "." in value):
                        yield value.replace("\\/", "/"), _plain(name), False


def _plain(value: str) -> str:
    """A JSON text as it reads."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), value)


def promise(link: Link) -> int:
    """How much a link promises to lead to the column: 100 its mandated name, 0 nothing. A year's own column a little
    less than the column of all years; a report is no column."""
    if any(pattern.search(link.name) or pattern.search(link.url) for pattern in _data().unwanted):
        return 0
    named = weight(link.name)
    address = _data().address.search(link.url)
    if named:
        return named + (5 if address and named < 100 else 0)
    if is_report_name(link.name):
        return 0
    return _data().address_weight if address else 0


def is_named(url: str) -> bool:
    """Whether the directory that an address lies in is named by a column's path word."""
    return named_above(url) == f"{url.partition('?')[0].rpartition('/')[0]}/"


def named_above(url: str) -> str | None:
    """The directory above an address that a column's path word names, the highest; None where there is none."""
    parts = urlsplit(url)
    segments = parts.path.split("/")[1:-1]
    for count, segment in enumerate(segments, start=1):
        if _data().address.search(f"/{segment}/") and not any(p.search(segment) for p in _data().unwanted):
            return f"{parts.scheme}://{parts.netloc}/{'/'.join(segments[:count])}/"
    return None


def weight(name: str) -> int:
    """The weight of a name alone, years in it left out."""
    if is_report_name(name):
        return 0
    bare = re.sub(r"[\s\[\]【】（）()>»·：:]+", "", name)
    without = re.sub(r"(?:19|20)\d\d(?:年度?)?", "", bare)
    for pattern, value in _data().names:
        if pattern.search(bare):
            return value
        if without != bare and without and pattern.search(without):
            return value - 15
    return 0


def is_report_name(name: str) -> bool:
    """Whether a link's name is a report's title: it names its year, and something beside the year and the kind."""
    if not _YEAR.search(name) or not is_report_title(name):
        return False
    rest = re.sub(r"(?:19|20)\d\d(?:年度?)?|政府信息公开|信息公开|工作|年度|年报|报告|[\s\[\]【】（）()《》]", "", name)
    return len(rest) >= 2


class _Data(NamedTuple):
    unwanted: list[re.Pattern[str]]
    names: list[tuple[re.Pattern[str], int]]
    address: re.Pattern[str]
    address_weight: int
    sites: dict[str, Any]


@cache
def _data() -> _Data:
    data = tomllib.loads((Path(__file__).parent / "discovery.toml").read_text(encoding="utf-8"))
    return _Data(
        [re.compile(pattern) for pattern in data["not"]],
        [(re.compile(name["pattern"]), int(name["weight"])) for name in data["names"]],
        re.compile(data["addresses"]["pattern"]),
        int(data["addresses"]["weight"]),
        data["sites"],
    )


def site_words() -> dict[str, Any]:
    """What sites add to their own names (`[sites]` of `discovery.toml`)."""
    return _data().sites
