"""How lists of links are written in HTML, whatever CMS wrote them: lines, titles, dates, pagers, columns.

A line is whatever holds one link and perhaps a date: `li`, `tr`, `dd`, `div`, `p`. Lines that hang on one parent are a
group; menus, breadcrumbs and footers are groups too, so without a container known to the family only groups that look
like a list are read, and of these all lines: also those without a date, and those without a link. Traps: anchor text
cut with an ellipsis beside a whole `title`; a `title` that says less than the text; the date inside the anchor; a date
split by a newline; a link that is a script; `createPageHTML`, one name for the pagers of two vendors.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from lxml.etree import _Element as Element
from parsel import Selector
from scrapy.http import TextResponse

from crawler.columns import absolute, is_column_address
from crawler.outcomes import is_report_title, says_report, signs
from crawler.portals import host_key

DISCLOSURE = ".zfxxgk_zdgkc"
"""The container of the disclosure-platform layout that most vendors share since 2020."""

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?!\d)\s*日?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_IN_SCRIPT = re.compile(r"""["']((?:https?:)?//?[^"']+|[\w./-]+\.s?html?)["']""")
_PAGER_WORDS = re.compile(
    r"(首|末|尾|上一?|下一?|前一?|后一?)页|[\s.<>«»…\[\]]*\d{0,3}[\s.<>«»…\[\]]*|更多.{0,2}|返回.*|[上下]一篇.*|more",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(header|footer|foot|crumbs?|breadcrumbs?|position|location|dqwz|friend\w*|yqlj|share|pagination)(?=$|[\s_-])",
    re.IGNORECASE,
)
_MIRROR = re.compile(r"^(https?)://[^/]+/gate/big5/([\w.-]+(?::\d+)?)(/.*)?$", re.IGNORECASE)
_CREATE_PAGE = re.compile(
    r"""createPageHTML\(\s*(?:(?P<box>["'][^"']*["'])\s*,\s*)?["']?(?P<pages>\d+)["']?\s*,\s*["']?(?P<current>\d+)["']?\s*,"""
    r"""\s*["'](?P<prefix>[^"']+)["']\s*,\s*["']\.?(?P<extension>\w+)["'](?:\s*,\s*["']?(?P<total>\d+))?"""
)
_LONGEST_TITLE = 1000  # characters; what is longer is no title, and patterns are not tried on all of it
_LINE_TAGS = ("li", "tr", "dd", "dt")


class Entry(NamedTuple):
    """One line of a list as the family read it; `url` absolute, empty where the line has no link to follow;
    `title` in full where the page has it so."""

    url: str
    title: str
    listed_date: str | None


class Pager(NamedTuple):
    """What a call of `createPageHTML` says. `current` counts from 0, `total` is the number of lines, where told."""

    pages: int
    current: int
    prefix: str
    extension: str
    total: int | None
    vendor: str

    def page(self, number: int) -> str:
        """The file of page `number`, from 0: TRS writes `index`, `index_1`; UCAP `list`, `list_2`."""
        written = number if self.vendor == "trs" else number + 1
        return f"{self.prefix}{f'_{written}' if number else ''}.{self.extension}"

    def following(self) -> str | None:
        """The file of the page after the current one, None on the last."""
        return self.page(self.current + 1) if self.current + 1 < self.pages else None


def pagers(text: str) -> list[Pager]:
    """Every `createPageHTML` call of a page. A string as first argument makes it UCAP's: pages from 1, a total."""
    found = []
    for call in _CREATE_PAGE.finditer(re.sub(r"(?m)^[ \t]*//.*$", "", text)):
        ucap = call["box"] is not None
        total = int(call["total"]) if call["total"] and ucap else None
        current = max(0, int(call["current"]) - ucap)
        made = Pager(int(call["pages"]), current, call["prefix"], call["extension"], total, "ucap" if ucap else "trs")
        found.append(made)
    return found


def date_in(*texts: str) -> str | None:
    """The first date as `YYYY-MM-DD` in one of the texts, else in all of them together without their white space."""
    for text in (*texts, "".join(texts), re.sub(r"\s+", "", "".join(texts))):
        if date := _DATE.search(text):
            return f"{date[1]}-{int(date[2]):02d}-{int(date[3]):02d}"
    return None


def title_of(link: Element) -> str:
    """A link's whole title: its `title` where the text is cut or says less, else its text without a date."""
    text = _DATE.sub("", _text(link)[: 2 * _LONGEST_TITLE])
    text = re.sub(r"[\[(（【]\s*[\])）】]\s*$", "", text).strip()
    said = (link.get("title") or "").strip().splitlines()
    attribute = re.sub(r"^标题[:：]\s*", "", _squeezed(said[0] if said else ""))
    if attribute and (not text or len(attribute) >= len(text) or text.endswith(("…", "..", "。。"))):
        return attribute[:_LONGEST_TITLE]
    return text[:_LONGEST_TITLE]


def address_of(link: Element, base: str) -> str:
    """Where a link leads: absolute, its mirror's original; of a script the one address in it; else empty."""
    href = (link.get("href") or "").strip()
    if not href or href.startswith("#") or href.lower().startswith("javascript:"):
        inside = _IN_SCRIPT.search(href) or _IN_SCRIPT.search(link.get("onclick") or "")
        if inside is None:
            return ""
        href = inside[1]
    return original(absolute(base, href))


def original(url: str) -> str:
    """Of a page in a `/gate/big5/<host>/` mirror the address of the page itself (traditional characters, same text)."""
    mirror = _MIRROR.match(url)
    return f"{mirror[1]}://{mirror[2]}{mirror[3] or '/'}" if mirror else url


def lines(response: TextResponse, within: Sequence[str] = (), *, bodies: bool = False) -> list[Entry]:
    """The lines of a page's lists: all in the first of the containers `within` (CSS) that is there, else the groups
    that look like a list: those with reports in them, the largest with dates, those of years and groups. With `bodies`,
    and where there is no other, also groups that are mere names of bodies or regions (collections)."""
    base = response.urljoin("")
    for css in within:
        if found := response.css(css):
            return [line for box in outermost(found) for group in _groups(box.root, base) for line in group]
    roots = response.xpath("/html/body") or response.xpath("/*")
    groups = [group for root in roots for group in _groups(root.root, base)]

    def those(test: Callable[[Entry], bool]) -> list[int]:
        return [number for number, group in enumerate(groups) if any(test(line) for line in group)]

    kept = set(those(lambda line: names_report(line.title)))
    if dated := those(lambda line: line.listed_date is not None):
        kept |= {max(dated, key=lambda number: len(groups[number]))} if kept else set(dated)
    kept |= set(those(lambda line: names_group(line.title)))
    if bodies or not kept:
        named = (sum(_is_body(line.title) for line in group) for group in groups)
        kept |= {n for n, (count, group) in enumerate(zip(named, groups, strict=True)) if count * 2 >= len(group)}
    return [line for number in sorted(kept) for line in groups[number]]


def has(response: TextResponse, within: Sequence[str]) -> bool:
    """Whether one of the containers is on the page."""
    return any(response.css(css) for css in within)


def columns_in(response: TextResponse, address: re.Pattern[str], directory: str | None) -> list[Entry]:
    """Links to further lists, wherever they stand (tabs and menus of years): by address, and by what they name.

    Those deeper in the path `directory`, bare bodies included; where it is None, any that name a year or a group.
    """
    base = response.urljoin("")
    found: dict[str, Entry] = {}
    for link in response.xpath("//a[@href]"):
        url = address_of(link.root, base)
        path = path_of(url)
        if not is_column_address(path, address) or host_key(url) != host_key(response.url):
            continue
        title = title_of(link.root)
        below = directory is not None and path.startswith(directory) and path != directory
        if (below and leads_to_list(title)) or (directory is None and names_group(title)):
            found.setdefault(url, Entry(url, title, None))
    return list(found.values())


def numbered_link(response: TextResponse) -> str | None:
    """The address behind the number after the current page's, where a pager is a row of numbers."""
    linked: dict[int, str] = {}
    for link in response.xpath("//a[@href]"):
        text = _text(link.root).strip("[]【】 ")
        if text.isdigit() and 0 < int(text) <= 999 and (url := address_of(link.root, response.urljoin(""))):
            linked.setdefault(int(text), url)
    here = next((number for number, url in linked.items() if url == response.url), None)
    if here is None:
        here = next(number for number in range(1, len(linked) + 2) if number not in linked)
    return linked.get(here + 1)


def directory_of(response: TextResponse) -> str:
    """The path that a page's relative links hang on."""
    return path_of(response.url).rpartition("/")[0] + "/"


def at_directory(response: TextResponse) -> TextResponse:
    """The page under its address with a slash, where the portal names a directory without one: links hang on it."""
    name = path_of(response.url).rpartition("/")[2]
    if not name or "." in name or "?" in response.url:
        return response
    return response.replace(url=response.url + "/")


def next_link(response: TextResponse) -> str | None:
    """The address behind 下一页, None where no such link leads to another page."""
    for link in response.xpath("//a[@href]"):
        text = _squeezed(link.xpath("string()").get() or "") or (link.attrib.get("title") or "").strip()
        if re.fullmatch(r"[>»\s]*(下一?页|后一?页|下页)[>»\s]*", text):
            url = address_of(link.root, response.urljoin(""))
            if url and url.partition("#")[0] != response.url.partition("#")[0]:
                return url
    return None


def names_year(title: str) -> bool:
    """Whether a title names a year and no body: 2021年, 2021年度政府信息公开年报."""
    return signs().years.fullmatch(_bare(title)) is not None


def names_group(title: str) -> bool:
    """Whether a title names a year, or annual reports of a group of bodies: 县政府部门年报, 2021年乡镇."""
    bare = _bare(title)
    if signs().drop.search(bare):
        return False
    grouped = signs().groups.search(bare) is not None
    return names_year(bare) or (grouped and ("年报" in bare or "年度报告" in bare or _YEAR.search(bare) is not None))


def leads_to_list(title: str) -> bool:
    """Whether a line with a column's address is one: it names a year, a group, a bare body, never body and year."""
    bare = _bare(title)
    if signs().drop.search(bare):
        return False
    if names_year(bare) or signs().groups.search(bare):
        return True
    return is_report_title(bare) and _YEAR.search(bare) is None


def names_report(title: str) -> bool:
    """Whether a title is a report's and not only the column's name."""
    named = says_report(title) and signs().column.fullmatch(_bare(title)) is None
    return named or (is_report_title(title) and _YEAR.search(title) is not None)


def _is_body(title: str) -> bool:
    return signs().bodies.search(_bare(title)) is not None


def _groups(root: Element, base: str) -> Iterator[list[Entry]]:
    """Lines by the element that they hang on, in the order of the page."""
    held: dict[Element, set[str]] = defaultdict(set)
    links: dict[Element, list[tuple[Element, str]]] = {}
    usable = [link for link in root.iter("a") if link.get("href") is not None and not _furniture(link, root)]
    usable = [link for link in usable if not _PAGER_WORDS.fullmatch(title_of(link)[:20])]
    for link in usable:
        for above in _above(link, root):
            held[above].add(link.get("href") or "")
    for link in usable:
        links.setdefault(_line(link, root, held), []).append((link, address_of(link, base)))
    groups: dict[Element | None, list[Entry]] = {}
    parents = {line.getparent() for line in links}
    for element in root.iter():
        if element in links:
            groups.setdefault(element.getparent(), []).append(_entry(element, links[element]))
        elif element.tag in _LINE_TAGS and element.getparent() in parents and not element.xpath(".//a[@href]"):
            text = _text(element)
            if date_in(text) or is_report_title(text):
                title = _DATE.sub("", text).strip()
                groups.setdefault(element.getparent(), []).append(Entry("", title, date_in(text)))
    yield from groups.values()


def _line(link: Element, root: Element, held: dict[Element, set[str]]) -> Element:
    """What makes one line of a link: the `li` or row around it, or the largest element that holds no other link."""
    for above in _above(link, root):
        if above is not root and above.tag in _LINE_TAGS:
            if len(held[above]) <= 4 and not above.xpath(".//li//a[@href] | .//tr//a[@href]"):
                return above
            break
    line = link
    for above in _above(link, root):
        if above is root or len(held[above]) > 1 or above.tag in ("body", "ul", "ol", "dl", "table", "tbody", "td"):
            break
        line = above
    return line


def _above(link: Element, root: Element) -> Iterator[Element]:
    for element in link.iterancestors():
        yield element
        if element is root:
            return


def _entry(line: Element, links: list[tuple[Element, str]]) -> Entry:
    link, url = max(links, key=lambda pair: (bool(pair[1]), len(title_of(pair[0]))))
    around = Selector(root=line).xpath(".//text()[not(ancestor::a)]").getall() if line is not link else []
    beside = link.getnext()
    if line is link and beside is not None and beside.tag not in ("a", "br"):
        around = [_text(beside)]
    if line is link:
        around.append(link.tail or "")
    return Entry(url, title_of(link), date_in(*around) or date_in(_text(link)))


def _furniture(link: Element, root: Element) -> bool:
    for above in _above(link, root):
        if above.tag in ("header", "footer", "script", "select"):
            return True
        named = f"{above.get('id') or ''} {above.get('class') or ''}"
        if above is not root and above.tag != "body" and _FURNITURE.search(named):
            return True
    return False


def outermost(found: Iterable[Selector]) -> list[Selector]:
    """Those of the elements that lie in no other of them."""
    elements = list(found)
    roots = {box.root for box in elements}
    return [box for box in elements if not any(above in roots for above in box.root.iterancestors())]


def _text(element: Element) -> str:
    return _squeezed(Selector(root=element).xpath("string()").get() or "")


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _bare(title: str) -> str:
    return re.sub(r"\s+", "", title).replace("...", "…")


def path_of(url: str) -> str:
    """The path of an address, empty where it cannot be split."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
