"""A saved page made inert: as it looked, with nothing in it that runs, loads, leads away or submits; a cell marked.

The tree is the one in which the parser counts places (`parsers.readers.tree`), so that the mark is on the very cell
that was read. What is kept is a list of elements and attributes (nh3, after the mark is set); links become their
address in a tooltip, pictures that were not saved with the page become their description. Styles in the page stay,
without what they would load (`archive.stylesheets`). All this is a second wall: the answer goes out under a policy that
allows no script and no network (`POLICY`), in a sandbox of an origin of its own.

Traps: an element that is never closed holds the rest of the page (`<select>`, `<button>`), so one with a table in it is
kept as a block; rows outside any table would be dropped by a browser; a figure's page may have been read by an older
parser, so that the text at its place is compared with the figure's.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urljoin

import nh3
from lxml import etree
from lxml.etree import _Element as Element

from archive.stylesheets import inert_declarations, inert_sheet
from parsers.readers import place, text
from parsers.readers.cells import HTML_SPACE, cell_text, hidden_in, text_of
from parsers.readers.encoding import decode
from parsers.readers.tree import Tree, read_tree

LARGEST = 8 * 1024 * 1024  # bytes of a page that is shown; a larger one is a download
MOST = 100_000  # elements
MOST_ENTITIES = 100_000  # nh3 0.3.8 takes time with the square of them where they stand in one text
MOST_STYLES = 5_000  # `style` attributes that differ; further ones are left out
MARK = "gongkai-figure"  # the id of what is marked, and the fragment that scrolls to it
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'self'"
)

_TAGS = frozenset(
    "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd "
    "del dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main "
    "mark menu nav nobr ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody "
    "td tfoot th thead tr tt u ul var wbr".split()
)
_ATTRIBUTES = frozenset(
    "abbr align alt bgcolor border bordercolor cellpadding cellspacing char charoff class clear color colspan "
    "compact data-holds data-href datetime dir face frame headers height hidden hspace id lang noshade nowrap rowspan "
    "rules scope size span start style summary title type valign value vspace width".split()
)
#: an element that is dropped with all that is in it, unless the rest of the page fell into it
_DROPPED = (
    "script style link meta base title head template noscript noembed noframes iframe frame frameset object embed "
    "applet param svg math canvas audio video source track picture map area input button select option optgroup "
    "datalist textarea keygen output progress meter xmp plaintext listing dialog portal slot marquee bgsound "
    "isindex"
).split()
_PICTURE = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*", re.I)

_STRAY = etree.XPath("//tr[not(ancestor::table)]")
_KEPT = etree.XPath(f"//table | //*[@id = '{MARK}']")


class TooLarge(Exception):
    """A page that is not shown; `str(error)` says how large it is."""


class Shown(NamedTuple):
    """`body` is HTML to stand in a `<body>` with the attributes `attributes`; `style` the page's own CSS.

    `marked` is the text at the figure's place, None where nothing was to be marked or nothing stands there.
    """

    title: str
    style: str
    attributes: dict[str, str]
    body: str
    marked: str | None = None


class Wanted(NamedTuple):
    """The place of a figure, as it was read."""

    tbl: int | None
    row: int
    cell: int
    raw: str


def inert_html(body: bytes, url: str | None, charset: str | None = None, wanted: Wanted | None = None) -> Shown:
    """An HTML page made inert. `url` is the page's own address, `charset` that of its header. TooLarge past a limit."""
    if len(body) > LARGEST:
        raise TooLarge(f"{len(body):,} bytes")
    tree = read_tree(body, header_charset=charset)
    root = tree.root
    if root is None:
        return Shown("", "", {}, "")
    if (elements := int(float(root.xpath("count(//*)")))) > MOST:  # type: ignore[arg-type]
        raise TooLarge(f"{elements:,} elements")
    heading = root.find(".//title")
    title = HTML_SPACE.sub(" ", text_of(heading)).strip(" ")[:300] if heading is not None else ""
    style = inert_sheet("\n".join(text_of(sheet) for sheet in root.iter("style")))
    styles: set[str] = set()
    for element in root.iter():
        if element.get("id") == MARK:
            del element.attrib["id"]
        if (said := element.get("style")) and len(styles) < MOST_STYLES:
            styles.add(said)
        elif said:
            del element.attrib["style"]
    marked = _mark(tree, wanted) if wanted else None
    if "none" in style or "hidden" in style:
        for found in root.iter("mark", "td", "th", "span", "p", "div", "li"):
            if found.get("id") == MARK:
                for above in found.iterancestors():
                    above.set("data-holds", "figure")
    _settle_links(root, url)
    _drop(root)
    top = root.find("body")
    top = root if top is None else top
    attributes = {name: _attribute("body", name, top.get(name) or "") for name in ("class", "id", "style", "bgcolor")}
    said = etree.tostring(top, encoding="unicode", method="html", with_tail=False)
    if (entities := said.count("&")) > MOST_ENTITIES:
        raise TooLarge(f"{entities:,} character references")
    clean = nh3.clean(
        said,
        tags=set(_TAGS),
        clean_content_tags={"script", "style"},
        attributes={"*": set(_ATTRIBUTES), "a": {"href"}, "img": {"src"}},
        attribute_filter=_attribute,
        url_schemes={"data"},
        link_rel=None,
        strip_comments=True,
    )
    if f'id="{MARK}"' not in clean:
        marked = None
    return Shown(title, style, {name: value for name, value in attributes.items() if value}, clean, marked)


