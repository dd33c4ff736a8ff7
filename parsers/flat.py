"""Tables that were flattened to one cell a line: labels and figures as paragraphs, or as cells of one row.

A label is followed by its figures, as many as the form has columns; if there are more or fewer, blanks have vanished
and the row is left out with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from parsers.align import read_segments
from parsers.cells import Reading
from parsers.model import Cell, Document, Grid, Paragraph
from parsers.tables import Index, is_unit, segments
from parsers.values import read_value

#: a run of lines with fewer labelled rows than this is prose that mentions a label
_FEWEST_ROWS = 3
#: a row of fewer cells is a row
_FEWEST_CELLS = 8
#: head, body and foot
_MOST_GROUPS = 3
_LONGEST_LABEL = 120
#: more lines than the widest row of any form has
_LONGEST_ROW = 60
#: an unknown text in a run of header cells is a header cell too
_LONGEST_STRANGER = 16


def read_flat(document: Document, index: Index, reading: Reading, year: int | None) -> frozenset[int]:
    """Add the figures of flattened tables that no grid gave; return the numbers of the blocks they stand in."""
    grid, used = _as_grid(document, index)
    if grid is None:
        return frozenset()
    found = segments([grid], index)
    if {segment.table_id for segment in found} <= {table for _, table in reading.matched}:
        return frozenset()  # menus and prose that name rows of tables which the page has
    flat = read_segments(found, index, year)
    fresh = {
        key: codes for key, codes in flat.matched.items() if not any(table == key[1] for _, table in reading.matched)
    }
    if not fresh:
        return frozenset()
    tables = {table for _, table in fresh}
    codes = {
        (form.id, row.code) for form in index.forms for table in form.tables if table.id in tables for row in table.rows
    }
    reading.matched.update(fresh)
    reading.figures.update({place: f for place, f in flat.figures.items() if place[:2] in codes})
    reading.doubtful |= flat.doubtful
    reading.findings.extend(flat.findings)
    lines = "read from lines, one cell each; no table on the page"
    if any(figure.tbl is not None for place, figure in flat.figures.items() if place[:2] in codes):
        lines = "read from cells in their order; the table has no rows"
    reading.note("form", "flattened_table", ", ".join(sorted(tables)), lines)
    return used


def is_strung(grid: Grid) -> bool:
    """Whether the rows of a table are one, since none has its tag: labels stand in it behind figures time and again, or
    more texts than label a row. Its header may be a row apart."""
    if len(grid.rows) > _MOST_GROUPS or len(grid.rows[0]) < _FEWEST_CELLS:
        return False
    again = texts = numbers = 0
    for row in grid.rows:
        states = [read_value(cell.text).state if cell is not None else "blank" for cell in row]
        again = max(again, sum(left == "number" and right == "text" for left, right in pairwise(states)))
        texts, numbers = states.count("text"), states.count("number")
    return again > (1 if len(grid.rows) == 1 else 3) or (len(grid.rows) == 1 and numbers > 0 and texts > _FEWEST_CELLS)


def _as_grid(document: Document, index: Index) -> tuple[Grid | None, frozenset[int]]:
    """Paragraphs regrouped into rows: header labels together, a row's label with what follows up to the next."""
    rows: list[list[Cell]] = []
    current: list[Cell] = []
    labelled = 0
    header = False
    for cell in _cells_in_order(document):
        if cell is None or len(cell.text) > _LONGEST_LABEL:
            _close(rows, current)
            header = False
            continue
        if len(current) > _LONGEST_ROW:
            _close(rows, current)
            header = False
        if _is_token(cell.text):
            if header and not is_unit(cell.text):
                _close(rows, current)
                header = False
            current.append(cell)
            continue
        hit = index.hit(cell.text)
        if hit is None and header and len(cell.text) <= _LONGEST_STRANGER:
            current.append(cell)
            continue
        if hit is None or hit.footer:
            _close(rows, current)
            header = False
            continue
        names_column = bool(hit.columns or hit.header)
        if header and not names_column:
            _close(rows, current)
            header = False
        elif any(_is_token(c.text) and not is_unit(c.text) for c in current):
            _close(rows, current)
            header = names_column and not hit.rows
        elif not current:
            header = names_column and not hit.rows
        elif names_column and not hit.rows and not header:
            _close(rows, current)
            header = True
        labelled += bool(hit.rows)
        current.append(cell)
    _close(rows, current)
    if labelled < _FEWEST_ROWS:
        return None, frozenset()
    width = max(map(len, rows), default=0)
    used = frozenset(cell.row for row in rows for cell in row if cell.tbl is None)
    return Grid(None, tuple((*row, *[None] * (width - len(row))) for row in rows), False), used


def _cells_in_order(document: Document) -> Iterator[Cell | None]:
    """The lines of the page as cells, and the cells of tables without rows; None for what ends a run of them."""
    for block in document.blocks:
        if isinstance(block, Paragraph):
            yield Cell(block.text, None, block.row, 1)
        elif is_strung(block):
            yield from dict.fromkeys(cell for row in block.rows for cell in row if cell is not None)
            yield None
        else:
            yield None


def _close(rows: list[list[Cell]], current: list[Cell]) -> None:
    if current:
        rows.append(list(current))
        current.clear()


def _is_token(text: str) -> bool:
    return read_value(text).state != "text" or is_unit(text)
