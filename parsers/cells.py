"""Cells of a placed row as figures: which cell is which column, and what its text says.

A row is read by the header's rectangle, or counted from its label where the rectangle is broken and the count is right;
a row whose cells cannot be told apart gives no figure and a finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from parsers.columns import Columns
from parsers.forms import Column, Row, Table
from parsers.labels import core, normalise
from parsers.model import Cell, Figure, Finding, Number
from parsers.tables import Line, Segment, Spot, is_unit
from parsers.values import in_units, in_yuan

_UNIT = re.compile(r"[十百千]*[万亿]*美?元")
_YEAR = re.compile(r"20\d\d年度?")
#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
_QUOTED = 60
#: the states of cells that hold nothing to be read
_EMPTY = ("blank", "dash")
#: a number cell with more text than this holds an article, not a figure
_LONGEST_TEXT = 2000
Place = tuple[str, str, str]


@dataclass
class Reading:
    """What the grids of a page gave. `doubtful` are the figures whose alignment or value was not beyond doubt."""

    figures: dict[Place, Figure] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    doubtful: set[Place] = field(default_factory=set)
    matched: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    conflicts: set[Place] = field(default_factory=set)
    unread: int = 0

    @property
    def forms(self) -> list[str]:
        return sorted({form for form, _ in self.matched})

    def note(self, kind: str, name: str, at: str | None, note: str) -> None:
        self.findings.append(Finding(kind, name, at=at, note=note))


class Entry(NamedTuple):
    """One row of the page with the cell that labels it; `options` are rows of the form that bear the label."""

    line: Line
    columns: Columns
    leaf: int | None
    options: tuple[int, ...]
    groups: frozenset[str]
    segment: Segment
    reach: int


def read_row(table: Table, row: Row, entry: Entry, reading: Reading) -> None:
    cells, shifted = _cells(entry, table)
    if not row.is_value:
        reading.matched.setdefault((table.form, table.id), set()).add(row.code)
        numbers = [spot for spot in cells or () if spot.value.state == "number"]
        if numbers:
            reading.note(
                "alignment",
                "number_in_heading",
                row.code,
                describe(entry, f"holds {len(numbers)} number(s); not read"),
            )
        return
    if cells is None:
        reading.unread += entry.line.numbers > 0
        reading.note("alignment", "doubtful_alignment", row.code, describe(entry, "has other cells than the header"))
        return
    reading.matched.setdefault((table.form, table.id), set()).add(row.code)
    if shifted:
        reading.note(
            "alignment", "row_shifted", row.code, describe(entry, "is shifted; its cells were counted from its label")
        )
    row_unit = _row_unit(entry) if table.shape == "list" and row.unit == "元" else None
    figures = reading.figures
    official = entry.columns.official
    form, code, label = table.form, row.code, row.label or table.title
    for n, (place, col, unit) in enumerate(_places(table, row, official)):
        spot = cells[n]
        text, tbl, line, cell = spot[0]
        state, number, own_unit, joined = spot[4]
        if (
            own_unit is None
            and not (shifted or joined)
            and place not in figures
            and ((type(number) is int and unit != "元") or state in _EMPTY)
        ):
            figures[place] = _new(Figure, (form, code, col, label, number, text, state, unit, tbl, line, cell))
        else:
            header_unit = row_unit if table.shape == "list" else entry.columns.units[n]
            _add_figure(table, row, official[n], spot, header_unit, reading, shifted)


@lru_cache(maxsize=4096)
def _places(table: Table, row: Row, official: tuple[Column, ...]) -> tuple[tuple[Place, str, str], ...]:
    """(place, column, unit) of the figures in a row of the form."""
    listed = table.shape == "list"
    return tuple(
        ((table.form, row.code, column.code), column.code, (row.unit if listed else column.unit) or row.unit or "")
        for column in official
    )


def _row_unit(entry: Entry) -> str | None:
    label = entry.line.spots[entry.leaf] if entry.leaf is not None else None
    for spot in sorted(entry.line.spots, key=lambda spot: spot is not label):
        if is_unit(spot.cell.text) or spot is label:
            found = _UNIT.search(normalise(spot.cell.text))
            if found:
                return found.group()
            if spot is not label and spot.value.state == "text":
                return normalise(spot.cell.text)  # a unit of something else: what was paid is unknown
    return None


def _cells(entry: Entry, table: Table) -> tuple[list[Spot] | None, bool]:
    """(one cell for each column, whether they had to be counted from the label); None where they cannot be told."""
    columns, line = entry.columns, entry.line
    count = len(columns.official)
    if not count or line.number in line.grid.loose:
        return None, False
    if columns.bands and line.grid.positional:
        by_band = _by_band(
            columns,
            line,
            line.spots[entry.leaf] if entry.leaf is not None else None,
            entry.reach,
            table.shape != "list",
        )
        if by_band is None:
            by_band = _by_overlap(columns, line, entry.leaf)
        if by_band is not None:
            if table.shape == "list" and any(map(_is_unit_word, by_band)):
                return None, False
            return by_band, False
    after = line.spots[(entry.leaf + 1) if entry.leaf is not None else 0 :]
    own = [spot for spot in after if not spot.from_above]
    if table.shape == "list":
        own = _without_unit(own, count, _has_units(entry, table))
    if line.grid.positional:
        if len(own) == count and all(spot.first == spot.last for spot in own) and not columns.unknown:
            return own, bool(columns.bands)
        return None, False
    if any(map(_is_unit_word, own[:count])):
        return None, False
    filled = [spot for spot in own if spot.cell.text.strip() and not spot.cell.text.isspace()]
    if line.grid.tbl is None and own and own[0].cell.tbl is not None:  # cells in one row: none has vanished
        return (own, False) if len(own) == count and not columns.extra else (None, False)
    if columns.extra:
        if line.grid.tbl is None or len(filled) != count + columns.extra:
            return None, False
        return filled[columns.extra :], False
    if len(own) == count and (len(filled) == count or line.grid.tbl is None):
        return own, False
    if len(filled) == count:
        return filled, False
    if not filled and len(own) >= count:
        return own[:count], False
    return None, False


def _has_units(entry: Entry, table: Table) -> bool:
    """Whether the header has a column of units, or there is no header to say so."""
    header = entry.segment.header
    return not header or any(core(spot.cell.text) in table.unit_headers for line in header for spot in line.spots)


def _without_unit(own: list[Spot], count: int, units: bool) -> list[Spot]:
    """The cells after a label without the unit, which stands before the numbers or after them; a dash stands for a unit
    where the table has `units`, unless it is needed as a figure."""
    filled = [spot for spot in own if spot.cell.text.strip()]
    if not filled:
        return own
    if filled[0] is own[0] and is_unit(own[0].cell.text) and (not _is_dash(own[0]) or (units and len(own) > count)):
        return own[1:]
    if len(own) > count and filled[-1] is own[-1] and is_unit(own[-1].cell.text) and not _is_dash(own[-1]):
        return own[:-1]
    return own


def _is_unit_word(spot: Spot) -> bool:
    return spot.value.state == "text" and is_unit(spot.cell.text)


def _is_dash(spot: Spot) -> bool:
    return spot.value.state == "dash"


def _by_band(columns: Columns, line: Line, leaf: Spot | None, reach: int, strict: bool) -> list[Spot] | None:
    """The one cell under each column's header, None where the row does not fit the header's rectangle.

    `strict` allows nothing between a row's label and its numbers, where a list has units and codes. `reach` is the last
    grid column in which a cell may begin; a row with one beyond it is no row of this rectangle.
    """
    bands = columns.bands
    if leaf is not None and leaf.last >= bands[0].first:
        return None
    starts = columns.starts
    if (
        strict
        and leaf is not None
        and leaf.last + 1 < bands[0].first
        and any(leaf.last < s.first < bands[0].first and s.cell.text.strip() for s in line.spots)
    ):
        return None
    cells: list[Spot | None] = [None] * len(bands)
    first = bands[0].first
    for spot in line.spots:
        begin = spot.first
        if begin in starts:
            n, limit = starts[begin]
            if spot.from_above or spot.last >= limit:
                return None
            cells[n] = spot
        elif (
            spot.last >= first
            and spot.cell.text.strip()
            and not any(b.first <= begin and spot.last <= b.last for b in (*columns.unknown, *columns.aside))
        ):
            return None
    if line.spots and line.spots[-1].first > reach:
        return None
    return None if None in cells else cells  # type: ignore[return-value]


def _by_overlap(columns: Columns, line: Line, leaf: int | None) -> list[Spot] | None:
    """The cell under each column where borders miss each other by a hair's breadth (tables pasted from Word).

    The row must be as wide as the header, with just one cell for each column, and each of the two must have the middle
    of the other within it; else None.
    """
    spots = [
        spot for spot in line.spots[(leaf + 1) if leaf is not None else 0 :] if spot.last >= columns.bands[0].first
    ]
    if columns.unknown or columns.aside or len(spots) != len(columns.bands) or not spots:
        return None
    if max(spot.last - spot.first for spot in spots) == 0 or spots[-1].last < columns.bands[-1].last:
        return None
    for spot, band in zip(spots, sorted(columns.bands), strict=True):
        if spot.from_above or not (
            2 * spot.first <= band.first + band.last <= 2 * spot.last
            and 2 * band.first <= spot.first + spot.last <= 2 * band.last
        ):
            return None
    by_band = dict(zip(sorted(columns.bands), spots, strict=True))
    return [by_band[band] for band in columns.bands]


def _add_figure(
    table: Table, row: Row, column: Column, spot: Spot, header_unit: str | None, reading: Reading, shifted: bool
) -> None:
    cell, value = spot.cell, spot.value
    if len(cell.text) > _LONGEST_TEXT:
        where_ = f"{row.code}[{column.code}]"
        reading.note("value", "doubtful_value", where_, f"{_at(cell)}: {len(cell.text)} characters, not kept")
        return
    unit = (row.unit if table.shape == "list" else column.unit) or row.unit or ""
    printed = row.printed_unit if table.shape == "list" else column.printed_unit
    place = (table.form, row.code, column.code)
    number: Number | None = None
    if value.state == "number":
        if unit == "元":
            number, known = in_yuan(value, header_unit=header_unit, printed_unit=printed)
            problem = None if known else "unit_unknown"
        else:
            number, known = in_units(value)
            problem = None if known else "unit_mismatch"
        if problem:
            reading.doubtful.add(place)
            reading.note("value", problem, f"{row.code}[{column.code}]", f"{_at(cell)}: {quote(cell.text)}")
        if value.joined:
            reading.doubtful.add(place)
            reading.note("value", "digits_parted", f"{row.code}[{column.code}]", f"{_at(cell)}: {quote(cell.text)}")
    elif value.state == "text" and any(c.isdigit() for c in cell.text):
        reading.doubtful.add(place)
        reading.note("value", "doubtful_value", f"{row.code}[{column.code}]", f"{_at(cell)}: {quote(cell.text)}")
    if shifted:
        reading.doubtful.add(place)
    figure = Figure(
        table.form, row.code, column.code, row.label or table.title, number, cell.text, value.state, unit,
        cell.tbl, cell.row, cell.cell,
    )  # fmt: skip
    former = reading.figures.get(place)
    if former is None:
        reading.figures[place] = figure
    elif (former.value, former.state) != (figure.value, figure.state) or (
        figure.state == "text" and normalise(former.raw) != normalise(figure.raw)
    ):
        if place not in reading.conflicts:
            reading.note(
                "alignment",
                "copies_differ",
                f"{row.code}[{column.code}]",
                f"{_at_figure(former)}: {quote(former.raw)}, {_at(cell)}: {quote(cell.text)}",
            )
        reading.conflicts.add(place)
        reading.doubtful.add(place)


def read_unlabelled(table: Table, entries: Sequence[Entry], reading: Reading) -> None:
    """The table of one row without a label: under each header its rows with numbers, or the first blank one."""
    row = table.rows[0]
    wanted: list[Entry] = []
    for segment in dict.fromkeys(id(entry.segment) for entry in entries):
        own = [entry for entry in entries if id(entry.segment) == segment]
        wanted += [entry for entry in own if entry.line.numbers] or own[:1]
    for entry in wanted:
        cells, shifted = _cells(entry._replace(leaf=None) if entry.columns.bands else entry, table)
        if cells is None or _holds_number(entry):
            reading.note(
                "alignment", "doubtful_alignment", row.code, describe(entry, "has other cells than the header")
            )
            continue
        reading.matched.setdefault((table.form, table.id), set()).add(row.code)
        for column, unit, cell in zip(entry.columns.official, entry.columns.units, cells, strict=True):
            _add_figure(table, row, column, cell, unit, reading, shifted)


def _holds_number(entry: Entry) -> bool:
    """Whether a text left of the numbers holds digits that are no year: the first number may have run into it, and
    another cell stand in its place."""
    spots = entry.line.spots
    first = next((n for n, spot in enumerate(spots) if spot.value.state != "text"), 0)
    return any(c.isdigit() for spot in spots[:first] for c in _YEAR.sub("", normalise(spot.cell.text)))


def signal_unread(table: Table, entry: Entry, reading: Reading) -> None:
    """A row that was not placed is signalled where it holds numbers, or blanks under the number columns."""
    if len(entry.options) > 1:
        return  # signalled where its place was sought
    states = [spot.value.state for spot in entry.line.spots if not spot.from_above]
    if "number" not in states and not (entry.leaf is not None and len(entry.line.spots) > 2 and "blank" in states):
        return
    if entry.leaf is None and "number" not in states:
        return
    reading.note("alignment", "unknown_label", table.id, describe(entry, "is no row of the form"))


def where(line: Line) -> str:
    cell = next((spot.cell for spot in line.spots if not spot.from_above), line.spots[0].cell if line.spots else None)
    return _at(cell) if cell is not None else "an empty row"


def _at(cell: Cell) -> str:
    return f"block {cell.row}" if cell.tbl is None else f"table {cell.tbl} row {cell.row} cell {cell.cell}"


def _at_figure(figure: Figure) -> str:
    return _at(Cell("", figure.tbl, figure.row, figure.cell))


def describe(entry: Entry, what: str) -> str:
    label = entry.line.spots[entry.leaf].cell.text if entry.leaf is not None else ""
    return f"{where(entry.line)}: {quote(label)} {what}"


def quote(text: str) -> str:
    text = text.replace("\n", " ")
    return f"'{text if len(text) <= _QUOTED else text[: _QUOTED - 1] + '…'}'"
