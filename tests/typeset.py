"""Typesets any report of the official forms in many layouts, and says which figures a reader must find.

It shares nothing with `parsers` but the forms' TOML. The layouts are those that `docs/design.md` and the notices
describe and that portals print: official spans, cells left empty instead of spanned, tables pasted from Word, tables
cut in two, tables flattened to lines, stored text whose blanks moved to the row's end. Figures are made up.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import opencc

FORMS = Path(__file__).parent.parent / "parsers" / "forms"
Key = tuple[str, str, str]
Expected = dict[Key, tuple[Decimal | None, str]]
_TRADITIONAL = opencc.OpenCC("s2t")


class Token(NamedTuple):
    """A value cell: its characters, what they are as a plain number, its state, and the money unit in the cell."""

    raw: str
    value: Decimal | None
    state: str
    unit: str | None = None


class Cell(NamedTuple):
    """A cell to set: `kind` is head, label, unit, value or blank."""

    text: str
    kind: str
    colspan: int = 1
    rowspan: int = 1


Row = list[Cell]


@dataclass(frozen=True)
class Block:
    """One official table ready to be set: header rows, then one list of cells for each row."""

    heading: str
    title: str
    header: list[Row]
    body: list[Row]


@dataclass(frozen=True)
class Layout:
    """How a report is set. The defaults are the official shape in plain UTF-8 HTML."""

    medium: str = "table"  # table, flat (a cell a line), text (stored text)
    grouping: str = "official"  # official, one (one table for all), blocks (one <table> each), cut (in two)
    header_levels: int = 3
    header_spans: bool = True
    body_spans: bool = True
    cut_header: bool = False
    titles: bool = True
    word: str = ""  # "", mso, mso_hidden, mso_misaligned
    labels: frozenset[str] = frozenset()  # blanks, br, paragraphs, half, traditional, guidance, enumerator, colon
    numbers: frozenset[str] = frozenset()  # fullwidth, spans, blanks, paragraph
    wrapper: str = "plain"  # plain, layout_table, menus
    twice: bool = False
    repeat_header: bool = True
    variant: str = "quarter_and_year"
    unit_column: str = "form"  # form, yuan, none
    code_column: bool = False
    serial_column: bool = False
    amount_header: str = ""  # unit printed in the header of a column of money that has none
    decoys: frozenset[str] = frozenset()  # prose, local_table, counter
    encoding: str = "utf-8"  # utf-8, bom, gbk_as_utf8, gb18030_undeclared
    extensions: bool = False
    edits: str = ""  # permute, drop, insert: what was done to the rows
    seed: int = 0


@dataclass(frozen=True)
class Page:
    body: bytes
    media_type: str | None
    expected: Expected
    #: false where blanks have lost their place, so that a row with blanks cannot be read for certain
    lossless: bool
    labels: dict[Key, str] = field(default_factory=dict)


@cache
def form(form_id: str) -> dict[str, Any]:
    return tomllib.loads((FORMS / f"{form_id}.toml").read_text(encoding="utf-8"))


def columns_of(table: dict[str, Any], layout: Layout) -> list[dict[str, Any]]:
    return [c for c in table["columns"] if c.get("variant") in (None, layout.variant)]


def rows_of(table: dict[str, Any], layout: Layout, rng: random.Random) -> list[dict[str, Any]]:
    """The rows to set, with one extension's rows or none, then permuted, dropped or mixed with strangers."""
    names = sorted({r["extension"] for r in table["rows"] if "extension" in r})
    chosen = rng.choice(names) if names and layout.extensions else None
    rows = [r for r in table["rows"] if r.get("extension") in (None, chosen)]
    if "drop" in layout.edits:
        kept = [r for r in rows if r["kind"] != "value" or rng.random() > 0.15]
        rows = kept if any(r["kind"] == "value" for r in kept) else rows
    if "permute" in layout.edits:
        if table["shape"] == "list" or len(rows) < 6:
            rng.shuffle(rows)
        else:
            runs = [list(run) for _, run in groupby(rows, key=lambda r: r.get("parent"))]
            for run in runs:
                rng.shuffle(run)
            rows = [r for run in runs for r in run]
    if "insert" in layout.edits:
        for n in range(rng.randint(1, 3)):
            stranger = {"code": "", "label": f"{rng.choice(_STRANGERS)}", "level": 3, "kind": "value"}
            at = rng.randint(0, len(rows))
            if len(table["rows"]) > 1:
                rows.insert(at, {**stranger, "parent": rows[min(at, len(rows) - 1)].get("parent"), "n": n})
    return rows


