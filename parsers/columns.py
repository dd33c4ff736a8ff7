"""The header of a segment against a form's columns: which grid column is which official column.

Traps: two header rows or three, header cells left empty instead of spanned, labels cut (本年新 | 本年新), labels that
occur three times under different parents, columns of codes and units between label and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from parsers.forms import Column, Table
from parsers.labels import core, normalise, shorter_keys
from parsers.tables import Index, Line, Segment

_UNIT = re.compile(r"亿元|万元|(?<!美)元")


class Columns(NamedTuple):
    """`official[i]` stands in grid column `slots[i]`; `slots` is empty where only the order is known.

    `unknown` are (grid column, text) of header cells that no official column bears; `by_order` says that the official
    order was fallen back to; `units` is the money unit that each column's header states.
    """

    official: tuple[Column, ...]
    slots: tuple[int, ...]
    unknown: tuple[tuple[int, str], ...]
    by_order: bool
    units: tuple[str | None, ...]
    score: float


def match_columns(segment: Segment, table: Table, index: Index) -> Columns:
    """The best layout of `table` for this header: most columns matched, fewest left over."""
    return max((_match(segment, table, layout, index) for layout in table.layouts()), key=lambda columns: columns.score)


def _match(segment: Segment, table: Table, layout: tuple[Column, ...], index: Index) -> Columns:
    header = [line for line in segment.header if not _is_title(line, index)]
    if not header or not segment.grid.positional or header[0].grid.positional is False:
        return _in_reading_order(segment, table, layout, header)
    paths = _paths(header)
    assigned: dict[int, int] = {}
    open_slots: list[int] = []
    for slot, path in enumerate(paths):
        options = _options(path, layout)
        if len(options) == 1:
            assigned[slot] = options[0]
        elif options or (path and not _is_label_header(path[-1], table)):
            open_slots.append(slot)
    _settle_repeats(paths, layout, assigned, open_slots)
    units = {slot: _money_unit(paths[slot]) for slot in range(len(paths))}
    ordered = [assigned[slot] for slot in sorted(assigned)]
    in_order = all(a < b for a, b in pairwise(ordered))
    if assigned and in_order and not open_slots:
        slots = tuple(sorted(assigned))
        score = len(slots) - 0.4 * (len(layout) - len(slots))
        return Columns(
            tuple(layout[assigned[s]] for s in slots), slots, (), False, tuple(units[s] for s in slots), score
        )
    return _by_fragments(paths, layout, assigned, open_slots, table, units)


def _is_title(line: Line, index: Index) -> bool:
    """A row with a single text that names no column: the table's title, a note on units."""
    texts = [spot for spot in line.spots if spot.cell.text.strip()]
    if len(texts) != 1 or len(line.grid.rows[0]) == 1:
        return False
    hit = index.hit(texts[0].cell.text)
    return hit is None or not hit.columns


def _paths(header: Sequence[Line]) -> list[list[str]]:
    """For each grid column the distinct header texts above it, from the top, blanks left out."""
    width = max(len(line.grid.rows[0]) for line in header)
    paths: list[list[str]] = [[] for _ in range(width)]
    for line in header:
        if len(line.spots) == 1 and line.spots[0].last - line.spots[0].first + 1 >= width > 1:
            continue
        for spot in line.spots:
            text = spot.cell.text
            if not text.strip() or spot.from_above:
                continue
            for slot in range(spot.first, min(spot.last + 1, width)):
                paths[slot].append(text)
    return paths


def _is_label_header(text: str, table: Table) -> bool:
    return core(text) in table.label_headers | table.unit_headers or any(
        key in table.label_headers for key in shorter_keys(text)
    )


def _options(path: Sequence[str], layout: Sequence[Column]) -> list[int]:
    """Official columns whose label is the lowest text of the path that is a label, parents agreeing where given."""
    if not path:
        return []
    keys = {key: None for text in path for key in (core(text), *shorter_keys(text))}
    leaf = [core(path[-1]), *shorter_keys(path[-1])]
    options = [n for n, column in enumerate(layout) if any(key in column.keys for key in leaf)]
    if len(options) > 1:
        whole = [n for n in options if layout[n].header and all(parent in keys for parent in layout[n].header)]
        options = whole or [n for n in options if layout[n].header and layout[n].header[-1] in keys] or options
    return options


def _settle_repeats(
    paths: Sequence[Sequence[str]], layout: Sequence[Column], assigned: dict[int, int], open_slots: list[int]
) -> None:
    """Labels that recur are taken in order where the page has just as many of them as the form."""
    by_key: dict[str, list[int]] = {}
    for slot in open_slots:
        if paths[slot]:
            by_key.setdefault(core(paths[slot][-1]), []).append(slot)
    for key, slots in by_key.items():
        free = [n for n, column in enumerate(layout) if key in column.keys and n not in assigned.values()]
        if free and len(free) == len(slots):
            assigned.update(zip(slots, free, strict=True))
            for slot in slots:
                open_slots.remove(slot)


