"""A page's bytes as libxml2's tree in UTF-8, and what its source says that the tree does not.

Traps: bodies cut anywhere, five thousand levels of nesting, tags of megabytes, NUL characters, lost quotes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from parsers.readers.encoding import decode

_TABLE_TAGS = [
    b"<" + slash + name for name in (b"table", b"tr", b"td", b"th", b"tbody", b"tfoot") for slash in (b"", b"/")
]
_WRAPPER = re.compile(rb"</?(?:div|span|font|b|i|em|strong|center|blockquote|section|ul|ol|a)\b[^>]*>", re.I)
#: bodies beyond this are looked at for what no report holds before they are read
LARGE = 300_000
_HEAD, _TAIL = 20_000, 200_000
#: a cell after the end of a row begins the next row, with or without its tag, as the standard has it; libxml2 drops
#: both ends of such a row
_UNOPENED = re.compile(rb"</tr\s*>\s*(?=<t[dh]\b)", re.I)
_NO_SIZE = re.compile(rb"font-size\s*:\s*0(?![.\d])")
_OPENED = re.compile(rb"<(?:html|body)\b", re.I)
_ENDLESS_TAG = re.compile(rb"<[a-zA-Z][^<>]{20000,}>")


class Signs(NamedTuple):
    """What the source shows: whether a style may hide or strike text or make it
    unseen, the last tag that belongs to a table, whether the
    end of the page is missing, whether quotes are left without a partner, whether more rows end than begin and a cell
    stands behind one that ends."""

    hides: bool
    unseen: bool
    strikes: bool
    last: bytes | None
    unended: bool
    unpaired: bool
    unopened: bool


class Tree(NamedTuple):
    """A page as libxml2 has it, in UTF-8: `root` is None where there is no element. `notes` as in Document."""

    root: Element | None
    data: bytes
    charset: str
    notes: list[tuple[str, str]]
    signs: Signs


def read_tree(body: bytes, *, header_charset: str | None = None) -> Tree:
    """The tree of elements in which places are counted. Never raises on input."""
    text, charset, damaged = decode(body, header_charset=header_charset)
    notes = [("encoding_damaged", f"{damaged} place(s) are no {charset}")] if damaged else []
    if "\0" in text:
        text = text.replace("\0", "")
        notes.append(("nul_bytes", "NUL characters were dropped before reading"))
    data = body if charset == "utf-8" and not damaged and not notes else text.encode("utf-8", "replace")
    if data.rfind(b"<!--") > data.rfind(b"-->"):
        notes.append(("truncated", "a comment is never closed: what stands behind it is not shown and was not read"))
    if len(data) > LARGE:
        cut = 0
        if _ENDLESS_TAG.search(data):
            data, cut = _ENDLESS_TAG.subn(b"<span>", data)
        if cut:
            notes.append(
                ("page_too_long", f"{cut} tag(s) of more than 20,000 bytes were read without their attributes")
            )
    del text
    signs = _signs(data)
    if signs.unopened:
        data = _UNOPENED.sub(b"</tr><tr>", data)
    root, too_deep = _tree(data)
    if too_deep:
        root, _ = _tree(_WRAPPER.sub(b"<br>", data))
        notes.append(("too_deep", "more than 2048 levels: read again without the elements that only wrap"))
    return Tree(root, data, charset, notes, signs)


def _signs(data: bytes) -> Signs:
    lowered = data.lower()
    ended = any(lowered.rfind(tag, -_TAIL) >= 0 for tag in (b"</html", b"</body"))
    return Signs(
        hides=b"display" in lowered or b"hidden" in lowered,
        unseen=b"visibility" in lowered or _NO_SIZE.search(lowered) is not None,
        strikes=b"line-through" in lowered,
        last=_last_table_tag(lowered),
        unended=not ended and _OPENED.search(lowered, 0, _HEAD) is not None,
        unopened=_UNOPENED.search(lowered) is not None and lowered.count(b"</tr") > lowered.count(b"<tr"),
        unpaired=data.count(b'"') % 2 == 1 or data.count(b"'") % 2 == 1,
    )


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


def _last_table_tag(lowered: bytes) -> bytes | None:
    """The last tag in the source that belongs to a table."""
    ended = lowered.rfind(b"</table")
    found = {lowered.rfind(tag, ended + 1): tag for tag in _TABLE_TAGS}
    found.pop(-1, None)
    return found[max(found)] if found else None if ended < 0 else b"</table"