_STRANGERS = ("接待咨询人次数", "编印政策问答册数", "新开设专栏数", "其中：通过热线受理数", "政务公开示范点个数")


def count_token(rng: random.Random, *, signed: bool, plain: bool = False) -> Token:
    number = rng.choice((0, 0, 1, 2, 3, 7, 12, 35, 106, 258, 1234, 20391, 1000000))
    if plain or (pick := rng.random()) < 0.6:
        return Token(str(number), Decimal(number), "number")
    if signed and pick < 0.85:
        number = number or 98
        raw, sign = rng.choice(
            ((f"+{number}", 1), (f"-{number}", -1), (f"--{number}", -1), (f"增{number}", 1), (f"减{number}", -1),
             (f"－{number}", -1), (f"−{number}", -1), ("0/0", 0))
        )  # fmt: skip
        return Token(raw, Decimal(number * sign), "number")
    if pick < 0.7:
        return Token(f"{number:,}", Decimal(number), "number")
    if pick < 0.85:
        return Token(rng.choice(("", "", "\u00a0", "\u3000", " \u00a0 ")), None, "blank")
    if pick < 0.95:
        return Token(rng.choice(("-", "—", "——", "/", "_", "----", "－", "–")), None, "dash")
    return Token(rng.choice(("无", "见附件", "不适用", "暂未统计")), None, "text")


def money_token(rng: random.Random) -> Token:
    pick = rng.random()
    if pick < 0.3:
        return count_token(rng, signed=False)
    raw, value, unit = rng.choice(
        (("251000元", "251000", "元"), ("113.96万元", "1139600", "万元"), ("1.2亿元", "120000000", "亿元"),
         ("103.3879 万元", "1033879", "万元"), ("70,487元", "70487", "元"), ("477.35", "477.35", None),
         ("8040", "8040", None), ("282.1", "282.1", None), ("0", "0", None), ("0.0001", "0.0001", None))
    )  # fmt: skip
    return Token(raw, Decimal(value), "number", unit)


def _in_yuan(token: Token, unit: str | None) -> Decimal | None:
    if token.value is None or token.unit or not token.value:
        return token.value
    factor = {"元": 1, "万元": 10_000, "亿元": 100_000_000, None: None}[unit]
    return token.value * factor if factor else None


# ---------------------------------------------------------------- a report as blocks of cells


def compose(form_id: str, layout: Layout, rng: random.Random) -> tuple[list[Block], Expected, dict[Key, str]]:
    """Every table of the form with drawn figures; what is expected of each cell; and each cell's row label."""
    expected: Expected = {}
    labels: dict[Key, str] = {}
    blocks = []
    for table in form(form_id)["tables"]:
        rows = rows_of(table, layout, rng)
        columns = columns_of(table, layout)
        values: list[list[str]] = []
        units: list[str] = []
        for row in rows:
            if row["kind"] != "value":
                dash = rng.choice(("", "——")) if table["shape"] == "list" else ""
                values.append([dash] * len(columns))
                units.append("——")
                continue
            cells = []
            printed = row.get("printed_unit") or row.get("unit") or "件"
            if printed == "万元" and layout.unit_column == "yuan":
                printed = "元"
            units.append(printed)
            for column in columns:
                money = row.get("unit") == "元" or column.get("unit") == "元"
                token = money_token(rng) if money else count_token(rng, signed=bool(column.get("signed")))
                cells.append(token.raw)
                value = token.value
                if money:
                    by_row = row.get("printed_unit") if layout.unit_column != "yuan" else "元"
                    by_column = column.get("printed_unit") or layout.amount_header or None
                    value = _in_yuan(token, by_row if row.get("unit") == "元" else by_column)
                if row["code"]:
                    expected[form_id, row["code"], column["code"]] = value, token.state
                    labels[form_id, row["code"], column["code"]] = row["label"] or table["title"]
            values.append(cells)
        if table["shape"] == "list":
            blocks.append(_list_block(table, rows, columns, values, units, layout, rng))
        else:
            blocks.append(_matrix_block(table, rows, columns, values, layout, rng))
    return blocks, expected, labels