def _by_fragments(
    paths: Sequence[Sequence[str]],
    layout: tuple[Column, ...],
    assigned: dict[int, int],
    open_slots: Sequence[int],
    table: Table,
    units: dict[int, str | None],
) -> Columns:
    """Cut or blank header cells take the official column at their place, where everything else agrees with it."""
    labelled = [slot for slot, path in enumerate(paths) if path and _is_label_header(path[-1], table)]
    first = (max(labelled) + 1) if labelled else min([*assigned, *open_slots], default=0)
    slots = list(range(first, len(paths)))
    while len(slots) > len(layout) and slots[-1] not in assigned and not paths[slots[-1]]:
        slots.pop()
    if len(slots) == len(layout):
        fits = True
        for n, slot in enumerate(slots):
            if slot in assigned:
                fits &= assigned[slot] == n
            else:
                fits &= not paths[slot] or _is_fragment(paths[slot][-1], layout[n])
        if fits:
            score = len(assigned) + 0.5 * (len(layout) - len(assigned))
            return Columns(layout, tuple(slots), (), True, tuple(units[s] for s in slots), score)
    if len(layout) == 1 and layout[0].variant and len(open_slots) == 1 and not assigned:
        slot = open_slots[0]
        if not re.search(r"季|月|本期", normalise(paths[slot][-1])):
            return Columns(layout, (slot,), (), True, (units[slot],), 0.5)
    kept = sorted(slot for slot in assigned)
    ordered = [assigned[slot] for slot in kept]
    if any(a >= b for a, b in pairwise(ordered)):
        whole = [key for path in paths for text in path for key in (core(text),)]
        if all(any(key in column.keys for key in whole) for column in layout):
            return Columns(layout, (), (), True, (None,) * len(layout), 0.6 * len(layout))
        kept, ordered = [], []
    unknown = tuple((slot, paths[slot][-1]) for slot in open_slots if paths[slot])
    score = len(kept) - 0.4 * (len(layout) - len(kept)) - 0.5 * len(unknown)
    return Columns(
        tuple(layout[n] for n in ordered), tuple(kept), unknown, False, tuple(units[s] for s in kept), score
    )


def _is_fragment(text: str, column: Column) -> bool:
    key = core(text)
    return len(key) >= 2 and any(key in known and key != known for known in column.keys)


def _in_reading_order(segment: Segment, table: Table, layout: tuple[Column, ...], header: Sequence[Line]) -> Columns:
    """Without a rectangle to go by, the columns are those that the header names, in reading order."""
    texts = [spot.cell.text for line in header for spot in line.spots if spot.cell.text.strip()]
    keys = [core(text) for text in texts]
    leaves = [n for key in keys for n, column in enumerate(layout) if key in column.keys]
    complete = all(any(key in column.keys for key in keys) for column in layout)
    distinct = len({column.keys for column in layout}) == len(layout)
    units = tuple(_money_unit([text for text in texts if core(text) in column.keys]) for column in layout)
    if not header:
        return Columns(layout, (), (), True, (None,) * len(layout), 0.1 if layout[0].variant in (None, "single") else -1)
    if complete and not distinct:
        return Columns(layout, (), (), False, units, float(len(layout)))
    named = list(dict.fromkeys(leaves))
    strangers = [
        (0, text)
        for text, key in zip(texts, keys, strict=True)
        if not any(key in c.keys or key in c.header for c in layout) and not _is_label_header(text, table)
    ]
    if complete or (named and not strangers and named == sorted(named)):
        order = tuple(layout[n] for n in named)
        score = len(named) - 0.4 * (len(layout) - len(named)) - 0.5 * len(strangers)
        return Columns(order, (), tuple(strangers), False, tuple(units[n] for n in named), score)
    if len(strangers) + len(named) == len(layout) and all(_fragment_of_any(text, layout) for _, text in strangers):
        return Columns(layout, (), (), True, units, len(named) + 0.5 * len(strangers))
    if len(layout) == 1 and layout[0].variant and len(strangers) == 1 and not re.search("季|月|本期", strangers[0][1]):
        return Columns(layout, (), (), True, (None,), 0.5)
    return Columns((), (), tuple(strangers), False, (), -1.0 * len(layout))


def _fragment_of_any(text: str, layout: Sequence[Column]) -> bool:
    return any(_is_fragment(text, column) for column in layout)


def _money_unit(path: Sequence[str]) -> str | None:
    for text in reversed(path):
        found = _UNIT.search(normalise(text))
        if found:
            return found.group()
    return None