def inert_text(body: bytes, charset: str | None = None, wanted: Wanted | None = None) -> Shown:
    """Stored text as it is, in a `<pre>`, with the characters of the figure marked."""
    if len(body) > LARGEST:
        raise TooLarge(f"{len(body):,} bytes")
    said, _, _ = decode(body, header_charset=charset, is_html=False)
    said = said.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    span = None
    if wanted is not None:
        document = text.read_text(body, header_charset=charset)
        span = place.in_text(said, document.blocks, wanted.tbl, wanted.row, wanted.cell)
    if span is None:
        return Shown("", "", {}, f"<pre>{markup.escape(said)}</pre>")
    before, marked, after = said[: span[0]], said[slice(*span)], said[span[1] :]
    body_html = (
        f'<pre>{markup.escape(before)}<mark id="{MARK}">{markup.escape(marked)}</mark>{markup.escape(after)}</pre>'
    )
    lines = (line.strip() for line in marked.strip("| \t\n").split("\n"))
    return Shown("", "", {}, body_html, "\n".join(lines))


def _mark(tree: Tree, wanted: Wanted) -> str | None:
    """Give what stands at the place the id `MARK`; its text, None where nothing stands there."""
    spot = place.in_tree(tree, wanted.tbl, wanted.row, wanted.cell, wanted.raw)
    if spot is None or tree.root is None:
        return None
    element = spot.element
    if spot.part == "element":
        element.set("id", MARK)
        return cell_text(element, hidden_in(tree.root))
    mark = etree.Element("mark", id=MARK)
    said = element.text if spot.part == "text" else element.tail
    mark.text = said
    if spot.part == "text":
        element.text = None
        element.insert(0, mark)
    else:
        element.tail = None
        element.addnext(mark)
    return HTML_SPACE.sub(" ", said or "").strip(" ")


def _settle_links(root: Element, url: str | None) -> None:
    """Addresses become words: a link's in its tooltip, a picture's in its description."""
    base = _joined(url, next((e.get("href") or "" for e in root.iter("base") if e.get("href")), ""))
    for link in root.iter("a"):
        href = link.get("href")
        if href and not href.startswith("#"):
            del link.attrib["href"]
            link.set("data-href", _joined(base, href))
            link.set("title", _joined(base, href))
    for picture in root.iter("img"):
        source = (picture.get("src") or "").strip()
        if source and not _PICTURE.fullmatch(source):
            del picture.attrib["src"]
            picture.set("title", _joined(base, source))
            picture.set("alt", picture.get("alt") or f"[{_joined(base, source).rsplit('/', 1)[-1]}]")


def _joined(base: str | None, href: str) -> str:
    """An address made absolute; as written where it cannot be."""
    try:
        return urljoin(base or "", href.strip())[:2000]
    except ValueError:
        return href[:2000]


def _drop(root: Element) -> None:
    """Take out what has no look of its own or would act; keep what the rest of a page fell into, and stray rows."""
    stray: list[Element] = _STRAY(root)  # type: ignore[assignment]
    for row in stray:
        row.tag = "div"
        for cell in row.iter("td", "th"):
            cell.tag = "span"
    body = root.find("body")
    holders: set[Element] = set()
    for kept in _KEPT(root):  # type: ignore[union-attr]
        for above in kept.iterancestors():  # type: ignore[union-attr]
            if above in holders:
                break
            holders.add(above)
    for element in reversed(list(root.iter(*_DROPPED))):
        if element is root or element is body:
            continue
        if element.tag != "head" and element in holders:
            element.tag = "div"
        elif (parent := element.getparent()) is not None:
            _remove(parent, element)


def _remove(parent: Element, element: Element) -> None:
    if tail := element.tail:
        previous = element.getprevious()
        if previous is not None:
            previous.tail = (previous.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)


def _attribute(tag: str, name: str, value: str) -> str | None:
    """nh3's question for every attribute that is left: its value, None to drop it."""
    if name == "style":
        return inert_declarations(value) or None
    if name == "href":
        return value if value.startswith("#") else None
    if name == "src":
        return value if _PICTURE.fullmatch(value.strip()) else None
    return value


def attributes(pairs: Iterable[tuple[str, str]]) -> str:
    """Attributes as they stand in a tag, each after a space."""
    return "".join(f' {name}="{markup.escape(value)}"' for name, value in pairs)