def _list_block(
    table: dict[str, Any], rows: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]],
    values: Sequence[Sequence[str]], units: Sequence[str], layout: Layout, rng: random.Random,
) -> Block:  # fmt: skip
    with_units = layout.unit_column != "none"
    head = [Cell(rng.choice(table["label_headers"]), "head")]
    head += [Cell(table["unit_headers"][0], "head")] if with_units else []
    head += [Cell("代码", "head")] if layout.code_column else []
    head += [Cell(rng.choice([c["label"], *c["aliases"]]), "head") for c in columns]
    head = [Cell("序号", "head"), *head] if layout.serial_column else head
    body = []
    for n, (row, cells, unit) in enumerate(zip(rows, values, units, strict=True), 1):
        line = [Cell(row["label"], "label")]
        line += [Cell(unit, "unit")] if with_units else []
        line += [Cell(f"{n:02d}", "unit")] if layout.code_column else []
        line += [Cell(text, "value") for text in cells]
        body.append([Cell(str(n), "unit"), *line] if layout.serial_column else line)
    return Block("", table["title"], [head], body)


def _matrix_block(
    table: dict[str, Any], rows: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]],
    values: Sequence[Sequence[str]], layout: Layout, rng: random.Random,
) -> Block:  # fmt: skip
    by_code = {row["code"]: row for row in table["rows"]}
    depth = 3 if any(row["kind"] == "group" for row in rows) else 1 if table["label_headers"] else 0
    body: list[Row] = []
    if depth < 3:
        for row, cells in zip(rows, values, strict=True):
            label = [Cell(rng.choice([row["label"], *row.get("aliases", [])]), "label")] if depth else []
            body.append([*label, *(Cell(text, "value") for text in cells)])
    else:
        body = _grouped(rows, values, by_code)
    paths = [[*c.get("header", []), _leaf(c, layout, rng)] for c in columns]
    header = _header(paths, layout.header_levels, table["label_headers"], depth)
    return Block(table["section"], table["title"] if table["title"].startswith("第") else "", header, body)


def _leaf(column: dict[str, Any], layout: Layout, rng: random.Random) -> str:
    label: str = column["label"]
    for parent in column.get("header", []):
        label = label.removeprefix(f"{parent}/")
    if column.get("unit") == "元" and not column.get("printed_unit"):
        return f"{label}（{layout.amount_header}）" if layout.amount_header else label
    if layout.cut_header and label.startswith("本年新"):
        return "本年新"
    chosen: str = rng.choice([label, *column["aliases"]])
    return chosen


def _grouped(
    rows: Sequence[dict[str, Any]], values: Sequence[Sequence[str]], by_code: dict[str, dict[str, Any]]
) -> list[Row]:
    """Rows under group cells that span: a group is printed beside the first of each run of its rows."""
    lines = []
    for row, cells in zip(rows, values, strict=True):
        if row["kind"] == "group":
            continue
        path: list[str] = []
        parent = row.get("parent")
        while parent:
            path.insert(0, parent)
            parent = by_code[parent].get("parent")
        lines.append(([code for code in path if by_code[code]["kind"] == "group"], row, cells))
    body = []
    for n, (path, row, cells) in enumerate(lines):
        line = []
        for level, code in enumerate(path):
            if n and lines[n - 1][0][: level + 1] == path[: level + 1]:
                continue
            run = 0
            while n + run < len(lines) and lines[n + run][0][: level + 1] == path[: level + 1]:
                run += 1
            line.append(Cell(by_code[code]["label"], "label", 1, run))
        line.append(Cell(row["label"], "label", 3 - len(path)))
        body.append([*line, *(Cell(text, "value") for text in cells)])
    return body


