"""The golden pages: what each says (facts), what the parser made of it, and the floor that only rises.

A page is `tests/pages/<name>.html|.txt`. `<name>.facts.toml` was written from the source, before the page was first
parsed: every figure of every official table on it, what kind of page it is, whose and of which year. `<name>.json` is
the rest of the reading (sections, claims, findings): the harness writes it once and fails, so that someone reads it.
`floor.toml` pins how many cells and pages are exact. docs/golden.md says how to add a page.

Trap: a cell's place is checked by a reader of its own (`html.parser`, no tree, no span, no form), since the parser's
own reader would only agree with itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from parsers import as_dict, parse, parse_with
from parsers.forms import load, load_all
from parsers.model import Figure, Report
from parsers.tables import Index

TESTS = Path(__file__).parent
PAGES = TESTS / "pages"
FLOOR = PAGES / "floor.toml"
_SPACE = re.compile(r"\s+")
_HEADING = re.compile(r"\s*[一二三四五六七八九十]{1,3}、")
_DASHES = re.compile(r"[-—–―_/－＿／]+")
_FIELDS = ("kind", "form", "year", "title")
_NAMES = ("agency", "region", "level")
_METADATA = (
    "index_number", "publisher", "written_on", "published_on",
    "openness", "validity", "document_number", "registration",
)  # fmt: skip
Key = tuple[str, str, str]
Place = tuple[int, int, int]


class FactsError(ValueError):
    """A facts file is wrong; the message names the file and the entry."""


class Expected(NamedTuple):
    """What a facts file says of one cell; `value` is None unless `state` is number and a unit is known."""

    raw: str
    state: str
    value: int | Decimal | None


@dataclass(frozen=True)
class Page:
    name: str
    path: Path
    facts: Mapping[str, Any]

    @property
    def golden(self) -> Path:
        return self.path.with_name(f"{self.name}.json")


def load_pages(folder: Path = PAGES) -> tuple[Page, ...]:
    """All golden pages by name. Raises FactsError for a page without facts, or facts without a page."""
    bodies = {path.stem: path for path in folder.iterdir() if path.suffix in (".html", ".txt")}
    facts = {path.name.removesuffix(".facts.toml"): path for path in folder.glob("*.facts.toml")}
    # qujiang-2020 is there both as text and as HTML: a facts file may name its body
    named: dict[str, Path] = {}
    pages = []
    for name, path in sorted(facts.items()):
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        body = folder / data["body"] if "body" in data else bodies.get(name)
        if body is None or not body.is_file():
            raise FactsError(f"{path.name}: there is no page of this name; add it or name it with body = ...")
        if data.get("origin") not in ("recorded", "reconstructed") or not data.get("source"):
            raise FactsError(f"{path.name}: origin (recorded or reconstructed) and source must be given")
        named[name] = body
        pages.append(Page(name, body, data))
    orphans = sorted(p.name for p in folder.iterdir() if p.suffix in (".html", ".txt") and p not in named.values())
    if orphans:
        raise FactsError(f"{', '.join(orphans)}: a page without facts; write <name>.facts.toml first")
    return tuple(pages)


@cache
def _index(forms: tuple[str, ...]) -> Index:
    return Index((*load_all(), *(load(TESTS / "forms" / name) for name in forms)))


def read(page: Page) -> Report:
    """The page as the parser reads it; `forms` in its facts names further forms under tests/forms/."""
    body = page.path.read_bytes()
    url, media_type = page.facts.get("url"), page.facts.get("media_type")
    forms = tuple(page.facts.get("forms", ()))
    if forms:
        return parse_with(body, _index(forms), url=url, media_type=media_type)
    return parse(body, url=url, media_type=media_type)


def expected_cells(page: Page) -> dict[Key, Expected]:
    """Every figure that the facts state. Raises FactsError for a token whose value is not plain and not given."""
    cells: dict[Key, Expected] = {}
    for table in page.facts.get("tables", ()):
        values = table.get("values", {})
        used = set()
        for row, tokens in table["rows"].items():
            if len(tokens) != len(table["columns"]):
                raise FactsError(f"{page.name}: {table['id']}.{row} has {len(tokens)} cells for {table['columns']}")
            for column, raw in zip(table["columns"], tokens, strict=True):
                entry = f"{row}.{column}"
                used.add(entry)
                cells[table["form"], row, column] = _expected(f"{page.name}: {entry}", raw, values.get(entry))
        if unknown := set(values) - used:
            raise FactsError(f"{page.name}: values for cells that are not in rows: {sorted(unknown)}")
    return cells


def _expected(where: str, raw: str, value: object) -> Expected:
    if value == "unit unknown":
        return Expected(raw, "number", None)
    if value == "text":
        return Expected(raw, "text", None)
    if isinstance(value, int | Decimal):
        return Expected(raw, "number", value)
    if not raw.strip():
        return Expected(raw, "blank", None)
    if _DASHES.fullmatch(raw.strip()):
        return Expected(raw, "dash", None)
    if raw.strip().isascii() and raw.strip().isdigit():
        return Expected(raw, "number", int(raw))
    raise FactsError(f"{where}: the value of {raw!r} is not plain; state it under [tables.values]")


def cell_differences(page: Page, report: Report) -> dict[Key, str]:
    """Key -> what is wrong, for every cell of facts and reading: value, state, text, and whether it stands there."""
    expected = expected_cells(page)
    figures = {(f.form, f.indicator, f.col): f for f in report.figures}
    written = cells_of(page.path.read_bytes(), charset=report.charset, html=report.media_type == "text/html")
    wrong = {}
    for key in sorted(expected.keys() | figures.keys()):
        fact, figure = expected.get(key), figures.get(key)
        name = ".".join(key)
        if fact is None and figure is not None:
            wrong[key] = f"{name}: the page has no such figure, read {figure.raw!r} at {_place(figure)}"
        elif figure is None and fact is not None:
            wrong[key] = f"{name}: not read, the page says {fact.raw!r}"
        elif fact is not None and figure is not None:
            got = Expected(_one_space(figure.raw), figure.state, figure.value)
            if got != fact._replace(raw=_one_space(fact.raw)):
                wrong[key] = f"{name}: read {got}, the page says {fact}"
            elif figure.tbl is not None and _bare(there := written.get(_place(figure))) != _bare(figure.raw):
                wrong[key] = f"{name}: {figure.raw!r} is not what stands at {_place(figure)}: {there!r}"
    return wrong


def page_differences(page: Page, report: Report) -> list[str]:
    """Kind, form, year, title, agency, region and the metadata that the facts state; `""` states that none is there."""
    wrong = []
    for name in (*_FIELDS, *_NAMES):
        if name in page.facts:
            got = getattr(report if name in _FIELDS else report.metadata, name)
            if got != (page.facts[name] or None):
                wrong.append(f"{name}: read {got!r}, the page says {page.facts[name]!r}")
    for name, value in page.facts.get("metadata", {}).items():
        if name not in _METADATA:
            raise FactsError(f"{page.name}: no metadata field {name}")
        if getattr(report.metadata, name) != (value or None):
            wrong.append(f"{name}: read {getattr(report.metadata, name)!r}, the page says {value!r}")
    return wrong


def _place(figure: Figure) -> Place:
    return figure.tbl or 0, figure.row, figure.cell


def _one_space(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _bare(text: str | None) -> str | None:
    return None if text is None else _SPACE.sub("", text)


def cells_of(body: bytes, *, charset: str | None, html: bool) -> dict[Place, str]:
    """(table, row, cell), each counted from 1 as written in the source -> text of the cell."""
    text = body.decode(charset or "utf-8", "replace")
    if html:
        reader = _Cells()
        reader.feed(text)
        reader.close()
        return {place: "".join(parts) for place, parts in reader.cells.items()}
    return _text_cells(text)


class _Cells(HTMLParser):
    """Counts `<table>`, `<tr>` and `<td>`/`<th>` as they are written; text goes to the innermost open cell."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: dict[Place, list[str]] = {}
        self.tables = 0
        self.open: list[list[int]] = []
        self.silent = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables += 1
            self.open.append([self.tables, 0, 0])
        elif tag in ("script", "style"):
            self.silent = True
        elif self.open and tag == "tr":
            self.open[-1][1:] = [self.open[-1][1] + 1, 0]
        elif self.open and tag in ("td", "th"):
            self.open[-1][2] += 1
            self.cells[self._here()] = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self.open:
            self.open.pop()
        elif tag in ("script", "style"):
            self.silent = False

    def handle_data(self, data: str) -> None:
        if self.open and not self.silent and self._here() in self.cells:
            self.cells[self._here()].append(data)

    def _here(self) -> Place:
        table, row, cell = self.open[-1]
        return table, row, cell


