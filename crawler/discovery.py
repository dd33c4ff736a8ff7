"""Find the annual-report column of a site from its home page, or from any page of it, and say what family it is.

The search follows names, not guesses: 政府信息公开年报 under 政府信息公开, as the disclosure platform's rules name them
(2019), then the words of paths (`zfxxgknb`), then, from a report's page, where its product keeps columns. At most
`BUDGET` pages are asked for, each politely (`crawler.probing`). A page is the column if its family's own spider reads
reports or further columns from it; where no product is known, if it is called so and lists reports (`plain`). Traps:
one report among a home page's news makes no column; a column may lead on to its newest year, and the year's address
is not kept; a column may be a shell around a frame, or itself the report.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from scrapy.http import TextResponse

from archive.addresses import canonical_url
from crawler.links import COLUMN, Link, is_named, is_report_name, links_of, named_above, promise, site_words, weight
from crawler.outcomes import is_report_title
from crawler.portals import families, host_and_port
from crawler.sniffing import PLAIN, Sniffed, columns_of, is_entry, sniff
from parsers import regions

BUDGET = 12  # pages of one site
DEEPEST = 4  # links from the page that was given
FEW = 3  # reports in a list that make it a column whatever it is called
_SAME_DOMAIN, _OTHER_DOMAIN = 20, 45  # what the weight of a link loses that leads to another host
_BY_RULE = 92  # the weight of a column's address that follows from a report's: less than the column's whole name
_HOME = 20  # the weight of the site's home page, where the search began elsewhere


class Fetched(NamedTuple):
    """What came of one request: the page where it is one, else `outcome` (as a capture's) and why."""

    asked: str
    page: TextResponse | None
    outcome: str
    note: str | None


class Lines(NamedTuple):
    """What a family's spider reads from a page: titles of its lines, its further columns, whether the list goes on or
    begins on another page; `report` where the page is itself one."""

    titles: list[str]
    columns: list[Link]
    more: bool
    report: bool = False


class Step(NamedTuple):
    """One page of the search, for people: its address, what led there, and what was seen."""

    url: str
    name: str
    seen: str


class Column(NamedTuple):
    """A column that was found. `site` is what the site calls itself, "" where it does not say."""

    url: str
    family: str
    signal: str
    site: str
    place: str


class Search(NamedTuple):
    """The end of a search: the column or None, and every page that was asked for."""

    column: Column | None
    steps: list[Step]
    outcomes: list[str]


class _Next(NamedTuple):
    """A page that waits; the smallest is asked for first. `called`: what leads there bears the column's name."""

    weighed: int
    depth: int
    order: int
    link: Link
    called: bool


Fetch = Callable[[str], Awaitable[Fetched]]
Read = Callable[[str, TextResponse], Lines | None]
"""A family's own reading of a page; None where the family has no spider or its spider cannot read the page."""


async def discover(start: str, fetch: Fetch, read: Read, budget: int = BUDGET) -> Search:
    """Search from `start`; never raises on what a site sends."""
    order = itertools.count()
    waiting = [_Next(-1000, 0, next(order), Link(start, ""), False)]
    home = "{0.scheme}://{0.netloc}/".format(urlsplit(start))
    waiting.append(_Next(-_HOME, 1, next(order), Link(home, "the home page"), False))
    asked: set[str] = set()
    names: list[str] = []
    steps: list[Step] = []
    outcomes: list[str] = []
    while waiting and len(steps) < budget:
        weighed, depth, _, link, called = heapq.heappop(waiting)
        if canonical_url(link.url) in asked:
            continue
        asked.add(canonical_url(link.url))
        fetched = await fetch(link.url)
        outcomes.append(fetched.outcome)
        if fetched.page is None:
            steps.append(Step(link.url, link.name, f"{fetched.outcome}: {fetched.note}"))
            continue
        page = fetched.page
        asked.add(canonical_url(page.url))
        if not is_markup(page):
            steps.append(Step(link.url, link.name, "no web page"))
            continue
        names += site_names(page)
        links = [each for each in links_of(page) if may_be_followed(each.url, start)]
        family, seen = judge(page, links, read, called=called)
        steps.append(Step(link.url, link.name, seen))
        if family is not None:
            url = kept_address(link.url, page.url)
            if not all(site_and_place(names)) and canonical_url(home) not in asked and len(steps) < budget:
                fetched = await fetch(home)
                names += site_names(fetched.page) if fetched.page is not None and is_markup(fetched.page) else []
                steps.append(Step(home, "for the site's name", fetched.outcome))
            return Search(Column(url, family.family, family.signal, *site_and_place(names)), steps, outcomes)
        if depth >= DEEPEST:
            continue
        for each in links:
            promised = promise(each)
            inherited = min(-weighed, 100) - 1 if each.framed else 0
            worth = max(promised, inherited) - strangeness(each.url, start)
            if worth > 0 and canonical_url(each.url) not in asked:
                named = promised >= COLUMN or (each.framed and called)
                heapq.heappush(waiting, _Next(-worth, depth + 1, next(order), each, named))
        by_rule = [named_above(page.url), *columns_of(page.url), *columns_of(link.url)]
        for url in dict.fromkeys(url for url in by_rule if url and url != page.url):
            heapq.heappush(waiting, _Next(-_BY_RULE, depth + 1, next(order), Link(url, "by its product's rule"), False))
    return Search(None, steps, outcomes)


def judge(page: TextResponse, links: list[Link], read: Read, *, called: bool) -> tuple[Sniffed | None, str]:
    """The family of a page if it is the column, else None; and what was seen, for people.

    `called` says that the link which led here bears the column's name; a page, or its path, may also call itself so.
    """
    led, called = called, called or is_named(page.url) or any(weight(name) >= COLUMN for name in page_names(page))
    own = [link.url for link in links if host_and_port(link.url) == host_and_port(page.url)]
    sniffed = sniff(page.url, page.text, own)
    reports = [link for link in links if is_report_name(link.name)]
    seen = [f"{sniffed.family} by {sniffed.signal}" if sniffed else "no family's signal", f"{len(reports)} reports"]
    if called:
        seen.append("called an annual-report column")
    if sniffed is not None and not sniffed.certain:
        lines = read(sniffed.family, page)
        if lines is None or not (lines.report or any(map(is_report_title, lines.titles))):
            seen.append("nothing there that its spider reads")
            sniffed = None
    if sniffed is None or sniffed.family not in families():
        listed = (called and bool(reports)) or _mostly_reports(len(reports), len(links))
        if sniffed is None and listed:
            plain = read(PLAIN, page)
            there = sum(map(is_report_title, plain.titles)) if plain is not None else 0
            found = Sniffed(PLAIN, f"a list of {there} ordinary links", False) if there else None
            return found, ", ".join([*seen, f"plain reads {there} reports"])
        return (sniffed if sniffed is not None and listed else None), ", ".join(seen)
    lines = read(sniffed.family, page)
    if lines is None:
        return None, ", ".join([*seen, "its spider cannot read the page"])
    if lines.report:
        shown = led and not columns_of(page.url)
        return (sniffed if shown else None), ", ".join([*seen, "itself a report"])
    titled = [title for title in lines.titles if is_report_title(title)]
    seen.append(f"its spider reads {len(titled)} reports of {len(lines.titles)} lines")
    linked = {link.name for link in links}
    hidden = [each.name for each in lines.columns if weight(each.name) >= COLUMN and each.name not in linked]
    if hidden:
        return sniffed, ", ".join([*seen, f"a column in its script: {hidden[0]}"])
    bodies = sum(is_entry(sniffed.family, each.url) for each in lines.columns)
    if sniffed.certain and bodies >= FEW:
        return sniffed, ", ".join([*seen, f"the lists of {bodies} bodies"])
    if called and (titled or lines.columns or (lines.more and sniffed.certain)):
        return sniffed, ", ".join(seen)
    if _mostly_reports(sum(map(is_report_name, titled)), len(lines.titles)):
        return sniffed, ", ".join(seen)
    return None, ", ".join(seen)


def _mostly_reports(reports: int, lines: int) -> bool:
    return reports >= FEW and reports * 2 >= lines


def is_markup(page: TextResponse) -> bool:
    """Whether an answer can be read for links: JSON cannot."""
    return page.selector.type != "json"


def may_be_followed(url: str, start: str) -> bool:
    """The search stays on the host it began on, and on official ones."""
    host = host_and_port(url)[0]
    return host_and_port(url) == host_and_port(start) or host.endswith(".gov.cn")


def strangeness(url: str, start: str) -> int:
    """What a link loses for leading to another host: footers link to the 政府信息公开 of every government above."""
    host, home = host_and_port(url)[0], host_and_port(start)[0]
    if host == home:
        return 0
    return _SAME_DOMAIN if host.split(".")[-3:] == home.split(".")[-3:] else _OTHER_DOMAIN


def kept_address(asked: str, arrived: str) -> str:
    """Which of the two to keep after a redirect: a column may lead to its newest year, and next year to another."""
    first, last = urlsplit(asked), urlsplit(arrived)
    if (first.scheme, first.netloc) == (last.scheme, last.netloc) and first.path not in ("", "/"):
        return canonical_url(asked)
    return canonical_url(arrived)


def page_names(page: TextResponse) -> list[str]:
    """What a page says it is: the mandated meta, headings, the first part of its title."""
    said = page.xpath("//meta[@name='ColumnName']/@content | //h1//text() | //h2//text()").getall()
    title = page.xpath("string(//title)").get() or ""
    return [re.sub(r"\s+", "", text) for text in [*said, re.split(site_words()["split"], title)[0]] if text.strip()]


def site_names(page: TextResponse) -> list[str]:
    """What a page says its site is, the surest first: the mandated meta, then the parts of the title, last to first."""
    words = site_words()
    title = page.xpath("string(//title)").get() or ""
    parts = [page.xpath("//meta[@name='SiteName']/@content").get() or "", *reversed(re.split(words["split"], title))]
    found = []
    for part in parts:
        name = re.sub(r"\s+", "", part)
        for pattern in words["drop"] * 2:
            name = re.sub(pattern, "", name)
        if re.search(words["place"], name) and regions.find(name):
            name += words["government"]
        if re.search(words["body"], name) and len(name) > 2:
            found.append(name)
    return found


def site_and_place(names: Iterable[str]) -> tuple[str, str]:
    """The name that pages give their site most surely, and the GB/T 2260 code it names; "" for what nothing says."""
    known = list(dict.fromkeys(names))
    for name in known:
        if code := region_of(name):
            region = regions.lookup(code)
            own = region.name if region and code != regions.NATION else "-"
            return (regions.display_name(code) + name.removeprefix(own) if name.startswith(own) else name), code
    return (known[0] if known else ""), ""


def region_of(name: str) -> str:
    """The code of the one region in force that a body's name names; "" where it names none, or one of several."""
    if re.search(site_words()["national"], name):
        return regions.NATION
    found = regions.find(name)
    level = found[0].level if found else ""
    finest = [region for region in found if region.level == level]
    return finest[0].code if len(finest) == 1 and finest[0].valid_to is None else ""
