"""The text of a cell as a browser would show it, and the cells of a row.

Traps: a span around each digit, empty `<o:p>`, footnote marks and struck-out figures beside the number, text that is
not displayed, scripts inside cells, text that stands in a row outside any cell because a tag was lost.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

SKIP = frozenset(
    "script style noscript template select option iframe object embed textarea svg math canvas audio video button "
    "head title".split()
)
#: text that is struck out, or a footnote mark: it stands apart from the figure beside it
STRUCK = frozenset(("del", "s", "strike", "sup", "sub"))
_CELL_BREAKS = frozenset(
    ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "center", "blockquote", "pre")
)
#: elements that neither break a line nor stand apart, however many Word wraps around a digit
INLINE = frozenset(("span", "font", "b", "strong", "i", "em", "u", "a", "o:p", "st1:chsdate", "big", "small"))
#: of these only the text is read: they are taken out of the tree, which is done in C, before it is walked
STRIPPED = tuple(sorted(INLINE - {"a"}))
#: elements whose text is not the cell's, or stands apart from it
_CELL_SKIP = (SKIP - {"textarea"}) | {"rt", "rp"}
_CELL_APART = SKIP | STRUCK | {"table", "input", "rt", "rp", "ruby"}
#: what a browser shows in a cell that has no text of its own
SHOWN = frozenset("img button math svg select object embed iframe canvas".split())
#: the kinds of `<input>` whose value a browser shows as the text of the cell
_WRITTEN = frozenset(("text", "number", "tel"))
_SPACES = " \t\n\r\f"
#: white space, and characters that take none
_UNSEEN = " \t\n\r\f\xa0\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad"
HTML_SPACE = re.compile(r"[ \t\n\r\f]+")
#: stands for a line break while text is gathered; source line breaks are white space
BREAK = "\x1e"
_MAY_HIDE = etree.XPath(
    "//*[@hidden or contains(@style, 'none') or contains(@style, 'NONE') or contains(@style, 'None')]"
)
_INVISIBLE = etree.XPath("//*[@style]")
_NO_SIZE = re.compile(r"(?:visibility\s*:\s*hidden|font-size\s*:\s*0(?:\.0+)?(?![.\d]))", re.I)
_HIDDEN = re.compile(r"display\s*:\s*none", re.I)


class Row(NamedTuple):
    """The cells written in one row; `loose` where text stands beside them, outside any cell: a tag was lost there.

    A row that is `hidden` has no cells, and those of other rows do not reach into it.
    """

    cells: list[Element]
    loose: bool
    hidden: bool = False


def row_of(row: Element, hidden: set[Element]) -> Row:
    """The cells written in a row; none where the row is hidden (Word's rows that only measure)."""
    if row in hidden:
        return Row([], False, True)
    cells = list(row.iterchildren("td", "th"))
    loose = filled(row.text)
    for cell in cells:
        tail = cell.tail
        if tail is not None and not tail.isspace() and filled(tail):
            loose = True
    if len(cells) != len(row):
        cells = [cell for cell in row.iter("td", "th") if next(cell.iterancestors("tr", "table"), None) is row]
        loose = loose or any(
            child.tag not in ("td", "th")
            and child.tag not in SKIP
            and (filled(child.tail) or (child.find(".//td") is None and filled(text_of(child).strip() or None)))
            for child in row
        )
    return Row(cells, loose)


def filled(text: str | None) -> bool:
    return text is not None and not text.isspace() and text.strip(_UNSEEN) != ""


def text_of(element: Element) -> str:
    return "".join(element.itertext())  # type: ignore[arg-type]


def hidden_in(root: Element) -> set[Element]:
    """The elements that are not displayed, by their own attributes."""
    found: list[Element] = _MAY_HIDE(root)  # type: ignore[assignment]
    return {e for e in found if e.get("hidden") is not None or _HIDDEN.search(e.get("style") or "")}


def invisible_in(root: Element) -> set[Element]:
    """The elements inside cells and paragraphs whose text takes its place but is not seen."""
    found: list[Element] = _INVISIBLE(root)  # type: ignore[assignment]
    return {e for e in found if e.tag in INLINE and _NO_SIZE.search(e.get("style") or "")}


def cell_text(cell: Element, hidden: set[Element]) -> str:
    """The text of a cell as rendered: HTML white space collapsed, a line for each block or `<br>`, no script."""
    element = cell
    while True:
        children = len(element)
        text = element.text
        if children == 0:
            text = text or ""
            break
        if children > 1 or (text and text.strip(_SPACES)):
            for inner in element.iterdescendants():
                if inner.tag not in INLINE or (hidden and inner in hidden):
                    return _cell_lines(cell, hidden)
            text = text_of(element)
            break
        child = element[0]
        tail = child.tail
        if child.tag in _CELL_APART or (hidden and child in hidden) or (tail and tail.strip(_SPACES)):
            return _cell_lines(cell, hidden)
        element = child
    if " " in text or "\n" in text or "\t" in text or "\r" in text or "\f" in text:
        return HTML_SPACE.sub(" ", text).strip(" ")
    return text


def _cell_lines(cell: Element, hidden: set[Element]) -> str:
    pieces: list[str] = []
    walk = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if tag in _CELL_SKIP or (element is not cell and element in hidden):
                walk.skip_subtree()
                continue
            if tag in _CELL_BREAKS or tag in STRUCK:
                pieces.append(BREAK)
            if tag == "input":
                if (element.get("type") or "text").strip().lower() in _WRITTEN:
                    pieces.append(element.get("value") or "")
            elif element.text:
                pieces.append(element.text)
        elif element is not cell:
            if tag != "br" and (tag in _CELL_BREAKS or tag in STRUCK):
                pieces.append(BREAK)
            if element.tail:
                pieces.append(element.tail)
    lines = (HTML_SPACE.sub(" ", line).strip(" ") for line in "".join(pieces).split(BREAK))
    return "\n".join(line for line in lines if line)
