"""parse() against the bare DOM of the same page, by lxml and by BeautifulSoup; memory over 10,000 pages."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import psutil
from bs4 import BeautifulSoup
from lxml import etree
from typeset import Layout
from typeset_html import typeset

from parsers import parse

ROUNDS = 45
WARM = 5
PAGES = 10_000


class Times(NamedTuple):
    """Milliseconds of processor time: the middle and the best of all turns."""

    median: float
    best: float


def _milliseconds(bodies: list[bytes], *tasks: Callable[[bytes], object]) -> list[Times]:
    """The times of each task, taken turn by turn, so that noise meets all alike.

    No body comes twice: the labels are the same, as on real pages of one portal, the figures never are, so that no
    memory of texts answers for them.
    """
    times: list[list[float]] = [[] for _ in tasks]
    for body in bodies:
        for k, task in enumerate(tasks):
            began = time.thread_time()
            task(body)
            times[k].append((time.thread_time() - began) * 1000)
        gc.collect()  # a soup is full of cycles, which else would be found at the cost of the next task
    return [Times(median(each), min(each)) for each in times]


def _lxml(body: bytes) -> object:
    return etree.fromstring(body, etree.HTMLParser(encoding="utf-8"))


def run() -> None:
    print(f"{'page':34}{'KB':>6}{'parse ms':>10}{'best':>7}{'lxml ms':>9}{'x lxml':>8}{'bs4 ms':>8}{'x bs4':>7}")
    for form in ("v2014", "v2019", "v2021"):
        for word in ("mso", ""):
            layouts = [Layout(word=word, wrapper="menus", seed=seed) for seed in range(1, WARM + 1)]
            for page in (typeset(form, layout) for layout in layouts):
                assert len(parse(page.body).figures) == len(page.expected), "a page was not read in full"
            pages = [typeset(form, Layout(word=word, wrapper="menus", seed=100 + n)) for n in range(ROUNDS)]
            read, dom, soup = _milliseconds(
                [page.body for page in pages], parse, _lxml, lambda body: BeautifulSoup(body, "lxml")
            )
            size = median(len(page.body) for page in pages) / 1024
            name = f"{form}, {'pasted from Word' if word else 'plain'}, {len(pages[0].expected)} figures"
            print(
                f"{name:34}{size:6.0f}{read.median:10.2f}{read.best:7.2f}{dom.median:9.2f}"
                f"{read.median / dom.median:8.1f}{soup.median:8.1f}{read.median / soup.median:7.2f}"
            )
    bodies = [typeset("v2021", Layout(seed=seed)).body for seed in range(20)]
    process = psutil.Process()
    for n in range(PAGES):
        parse(bodies[n % len(bodies)] + f"<!-- {n} -->".encode())
        if n + 1 in (1_000, PAGES):
            print(f"resident after {n + 1:6} pages: {process.memory_info().rss / 2**20:.0f} MB")
