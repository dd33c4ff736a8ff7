"""Rows of a page against the skeleton of a form: which figure each cell is.

Alignment follows labels, parents and order, never a row's position alone. A label that stands twice on the form
(被依法纠错数) is placed between its neighbours, and left out with a finding where these do not decide. A row whose
cells cannot be told apart gives no figure and a finding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from parsers.columns import Columns, match_columns
from parsers.forms import Column, Form, Row, Table
from parsers.labels import core, distance, normalise, shorter_keys
from parsers.model import Cell, Figure, Finding, Grid, Number
from parsers.tables import Index, Line, Segment, is_unit, segments
from parsers.values import in_units, in_yuan, read_value

_UNIT = re.compile(r"亿元|万元|元")
_QUOTED = 60
Place = tuple[str, str, str]


@dataclass
class Reading:
    """What the grids of a page gave. `doubtful` are the figures whose alignment or value was not beyond doubt."""

    figures: dict[Place, Figure] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    doubtful: set[Place] = field(default_factory=set)
    matched: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    conflicts: set[Place] = field(default_factory=set)

    @property
    def forms(self) -> list[str]:
        return sorted({form for form, _ in self.matched})

    def note(self, kind: str, name: str, at: str | None, note: str) -> None:
        self.findings.append(Finding(kind, name, at=at, note=note))


class _Entry(NamedTuple):
    """One row of the page with the cell that labels it; `options` are rows of the form that bear the label."""

    line: Line
    columns: Columns
    leaf: int | None
    options: tuple[int, ...]
    groups: frozenset[str]
    segment: Segment


def read_grids(grids: Iterable[Grid], index: Index, year: int | None = None) -> Reading:
    """All figures of the forms in these grids. `year` only settles what the labels leave open, and that is noted."""
    reading = Reading()
    found = [segment for segment in segments(grids, index) if segment.lines]
    chosen = _choose_forms(found, index, year, reading)
    tables: dict[tuple[str, str], tuple[Table, list[tuple[Segment, Columns]]]] = {}
    for segment, (table, columns) in zip(found, chosen, strict=True):
        if table is not None:
            tables.setdefault((table.form, table.id), (table, []))[1].append((segment, columns))
    for table, parts in tables.values():
        _read_table(table, parts, index, reading)
    for place in reading.conflicts:
        reading.figures.pop(place, None)
    return reading


# ---------------------------------------------------------------- which generation


def _choose_forms(
    found: Sequence[Segment], index: Index, year: int | None, reading: Reading
) -> list[tuple[Table | None, Columns]]:
    """For each segment the generation whose labels fit best; ties go with the page's other tables."""
    ranked: list[list[tuple[float, Table, Columns]]] = []
    columns_before: dict[str, tuple[Segment, dict[str, Columns]]] = {}
    for segment in found:
        options = []
        by_form: dict[str, Columns] = {}
        before = columns_before.get(segment.table_id)
        inherit = (
            segment.borrowed
            and not segment.header
            and before is not None
            and len(before[0].grid.rows[0]) == len(segment.grid.rows[0])
        )
        for table in index.tables[segment.table_id]:
            if inherit and before is not None:
                columns = before[1][table.form]
            else:
                columns = match_columns(segment, table, index)
            by_form[table.form] = columns
            options.append((columns.score + _row_score(segment, table, index), table, columns))
        if segment.header:
            columns_before[segment.table_id] = (segment, by_form)
        options.sort(key=lambda option: -option[0])
        ranked.append(options)
    decided = Counter(
        options[0][1].form for options in ranked if len(options) == 1 or options[0][0] > options[1][0] + 0.01
    )
    chosen: list[tuple[Table | None, Columns]] = []
    for segment, options in zip(found, ranked, strict=True):
        best = [option for option in options if option[0] > options[0][0] - 0.01]
        if len(best) > 1:
            best.sort(key=lambda option: -decided[option[1].form])
            if decided[best[0][1].form] == decided[best[1][1].form]:
                official = [o for o in best if year is not None and _official(index, o[1].form, year)]
                if not official:
                    reading.note(
                        "alignment",
                        "form_undetermined",
                        segment.table_id,
                        f"{_where(segment.lines[0])}: the labels fit {', '.join(o[1].form for o in best)} alike",
                    )
                    chosen.append((None, best[0][2]))
                    continue
                best = official
                reading.note(
                    "alignment",
                    "form_by_year",
                    segment.table_id,
                    f"{_where(segment.lines[0])}: the labels fit several forms; {best[0][1].form} is official for {year}",
                )
        chosen.append((best[0][1], best[0][2]))
    return chosen


