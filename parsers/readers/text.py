"""Stored text whose tables are lines of cells between `|`, as text extractors leave them.

A table is a run of such lines, a row a logical line: a line break inside a cell splits the physical line, so a line
that is not closed by `|` goes on in the next. Traps: the exporter drops blank cells and pads the row's end with `|`, so
a short row does not say which of its cells was blank; headings of sections stand between two tables.
"""

from __future__ import annotations

import re

from parsers.grid import MAX_SLOTS
from parsers.model import Block, Cell, Document, Grid, Paragraph
from parsers.readers.encoding import decode

_RULE = re.compile(r"^[\s|:+-]*-{2,}[\s|:+-]*$")
_NUMBERED = re.compile(r"^\s*[一二三四五六七八九十]{1,3}、")
_SENTENCE_END = ("。", "；", ";", "！", "？")
#: more lines than this between two `|` lines are prose, not a cell's text
_MAX_SPLIT = 3
_MAX_BLOCKS, _LONGEST_LINE = 40_000, 200_000


def read_text(body: bytes, *, header_charset: str | None = None) -> Document:
    """The Document of stored text: paragraphs are lines, grids are runs of `|` lines. Never raises."""
    text, charset, damaged = decode(body, header_charset=header_charset, is_html=False)
    notes = [("encoding_damaged", f"{damaged} place(s) are no {charset}")] if damaged else []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n")
    piped = [line.rstrip() for line in lines if "|" in line]
    closed = sum(line.endswith("|") for line in piped) * 2 > len(piped)
    blocks: list[Block] = []
    tables = 0
    n = 0
    while n < len(lines):
        if "|" not in lines[n]:
            # a first cell may be split before its first `|`
            first = _opening(lines, n)
            if not first:
                if line := lines[n].strip(" \t"):
                    if len(line) > _LONGEST_LINE:
                        line = line[:_LONGEST_LINE]
                        notes.append(("page_too_long", f"a line was cut after {_LONGEST_LINE} characters"))
                    blocks.append(Paragraph(line, len(blocks) + 1))
                n += 1
                if len(blocks) > _MAX_BLOCKS:
                    notes.append(("page_too_long", f"reading stopped after {_MAX_BLOCKS} blocks"))
                    break
                continue
        rows, n = _run(lines, n, closed)
        if rows:
            tables += 1
            if sum(row.count("|") for row in rows) > MAX_SLOTS:
                notes.append(("table_too_large", f"table {tables} is too large for an official form and was not read"))
            else:
                blocks.append(_grid(rows, tables))
        if len(blocks) > _MAX_BLOCKS:
            break
    return Document(None, (), tuple(blocks), "text/plain", charset, (0, len(blocks)), notes=tuple(notes))


def _opening(lines: list[str], n: int) -> bool:
    """Whether line `n` without `|` opens the split first cell of a table: an open bracket closed on a `|` line."""
    line = lines[n].strip()
    if not _unbalanced(line) or _is_prose(line):
        return False
    return n + 1 < len(lines) and "|" in lines[n + 1] and not _unbalanced(line + lines[n + 1].split("|")[0])


def _run(lines: list[str], n: int, closed: bool) -> tuple[list[str], int]:
    """The logical lines of the table that begins at line `n`, and the number of the line after it.

    `closed` says that rows end with `|` here, so that one which does not goes on in the next lines.
    """
    rows: list[str] = []
    while n < len(lines):
        line = lines[n].rstrip()
        if "|" in line:
            n += 1
            rest = lines[n : n + _MAX_SPLIT]
            closes = next((k for k, more in enumerate(rest, 1) if more.rstrip().endswith("|")), 0)
            if closed and not line.endswith("|") and closes and all(rest[:closes]):
                line = "\n".join([line, *(more.strip() for more in rest[:closes])])
                n += closes
            rows.append(line)
            continue
        ahead = next((k for k in range(n, min(n + _MAX_SPLIT, len(lines))) if "|" in lines[k]), None)
        if ahead is None or not _belongs(lines[n:ahead], lines[ahead], rows):
            break
        lead = "\n".join(part.strip() for part in lines[n:ahead])
        lines[ahead] = lead + "\n" + lines[ahead].lstrip()
        n = ahead
    return [row for row in rows if not _RULE.match(row)], n


def _belongs(lead: list[str], row: str, rows: list[str]) -> bool:
    """Whether lines without `|` are the beginning of the next row's first cell rather than prose between tables."""
    if not rows or any(not line.strip() for line in lead):
        return False
    joined = "".join(line.strip() for line in lead)
    if _unbalanced(joined) and not _unbalanced(joined + row.split("|")[0]):
        return True
    if any(_is_prose(line) or _NUMBERED.match(line) for line in lead):
        return False
    return len(joined) <= 60 and _width(row) == _width(rows[-1])


def _is_prose(line: str) -> bool:
    return line.rstrip().endswith(_SENTENCE_END) or len(line) > 120


def _unbalanced(text: str) -> bool:
    return text.count("(") + text.count("（") > text.count(")") + text.count("）")


def _width(row: str) -> int:
    return len(_cells(row))


def _cells(row: str) -> list[str]:
    row = row.strip()
    cells = row.removesuffix("|").split("|")
    return [cell.strip(" \t\n") for cell in cells]


def _grid(rows: list[str], number: int) -> Grid:
    framed = all(row.lstrip().startswith("|") for row in rows)
    table = [_cells(row.lstrip()[1:] if framed else row) for row in rows]
    if all(len(cells) > 1 and not cells[-1] for cells in table) and any(cells[-2] for cells in table if len(cells) > 2):
        table = [cells[:-1] for cells in table]  # every row ends in ||
    width = max(map(len, table))
    # a blank cell before a filled one shows that blanks kept their places in this table
    positional = any("" in cells[: _last_filled(cells)] for cells in table)
    return Grid(
        number,
        tuple(
            tuple(Cell(cells[c], number, r, c + 1) if c < len(cells) else None for c in range(width))
            for r, cells in enumerate(table, 1)
        ),
        positional,
        spans=False,
    )


def _last_filled(cells: list[str]) -> int:
    return max((n for n, cell in enumerate(cells) if cell), default=0)
