"""The header of a segment against a form's columns: which grid column is which official column.

Traps: two header rows or three, header cells left empty instead of spanned, labels cut (本年新 | 本年新), labels that
occur three times under different parents, columns of codes and units between label and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from parsers.forms import Column, Table
from parsers.labels import core, normalise, shorter_keys
from parsers.model import Cell
from parsers.tables import Line, Segment

_PLAIN_COUNT = re.compile(
    r"(?:统计|年度|全年|本年度?|指标|合计|总计|累计|总|本期|填报|填写|上报|实际|完成|公开)*"
    r"(?:数量|数值|数据|数额|数字|合计|总计|累计|总数|件数|条数|数|值|结果)?(?:统计)?"
)
_UNIT = re.compile(r"[十百千]*[万亿]*美?元")


#: beyond any grid column
_FAR = 1_000_000


class Band(NamedTuple):
    """The grid columns `first` to `last` under the same header cells; `path` are their texts from the top.

    `broken` where a header cell is lost: no text stands above numbers, or too few stand under a spanning cell, so that
    what stands there may belong to a neighbour. Such a band has no path.
    """

    first: int
    last: int
    path: tuple[str, ...]
    broken: bool = False


class Columns(NamedTuple):
    """`official[i]` stands in `bands[i]`; `bands` is empty where only the order is known.

    `unknown` are header cells that no official column bears, `aside` those of units and codes; `by_order` says that the
    official order was fallen back to; `units` is the money unit that each column's header states; `extra` counts
    columns of codes between a label and its figures where only the order is known. `starts` gives for the first grid
    column of each band its number and the grid column that its cell must not reach.
    """

    official: tuple[Column, ...]
    bands: tuple[Band, ...]
    unknown: tuple[Band, ...]
    by_order: bool
    units: tuple[str | None, ...]
    score: float
    extra: int = 0
    starts: dict[int, tuple[int, int]] = {}  # noqa: RUF012
    aside: tuple[Band, ...] = ()


def match_columns(
    table: Table, header: Sequence[Line], bands: tuple[Band, ...] | None, year: int | None = None
) -> Columns:
    """The best layout of `table` for this header: most columns matched, fewest left over.

    `year` is the report's: a lone number column may be headed by it.
    """
    if any(line.number in line.grid.loose for line in header):
        texts = [spot.cell.text for line in header for spot in line.spots if spot.cell.text.strip()]
        return _columns((), (), 0.0, unknown=[Band(0, 0, (text,)) for text in texts[:1]])
    if bands is None:
        return max((_in_reading_order(table, layout, header, year) for layout in table.layouts), key=_score)
    best = _best(table, bands, year)
    if not best.bands and header and not header[0].grid.spans:
        return max((_in_reading_order(table, layout, header, year) for layout in table.layouts), key=_score)
    return best


@lru_cache(maxsize=4096)
def _best(table: Table, bands: tuple[Band, ...], year: int | None) -> Columns:
    named = [band for band in bands if band.path]
    labels = [n for n, band in enumerate(named) if core(band.path[-1]) in table.label_headers]
    others = [n for n, band in enumerate(named) if not _is_label_header(band.path[-1], table)]
    if labels and others and labels[-1] > others[0]:  # the form printed in blocks side by side
        return _columns((), (), 0.0, unknown=[named[labels[-1]]])
    options = [_match(bands, table, layout, year) for layout in table.layouts]
    options += [
        found
        for part in table.parts
        if (found := _match(bands, table, part, year)) and _is_part(found, part, bands, table)
    ]
    best = max(options, key=_score)
    if not best.bands:
        return best
    aside = [b for b in bands if b.path and b.first > best.bands[0].first and _is_label_header(b.path[-1], table)]
    if not aside:
        return best
    starts = dict(best.starts)
    for band in best.bands:  # a number must not reach into what stands aside
        number, limit = starts[band.first]
        starts[band.first] = (number, min([limit, *(b.first for b in aside if b.first > band.first)]))
    return best._replace(aside=tuple(aside), starts=starts)


def _is_part(found: Columns, part: tuple[Column, ...], bands: tuple[Band, ...], table: Table) -> bool:
    """Whether the header has all columns of a part and no other: each below the cell that spans the part, or named with
    it."""
    if len(found.bands) != len(part):
        return False
    if any(_named([band], column) for band in bands if band not in found.bands for column in table.columns):
        return False
    for column, band in zip(found.official, found.bands, strict=True):
        joined = ("".join((*column.header[n:], column.keys[0])) for n in range(len(column.header)))
        if band.path and column.header[-1] not in map(core, band.path) and core(band.path[-1]) not in joined:
            return False
    return True


def header_of(segment: Segment) -> tuple[list[Line], tuple[Band, ...] | None]:
    """The header rows that name columns, and their bands; None for bands where there is no rectangle to go by."""
    header = [line for line in segment.header if not _is_title(line)]
    if not header or not segment.grid.positional or not header[0].grid.positional:
        return header, None
    return header, tuple(_bands(header, segment.lines))


def _score(columns: Columns) -> float:
    return columns.score


def _match(bands: tuple[Band, ...], table: Table, layout: tuple[Column, ...], year: int | None) -> Columns:
    assigned: dict[int, int] = {}
    open_bands: list[int] = []
    for n, band in enumerate(bands):
        options = _options(band.path, layout)
        if len(options) == 1:
            assigned[n] = options[0]
        elif options or (band.path and not _is_label_header(band.path[-1], table)):
            open_bands.append(n)
    _settle_repeats(bands, layout, assigned, open_bands)
    columns = list(assigned.values())
    once = len(set(columns)) == len(columns)
    torn = any(band.broken for band in bands)
    if (
        len(columns) < len(layout)
        and not torn
        and sum(_names_one(text, layout) for band in bands for text in band.path) == len(layout)
        and all(_named(bands, column) for column in layout)
    ):
        # every column is named but not above its own cells (spans lost): only their number and order can be used
        return _columns(layout, (), 0.6 * len(layout), by_order=True)
    if (
        assigned
        and once
        and not open_bands
        and (len(columns) == len(layout) or not torn)
        and (columns == sorted(columns) or (len(columns) == len(layout) and not layout[0].header))
    ):
        score = len(columns) - 0.4 * (len(layout) - len(columns))
        return _columns([layout[k] for k in columns], [bands[n] for n in assigned], score)
    return _by_fragments(bands, table, layout, assigned, open_bands, year)


def _names_one(text: str, layout: Sequence[Column]) -> bool:
    return any(core(text) in column.keys for column in layout)


def _named(bands: Sequence[Band], column: Column) -> bool:
    return any(core(text) in column.keys for band in bands for text in band.path)


def _columns(
    official: Sequence[Column],
    bands: Sequence[Band],
    score: float,
    *,
    by_order: bool = False,
    unknown: Sequence[Band] = (),
) -> Columns:
    units = tuple(_money_unit(band.path) for band in bands) if bands else (None,) * len(official)
    starts: dict[int, tuple[int, int]] = {}
    if bands:
        firsts = sorted(band.first for band in (*bands, *unknown))
        for n, band in enumerate(bands):
            after = firsts.index(band.first) + 1
            starts[band.first] = (n, firsts[after] if after < len(firsts) else _FAR)
    return Columns(tuple(official), tuple(bands), tuple(unknown), by_order, units, score, 0, starts)


def _is_title(line: Line) -> bool:
    """A row with a single text that names no column: the table's title, a note on units."""
    texts = [spot for spot in line.spots if spot.cell.text.strip()]
    if len(texts) != 1 or len(line.grid.rows[0]) == 1:
        return False
    hit = texts[0].hit
    return hit is None or not hit.columns