def _official(index: Index, form_id: str, year: int) -> bool:
    form = next(form for form in index.forms if form.id == form_id)
    return form.first_year <= year and (form.last_year is None or year <= form.last_year)


def _row_score(segment: Segment, table: Table, index: Index) -> float:
    """Labelled rows that this generation has as rows with numbers, and that carry some here."""
    score = 0.0
    for line in segment.lines:
        filled = any(read_value(spot.cell.text).state == "number" for spot in line.spots)
        for spot in line.spots:
            hit = index.hit(spot.cell.text)
            if hit is None or not hit.rows or spot.from_above:
                continue
            rows = [table.rows[n] for n in table.by_key.get(hit.key, ())]
            score += any(row.is_value for row in rows) and (filled or len(line.spots) > 1)
    return score


# ---------------------------------------------------------------- rows


def _read_table(table: Table, parts: Sequence[tuple[Segment, Columns]], index: Index, reading: Reading) -> None:
    entries: list[_Entry] = []
    noted: set[str] = set()
    for segment, columns in parts:
        for slot, text in columns.unknown:
            if not is_unit(text):
                reading.note(
                    "alignment", "unknown_column", table.id, f"{_where(segment.header[0])} column {slot + 1}: {_quote(text)}"
                )
        if columns.by_order and table.id not in noted and columns.official:
            noted.add(table.id)
            reading.note(
                "alignment",
                "header_order",
                table.id,
                f"{_where(segment.lines[0])}: the header does not name every column; the official order was used",
            )
        entries.extend(_entry(line, columns, table, segment, index) for line in segment.lines)
    assigned = _assign(entries, table, reading)
    if all(not row.keys for row in table.rows):
        _read_unlabelled(table, entries, reading)
        return
    for entry, number in zip(entries, assigned, strict=True):
        if number is not None:
            _read_row(table, table.rows[number], entry, reading)
            continue
        _signal_unread(table, entry, reading)


def _entry(line: Line, columns: Columns, table: Table, segment: Segment, index: Index) -> _Entry:
    """Find the cell that labels a row: the last text cell left of the numbers that begins in this row."""
    limit = columns.slots[0] if columns.slots else 10_000
    leaf: int | None = None
    groups: set[str] = set()
    known: int | None = None
    for n, spot in enumerate(line.spots):
        text = spot.cell.text
        if is_unit(text) or read_value(text).state != "text":
            continue
        hit = index.hit(text)
        labels = _rows_of(table, hit.key) if hit is not None else ()
        if labels:
            known = n
        if spot.first >= limit and not labels:
            continue
        if leaf is not None:
            groups.add(core(line.spots[leaf].cell.text))
        leaf = n
    if known is not None and leaf is not None and leaf < known:
        leaf = known
    if leaf is None or line.spots[leaf].from_above:
        if leaf is not None:
            groups.add(core(line.spots[leaf].cell.text))
        return _Entry(line, columns, None, (), frozenset(groups), segment)
    hit = index.hit(line.spots[leaf].cell.text)
    return _Entry(line, columns, leaf, _rows_of(table, hit.key) if hit else (), frozenset(groups), segment)


def _rows_of(table: Table, key: str) -> tuple[int, ...]:
    return table.by_key.get(key, ())


