"""Which rows of which grids belong to which official table. Knows labels as keys; judges by them, never by the year.

A physical table may hold several official ones under repeated headers, and an official table may be cut into several
physical ones. Rows are given a role by what their cells say; runs of rows become segments, one official table each.
Some pages print the form's columns one below the other; such a grid is turned over its diagonal first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from parsers.forms import Form, Table
from parsers.labels import core, normalise, shorter_keys
from parsers.model import Cell, Grid
from parsers.values import Value, read_value

#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
#: stands behind the last slot of a row
_END = Cell("", None, 0, 0)
_UNITS = frozenset("条 件 次 篇 个 人 人次 万元 元 亿元 千元 万条 单位:万元 单位:元 单位:件 项 份 宗 起 家 -".split())


class Hit(NamedTuple):
    """What a cell's text may be on the forms: tables whose rows, or columns, bear this label."""

    key: str
    rows: frozenset[str]
    columns: frozenset[str]
    header: bool
    title: str | None
    footer: bool


class Spot(NamedTuple):
    """One distinct cell of a row of a grid, with the slots it covers, what its text says as a number cell, and what it
    may be on the forms where it is text."""

    cell: Cell
    first: int
    last: int
    from_above: bool
    value: Value
    hit: Hit | None


class Line(NamedTuple):
    """One row of a grid: its distinct cells; which of them are text, and how many are numbers."""

    grid: Grid
    number: int
    spots: tuple[Spot, ...]
    texts: tuple[int, ...]
    numbers: int


@dataclass
class Segment:
    """Rows of one official table in one grid, with the header rows that stand above them."""

    table_id: str
    grid: Grid
    header: list[Line]
    lines: list[Line] = field(default_factory=list)
    borrowed: bool = False