def _text_cells(text: str) -> dict[Place, str]:
    """Cells of stored text: a table is a run of `|` lines, a line without one between two of them a split cell."""
    cells: dict[Place, str] = {}
    table = row = 0
    lead = ""
    previous = False
    lines = text.splitlines()
    for n, line in enumerate(lines):
        following = n + 1 < len(lines) and "|" in lines[n + 1]
        if "|" not in line:
            # the first cell of a row may be cut by a line break; a heading of a section ends the table
            lead = line if previous and following and not _HEADING.match(line) else ""
            previous = bool(lead)
            continue
        if not previous:
            table, row = table + 1, 0
        previous = True
        row += 1
        # a row may be framed by `|` on both sides
        written = (lead + line.rstrip().removesuffix("|")).removeprefix("|")
        for n_cell, cell in enumerate(written.split("|"), 1):
            cells[table, row, n_cell] = cell
        lead = ""
    return cells


def golden(report: Report) -> dict[str, Any]:
    """What the facts do not cover, as plain JSON values; passed checks by name only, to keep the file readable."""
    data = as_dict(report)
    passed: dict[str, list[str]] = {}
    other = []
    for finding in data["findings"]:
        if finding["status"] == "pass":
            passed.setdefault(f"{finding['kind']} {finding['name']}", []).append(finding["at"] or "")
        else:
            other.append({name: value for name, value in finding.items() if value is not None})
    return {
        "title": data["title"], "media_type": data["media_type"], "charset": data["charset"],
        "metadata": {name: value for name, value in data["metadata"].items() if value is not None},
        "sections": data["sections"], "claims": data["claims"],
        "passed": {name: " ".join(where) for name, where in passed.items()}, "findings": other,
    }  # fmt: skip


