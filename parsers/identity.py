"""Whose report it is, of which year, and whether the page is a report at all (docs/design.md, "Agency", "Year").

Traps: a publisher printed as 区民政局; titles without body or year; an index number whose year is that of entry; index
numbers that begin with a social credit code, an organisation code or a local scheme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from parsers import regions
from parsers.labels import normalise
from parsers.metadata import is_report_title
from parsers.model import Block, Cell, Document, Finding, Grid, Kind, Paragraph
from parsers.wording import arabic_year, date_of, pattern, words, year_of_period, year_of_title

_ADDRESS_YEAR = re.compile(r"[?&](?:fbtime|timeFrame)=(20\d\d)(?!\d)")
_INDEX_AREA = re.compile(r"^(?:(\d{6})(?:-[0-9A-Za-z]+)?|(\d{6})0{6}|[0-9A-Z]{2}(\d{6})[0-9A-Z]{10})/")
_CREDIT_IN_ADDRESS = re.compile(r"[?&]area=[0-9A-Z]{2}(\d{6})[0-9A-Z]{10}(?![0-9A-Z])")
#: what some systems leave in a title's meta
_MARKUP = re.compile(r"<[^<>]{1,60}>|&[a-z]{2,6};")
_TITLE_TAIL = re.compile(r"[-_|—–][^-_|—–]*$")
_AROUND = re.compile(r"^(?:\[[^\]]{1,8}\]|【[^】]{1,8}】)?(?:关于|公布|发布|印发)*|[《》“”\"]")
_YEARS = re.compile(r"\(?20\d\d\s*(?:年度|年)?\)?(?:的)?")
#: what separates the steps of a breadcrumb trail
_TRAIL = re.compile(r"[>»›＞→]")
_FIRST_YEAR, _LAST_YEAR = 2007, 2100


class Year(NamedTuple):
    value: int | None
    findings: tuple[Finding, ...]


def title_of(document: Document, tags: dict[str, str], fields: dict[str, str]) -> str | None:
    """The report's title: the mandated meta, a heading, a line of its own, or `<title>` without the site's name."""
    site = normalise(tags.get("site_name", ""))
    candidates: list[str] = []
    meta = _one_line(_MARKUP.sub("", tags.get("title", "")))
    if meta and normalise(meta) != site:
        candidates.append(meta)
    start, _ = document.main
    paragraphs = [b for b in document.blocks[: max(start, 0) + 120] if isinstance(b, Paragraph)]
    candidates += [p.text for p in paragraphs if p.level and len(p.text) <= 120]
    candidates += _title_lines(document.blocks[: max(start, 0) + 120])
    if fields.get("title"):
        candidates.append(fields["title"])
    if document.title:
        parts = re.split(r"\s*[-_|–—]{1,2}\s*", document.title)
        candidates += [part for part in parts if is_report_title(part)][:1]
        candidates.append(parts[0])
    titles = [c for c in candidates if is_report_title(c) and not _TRAIL.search(c)]
    if titles:
        dated = [c for c in titles if year_of_title(normalise(c)) is not None]
        return _one_line((dated or titles)[0])
    plain = [c for c in candidates if c.strip() and c != (document.title or "").strip()]
    if meta and normalise(meta) != site:
        return _one_line(meta)
    headings = [p.text for p in paragraphs if p.level in (1, 2) and len(p.text) <= 120]
    if headings:
        return _one_line(headings[0])
    if document.title and candidates:
        return _one_line(candidates[-1]) or None
    return _one_line(plain[0]) if plain and document.media_type == "text/html" and fields.get("title") else None


def _title_lines(blocks: Sequence[Block]) -> list[str]:
    """Lines that can only be titles, with the body's name where that stands on a line of its own above; also those in
    a row of their own of a layout table."""
    found: list[str] = []
    above = ""
    for block in blocks:
        if isinstance(block, Grid):
            lone = (_lone_text(row) for row in block.rows)
            found += [text for text in lone if text and _is_title_line(text)]
            above = ""
        elif not block.level and not block.link:
            if _is_title_line(block.text):
                own = _body_in_title(block.text) is not None
                found.append(block.text if own or not is_body(above) else above.strip() + block.text.strip())
            above = block.text
    return found


def _lone_text(row: Sequence[Cell | None]) -> str | None:
    """The text of the one cell of a row that has any."""
    lone: Cell | None = None
    for cell in row:
        if cell is not None and cell is not lone and cell.text:
            if lone is not None:
                return None
            lone = cell
    return lone.text if lone is not None else None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _is_title_line(text: str) -> bool:
    """A line of text that can only be a title: short, no sentence, ends as titles of these reports do."""
    flat = normalise(text)
    if len(flat) > 60 or any(mark in flat for mark in ".;,:") or not is_report_title(flat):
        return False
    return bool(re.search(r"(?:报告|年报|总结)(?:\([^()]*\))?$", flat))


def year_of(
    document: Document, title: str | None, fields: dict[str, str], url: str | None, published: str | None
) -> Year:
    """The report year by the first source that names one: title, period, class, address, publication less one."""
    found: list[tuple[str, int]] = []
    if title and (year := year_of_title(normalise(title))):
        found.append(("title", year))
    for block in document.blocks:
        if (
            isinstance(block, Paragraph)
            and "月" in block.text
            and (year := year_of_period(arabic_year(normalise(block.text))))
        ):
            found.append(("period", year))
            break
    if "classes" in fields and (year := year_of_title(normalise(fields["classes"]))):
        found.append(("class", year))
    if url and (in_address := _ADDRESS_YEAR.search(url)):
        found.append(("address", int(in_address.group(1))))
    day = published or date_of(fields.get("written_on", ""))
    if day:
        found.append(("publication", int(day[:4]) - 1))
    found = [(source, year) for source, year in found if _FIRST_YEAR <= year <= _LAST_YEAR]
    if not found:
        return Year(None, (Finding("metadata", "year_unknown", note="no source on the page names the report year"),))
    years = {year for _, year in found}
    findings: tuple[Finding, ...] = ()
    if len(years) > 1:
        said = ", ".join(f"{source} {year}" for source, year in found)
        findings = (Finding("metadata", "year_disagrees", at=found[0][0], note=f"taken from the first: {said}"),)
    return Year(found[0][1], findings)


def region_of_index(index_number: str | None) -> str | None:
    """The area code that an index number begins with, if the code ever existed; other schemes hold none."""
    if not index_number:
        return None
    found = _INDEX_AREA.match(index_number.strip().upper())
    if not found:
        return None
    code = next(group for group in found.groups() if group)
    return code if regions.lookup(code) else None


def region_hint(index_number: str | None, site_code: str | None, url: str | None) -> str | None:
    """The region that codes on the page or in its address name: index number, area parameter, site code."""
    area = _CREDIT_IN_ADDRESS.search((url or "").upper().replace("AREA=", "area="))
    for code in (region_of_index(index_number), area.group(1) if area else None, (site_code or "")[:6]):
        if code and code.isdigit() and code != "000000" and regions.lookup(code):
            return code
    return None


class Agency(NamedTuple):
    name: str | None
    region: str | None
    level: str | None
    kind: str | None
    findings: tuple[Finding, ...] = ()


def agency_of(
    *,
    publisher: str | None,
    title: str | None,
    filled: str | None,
    closing: Sequence[str],
    hint: str | None,
    year: int | None = None,
) -> Agency:
    """The body's full name, region, level and kind, from 填报单位, the title, the signature and the publisher.

    The full name begins with the region's name as bodies print it (衢州市衢江区民政局). A name is completed only from a
    region that a code on the page names; otherwise it stays as printed.
    """
    candidates = [name for name in (filled, _body_in_title(title), *closing, publisher) if name and is_body(name)]
    candidates = [_bare(name) for name in candidates]
    if not candidates:
        return Agency(None, hint, None, None)
    best: tuple[str, str | None] | None = None
    for name in candidates:
        local = _local(name)
        region = _named_region(local, hint, year)
        if region and (local != name or _says_region(local, region, year)):
            best = (name, region)
            break
    findings: tuple[Finding, ...] = ()
    name, region = best or (candidates[0], hint)
    if region is None or (best is None and pattern("agency", "national").search(name)):
        national = bool(pattern("agency", "national").search(name))
        return Agency(name, regions.NATION if national else None, "national" if national else None, _kind(name))
    as_printed = _local(name) != name or (best is not None and not _says_region(name, region, None))
    full = name if as_printed else complete(name, region)
    if hint and hint != region and not _related(hint, region):
        findings = (
            Finding(
                "metadata",
                "region_disagrees",
                at=region,
                note=f"the name says {region}, a code on the page says {hint}",
            ),
        )
    return Agency(full, region, _level(full, region), _kind(full), findings)


def complete(name: str, region: str) -> str:
    """`name` with the region's name in front, as bodies print it; the province is left out below province level."""
    display = regions.display_name(region)
    found = regions.lookup(region)
    assert found is not None
    chain = _chain(region)
    for prefix in _prefixes(chain):
        if name.startswith(prefix) and len(name) > len(prefix):
            return display + name[len(prefix) :]
    if name.startswith(display):
        return name
    ending = found.name[-1:]
    if name[:1] in "省市县区州旗盟本" and len(name) > 2:
        rest = name[2:] if name[:1] == "本" else name[1:]
        if (
            name[:1] in (ending, "本")
            or (name[:1] == "市" and found.level == "city")
            or (name[:1] == "区" and ending == "区")
        ):
            return display + rest
        return name
    return display + name if not regions.find(name) else name


