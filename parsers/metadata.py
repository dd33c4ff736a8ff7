"""The block of labels above a report: index number, publisher, dates and the like, found by label, never by position.

Traps: label and value in one cell, in neighbouring cells, in a header row over a value row, or on two lines; labels
with inner blanks; an empty field must not take the next label, or the title, for its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from parsers.labels import normalise
from parsers.model import Block, Cell, Document, Grid, Paragraph
from parsers.wording import date_of, pattern, words

#: the block of labels stands near the top; what stands later is prose
_MAX_BLOCKS = 400
_LONGEST_VALUE = 200
_MARKED = re.compile(r"[:：【\[]")
#: fields that only a block of labels has: beside one of them 主办单位 is the publisher, in a footer it is the site's
_BLOCK_FIELDS = frozenset(("index_number", "written_on", "document_number", "openness"))
#: paragraphs and tables that one block of labels spreads over at most
_BLOCK = 12


class Found(NamedTuple):
    """A field's value and how preferred its label is (0 is best)."""

    value: str
    rank: int


@cache
def _labels() -> Mapping[str, tuple[str, int]]:
    """Normalised label -> (field, rank)."""
    return {
        normalise(label): (name, rank)
        for name, labels in words()["fields"].items()
        for rank, label in enumerate(labels)
    }


@cache
def _inline() -> re.Pattern[str]:
    """A label with its colon, or in brackets, anywhere in a run of text; blanks may stand between its characters."""
    spaced = sorted(_labels(), key=len, reverse=True)
    alternatives = "|".join(r"[ \t\xa0\u3000]*".join(map(re.escape, label)) for label in spaced)
    return re.compile(rf"(?:[【\[]({alternatives})[】\]][ \t\xa0\u3000]*[:：]?|({alternatives})[ \t\xa0\u3000]*[:：])")


def read_fields(document: Document, skip: frozenset[int]) -> dict[str, str]:
    """Field -> value as printed, from the blocks before the prose; `skip` are tables of the form by number."""
    found: dict[str, Found] = {}
    blocks = document.blocks[:_MAX_BLOCKS]
    places: dict[str, int] = {}
    for n, block in enumerate(blocks):
        if isinstance(block, Grid):
            if block.tbl not in skip or block.tbl is None:
                _from_grid(block, found)
        elif len(block.text) <= 600:
            _from_text(block.text, lambda n=n: _next_line(blocks, n), found)
        if len(places) < len(found):
            places.update((name, n) for name in found if name not in places)
    if (
        "sponsor" in found
        and "publisher" not in found
        and any(abs(places[name] - places["sponsor"]) <= _BLOCK for name in _BLOCK_FIELDS & places.keys())
    ):
        found["publisher"] = found["sponsor"]
    return {name: item.value for name, item in found.items()}


def _keep(found: dict[str, Found], name: str, rank: int, value: str) -> None:
    value = value.strip(" \t\xa0\u3000\n|｜;；,，").strip()
    if not value or len(value) > _LONGEST_VALUE or name == "other":
        return
    if name not in found or rank < found[name].rank:
        found[name] = Found(value, rank)


def field_of(text: str) -> tuple[str, int] | None:
    """(field, rank) where the whole text is a label, with or without its colon."""
    if len(text) > 24:
        return None
    return _labels().get(normalise(text).strip("【】[]").rstrip(":"))


def _from_text(text: str, next_line: object, found: dict[str, Found]) -> None:
    """Fields of one run of text: label and value in it, or a label alone whose value is on the next line."""
    marks = list(_inline().finditer(text)) if _MARKED.search(text) else []
    if not marks:
        alone = field_of(text)
        if alone and callable(next_line):
            _keep_shaped(found, alone, next_line())
        return
    for k, mark in enumerate(marks):
        name, rank = _labels()[normalise(mark.group(1) or mark.group(2))]
        end = marks[k + 1].start() if k + 1 < len(marks) else len(text)
        value = re.split(r"[|｜]", text[mark.end() : end])[0].strip(" \t\xa0\u3000\n【[")
        if value:
            _keep(found, name, rank, value)
        elif k + 1 == len(marks) and callable(next_line):
            _keep_shaped(found, (name, rank), next_line())