def golden_text(report: Report) -> str:
    """The golden file: one line an entry, so that a difference reads as one."""
    parts = []
    for name, value in golden(report).items():
        if isinstance(value, list) and value:
            lines = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value)
            parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
        elif isinstance(value, dict) and value:
            lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            parts.append(f" {json.dumps(name)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


class Score(NamedTuple):
    """`cells`: stated and read exactly, place included. `pages`: every cell and every stated field exact."""

    cells: int
    pages: int
    inexact: tuple[str, ...]


def score(pages: Sequence[Page]) -> Score:
    cells = 0
    inexact = []
    for page in pages:
        report = read(page)
        wrong = cell_differences(page, report)
        cells += sum(key not in wrong for key in expected_cells(page))
        if wrong or page_differences(page, report):
            inexact.append(page.name)
    return Score(cells, len(pages) - len(inexact), tuple(inexact))


def corpus_hash(pages: Sequence[Page]) -> str:
    """sha256 of the corpus list: a line a page with its name and the hashes of body and facts."""
    lines = []
    for page in pages:
        facts = page.path.with_name(f"{page.name}.facts.toml")
        hashes = " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in (page.path, facts))
        lines.append(f"{page.name} {hashes}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def load_floor(path: Path = FLOOR) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"cells": 0, "pages": 0, "corpus": ""}


def pin(reached: Score, corpus: str, path: Path = FLOOR, *, reason: str | None = None) -> None:
    """Write the floor. Raises ValueError where that would lower it and no reason is given; the reason is kept."""
    floor = load_floor(path)
    lower = [name for name in ("cells", "pages") if getattr(reached, name) < floor[name]]
    if lower and not reason:
        was = ", ".join(f"{name} {floor[name]} -> {getattr(reached, name)}" for name in lower)
        raise ValueError(f"this would lower the floor ({was}); mend the parser, or say --lower 'the reason'")
    reasons = [*floor.get("lowered", ()), *([reason] if lower and reason else [])]
    path.write_text(
        "# Written by `python -m tests.golden pin`; it only rises. `open` are pages not yet read exactly.\n"
        f'cells = {reached.cells}\npages = {reached.pages}\ncorpus = "{corpus}"\n'
        f"open = {json.dumps(list(reached.inexact), ensure_ascii=False)}\n"
        f"lowered = {json.dumps(reasons, ensure_ascii=False)}\n",
        encoding="utf-8",
    )


def main(arguments: Sequence[str]) -> int:
    """`pin [--lower REASON]` writes the floor; `show [NAME …]` prints what is not exact."""
    pages = load_pages()
    reason = None
    match list(arguments):
        case ["pin"]:
            pass
        case ["pin", "--lower", str(text)] if text.strip():
            reason = text
        case ["show", *names]:
            for page in pages:
                if not names or page.name in names:
                    report = read(page)
                    wrong = [*page_differences(page, report), *cell_differences(page, report).values()]
                    sys.stdout.writelines(f"{page.name}: {line}\n" for line in wrong)
            return 0
        case _:
            sys.stderr.write("usage: python -m tests.golden pin [--lower REASON] | show [NAME …]\n")
            return 2
    reached = score(pages)
    try:
        pin(reached, corpus_hash(pages), reason=reason)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{reached.cells} cells and {reached.pages} of {len(pages)} pages exact\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
