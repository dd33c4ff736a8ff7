"""HTML as portals write it, read with lxml into blocks in document order: paragraphs and tables.

Traps: tables pasted from Word (a span a digit, `<o:p>`, hidden rows that only measure), layout tables around menus and
articles, articles set with `<br>` alone, scripts inside cells, bodies cut anywhere, five thousand levels of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from parsers.grid import MAX_COLSPAN, MAX_ROWSPAN, MAX_SLOTS, Source, TooLarge, rectangle, span
from parsers.model import Block, Cell, Document, Grid, Paragraph
from parsers.readers.cells import BREAK, HTML_SPACE, SKIP, Row, cell_text, filled, hidden_in, row_of, text_of
from parsers.readers.encoding import decode

#: where one of these is never closed, libxml2 puts the rest of the page inside it
_UNCLOSED = frozenset("select option button object iframe noscript embed svg math canvas audio video".split())
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_BLOCKS = frozenset(
    "p div li ul ol dl dt dd section article header footer main nav aside form fieldset center blockquote pre address "
    "body hr figure figcaption caption table thead tbody tfoot tr td th ucaptitle".split()
) | frozenset(_HEADINGS)
_ATTACHMENT = re.compile(r"\.(pdf|docx?|xlsx?|wps|et|zip|rar|ofd)(?:$|[?#&])|downfile\.jsp|download\.jsp", re.I)
_TABLE_TAGS = [
    b"<" + slash + name for name in (b"table", b"tr", b"td", b"th", b"tbody", b"tfoot") for slash in (b"", b"/")
]
_WRAPPER = re.compile(rb"</?(?:div|span|font|b|i|em|strong|center|blockquote|section|ul|ol|a)\b[^>]*>", re.I)
_HEADING_TEXT = re.compile(r"\s*[一二三四五六七八九]、")
#: a cell longer than this, or of more lines, holds an article or a menu rather than a label
_LONG_CELL, _MANY_LINES = 400, 4
#: bodies beyond this are looked at for what no report holds before they are read
_LARGE = 300_000
_HEAD, _TAIL = 20_000, 200_000
_OPENED, _CLOSED = re.compile(rb"<(?:html|body)\b", re.I), re.compile(rb"</(?:html|body)\b", re.I)
_ENDLESS_TAG = re.compile(rb"<[a-zA-Z][^<>]{20000,}>")
_COUNT_CELLS = etree.XPath("count(.//td) + count(.//th)")
_LONGEST_PARAGRAPH = 200_000
#: more blocks than any report has: the rest of such a page is not read, and that is said
_MAX_BLOCKS, _MAX_CELLS = 40_000, 150_000


class Tree(NamedTuple):
    """A page as libxml2 has it, in UTF-8: `root` is None where there is no element. `notes` as in Document."""

    root: Element | None
    data: bytes
    charset: str
    notes: list[tuple[str, str]]


def read_tree(body: bytes, *, header_charset: str | None = None) -> Tree:
    """The tree of elements in which places are counted. Never raises on input."""
    text, charset, damaged = decode(body, header_charset=header_charset)
    notes = [("encoding_damaged", f"{damaged} place(s) are no {charset}")] if damaged else []
    if "\0" in text:
        text = text.replace("\0", "")
        notes.append(("nul_bytes", "NUL characters were dropped before reading"))
    data = body if charset == "utf-8" and not damaged and not notes else text.encode("utf-8", "replace")
    if len(data) > _LARGE:
        cut = 0
        if _ENDLESS_TAG.search(data):
            data, cut = _ENDLESS_TAG.subn(b"<span>", data)
        if cut:
            notes.append(
                ("page_too_long", f"{cut} tag(s) of more than 20,000 bytes were read without their attributes")
            )
    del text
    root, too_deep = _tree(data)
    if too_deep:
        root, _ = _tree(_WRAPPER.sub(b"<br>", data))
        notes.append(("too_deep", "more than 2048 levels: read again without the elements that only wrap"))
    return Tree(root, data, charset, notes)


def read_html(body: bytes, *, header_charset: str | None = None) -> Document:
    """The Document of an HTML page. Never raises on input; what was cut short is in `notes`."""
    root, data, charset, notes = read_tree(body, header_charset=header_charset)
    if root is None:
        return Document(
            None, (), (), "text/html", charset, (0, 0), notes=(*notes, ("no_markup", "no element was found"))
        )
    walk = _Walk(root, hidden_in(root, data), len(data) > _LARGE)
    last = _last_table_tag(data)
    if last not in (None, b"</table"):
        notes.append(("truncated", "the page ends inside a table"))
        if last in (b"<td", b"<th"):
            for walk.unfinished in root.iter("td", "th"):
                pass
    elif _OPENED.search(data, 0, _HEAD) and not _CLOSED.search(data, max(0, len(data) - _TAIL)):
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
    walk = _Walk(tree.root, hidden_in(tree.root, tree.data), False)
    groups, feet = walk.row_groups(table, walk.nested_in(table))
    rows = [line for group in (*groups, *feet) for line in group]
    return rows[row - 1].cells if row <= len(rows) else []


def blocks_in(tree: Tree) -> list[tuple[Block, Element]]:
    """The blocks of a page in order, each with the element that holds it; at most as many as a reading has."""
    if tree.root is None:
        return []
    walk = _Walk(tree.root, hidden_in(tree.root, tree.data), len(tree.data) > _LARGE)
    walk.run()
    return list(zip(walk.blocks, walk.owners, strict=True))


def _tree(data: bytes) -> tuple[Element | None, bool]:
    """(root, whether libxml2 gave up for depth). libxml2 2.14 stops at 2048 levels and drops the rest."""
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser) if data.strip() else None
    except etree.LxmlError:
        root = None
    return root, any(
        entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log.filter_from_fatals()
    )


def _last_table_tag(data: bytes) -> bytes | None:
    """The last tag in the source that belongs to a table; the end of a large source is looked at first."""
    tail = data[-_TAIL:].lower()
    lowered = tail if b"<t" in tail or b"</t" in tail else data.lower()
    found = {lowered.rfind(tag): tag for tag in _TABLE_TAGS}
    found.pop(-1, None)
    return found[max(found)] if found else None


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
        for line in text.split(BREAK):
            line = HTML_SPACE.sub(" ", line).strip(" ")
            if len(line) > _LONGEST_PARAGRAPH:
                line = line[:_LONGEST_PARAGRAPH]
                self.notes.append(("page_too_long", f"a paragraph was cut after {_LONGEST_PARAGRAPH} characters"))
            if line:
                self.blocks.append(Paragraph(line, len(self.blocks) + 1, level, link))
                self.owners.append(self.root if owner is None else owner)

    def _attachment(self, element: Element) -> None:
        href = element.get("href") or ""
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
        holders = {above for inner in nested for above in inner.iterancestors("td", "th")}
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
                group.append(row_of(child, self.hidden))
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
            elif tag not in ("colgroup", "caption", "col"):
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
        hidden = self.hidden
        loose: set[int] = set()
        sources: list[list[list[Source]]] = []
        for group in groups:
            lines: list[list[Source]] = []
            for row in group:
                number_of_row += 1
                line: list[Source] = []
                if row.loose:
                    loose.add(number_of_row - 1)
                for n, cell in enumerate(row.cells, 1):
                    rowspan = colspan = 1
                    if cell is self.unfinished:
                        continue
                    names = cell.keys()
                    if names:
                        if cell in hidden:
                            continue
                        if "rowspan" in names:
                            rowspan = span(cell.get("rowspan"), MAX_ROWSPAN, zero=0)
                        if "colspan" in names:
                            colspan = span(cell.get("colspan"), MAX_COLSPAN)
                    text = "" if holders and cell in holders else cell_text(cell, hidden)
                    if len(text) > 40 and (len(text) > _LONG_CELL or text.count("\n") >= _MANY_LINES):
                        long = True
                    line.append((Cell(text, number, number_of_row, n), rowspan, colspan))
                self.cells += len(line)
                lines.append(line)
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
            self.blocks.append(Grid(number, rows, True, frozenset(loose)))
            self.owners.append(owner)
        return long


def _within(element: Element, holder: Element) -> bool:
    return element is holder or any(above is holder for above in element.iterancestors())


def _own(row: Element, table: Element, nested: set[Element]) -> bool:
    return not nested or next(row.iterancestors("table"), None) is table