def _keep_shaped(found: dict[str, Found], field: tuple[str, int], value: str | None) -> None:
    """Keep a value that only follows its label if it looks like one: the field may be empty."""
    name, rank = field
    shapes = words()["shapes"]
    if value and name in shapes and re.search(shapes[name], value.strip()):
        _keep(found, name, rank, value)


def _next_line(blocks: Sequence[Block], n: int) -> str | None:
    block = blocks[n + 1] if n + 1 < len(blocks) else None
    if block is None or isinstance(block, Grid) or _inline().search(block.text) or field_of(block.text):
        return None
    return block.text


def _from_grid(grid: Grid, found: dict[str, Found]) -> None:
    for r, row in enumerate(grid.rows):
        cells = list(_distinct(row))
        for k, (slot, cell) in enumerate(cells):
            if not cell.text or len(cell.text) > 600:
                continue
            field = field_of(cell.text)
            if field is None:
                _from_text(cell.text, None, found)
                continue
            beside = cells[k + 1][1].text if k + 1 < len(cells) else ""
            if beside.strip() and not field_of(beside) and not _inline().search(beside):
                _keep(found, *field, beside)
            elif _heads_column(cells, k) and r + 1 < len(grid.rows):
                below = grid.rows[r + 1][slot]
                if below is not None and below is not cell and not field_of(below.text):
                    _keep(found, *field, below.text)


def _heads_column(cells: Sequence[tuple[int, Cell]], k: int) -> bool:
    """Whether a label without a colon stands beside another label: a header row over a row of values."""
    if normalise(cells[k][1].text).endswith(":"):
        return False
    neighbour = cells[k + 1] if k + 1 < len(cells) else cells[k - 1] if k else None
    return neighbour is not None and field_of(neighbour[1].text) is not None


def _distinct(row: Sequence[Cell | None]) -> Iterator[tuple[int, Cell]]:
    last: Cell | None = None
    for slot, cell in enumerate(row):
        if cell is not None and cell is not last:
            yield slot, cell
        last = cell


def meta_tags(document: Document) -> dict[str, str]:
    """Field -> content of the metas that the State Council's site rules ask for (国办发〔2017〕47号), if filled."""
    tags = {name: content.strip() for name, content in document.metas if content.strip()}
    wanted: Mapping[str, Sequence[str]] = words()["meta_tags"]
    return {name: tags[tag] for name, spellings in wanted.items() for tag in spellings if tag in tags}


def clean(name: str, value: str | None) -> str | None:
    """A field's value for the archive: dates as ISO, placeholders such as 无文号 as nothing, the rest as printed."""
    if value is None:
        return None
    if name.endswith("_on"):
        return date_of(value)
    value = value.replace("\n", "").strip()
    if normalise(value).lower() in words()["placeholders"]["values"]:
        return None
    return value or None


def filled_by(document: Document) -> str | None:
    """The body that a table's title line names (填报单位)."""
    labels = [normalise(label) for label in words()["filled_by"]["labels"]]
    for block in document.blocks:
        if isinstance(block, Paragraph):
            texts = [block.text]
        else:
            texts = [cell.text for row in block.rows for cell in row if cell is not None]
        if not _may_name("\n".join(texts)):
            continue
        for text in texts:
            if _may_name(text) and (name := _named_after(labels, text)):
                return name
    return None


def _may_name(text: str) -> bool:
    return "填" in text or "单位" in text or "單位" in text


def _named_after(labels: Sequence[str], text: str) -> str | None:
    if len(text) > 200:
        return None
    flat = normalise(text)
    for label in labels:
        if label + ":" in flat:
            name = re.split(r"[ \s(:]|单位负责人|填报日期|填报时间", flat.split(label + ":", 1)[1], maxsplit=1)[0]
            name = name.strip("_-.")
            if 2 <= len(name) <= 40:
                return name
    return None


@lru_cache(maxsize=4096)
def is_report_title(title: str) -> bool:
    """Whether a title is that of an annual report of disclosure (and not of the web site's own report)."""
    flat = normalise(title)
    return bool(pattern("title", "report").search(flat)) and not pattern("title", "site_report").search(flat)
