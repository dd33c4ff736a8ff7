"""A table made a rectangle by the HTML standard's algorithm for forming a table (html.spec.whatwg.org, 4.9.12).

Knows spans and row groups, nothing of forms. Traps: `rowspan=0` reaches to the end of its row group, spans overlap,
`colspan=1000000` asks for a million columns, rows end before the table does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from parsers.model import Cell

#: the standard's own limits for colspan and rowspan
MAX_COLSPAN, MAX_ROWSPAN = 1000, 65534
#: an official table has under 1,400 slots; beyond this many a table is no form and is not expanded
MAX_SLOTS = 60_000
_LEADING_DIGITS = re.compile(r"[ \t\n\f\r]*\+?([0-9]{1,7})")


#: the cells written in a row, and the (rowspan, colspan) of those that have one, by their place in it; rowspan 0 means
#: to the end of the row group
Source = tuple[list[Cell], dict[int, tuple[int, int]]]


class TooLarge(Exception):
    """The rectangle would have more than MAX_SLOTS slots."""


def span(attribute: str | None, limit: int, *, zero: int = 1) -> int:
    """A span attribute by the standard's rules for non-negative integers: garbage is 1, 0 is `zero`."""
    if attribute is None:
        return 1
    if attribute == "1":
        return 1
    found = _LEADING_DIGITS.match(attribute)
    if not found:
        return 1
    return min(int(found.group(1)), limit) or zero


def rectangle(groups: Iterable[Iterable[Source]]) -> tuple[tuple[Cell | None, ...], ...]:
    """`rows[r][c]` is the cell covering the slot or None; all rows as wide as the widest. Raises TooLarge."""
    rows: list[list[Cell | None]] = []
    slots = 0
    for group in groups:
        carry: dict[int, tuple[Cell, int]] = {}
        for cells, spans in group:
            row: list[Cell | None] = []
            if spans or carry:
                carry = _spanned(row, cells, spans, carry)
            else:
                row += cells
            slots += len(row)
            if slots > MAX_SLOTS:
                raise TooLarge
            rows.append(row)
    width = max(map(len, rows), default=0)
    if width * len(rows) > MAX_SLOTS:
        raise TooLarge
    return tuple(tuple(row) if len(row) == width else (*row, *[None] * (width - len(row))) for row in rows)


def _spanned(
    row: list[Cell | None],
    cells: list[Cell],
    spans: Mapping[int, tuple[int, int]],
    carry: dict[int, tuple[Cell, int]],
) -> dict[int, tuple[Cell, int]]:
    """Fill a row that cells from above reach into, or that has spans; what is left of them for the next row."""
    kept: dict[int, tuple[Cell, int]] = {}
    col = 0
    for n, cell in enumerate(cells):
        while col in carry:
            above, left = carry.pop(col)
            row.append(above)
            if left > 1:
                kept[col] = (above, left - 1)
            col += 1
        if n not in spans:
            row.append(cell)
            col += 1
            continue
        rowspan, colspan = spans[n]
        for _ in range(colspan):
            # where spans overlap, the later cell is kept: the standard calls this a table model error
            carry.pop(col, None)
            row.append(cell)
            if rowspan != 1:
                kept[col] = (cell, (rowspan or MAX_ROWSPAN) - 1)
            col += 1
    for col in sorted(carry):
        above, left = carry[col]
        row.extend([None] * (col - len(row)))
        row.append(above)
        if left > 1:
            kept[col] = (above, left - 1)
    return kept