def _chain(region: str) -> list[regions.Region]:
    chain = []
    code: str | None = region
    while code:
        found = regions.lookup(code)
        if found is None:
            break
        chain.append(found)
        code = found.parent
    return chain


def _prefixes(chain: Sequence[regions.Region]) -> list[str]:
    """The ways a body may begin with its region: 浙江省衢州市衢江区, 衢州市衢江区, 浙江省衢江区, 衢江区."""
    names = [part.name for part in chain if part.level not in ("national",)]
    own, above = names[0], names[1:]
    prefixes = {own}
    for k in range(len(above)):
        prefixes.add(above[k] + own)
        prefixes.add("".join(reversed(above[: k + 1])) + own)
    return sorted(prefixes, key=len, reverse=True)


@lru_cache(maxsize=4096)
def _local(name: str) -> str:
    """The name of a local body of a national one without what it begins with: 衢州市税务局, 杭州海关."""
    found = pattern("agency", "vertical").match(name)
    return name[found.end() :] if found and regions.find(name[found.end() :]) else name


@lru_cache(maxsize=4096)
def _named_region(name: str, hint: str | None, year: int | None) -> str | None:
    """The region that a name begins with, by the names of the report's year; several of one name are told apart by the
    hint's province or city."""
    if hint:
        for part in _chain(hint):
            if part.level != "national" and any(name.startswith(prefix) for prefix in _prefixes(_chain(part.code))):
                return part.code
    found = regions.find(name, year=year)
    if hint:
        for width in (4, 2):
            near = [region for region in found if region.code[:width] == hint[:width]]
            if near:
                return near[0].code
    if not found:
        return None
    longest = [region for region in found if region.level == found[0].level and region.name == found[0].name]
    current = [r for r in longest if (r.valid_to is None if year is None else r.valid_in(year))]
    chosen = current if len(current) == 1 else longest
    return chosen[0].code if len(chosen) == 1 else None


