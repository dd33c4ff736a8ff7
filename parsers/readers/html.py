"""HTML as portals write it, read with lxml into blocks in document order: paragraphs and tables.

Traps: tables pasted from Word (a span a digit, `<o:p>`, hidden rows that only measure), layout tables around menus and
articles, articles set with `<br>` alone, scripts inside cells, bodies cut anywhere, five thousand levels of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element as Element

from parsers.grid import MAX_COLSPAN, MAX_ROWSPAN, MAX_SLOTS, Source, TooLarge, rectangle, span
from parsers.model import Block, Cell, Document, Grid, Paragraph
from parsers.readers.cells import (
    BREAK,
    HTML_SPACE,
    INLINE,
    SHOWN,
    SKIP,
    STRIPPED,
    STRUCK,
    Row,
    cell_text,
    filled,
    hidden_in,
    invisible_in,
    row_of,
    text_of,
)
from parsers.readers.tree import LARGE, Tree, read_tree

#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
#: where one of these is never closed, libxml2 puts the rest of the page inside it
_UNCLOSED = frozenset("select option button object iframe noscript embed svg math canvas audio video".split())
_NO_ROWS = SKIP | {"colgroup", "caption", "col"}
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_BLOCKS = frozenset(
    "p div li ul ol dl dt dd section article header footer main nav aside form fieldset center blockquote pre address "
    "body hr figure figcaption caption table thead tbody tfoot tr td th ucaptitle".split()
) | frozenset(_HEADINGS)
_ATTACHMENT = re.compile(r"\.(pdf|docx?|xlsx?|wps|et|zip|rar|ofd)(?:$|[?#&])|downfile\.jsp|download\.jsp", re.I)
_HEADING_TEXT = re.compile(r"\s*[一二三四五六七八九]、")
#: a cell longer than this, or of more lines, holds an article or a menu rather than a label
_LONG_CELL, _MANY_LINES = 400, 4
_LONGEST_NUMBER = 40
_SWALLOWS = etree.XPath("//*[@*[contains(., '<')]][ancestor-or-self::tr]")
_STRUCK = etree.XPath("//*[contains(@style, 'line-through') or contains(@style, 'LINE-THROUGH')]")
_COUNT_CELLS = etree.XPath("count(.//td) + count(.//th)")
_LONGEST_PARAGRAPH = 200_000
_LONGEST_TITLE = 120
#: more blocks than any report has: the rest of such a page is not read, and that is said
_MAX_BLOCKS, _MAX_CELLS = 40_000, 150_000


def read_html(body: bytes, *, header_charset: str | None = None) -> Document:
    """The Document of an HTML page. Never raises on input; what was cut short is in `notes`."""
    root, data, charset, notes, signs = read_tree(body, header_charset=header_charset)
    if root is None:
        return Document(
            None, (), (), "text/html", charset, (0, 0), notes=(*notes, ("no_markup", "no element was found"))
        )
    hidden = hidden_in(root) if signs.hides else set()
    if signs.unseen:
        hidden |= invisible_in(root)
    for element in hidden:
        if element.tag in INLINE:
            element.tag = "hidden"
    if signs.strikes:
        struck: list[Element] = _STRUCK(root)  # type: ignore[assignment]
        for element in struck:
            if element.tag in INLINE:
                element.tag = "s"
    torn = _torn(root) if signs.unpaired else set()
    etree.strip_tags(root, *STRIPPED)
    walk = _Walk(root, hidden, len(data) > LARGE)
    del data
    if torn:
        walk.torn = torn
        notes.append(("attribute_unclosed", f"{len(torn)} cell(s) with an unclosed quote: their rows were not read"))
    if signs.last not in (None, b"</table"):
        notes.append(("truncated", "the page ends inside a table"))
        if signs.last in (b"<td", b"<th"):
            for walk.unfinished in root.iter("td", "th"):
                pass
    elif signs.unended:
        notes.append(("truncated", "the page ends before its end tag"))
    walk.run()
    title = root.find(".//title")
    return Document(
        title=_clean(text_of(title)) or None if title is not None else None,
        metas=tuple(_metas(root)),
        blocks=tuple(walk.blocks),
        media_type="text/html",
        charset=charset,
        main=walk.main_range(),
        images=walk.images,
        attachments=tuple(walk.attachments),
        notes=(*notes, *walk.notes),
    )


def cells_at(tree: Tree, tbl: int, row: int) -> list[Element]:
    """The cells written in a row, by the place that a figure names; none where the page has no such row."""
    if tree.root is None or tbl < 1 or row < 1:
        return []
    table = next((table for n, table in enumerate(tree.root.iter("table"), 1) if n == tbl), None)
    if table is None:
        return []
    walk = _Walk(tree.root, hidden_in(tree.root), False)
    groups, feet = walk.row_groups(table, walk.nested_in(table))
    rows = [line for group in (*groups, *feet) for line in group]
    return rows[row - 1].cells if row <= len(rows) else []


def blocks_in(tree: Tree) -> list[tuple[Block, Element]]:
    """The blocks of a page in order, each with the element that holds it; at most as many as a reading has."""
    if tree.root is None:
        return []
    walk = _Walk(tree.root, hidden_in(tree.root), len(tree.data) > LARGE)
    walk.run()
    return list(zip(walk.blocks, walk.owners, strict=True))


def _torn(root: Element) -> set[Element]:
    """The cells with a tag that swallowed text, since the quote that ends an attribute is lost."""
    cells = set()
    found: list[Element] = _SWALLOWS(root)  # type: ignore[assignment]
    for element in found:
        holders = [element, *element.iterancestors()]
        cell = next((holder for holder in holders if holder.tag in ("td", "th")), None)
        if cell is not None:
            cells.add(cell)
        elif element.tag == "tr":
            cells.update(element.iter("td", "th"))
    return cells


def _metas(root: Element) -> Iterator[tuple[str, str]]:
    for meta in root.iter("meta"):
        name, content = meta.get("name"), meta.get("content")
        if name and content is not None:
            yield name.strip().lower(), content


def _clean(text: str) -> str:
    text = HTML_SPACE.sub(" ", text)
    return text.strip(" ")


class _Walk:
    """One pass over the tree. `blocks` grows in document order; `owners` names the element that holds each block."""

    def __init__(self, root: Element, hidden: set[Element], large: bool) -> None:
        self.root = root
        self.large = large
        self.hidden = hidden
        self.blocks: list[Block] = []
        self.owners: list[Element] = []
        self.images = 0
        self.attachments: list[tuple[str, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.tables = {table: n for n, table in enumerate(root.iter("table"), 1)}
        self.cells = 0
        #: the cell that the page ends in: its text may be half of what was written
        self.unfinished: Element | None = None
        #: cells with a tag that swallowed text
        self.torn: set[Element] = set()
        self._pieces: list[str] = []
        self._linked = self._plain = False

    def run(self) -> None:
        """Fill `blocks`: text becomes paragraphs; a table becomes a grid and is entered only where it is a layout."""
        walk = etree.iterwalk(self.root, events=("start", "end"))
        level = links = 0
        loose: Element | None = None
        for event, element in walk:
            tag = element.tag
            if event == "start":
                if tag in SKIP and (tag not in _UNCLOSED or element.find(".//table") is None):
                    self._attachment(element)
                    walk.skip_subtree()
                    continue
                if tag in _BLOCKS:
                    self._flush(element.getparent(), level)
                    level = _HEADINGS.get(tag, 0)
                    if len(self.blocks) > _MAX_BLOCKS:
                        self.notes.append(("page_too_long", f"reading stopped after {_MAX_BLOCKS} blocks"))
                        return
                    if tag == "table":
                        if not self._table(element):
                            walk.skip_subtree()
                            continue
                    elif tag == "tr" and (parent := element.getparent()) is not loose and self._is_loose(element):
                        loose = parent
                        self._grid(
                            parent, None, [[row_of(child, self.hidden) for child in parent if child.tag == "tr"]]
                        )
                elif tag == "br":
                    self._pieces.append(BREAK)
                elif tag == "img":
                    self.images += 1
                elif tag == "a":
                    links += 1
                    self._attachment(element)
                if text := element.text:
                    self._text(text, links)
            else:
                if tag in _BLOCKS:
                    self._flush(element, level)
                    level = 0
                elif tag == "a":
                    links -= 1
                if tail := element.tail:
                    self._text(tail, links)
        self._flush(self.root, 0)

    def main_range(self) -> tuple[int, int]:
        """The blocks under the smallest element that holds every table of some size and every numbered heading."""
        lineage: list[Element] | None = None
        for block, owner in zip(self.blocks, self.owners, strict=True):
            if isinstance(block, Grid):
                if len(block.rows) < 3 or len(block.rows[0]) < 2:
                    continue
            elif not _HEADING_TEXT.match(block.text):
                continue
            above = [owner, *owner.iterancestors()][::-1]
            if lineage is None:
                lineage = above
            else:
                shared = 0
                for mine, theirs in zip(lineage, above, strict=False):
                    if mine is not theirs:
                        break
                    shared += 1
                lineage = lineage[:shared]
        if not lineage:
            return 0, len(self.blocks)
        holder = lineage[-1]
        first, last = 0, len(self.owners)
        while first < last and not _within(self.owners[first], holder):
            first += 1
        while last > first and not _within(self.owners[last - 1], holder):
            last -= 1
        return first, last

    def _text(self, text: str, links: int) -> None:
        self._pieces.append(text)
        if links:
            self._linked = True
        elif not text.isspace():
            self._plain = True

    def _flush(self, owner: Element | None, level: int) -> None:
        pieces = self._pieces
        if not pieces:
            return
        text = "".join(pieces)
        pieces.clear()
        link = self._linked and not self._plain
        self._linked = self._plain = False
        lines = text.split(BREAK)
        if level and len(lines) > 1 and len(text) <= _LONGEST_TITLE and not any(map(_HEADING_TEXT.match, lines)):
            lines = ["".join(line.strip() for line in lines)]  # a title broken over lines
        for line in lines:
            line = HTML_SPACE.sub(" ", line).strip(" ")
            if len(line) > _LONGEST_PARAGRAPH:
                line = line[:_LONGEST_PARAGRAPH]
                self.notes.append(("page_too_long", f"a paragraph was cut after {_LONGEST_PARAGRAPH} characters"))
            if line:
                self.blocks.append(Paragraph(line, len(self.blocks) + 1, level, link))
                self.owners.append(self.root if owner is None else owner)

    def _attachment(self, element: Element) -> None:
        href = element.get("href") or element.get("src") or element.get("data") or ""
        if _ATTACHMENT.search(href):
            self.attachments.append((href, _clean(text_of(element))))

    def _is_loose(self, row: Element) -> bool:
        return next(row.iterancestors("table"), None) is None

    def _table(self, table: Element) -> bool:
        """Add the grid of a table; True where the walk should enter it, since it holds tables or an article."""
        if self.large and float(_COUNT_CELLS(table)) > MAX_SLOTS:  # type: ignore[arg-type]
            number = self.tables[table]
            self.notes.append(("table_too_large", f"table {number} is too large for an official form and was not read"))
            return table.find(".//table") is not None
        nested = self.nested_in(table)
        holders: set[Element] = set()
        for inner in nested:
            for above in inner.iterancestors("td", "th", "table"):
                if above is table or above in holders:
                    break
                if above.tag != "table":
                    holders.add(above)
        groups, feet = self.row_groups(table, nested)
        for child in table.iter("caption"):
            if _own(child, table, nested) and (text := cell_text(child, self.hidden)):
                self.blocks.append(Paragraph(text, len(self.blocks) + 1))
                self.owners.append(table)
        long = self._grid(table, self.tables[table], [*groups, *feet], holders)
        return bool(nested) or long

    @staticmethod
    def nested_in(table: Element) -> set[Element]:
        """The tables within it that have cells of their own."""
        return {
            inner
            for inner in table.iterdescendants("table")
            if sum(1 for _, _ in zip(inner.iter("td", "th"), range(2), strict=False)) > 1
        }

    def row_groups(self, table: Element, nested: set[Element]) -> tuple[list[list[Row]], list[list[Row]]]:
        """(row groups, foot groups). A cell written outside any row begins a row of its own, as the standard has it."""
        groups: list[list[Row]] = [[]]
        feet: list[list[Row]] = []
        self._collect(table, groups[0], groups, feet, nested)
        return groups, feet

    def _collect(
        self,
        holder: Element,
        group: list[Row],
        groups: list[list[Row]],
        feet: list[list[Row]],
        nested: set[Element],
    ) -> None:
        """The rows directly in a table or a row group. Text between rows makes its neighbours loose: a tag was lost."""
        stray = filled(holder.text)
        for child in holder:
            tag = child.tag
            before = len(group)
            if tag == "tr":
                row = row_of(child, self.hidden)
                if row.loose and not row.cells and group:  # its text may be that of the cell before it
                    group[-1] = group[-1]._replace(loose=True)
                group.append(row)
            elif tag in ("td", "th"):
                previous = child.getprevious()
                if group and previous is not None and previous.tag in ("td", "th"):
                    group[-1].cells.append(child)
                else:
                    group.append(Row([child], False))
            elif tag in ("tbody", "thead", "tfoot"):
                part: list[Row] = []
                self._collect(child, part, groups, feet, nested)
                (feet if tag == "tfoot" else groups).append(part)
                if tag != "tfoot":
                    groups.append(group := [])
            elif tag not in _NO_ROWS:
                rows = [row for row in child.iter("tr") if _own(row, holder, nested)]
                group.extend(row_of(row, self.hidden) for row in rows)
                stray = stray or (not rows and filled(text_of(child)))
            if stray and len(group) > before:
                group[-1] = group[-1]._replace(loose=True)
                stray = False
            if filled(child.tail):
                if group:
                    group[-1] = group[-1]._replace(loose=True)
                stray = True

    def _grid(
        self,
        owner: Element,
        number: int | None,
        groups: list[list[Row]],
        holders: set[Element] | None = None,
    ) -> bool:
        """Add one grid; True where one of its cells is too long for a label or a figure."""
        long = False
        number_of_row = 0
        hidden, unfinished, torn = self.hidden, self.unfinished, self.torn
        loose: set[int] = set()
        sources: list[list[Source]] = []
        for group in groups:
            lines: list[Source] = []
            above = sum(map(len, sources))
            for row in group:
                number_of_row += 1
                if row.hidden:
                    continue
                line: list[Cell] = []
                spans: dict[int, tuple[int, int]] = {}
                if (
                    row.loose
                    or (torn and not torn.isdisjoint(row.cells))
                    or (holders and not holders.isdisjoint(row.cells))
                ):
                    loose.add(len(lines) + above)
                for n, cell in enumerate(row.cells, 1):
                    if cell is unfinished or (hidden and cell in hidden):
                        continue
                    down, across = cell.get("rowspan"), cell.get("colspan")
                    if down is not None or across is not None:
                        spans[len(line)] = (span(down, MAX_ROWSPAN, zero=0), span(across, MAX_COLSPAN))
                    bare = not len(cell)
                    if bare and (text := cell.text or "").isdigit() and len(text) <= _LONGEST_NUMBER:
                        line.append(_new(Cell, (text, number, number_of_row, n)))
                        continue
                    text = "" if holders and cell in holders else cell_text(cell, hidden)
                    if text == "" and not bare and any(inner.tag in SHOWN for inner in cell.iterdescendants()):
                        loose.add(len(lines) + above)  # a picture or a control stands for the text
                    if len(text) > _LONGEST_NUMBER and (len(text) > _LONG_CELL or text.count("\n") >= _MANY_LINES):
                        long = True
                    line.append(_new(Cell, (text, number, number_of_row, n)))
                self.cells += len(line)
                lines.append((line, spans))
                if self.cells > _MAX_CELLS:
                    self.notes.append(("page_too_long", f"tables beyond {_MAX_CELLS} cells were not read"))
                    return False
            sources.append(lines)
        try:
            rows = rectangle(sources)
        except TooLarge:
            self.notes.append(("table_too_large", f"table {number} is too large for an official form and was not read"))
            return long
        if rows:
            unseen = any(above in hidden or above.tag in STRUCK for above in owner.iterancestors()) or owner in hidden
            self.blocks.append(Grid(number, rows, True, frozenset(loose), hidden=unseen))
            self.owners.append(owner)
        return long


def _within(element: Element, holder: Element) -> bool:
    return element is holder or any(above is holder for above in element.iterancestors())


def _own(row: Element, table: Element, nested: set[Element]) -> bool:
    return not nested or next(row.iterancestors("table"), None) is table