def _assign(entries: Sequence[_Entry], table: Table, reading: Reading) -> list[int | None]:
    """For each entry the number of its row on the form, or None.

    Labels that the form has once are placed wherever they stand. A label it has several times is placed by its parent
    cell, else by the interval between its placed neighbours; if the page's order is not the form's, not at all.
    """
    placed: list[int | None] = [entry.options[0] if len(entry.options) == 1 else None for entry in entries]
    for n, entry in enumerate(entries):
        if len(entry.options) > 1 and entry.groups:
            by_parent = [k for k in entry.options if _parent_keys(table, k) & entry.groups]
            if len(by_parent) == 1:
                placed[n] = by_parent[0]
    runs = _runs(entries, placed)
    for start, end in runs:
        settled = [n for n in range(start, end) if placed[n] is not None]
        numbers = [placed[n] or 0 for n in settled]
        orderly = all(a <= b for a, b in zip(numbers, numbers[1:], strict=False))
        _place_repeats(entries, placed, table, start, end, orderly, reading)
        if orderly:
            _place_misspelt(entries, placed, table, start, end, reading)
    return placed


def _parent_keys(table: Table, number: int) -> frozenset[str]:
    parent = next((row for row in table.rows if row.code == table.rows[number].parent), None)
    return frozenset(parent.keys) if parent else frozenset()


def _runs(entries: Sequence[_Entry], placed: Sequence[int | None]) -> list[tuple[int, int]]:
    """Stretches that can be one copy of the table: a new one begins where another grid repeats a placed row."""
    runs: list[tuple[int, int]] = []
    start = 0
    seen: set[int] = set()
    segment: Segment | None = None
    for n, entry in enumerate(entries):
        if entry.segment is not segment:
            ahead = {placed[k] for k in range(n, len(entries)) if entries[k].segment is entry.segment} - {None}
            if n > start and ahead & seen:
                runs.append((start, n))
                start, seen = n, set()
            segment = entry.segment
        if (number := placed[n]) is not None:
            seen.add(number)
    runs.append((start, len(entries)))
    return runs


def _place_repeats(
    entries: Sequence[_Entry],
    placed: list[int | None],
    table: Table,
    start: int,
    end: int,
    orderly: bool,
    reading: Reading,
) -> None:
    """Place labels that the form has several times, an interval between placed neighbours at a time."""
    n = start
    while n < end:
        if placed[n] is not None or len(entries[n].options) < 2:
            n += 1
            continue
        before = max((placed[k] or 0 for k in range(start, n) if placed[k] is not None), default=-1)
        stop = next((k for k in range(n, end) if placed[k] is not None), end)
        after = placed[stop] if stop < end else len(table.rows)
        assert after is not None
        group = [k for k in range(n, stop) if len(entries[k].options) > 1 and placed[k] is None]
        for options in dict.fromkeys(entries[k].options for k in group):
            rows = [k for k in group if entries[k].options == options]
            free = [number for number in options if before < number < after]
            if orderly and len(rows) == len(free):
                for k, number in zip(rows, free, strict=True):
                    placed[k] = number
            else:
                for k in rows:
                    reading.note("alignment", "doubtful_alignment", table.id, _describe(entries[k], "stands twice on the form"))
                    placed[k] = -1
        n = stop
    for k in range(start, end):
        if placed[k] == -1:
            placed[k] = None


def _place_misspelt(
    entries: Sequence[_Entry], placed: list[int | None], table: Table, start: int, end: int, reading: Reading
) -> None:
    """A label nobody knows passes as the one free row between its neighbours that it misspells."""
    taken = {number for number in placed if number is not None}
    for n in range(start, end):
        entry = entries[n]
        if placed[n] is not None or entry.options or entry.leaf is None:
            continue
        text = entry.line.spots[entry.leaf].cell.text
        before = max((placed[k] or 0 for k in range(start, n) if placed[k] is not None), default=-1)
        after = min((placed[k] or 0 for k in range(n, end) if placed[k] is not None), default=len(table.rows))
        near = []
        for number, row in enumerate(table.rows):
            edits = [d for key in (core(text), *shorter_keys(text)) for known in row.keys if (d := distance(key, known))]
            if edits:
                near.append((min(edits), number))
        if len(near) == 1 and near[0][1] not in taken and before < near[0][1] < after:
            placed[n] = near[0][1]
            taken.add(near[0][1])
            reading.note(
                "alignment", "label_misspelt", table.rows[near[0][1]].code, _describe(entry, "read as a misspelling")
            )