def _bands(header: Sequence[Line], lines: Sequence[Line]) -> list[Band]:
    """The header by grid columns: those under the same cells are one band; bare ones at the right are left out, unless
    numbers stand under them."""
    width = max(len(line.grid.rows[0]) for line in header)
    paths: list[list[Cell]] = [[] for _ in range(width)]
    spans: dict[int, tuple[int, int]] = {}
    broken: set[int] = set()
    for line in header:
        row = line.grid.rows[line.number]
        if spans and None in row:
            for slot, cell in enumerate(row):
                if cell is None and slot in spans:
                    first, last = spans[slot]
                    if any(below is not None for below in row[first : last + 1]):
                        broken.update(range(first, last + 1))
        for spot in line.spots:
            if spot.from_above or not spot.cell.text.strip():
                continue
            for slot in range(spot.first, min(spot.last + 1, width)):
                paths[slot].append(spot.cell)
                if spot.last > spot.first:
                    spans[slot] = (spot.first, spot.last)
    for slot in broken:
        paths[slot] = []
    bands: list[Band] = []
    start = 0
    for slot in range(1, width + 1):
        if slot < width and paths[start] and paths[slot] and paths[slot][-1] is paths[start][-1]:
            continue
        middle = paths[(start + slot - 1) // 2]  # cells above may end a hair's breadth beside those below
        bands.append(Band(start, slot - 1, tuple(cell.text for cell in middle), start in broken))
        start = slot
    if bands[-1].path:
        return bands
    right = max((spot.first for line in lines for spot in line.spots if spot.value.state == "number"), default=0)
    while len(bands) > 1 and not bands[-1].path and not bands[-1].broken and bands[-1].first > right:
        bands.pop()
    for n in range(len(bands) - 1, 0, -1):
        if bands[n].path:
            break
        if all(line.grid.rows[line.number][bands[n].first] is None for line in header):
            bands[n] = bands[n]._replace(broken=True)
    return bands


def _is_label_header(text: str, table: Table) -> bool:
    headers = table.label_headers | table.unit_headers | table.code_headers
    return core(text) in headers or any(key in headers for key in shorter_keys(text))


@lru_cache(maxsize=4096)
def _options(path: tuple[str, ...], layout: tuple[Column, ...]) -> tuple[int, ...]:
    """Official columns that the lowest text of the path names, parents agreeing where the label recurs."""
    if not path:
        return ()
    leaf = (core(path[-1]), *shorter_keys(path[-1]))
    options = [n for n, column in enumerate(layout) if any(key in column.keys for key in leaf)]
    if len(options) > 1:
        keys = {key for text in path for key in (core(text), *shorter_keys(text))}
        whole = [n for n in options if layout[n].header and all(parent in keys for parent in layout[n].header)]
        options = whole or [n for n in options if layout[n].header and layout[n].header[-1] in keys] or options
    return tuple(options)


def _settle_repeats(
    bands: Sequence[Band], layout: Sequence[Column], assigned: dict[int, int], open_bands: list[int]
) -> None:
    """Labels that recur are taken in order where the page has just as many of them as the form."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for n in open_bands:
        if bands[n].path:
            key = core(bands[n].path[-1])
            alike.setdefault(tuple(k for k, column in enumerate(layout) if key in column.keys), []).append(n)
    for columns, numbers in alike.items():
        free = [k for k in columns if k not in assigned.values()]
        if free and len(free) == len(numbers):
            assigned.update(zip(numbers, free, strict=True))
            for n in numbers:
                open_bands.remove(n)


def _by_fragments(
    bands: Sequence[Band],
    table: Table,
    layout: tuple[Column, ...],
    assigned: dict[int, int],
    open_bands: Sequence[int],
    year: int | None,
) -> Columns:
    """Cut or blank header cells take the official column at their place, where everything else agrees with it."""
    labelled = [n for n, band in enumerate(bands) if band.path and _is_label_header(band.path[-1], table)]
    first = (max(labelled) + 1) if labelled else min([*assigned, *open_bands], default=0)
    numbers = range(first, len(bands))
    torn = [band for band in bands if band.broken]
    least = 2 if len(layout) > 1 else 4  # 数量 alone above numbers names no column
    if (
        len(numbers) == len(layout)
        and (assigned or (not torn and (len(layout) == 1 or not layout[0].variant)))
        and all(
            assigned[n] == k
            if n in assigned
            else not bands[n].path or _is_fragment(bands[n].path[-1], layout[k], least)
            for k, n in enumerate(numbers)
        )
    ):
        score = len(assigned) + 0.5 * (len(layout) - len(assigned))
        return _columns(layout, [bands[n] for n in numbers], score, by_order=True)
    if len(layout) == 1 and layout[0].variant and len(open_bands) == 1 and not assigned and not torn:
        band = bands[open_bands[0]]
        if _is_plain_count(band.path[-1], year):
            return _columns(layout, [band], 0.5, by_order=True)
    if torn:  # which of the texts stands above which numbers cannot be told
        return _columns((), (), 0.0, unknown=[Band(band.first, band.last, ("",)) for band in torn[:1]])
    columns = list(assigned.values())
    if columns != sorted(set(columns)):
        open_bands, assigned, columns = sorted([*open_bands, *assigned]), {}, []
    unknown = [bands[n] for n in open_bands if bands[n].path]
    parents = {parent for column in layout for parent in column.header}
    if any(len(_options(band.path, layout)) > 1 for band in unknown):  # so does a label whose own spanning cell is lost
        return _columns((), (), 0.0, unknown=unknown[:1])
    if any(core(band.path[-1]) in parents for band in unknown):  # a cell that spans columns stands above none of them
        return _columns((), (), 0.0, unknown=unknown[:1])
    score = len(columns) - 0.4 * (len(layout) - len(columns)) - 0.5 * len(unknown)
    return _columns([layout[k] for k in columns], [bands[n] for n in assigned], score, unknown=unknown)


def _is_plain_count(text: str, year: int | None) -> bool:
    """Whether the header of a lone number column says no more than that numbers of the year stand below."""
    flat = normalise(text)
    return bool(_PLAIN_COUNT.fullmatch(flat)) or (
        year is not None and flat.rstrip("度数量计") in (f"{year}", f"{year}年")
    )


def _is_fragment(text: str, column: Column, least: int = 2) -> bool:
    key = core(text)
    return len(key) >= least and any(key in known and key != known for known in column.keys)


def _in_reading_order(table: Table, layout: tuple[Column, ...], header: Sequence[Line], year: int | None) -> Columns:
    """Without a rectangle to go by, the columns are those that the header names, in reading order."""
    if not header:
        return _columns(layout, (), 0.1 if layout[0].variant in (None, "single") else -1.0, by_order=True)
    texts = [spot.cell.text for line in header for spot in line.spots if spot.cell.text.strip()]
    keys = [core(text) for text in texts]
    named = list(dict.fromkeys(n for key in keys for n, column in enumerate(layout) if key in column.keys))
    strangers = [
        text
        for text, key in zip(texts, keys, strict=True)
        if not any(key in c.keys or key in c.header for c in layout) and not _is_label_header(text, table)
    ]
    order: list[Column] = []
    by_order = False
    score = len(named) - 0.4 * (len(layout) - len(named)) - 0.5 * len(strangers)
    if len(named) == len(layout):
        order = list(layout) if any(len(column.header) > 0 for column in layout) else [layout[n] for n in named]
    elif named and not strangers and named == sorted(named):
        order = [layout[n] for n in named]
    elif len(strangers) + len(named) == len(layout) and all(_fragment_of_any(text, layout) for text in strangers):
        order, by_order, score, strangers = list(layout), True, len(named) + 0.5 * len(strangers), []
    elif len(layout) == 1 and layout[0].variant and len(strangers) == 1 and _is_plain_count(strangers[0], year):
        order, by_order, score, strangers = list(layout), True, 0.5, []
    if header[0].grid.tbl is None and len(order) < len(layout):
        order = []  # flattened lines: a header that lost a cell cannot be told from a shorter one
    found = _columns(order, (), score, by_order=by_order, unknown=[Band(0, 0, (text,)) for text in strangers])
    stated = tuple(_money_unit([text for text in texts if core(text) in column.keys]) for column in order)
    codes = sum(key in table.code_headers for key in keys)
    return found._replace(units=stated, extra=codes)


def _fragment_of_any(text: str, layout: Sequence[Column]) -> bool:
    return any(_is_fragment(text, column) for column in layout)


def _money_unit(path: Sequence[str]) -> str | None:
    for text in reversed(path):
        found = _UNIT.search(normalise(text))
        if found:
            return found.group()
    return None