@lru_cache(maxsize=4096)
def _says_region(name: str, region: str, year: int | None) -> bool:
    """Whether a name begins with the region's name, or with one that it bore in `year`."""
    if any(name.startswith(prefix) for prefix in _prefixes(_chain(region))):
        return True
    if year is None:
        return False
    bare = next((name[len(part.name) :] for part in _chain(region)[1:] if name.startswith(part.name)), name)
    return bare.startswith(regions.names(region))


def _related(one: str, other: str) -> bool:
    return one[:2] == other[:2] and (one.endswith("0000") or other.endswith("0000") or one[:4] == other[:4])


@lru_cache(maxsize=4096)
def _body_in_title(title: str | None) -> str | None:
    """The body that a title names, before or after its year."""
    if not title:
        return None
    flat = _AROUND.sub("", arabic_year(normalise(title)))
    head = re.split(r"政府信息|信息公开|政务公开", flat, maxsplit=1)[0]
    parts = [part.strip("的-_() ").removesuffix("关于") for part in _YEARS.split(head)]
    bodies = [part for part in parts if is_body(part)]
    if bodies:
        return max(bodies, key=len)
    if flat.startswith(head) and head.endswith(("人民", "市", "县", "区", "省")) and "政府信息" in flat:
        return None
    return None