class Index:
    """All labels of the given forms, for looking up cells. Holds nothing of any page but a memo of texts."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = forms
        self.tables: dict[str, list[Table]] = {}
        self._rows: dict[str, set[str]] = {}
        self._columns: dict[str, set[str]] = {}
        self._headers: set[str] = set()
        self._titles: dict[str, str] = {}
        self._footers = tuple({label for form in forms for label in form.footer})
        self.unlabelled: set[str] = set()
        #: the path from the top to each header cell that spans columns
        self.spanning: dict[str, tuple[str, ...]] = {}
        for form in forms:
            for table in form.tables:
                self.tables.setdefault(table.id, []).append(table)
                self._titles.setdefault(core(table.title), table.id)
                self._headers |= table.label_headers | table.unit_headers | table.code_headers
                for key in table.by_key:
                    self._rows.setdefault(key, set()).add(table.id)
                for column in table.columns:
                    for key in (*column.keys, *column.header):
                        self._columns.setdefault(key, set()).add(table.id)
                    for depth, name in enumerate(column.header, 1):
                        self.spanning[name] = column.header[:depth]
                if table.unlabelled:
                    self.unlabelled.add(table.id)
        #: text -> what it may be
        self.memo: dict[str, Hit | None] = {}
        self._roles: dict[tuple[object, ...], Role] = {}

    def hit(self, text: str) -> Hit | None:
        """What the text may be, or None where it is no label of any form."""
        try:
            return self.memo[text]
        except KeyError:
            found = self._look_up(text) if len(text) < 2000 else None
            if len(self.memo) > 20_000:
                self.memo.clear()
            self.memo[text] = found
            return found

    def role(self, line: Line) -> Role:
        """What a row is, by its texts and how many numbers and other cells it has."""
        spots = line.spots
        texts = [spots[n].cell.text for n in line.texts]
        key = (line.numbers, len(spots), *texts)
        try:
            return self._roles[key]
        except KeyError:
            found = _role(line)
            if len(self._roles) > 5_000:
                self._roles.clear()
            if sum(map(len, texts)) < 1000:
                self._roles[key] = found
            return found

    def _look_up(self, text: str) -> Hit | None:
        key = core(text)
        if not key:
            return None
        if key not in self._rows and normalise(text).startswith(self._footers):
            return Hit(key, frozenset(), frozenset(), False, None, True)
        for candidate in (key, *shorter_keys(text)):
            rows = self._rows.get(candidate)
            columns = self._columns.get(candidate)
            header = candidate in self._headers
            title = self._titles.get(candidate)
            if rows or columns or header or title:
                return Hit(candidate, frozenset(rows or ()), frozenset(columns or ()), header, title, False)
        return None


def lines_of(grid: Grid, index: Index) -> list[Line]:
    """The rows of a grid as distinct cells."""
    known, look_up = index.memo, index.hit
    lines = []
    above: tuple[Cell | None, ...] = (None,) * len(grid.rows[0])
    for number, row in enumerate(grid.rows):
        spots: list[Spot] = []
        texts: list[int] = []
        numbers = first = 0
        slot = -1
        last: Cell | None = row[0] if row else None
        for cell in (*row, _END):
            slot += 1
            if cell is last:
                continue
            if last is not None:
                text = last[0]
                value = read_value(text)
                state = value[0]
                hit = None
                if state == "number":
                    numbers += 1
                elif state == "text":
                    texts.append(len(spots))
                    hit = known[text] if text in known else look_up(text)
                spots.append(_new(Spot, (last, first, slot - 1, above[first] is last, value, hit)))
            last, first = cell, slot
        lines.append(_new(Line, (grid, number, tuple(spots), tuple(texts), numbers)))
        above = row
    return lines


@lru_cache(maxsize=8192)
def is_unit(text: str) -> bool:
    """Whether the cell holds nothing but a unit or the dash of a heading row."""
    return len(text) < 12 and normalise(text).strip("()") in _UNITS


def is_value_like(text: str) -> bool:
    return read_value(text).state != "text"


def segments(grids: Iterable[Grid], index: Index) -> list[Segment]:
    """The official tables' segments, in page order. Grids that bear no label of any form give none; a table that is not
    shown counts only where no shown one is the same official table."""
    grids = list(grids)
    found = _segments([grid for grid in grids if not grid.hidden], index)
    if unseen := [grid for grid in grids if grid.hidden]:
        shown = {segment.table_id for segment in found if segment.lines}
        found += [segment for segment in _segments(unseen, index) if segment.table_id not in shown]
    return found


def _segments(grids: Iterable[Grid], index: Index) -> list[Segment]:
    found: list[Segment] = []
    for grid in grids:
        lines = lines_of(grid, index)
        roles = [index.role(line) for line in lines]
        if any(role.columns and role.numbers and not role.labels for role in roles) and (
            over := _turned(grid, lines, roles, index)
        ):
            grid, lines = over, lines_of(over, index)
            roles = [index.role(line) for line in lines]
        if any(role.labels or role.is_header for role in roles) or _continues(grid, roles, found):
            found.extend(_segment(grid, lines, roles, index, found[-1] if found else None))
    return found


class Role(NamedTuple):
    is_header: bool
    labels: frozenset[str]
    columns: frozenset[str]
    numbers: int
    values: int
    texts: int
    title: str | None
    footer: bool


def _role(line: Line) -> Role:
    labels: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    headers = column_cells = label_cells = texts = 0
    numbers, values = line.numbers, len(line.spots) - len(line.texts)
    title = None
    footer = False
    for n in line.texts:
        spot = line.spots[n]
        hit = spot.hit
        if hit is None:
            texts += not is_unit(spot.cell.text)
            continue
        footer = footer or hit.footer
        title = title or hit.title
        if hit.columns:
            columns |= hit.columns
            column_cells += 1
        headers += hit.header and not is_unit(spot.cell.text)  # 单位：件 is a note
        if hit.rows:
            labels = hit.rows
            label_cells += 1
    is_header = numbers == 0 and (
        headers > 0 or column_cells > max(1, label_cells) or (column_cells > 0 and label_cells == 0)
    )
    return Role(is_header, frozenset() if is_header else labels, columns, numbers, values, texts, title, footer)


def _turned(grid: Grid, lines: Sequence[Line], roles: Sequence[Role], index: Index) -> Grid | None:
    """The grid over its diagonal where every row with numbers is labelled by names of columns and by no row of a form,
    else None. The cells keep their places on the page."""
    if not grid.positional or grid.loose or not _is_upright(lines, roles):
        return None
    kept: list[tuple[Cell | None, ...]] = []
    above: tuple[Spot | None, Spot | None] = (None, None)
    spanning = False
    for line in lines:
        filled = [spot for spot in line.spots if spot.cell.text.strip()]
        if len(filled) == 1 and not line.numbers:
            hit = filled[0].hit
            if hit is not None and (path := index.spanning.get(hit.key)):
                spanning = True
                known = (
                    above[0] if len(path) > 1 and above[0] and above[0].hit and above[0].hit.key == path[0] else None
                )
                above = (filled[0], None) if len(path) == 1 else (known, filled[0])
            continue
        if None in grid.rows[line.number]:
            return None  # a row has more cells than its neighbours: which of them is its number cannot be told
        kept.append((*(spot and spot.cell for spot in above), *grid.rows[line.number]))
    rows = kept if spanning else [row[2:] for row in kept]
    return Grid(grid.tbl, tuple(zip(*rows, strict=True)))


def _is_upright(lines: Sequence[Line], roles: Sequence[Role]) -> bool:
    """Two rows with numbers or more, or one under names of rows; each has its names of columns left of its numbers, and
    in no row do names stand where others have numbers."""
    labelled = rows = 0
    names: set[int] = set()
    numbers: set[int] = set()
    for line, role in zip(lines, roles, strict=True):
        texts = [line.spots[n] for n in line.texts if not is_unit(line.spots[n].cell.text)]
        hits = [spot.hit for spot in texts if spot.hit is not None]
        if not line.numbers:
            rows += any(hit.rows for hit in hits)
            continue
        if not hits or not texts[-1].hit or any(not hit.columns for hit in hits):
            return False
        own = [spot.first for spot in line.spots if spot.value.state == "number"]
        if texts[-1].first > own[0]:
            return False
        labelled += not role.labels
        names.update(spot.first for spot in texts)
        numbers.update(own)
    return labelled > (0 if rows else 1) and names.isdisjoint(numbers)


def _continues(grid: Grid, roles: list[Role], found: list[Segment]) -> bool:
    """A grid of numbers without labels, after a header in the grid before it (a table cut under its header)."""
    if not found or found[-1].lines or not found[-1].header:
        return False
    return any(role.numbers for role in roles) and len(grid.rows[0]) == len(found[-1].grid.rows[0])


def _segment(grid: Grid, lines: list[Line], roles: list[Role], index: Index, former: Segment | None) -> list[Segment]:
    """Cut the rows of one grid into segments; a header with no rows under it stays a segment without lines."""
    made: list[Segment] = []
    current: Segment | None = None
    pending: list[Line] = []
    held: list[Line] = []
    last_header: list[Line] = []
    hint: str | None = None
    own_header = False
    if former is not None and not former.lines and former.header and not any(role.is_header for role in roles):
        pending = former.header
        hint = former.table_id
    for n, (line, role) in enumerate(zip(lines, roles, strict=True)):
        if role.footer:
            continue
        if role.is_header:
            if current is not None:
                current, pending = None, []
            pending = [*pending, line]
            own_header = True
            continue
        if role.labels:
            table_id = _choose(role.labels, current, pending or last_header, roles, n, hint, index)
            if current is None or current.table_id != table_id:
                header = pending or last_header
                current = Segment(table_id, grid, header, held, borrowed=not pending)
                made.append(current)
                held = []
                if pending:
                    last_header = pending
                pending = []
            current.lines.append(line)
            continue
        if current is None and pending and role.values and (free := _unlabelled(pending, index)):
            current = Segment(free, grid, pending)
            made.append(current)
            last_header, pending = pending, []
            current.lines.append(line)
            continue
        if role.title and not role.numbers:
            current, pending, hint = None, [line], role.title
            held = []
            continue
        if role.texts > 1 and not role.values and (current is None or _heads(roles, n)):
            # a header of strangers: what stands below it is not under the official one
            current, pending = None, [*pending, line]
            continue
        if current is not None and role.values:
            current.lines.append(line)
        elif role.texts and role.numbers:
            held.append(line)
        elif role.texts == 1 and pending and not role.values:
            pending = [*pending, line]
    if pending and own_header and (current is None):
        named = _header_table(pending)
        if named:
            made.append(Segment(named, grid, pending))
    return made


def _heads(roles: list[Role], n: int) -> bool:
    return n + 1 < len(roles) and bool(roles[n + 1].labels) and roles[n + 1].values > 0


def _columns_of(header: list[Line]) -> list[frozenset[str]]:
    hits = (spot.hit for line in header for spot in line.spots)
    return [hit.columns for hit in hits if hit is not None and hit.columns]


def _header_table(header: list[Line]) -> str | None:
    """The table that most cells of a header name, None where two tables are named as often."""
    votes: dict[str, int] = {}
    for tables in _columns_of(header):
        for table_id in tables:
            votes[table_id] = votes.get(table_id, 0) + 1
    ranked = sorted(votes.items(), key=lambda vote: -vote[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _unlabelled(header: list[Line], index: Index) -> str | None:
    table_id = _header_table(header)
    return table_id if table_id in index.unlabelled else None


def _choose(
    labels: frozenset[str],
    current: Segment | None,
    header: list[Line],
    roles: list[Role],
    n: int,
    hint: str | None,
    index: Index,
) -> str:
    """The table of a labelled row: its label's only one, else the table around it, else the one its header names."""
    if len(labels) == 1:
        return next(iter(labels))
    if current is not None and current.table_id in labels:
        return current.table_id
    if hint is not None and hint in labels:
        return hint
    named = labels.intersection(*[frozenset().union(*_columns_of(header))]) if header else frozenset()
    if len(named) == 1:
        return next(iter(named))
    for role in roles[n + 1 :]:
        if role.labels and len(role.labels & labels) == 1:
            return next(iter(role.labels & labels))
    return min(labels)
