"""Where a figure stands: from the place that a figure names back to the element, or the characters, of its source.

The counting is the readers' own (docs/design.md, "Place"). Where a figure has no table, `row` is the number of a block;
rows that lie outside any `<table>` have no table either, and are told apart by the text of the cell. In stored text the
cells of a row may be broken over lines, so that they are looked for one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml.etree import _Element as Element

from parsers.model import Block, Cell, Grid, Paragraph
from parsers.readers.cells import HTML_SPACE, row_of, text_of
from parsers.readers.html import blocks_in, cells_at
from parsers.readers.tree import Tree


class Spot(NamedTuple):
    """An element (`part` is "element"), or only its text ("text"), or the text after it ("tail")."""

    element: Element
    part: str = "element"


def in_tree(tree: Tree, tbl: int | None, row: int, cell: int, raw: str) -> Spot | None:
    """What stands at a place of an HTML page; None where nothing does. `raw` is the figure's text."""
    if tbl is not None:
        cells = cells_at(tree, tbl, row)
        return Spot(cells[cell - 1]) if 0 < cell <= len(cells) else None
    blocks = blocks_in(tree)
    if 0 < row <= len(blocks) and isinstance(blocks[row - 1][0], Paragraph):
        block, owner = blocks[row - 1]
        if isinstance(block, Paragraph) and block.text == raw:
            before = sum(
                isinstance(other, Paragraph) and other.text == raw and holder is owner
                for other, holder in blocks[: row - 1]
            )
            return _spot_of(owner, raw, before)
    for block, owner in blocks:
        if isinstance(block, Grid) and block.tbl is None and _has(block, row, cell, raw):
            rows = [child for child in owner if child.tag == "tr"]
            cells = row_of(rows[row - 1], set()).cells if row <= len(rows) else []
            if 0 < cell <= len(cells):
                return Spot(cells[cell - 1])
    return None


def _has(grid: Grid, row: int, cell: int, raw: str) -> bool:
    return any(c is not None and (c.row, c.cell, c.text) == (row, cell, raw) for line in grid.rows for c in line)


def _spot_of(owner: Element, text: str, before: int) -> Spot:
    """The part of `owner` that is the paragraph `text`, after `before` others of the same text; else all of it."""
    found = [spot for spot, own in _texts(owner) if HTML_SPACE.sub(" ", own).strip(" ") == text]
    if not found:
        found = [
            Spot(element)
            for element in owner.iterdescendants()
            if isinstance(element.tag, str) and HTML_SPACE.sub(" ", text_of(element)).strip(" ") == text
        ]
    return found[min(before, len(found) - 1)] if found else Spot(owner)


def _texts(owner: Element) -> Iterator[tuple[Spot, str]]:
    """The texts within an element in the order of the document."""
    if owner.text:
        yield Spot(owner, "text"), owner.text
    for child in owner:
        yield from _texts_within(child)


def _texts_within(top: Element) -> Iterator[tuple[Spot, str]]:
    stack: list[tuple[Element, bool]] = [(top, False)]
    while stack:
        element, done = stack.pop()
        if done:
            if element.tail:
                yield Spot(element, "tail"), element.tail
            continue
        if element.text:
            yield Spot(element, "text"), element.text
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))


def in_text(text: str, blocks: tuple[Block, ...], tbl: int | None, row: int, cell: int) -> tuple[int, int] | None:
    """The characters of a stored text at a place, as a half-open range; None where nothing is.

    `blocks` is the reading of `text`. A blank cell is the room between two `|`, or the one after which it would stand.
    """
    at = 0
    for n, block in enumerate(blocks, 1):
        if isinstance(block, Paragraph):
            found = _find(text, block.text, at)
            if found is None or (tbl is None and n == row):
                return found
            at = found[1]
            continue
        for line in block.rows:
            cells = [c for c in line if c is not None]
            if cells and (block.tbl, cells[0].row) == (tbl, row):
                return _in_row(text, cells, at, cell)
            for filled in (c for c in cells if c.text):
                found = _find(text, filled.text, at)
                if found is None:
                    return None
                at = found[1]
    return None


def _in_row(text: str, cells: list[Cell], at: int, wanted: int) -> tuple[int, int] | None:
    """The range of the cell `wanted` of the row that begins at or after `at`."""
    spans: dict[int, tuple[int, int]] = {}
    for cell in cells:
        if cell.text:
            found = _find(text, cell.text, at)
            if found is None:
                return None
            spans[cell.cell] = found
            at = found[1]
    if wanted in spans or not spans or wanted > len(cells):
        return spans.get(wanted)
    before = [n for n in spans if n < wanted]
    if before:
        start = spans[before[-1]][1]
        for _ in range(wanted - before[-1]):
            bar = text.find("|", start)
            if bar < 0:
                return None
            start = bar + 1
        end = min(n for n in (text.find("|", start), text.find("\n", start), len(text)) if n >= 0)
        return (start, end) if end > start else (start - 1, start)
    first = min(spans)
    end = spans[first][0]
    for _ in range(first - wanted):
        end = text.rfind("|", 0, end)
        if end < 0:
            return None
    start = max(text.rfind("|", 0, end), text.rfind("\n", 0, end)) + 1
    return (start, end) if end > start else (end, end + 1)


def _find(text: str, wanted: str, at: int) -> tuple[int, int] | None:
    """Where `wanted` stands at or after `at`; a line break in it may have white space about it."""
    if "\n" not in wanted:
        start = text.find(wanted, at)
        return (start, start + len(wanted)) if start >= 0 else None
    pattern = r"[ \t]*\n[ \t]*".join(re.escape(line) for line in wanted.split("\n"))
    found = re.compile(pattern).search(text, at)
    return found.span() if found else None