@lru_cache(maxsize=4096)
def is_body(name: str) -> bool:
    """Whether a text can be the name of a body: it ends as bodies do, and is no sentence."""
    flat = normalise(name)
    if not 2 < len(flat) <= 40 or re.search(r"[,.;:?!0-9]|年报|报告|网$|网站", flat):
        return False
    return flat.endswith(tuple(words()["agency"]["suffixes"]))


def _bare(name: str) -> str:
    return re.sub(r"\([^()]*\)$", "", normalise(name))


def _level(name: str, region: str) -> str:
    if pattern("agency", "town").search(name):
        return "town"
    found = regions.lookup(region)
    return found.level if found else "county"


def _kind(name: str) -> str:
    if pattern("agency", "office").search(name):
        return "office"
    if pattern("agency", "government").search(name):
        return "government"
    return "department" if name.endswith(tuple(words()["agency"]["suffixes"])) else "other"


def kind_of(
    document: Document,
    *,
    title: str | None,
    named: bool,
    year: int | None,
    tables: int,
    numbers: int,
    sections: int,
    headings: int,
    prose: int,
) -> Kind:
    """report, blank_form or other (docs/design.md, "Kinds of page").

    `tables` are official tables matched, `numbers` figures with a number, `sections` headings of the official outline
    found, `headings` numbered ones of any kind, `prose` the characters under them.
    """
    flat = normalise(title or "")
    if pattern("title", "site_report").search(flat):
        return "other"
    says = bool(title and is_report_title(title))
    about = bool(pattern("title", "not_a_report").search(flat)) and not (says and year is not None)
    if tables:
        if about and not named:
            return "blank_form"
        if numbers:
            return "blank_form" if about and year is None else "report"
        if named and year is not None and (says or prose > 200):
            return "report"
        return "blank_form"
    if about:
        return "other"
    if sections >= 3 and prose > 100 and (named or year is not None):
        return "report"
    if says and named and year is not None and headings >= 3:
        return "report"
    if says and year is not None:
        body = sum(1 for b in document.blocks if isinstance(b, Paragraph) and not b.link and len(b.text) > 60)
        files = {normalise(text) for _, text in document.attachments}
        listed = sum(1 for b in document.blocks if isinstance(b, Paragraph) and _is_list_item(b, files))
        if (listed and not body) or (listed >= 3 and body < 2):
            return "other"
        if body or document.attachments or document.images:
            return "report"
    return "other"


def _is_list_item(block: Paragraph, files: set[str]) -> bool:
    """A line of a list of reports: a title that is a link (to no file), or one with its date behind it."""
    flat = normalise(block.text)
    if not is_report_title(flat) or year_of_title(flat) is None or any(name and name in flat for name in files):
        return False
    return block.link or bool(re.search(r"20\d\d[-./年]\d{1,2}[-./月]\d{1,2}日?\]?$", flat))
