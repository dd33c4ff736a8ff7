"""Which CMS family a page is of, by what its product alone writes.

The signals are data (`families.toml`), in the order of asking; source: the study of portals, section 1. Traps: the bare
letters "trs" prove nothing (铜仁市 lives at trs.gov.cn); a body is pasted from site to site with its classes, so
TRS_Editor never decides; UCAP's createPageHTML has TRS's name and a text for its first argument; a column at
`/col/col<N>/` is jcms or xxgk, which only the page tells. Hence three rounds: what proves it (the page's body or its
own address), then the addresses that the page lists, then what only hints.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from crawler.portals import FAMILIES

PLAIN = "plain"


class Sniffed(NamedTuple):
    """A family and what told it, in words for a person; `certain` is false where it only hints."""

    family: str
    signal: str
    certain: bool


class _Signals(NamedTuple):
    family: str
    url: list[re.Pattern[str]]
    body: list[re.Pattern[str]]
    absent: list[re.Pattern[str]]
    links: list[re.Pattern[str]]
    hint: list[re.Pattern[str]]
    columns: list[tuple[re.Pattern[str], str]]


def sniff(url: str, text: str, links: Iterable[str] = ()) -> Sniffed | None:
    """The family of the page at `url`, whose source is `text` and whose links are `links` (absolute); None: no signal.

    `plain` is never an answer: that a list has ordinary links is no signal of a product.
    """
    for signals in _families():
        for pattern in signals.url:
            if hit := pattern.search(url):
                return Sniffed(signals.family, f"its address ({hit.group()[-60:]})", True)
        if any(pattern.search(url) or pattern.search(text) for pattern in signals.absent):
            continue
        for pattern in signals.body:
            if hit := pattern.search(text):
                return Sniffed(signals.family, f"its source ({' '.join(hit.group().split())[:60]})", True)
    if told := _by_links(links):
        return told
    for signals in _families():
        for pattern in signals.hint:
            if hit := pattern.search(url):
                return Sniffed(signals.family, f"its address, a hint only ({hit.group()[-60:]})", False)
    return None


def is_entry(family: str, url: str) -> bool:
    """Whether an address is one that the family's product gives to entries of its lists, or to bodies' own lists."""
    return any(pattern.search(url) for each in _families() if each.family == family for pattern in each.links)


def columns_of(url: str) -> list[str]:
    """Where the column of the report at `url` is by the rule of a product, in the order of the families; mostly one."""
    found = []
    for signals in _families():
        for pattern, replacement in signals.columns:
            if pattern.search(url):
                found.append(pattern.sub(replacement, url))
    return list(dict.fromkeys(found))


def _by_links(links: Iterable[str]) -> Sniffed | None:
    counts: Counter[str] = Counter()
    for link in dict.fromkeys(links):
        for signals in _families():
            if any(pattern.search(link) for pattern in signals.links):
                counts[signals.family] += 1
                break
    if not counts:
        return None
    family, count = max(counts.items(), key=lambda item: item[1])
    return Sniffed(family, f"the addresses of {count} of its links", count > 1)


@cache
def _families() -> tuple[_Signals, ...]:
    tables = tomllib.loads(FAMILIES.read_text(encoding="utf-8"))

    def compiled(table: dict[str, list[str]], name: str) -> list[re.Pattern[str]]:
        return [re.compile(pattern) for pattern in table.get(name, [])]

    return tuple(
        _Signals(
            family,
            compiled(table, "url"),
            compiled(table, "body"),
            compiled(table, "not"),
            compiled(table, "links"),
            compiled(table, "hint"),
            [(re.compile(pattern), replacement) for pattern, replacement in table.get("columns", [])],
        )
        for family, table in tables.items()
    )
