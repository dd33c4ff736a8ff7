"""How often the tree that libxml2 builds of a broken page gives other figures than the HTML standard's tree.

The page is read as it is (libxml2), and again from the serialised trees of html5lib and lexbor, which both follow the
standard's rules for broken tables. `python -m tests.bench.damage` prints a row for each kind of damage.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import html5lib
from selectolax.lexbor import LexborHTMLParser

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from damaged import DAMAGES
from typeset import Layout
from typeset_html import typeset

from parsers import parse

FORM_IDS = ("v2014", "v2019", "v2021")
LAYOUTS = (Layout(), Layout(word="mso_misaligned"), Layout(grouping="one", header_spans=False, wrapper="layout_table"))
Figures = dict[tuple[str, str, str], tuple[str, object]]


class Row(NamedTuple):
    """One kind of damage: pages; of these, how many give other figures in the standard's trees; and figures that are
    not the undamaged page's, by tree: (libxml2, html5lib, lexbor)."""

    damage: str
    pages: int
    other_in_html5lib: int
    other_in_lexbor: int
    wrong: tuple[int, int, int]
    lost: tuple[int, int, int]


def _figures(body: bytes) -> Figures:
    return {(f.form, f.indicator, f.col): (f.state, f.value) for f in parse(body, media_type="text/html").figures}


def by_html5lib(body: bytes) -> bytes:
    """The page as html5lib's tree, written out with every tag closed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NULs and characters outside the plane are noted on stderr otherwise
        tree = html5lib.parse(body.decode("utf-8", "replace"), treebuilder="etree", namespaceHTMLElements=False)
        text: str = html5lib.serialize(tree, tree="etree", omit_optional_tags=False, quote_attr_values="always")
    return text.encode()


def by_lexbor(body: bytes) -> bytes:
    """The page as lexbor's tree, written out with every tag closed."""
    return (LexborHTMLParser(body.decode("utf-8", "replace")).html or "").encode()


def differences(seeds: int = 4) -> list[Row]:
    """A row for each kind of damage, over every form, three layouts and `seeds` figures of each."""
    trees: tuple[Callable[[bytes], bytes], ...] = (bytes, by_html5lib, by_lexbor)
    rows = []
    for damage, apply in DAMAGES.items():
        pages = 0
        other = [0, 0, 0]
        wrong, lost = [0, 0, 0], [0, 0, 0]
        for form_id in FORM_IDS:
            for layout in LAYOUTS:
                for seed in range(seeds):
                    page = typeset(form_id, Layout(**{**vars(layout), "seed": seed}))
                    whole = _figures(page.body)
                    body = apply(page.body, random.Random(seed))
                    pages += 1
                    found = [_figures(tree(body)) for tree in trees]
                    for n, figures in enumerate(found):
                        other[n] += figures != found[0]
                        wrong[n] += sum(whole.get(key) != value for key, value in figures.items())
                        lost[n] += sum(key not in figures for key in whole)
        rows.append(Row(damage, pages, other[1], other[2], (wrong[0], wrong[1], wrong[2]), (lost[0], lost[1], lost[2])))
    return rows


def run() -> None:
    rows = differences()
    print("damage           pages  other figures in      wrong figures           lost figures")
    print("                        html5lib  lexbor   libxml2/html5lib/lexbor  libxml2/html5lib/lexbor")
    for row in rows:
        wrong, lost = ("/".join(map(str, trees)) for trees in (row.wrong, row.lost))
        print(
            f"{row.damage:16} {row.pages:5} {row.other_in_html5lib:9} {row.other_in_lexbor:7}   {wrong:>23}  {lost:>23}"
        )
    pages = sum(row.pages for row in rows)
    print(f"{pages} damaged pages: {sum(r.other_in_html5lib for r in rows)} read otherwise from html5lib's tree, "
          f"{sum(r.other_in_lexbor for r in rows)} from lexbor's")  # fmt: skip


if __name__ == "__main__":
    run()