# ---------------------------------------------------------------- cells


def _read_row(table: Table, row: Row, entry: _Entry, reading: Reading) -> None:
    cells, shifted = _cells(entry, table)
    if not row.is_value:
        reading.matched.setdefault((table.form, table.id), set()).add(row.code)
        numbers = [cell for cell in cells or () if read_value(cell.text).state == "number"]
        if numbers:
            reading.note(
                "alignment", "number_in_heading", row.code, _describe(entry, f"holds {len(numbers)} number(s); not read")
            )
        return
    if cells is None:
        reading.note("alignment", "doubtful_alignment", row.code, _describe(entry, "has other cells than the header"))
        return
    reading.matched.setdefault((table.form, table.id), set()).add(row.code)
    if shifted:
        reading.note("alignment", "row_shifted", row.code, _describe(entry, "is shifted; its cells were counted from its label"))
    row_unit = _row_unit(entry)
    for column, unit, cell in zip(entry.columns.official, entry.columns.units, cells, strict=True):
        _add_figure(table, row, column, cell, row_unit if table.shape == "list" else unit, reading, shifted)


def _row_unit(entry: _Entry) -> str | None:
    for spot in entry.line.spots:
        if is_unit(spot.cell.text) or spot is (entry.line.spots[entry.leaf] if entry.leaf is not None else None):
            found = _UNIT.search(normalise(spot.cell.text))
            if found:
                return found.group()
    return None


def _cells(entry: _Entry, table: Table) -> tuple[list[Cell] | None, bool]:
    """(one cell for each column, whether they had to be counted from the label); None where they cannot be told."""
    columns, line = entry.columns, entry.line
    count = len(columns.official)
    if not count:
        return None, False
    leaf_spot = line.spots[entry.leaf] if entry.leaf is not None else None
    if columns.slots and line.grid.positional and len(line.grid.rows[0]) > columns.slots[-1]:
        by_slot = [spot for slot in columns.slots for spot in line.spots if spot.first == slot == spot.last]
        clear = len(by_slot) == count and not any(spot.from_above for spot in by_slot)
        if clear and (leaf_spot is None or leaf_spot.last < columns.slots[0]):
            others = {spot.cell for spot in by_slot}
            stray = [
                spot
                for spot in line.spots
                if spot.first > columns.slots[0]
                and spot.cell not in others
                and spot.cell.text.strip()
                and spot.first not in {slot for slot, _ in columns.unknown}
            ]
            if not stray:
                return [spot.cell for spot in by_slot], False
    after = line.spots[(entry.leaf + 1) if entry.leaf is not None else 0 :]
    own = [spot for spot in after if not spot.from_above]
    while own and is_unit(own[0].cell.text) and read_value(own[0].cell.text).state in ("text", "dash"):
        if read_value(own[0].cell.text).state == "dash" and len(own) <= count:
            break
        own = own[1:]
    if line.grid.positional:
        if len(own) == count and all(spot.first == spot.last for spot in own) and not columns.unknown:
            return [spot.cell for spot in own], bool(columns.slots)
        return None, False
    filled = [spot for spot in own if spot.cell.text.strip() and not spot.cell.text.isspace()]
    if len(own) == count and (len(filled) == count or line.grid.tbl is None):
        return [spot.cell for spot in own], False
    if len(filled) == count:
        return [spot.cell for spot in filled], False
    if not filled and len(own) >= count:
        return [spot.cell for spot in own[:count]], False
    return None, False