def _header(paths: list[list[str]], levels: int, corner: list[str], depth: int) -> list[Row]:
    """Header rows from column paths, the `levels` lowest of them; shallow columns span down, groups span right."""
    height = min(levels, max(map(len, paths)))
    paths = [path[-height:] for path in paths]
    grid: list[Row] = [[] for _ in range(height)]
    if depth:
        grid[0].append(Cell(corner[0], "head", depth, height))
    n = 0
    started: dict[tuple[str, ...], int] = {}
    for n, path in enumerate(paths):
        for level, text in enumerate(path):
            leaf = level == len(path) - 1
            prefix = tuple(path[: level + 1])
            if not leaf:
                if started.get(prefix, -2) == n - 1:
                    started[prefix] = n
                    continue
                started[prefix] = n
                width = 1
                while n + width < len(paths) and tuple(paths[n + width][: level + 1]) == prefix:
                    width += 1
                grid[level].append(Cell(text, "head", width))
            else:
                grid[level].append(Cell(text, "head", 1, height - level))
    return grid


# ---------------------------------------------------------------- geometry


def starts(rows: Sequence[Row]) -> list[list[int]]:
    """For each row the slot where each of its written cells begins."""
    out = []
    pending: dict[int, int] = {}
    for row in rows:
        line, at = [], 0
        for cell in row:
            while pending.get(at):
                at += 1
            line.append(at)
            at += cell.colspan
        for slot in [slot for slot, left in pending.items() if left]:
            pending[slot] -= 1
        for slot, cell in zip(line, row, strict=True):
            pending.update(dict.fromkeys(range(slot, slot + cell.colspan), cell.rowspan - 1))
        out.append(line)
    return out


def unspan(rows: Sequence[Row]) -> list[Row]:
    """Every spanned slot as an empty cell of its own."""
    width = width_of(rows)
    out = []
    for row, line in zip(rows, starts(rows), strict=True):
        flat = [Cell("", "blank")] * width
        for cell, slot in zip(row, line, strict=True):
            flat[slot] = cell._replace(colspan=1, rowspan=1)
        out.append(flat)
    return out


def width_of(rows: Sequence[Row]) -> int:
    ends = (s + c.colspan for row, line in zip(rows, starts(rows), strict=True) for c, s in zip(row, line, strict=True))
    return max(ends, default=0)


def stretch(rows: Sequence[Row], width: int) -> list[Row]:
    """The last column made wider, as Word does where blocks of unequal width share a table."""
    mine = width_of(rows)
    out = []
    for row, line in zip(rows, starts(rows), strict=True):
        ends = bool(row) and line[-1] + row[-1].colspan == mine and width > mine
        out.append([*row[:-1], row[-1]._replace(colspan=row[-1].colspan + width - mine)] if ends else list(row))
    return out


def split_after(rows: Sequence[Row], at: int) -> tuple[list[Row], list[Row]]:
    """Rows before and from `at`, spans cut at the edge; what still spans there is an empty cell in the second part."""
    first = [[c._replace(rowspan=min(c.rowspan, at - n)) for c in row] for n, row in enumerate(rows[:at])]
    flat = unspan(rows)
    second = list(rows[at:])
    if second and len(flat[at]) and flat[at][0].kind == "blank":
        second = flat[at:]
    return first, second


def traditional(text: str) -> str:
    return str(_TRADITIONAL.convert(text))


def quoted(text: str) -> str:
    return escape(text, quote=False).replace("\u00a0", "&nbsp;")


__all__ = [
    "Block", "Cell", "Expected", "Key", "Layout", "Page", "Row", "Token", "compose", "form", "quoted", "split_after",
    "stretch", "traditional", "unspan", "width_of",
]  # fmt: skip
