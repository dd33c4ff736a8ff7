"""The nouns of a reading: what `parse()` returns, and what the readers hand to it.

`Figure` and `Finding` are named tuples and the rest frozen dataclasses: a report makes some five hundred of the
former, and a frozen dataclass costs six times a tuple to build (measured; `make bench`).
Places count from 1 as a person would count in the page's source (docs/design.md, "Place").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

Number = int | Decimal
State = Literal["number", "blank", "dash", "text"]
Kind = Literal["report", "blank_form", "other"]


class Cell(NamedTuple):
    """One `<td>`/`<th>` as written, or one cell of a `|` row; `text` as rendered, line breaks kept as `\\n`."""

    text: str
    tbl: int | None
    row: int
    cell: int


class Grid(NamedTuple):
    """A table as a rectangle: `rows[r][c]` is the source cell that covers the slot, None where none does.

    `positional` is False for stored text, whose exporter may have moved blank cells to the end of a row. `loose` are
    rows (from 0) beside which text stands outside any cell, so that a cell of theirs may have lost its tag.
    `spans` is False where the source cannot say that a cell spans others (stored text). `hidden` where the page does
    not show the table, or strikes it out.
    """

    tbl: int | None
    rows: tuple[tuple[Cell | None, ...], ...]
    positional: bool = True
    loose: frozenset[int] = frozenset()
    spans: bool = True
    hidden: bool = False


class Paragraph(NamedTuple):
    """A run of text at block level; `row` is the block's number; `level` is 1-6 for a heading element, else 0.

    `link` says that all of it is one link, as in menus and lists of neighbours.
    """

    text: str
    row: int
    level: int = 0
    link: bool = False


Block = Paragraph | Grid


@dataclass(frozen=True)
class Document:
    """What a reader makes of bytes: no form is known yet.

    `main` is the half-open range of blocks that holds the article, without the site's menus. `notes` are findings of
    the reader, as (name, note) pairs.
    """

    title: str | None
    metas: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    media_type: str
    charset: str | None
    main: tuple[int, int]
    images: int = 0
    attachments: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


class Figure(NamedTuple):
    """One cell of the form. `value` is None unless `state` is number; `raw` is the cell's text exactly."""

    form: str
    indicator: str
    col: str
    label: str
    value: Number | None
    raw: str
    state: State
    unit: str
    tbl: int | None
    row: int
    cell: int


class Section(NamedTuple):
    ordinal: int
    heading: str
    text: str


class Claim(NamedTuple):
    """A figure that the prose states for a cell of the form; `start` is its offset in the section's text."""

    name: str
    form: str
    indicator: str
    col: str
    value: Number
    raw: str
    section: int
    start: int


class Finding(NamedTuple):
    """Something a reader must know. For a check `found` is the left side and `expected` the right."""

    kind: str
    name: str
    at: str | None = None
    strength: str | None = None
    status: str = "notice"
    expected: Number | None = None
    found: Number | None = None
    cause: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Metadata:
    """The block of labels above a report. `*_on` are dates as printed, `YYYY-MM-DD` or shorter."""

    index_number: str | None = None
    publisher: str | None = None
    written_on: str | None = None
    published_on: str | None = None
    openness: str | None = None
    validity: str | None = None
    document_number: str | None = None
    registration: str | None = None
    agency: str | None = None
    region: str | None = None
    level: str | None = None
    agency_kind: str | None = None


@dataclass(frozen=True)
class Report:
    """One page as read. `form` is a generation's id, `mixed`, or None where no table of any form was read."""

    kind: Kind
    title: str | None
    url: str | None
    form: str | None
    year: int | None
    media_type: str
    charset: str | None
    parser: str
    metadata: Metadata = field(default_factory=Metadata)
    figures: tuple[Figure, ...] = ()
    sections: tuple[Section, ...] = ()
    claims: tuple[Claim, ...] = ()
    findings: tuple[Finding, ...] = ()