def _add_figure(
    table: Table, row: Row, column: Column, cell: Cell, header_unit: str | None, reading: Reading, shifted: bool
) -> None:
    unit = (row.unit if table.shape == "list" else column.unit) or row.unit or ""
    printed = row.printed_unit if table.shape == "list" else column.printed_unit
    value = read_value(cell.text)
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
            reading.note("value", problem, f"{row.code}[{column.code}]", f"{_at(cell)}: {_quote(cell.text)}")
    elif value.state == "text" and any(c.isdigit() for c in cell.text):
        reading.doubtful.add(place)
        reading.note("value", "doubtful_value", f"{row.code}[{column.code}]", f"{_at(cell)}: {_quote(cell.text)}")
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
        figure.state == "text" and former.raw != figure.raw
    ):
        if place not in reading.conflicts:
            reading.note(
                "alignment",
                "copies_differ",
                f"{row.code}[{column.code}]",
                f"{_at_figure(former)}: {_quote(former.raw)}, {_at(cell)}: {_quote(cell.text)}",
            )
        reading.conflicts.add(place)
        reading.doubtful.add(place)


def _read_unlabelled(table: Table, entries: Sequence[_Entry], reading: Reading) -> None:
    """The table of one row without a label: its first row with numbers, or its first blank one if none has any."""
    row = table.rows[0]
    read = [(entry, *_cells(entry._replace(leaf=None) if entry.columns.slots else entry, table)) for entry in entries]
    numbered = [
        (entry, cells, shifted)
        for entry, cells, shifted in read
        if any(read_value(spot.cell.text).state == "number" for spot in entry.line.spots)
    ]
    for entry, cells, shifted in numbered or read[:1]:
        if cells is None:
            reading.note("alignment", "doubtful_alignment", row.code, _describe(entry, "has other cells than the header"))
            continue
        reading.matched.setdefault((table.form, table.id), set()).add(row.code)
        for column, unit, cell in zip(entry.columns.official, entry.columns.units, cells, strict=True):
            _add_figure(table, row, column, cell, unit, reading, shifted)


def _signal_unread(table: Table, entry: _Entry, reading: Reading) -> None:
    """A row that was not placed is signalled where it holds numbers, or blanks under the number columns."""
    if len(entry.options) > 1:
        return  # signalled where its place was sought
    states = [read_value(spot.cell.text).state for spot in entry.line.spots if not spot.from_above]
    if "number" not in states and not (entry.leaf is not None and len(entry.line.spots) > 2 and "blank" in states):
        return
    if entry.leaf is None and "number" not in states:
        return
    reading.note("alignment", "unknown_label", table.id, _describe(entry, "is no row of the form"))


# ---------------------------------------------------------------- words for findings


def _where(line: Line) -> str:
    cell = next((spot.cell for spot in line.spots if not spot.from_above), line.spots[0].cell if line.spots else None)
    return _at(cell) if cell is not None else "an empty row"


def _at(cell: Cell) -> str:
    return f"block {cell.row}" if cell.tbl is None else f"table {cell.tbl} row {cell.row} cell {cell.cell}"


def _at_figure(figure: Figure) -> str:
    return _at(Cell("", figure.tbl, figure.row, figure.cell))


def _describe(entry: _Entry, what: str) -> str:
    label = entry.line.spots[entry.leaf].cell.text if entry.leaf is not None else ""
    return f"{_where(entry.line)}: {_quote(label)} {what}"


def _quote(text: str) -> str:
    text = text.replace("\n", " ")
    return f"'{text if len(text) <= _QUOTED else text[: _QUOTED - 1] + '…'}'"


def forms_in(figures: Iterable[Figure], forms: Sequence[Form]) -> list[str]:
    """Ids of the forms that have figures here, oldest first."""
    present = {figure.form for figure in figures}
    return [form.id for form in forms if form.id in present]
