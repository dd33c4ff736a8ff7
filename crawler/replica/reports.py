"""Made-up reports that obey the forms' arithmetic, typeset the way portals do.

Rows, columns and labels are read from the forms' own data (`parsers/forms/*.toml`), never from the parser's code, so
that what the parser reads back proves something. The same seed gives the same figures on every machine: a report is
drawn from a generator seeded with its agency and year.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from html import escape
from importlib import resources
from typing import Any, NamedTuple

Row = dict[str, Any]
Cells = dict[tuple[str, str, str], str]  # (table, row, column) -> the cell's text as printed

ZHEJIANG = "zhejiang_application_subjects"


class Filled(NamedTuple):
    """A form with every cell filled, as printed."""

    form: str
    cells: Cells

    def number(self, row: str, column: str) -> str:
        """The printed cell of a row and column that only one table has."""
        return next(text for (_, r, c), text in self.cells.items() if (r, c) == (row, column))


@cache
def form(name: str) -> dict[str, Any]:
    """A generation's data file."""
    with resources.files("parsers").joinpath(f"forms/{name}.toml").open("rb") as file:
        return tomllib.load(file)


def form_of(year: int) -> str:
    """The generation that a report of `year` uses."""
    return "v2014" if year < 2019 else "v2019" if year < 2021 else "v2021"


def fill(year: int, seed: str) -> Filled:
    """A report's figures: every identity of its form holds."""
    name = form_of(year)
    draw = random.Random(f"{seed}/{year}")
    cells: Cells = {}
    for table in form(name)["tables"]:
        filler = _FILLERS.get(table["id"], _fill_article20)
        numbers = filler(table, draw)
        cells.update({(table["id"], row, column): text for (row, column), text in numbers.items()})
    return Filled(name, cells)


def rows_of(table: dict[str, Any]) -> list[Row]:
    """The rows that a Zhejiang body prints."""
    return [row for row in table["rows"] if row.get("extension") in (None, ZHEJIANG)]


def _fill_list(table: dict[str, Any], draw: random.Random) -> dict[tuple[str, str], str]:
    rows = {row["code"]: row for row in rows_of(table)}
    value = {code: 0 for code, row in rows.items() if row["kind"] == "value"}
    children: dict[str, list[str]] = {}
    for code, row in rows.items():
        if row.get("relation") == "component":
            children.setdefault(row["parent"], []).append(code)

    def spread(parent: str, total: int) -> None:
        value[parent] = total
        parts = children.get(parent, [])
        for code in parts:
            share = total if code == parts[-1] else draw.randint(0, total)
            spread(code, share)
            total -= share

    for code in value:
        if rows[code].get("relation") != "component":
            spread(code, draw.randint(0, 9))
    items = draw.randint(60, 400)
    value["proactive_items_disclosed"] = value["disclosed_on_website"] = items
    value["normative_documents_disclosed"] = draw.randint(0, 5)
    value["normative_documents_issued"] = value["normative_documents_disclosed"] + draw.randint(0, 3)
    replies = draw.randint(0, 30)
    for code, total in (("replies_total", replies), ("applications_concluded", replies)):
        spread(code, total)
    received = replies + draw.randint(0, 2)
    for code in ("applications_received", "application_subjects"):
        spread(code, received)
    for code in ("press_conferences", "online_interviews"):
        value[f"{code}_by_principal"] = draw.randint(0, value[code])
    printed = {(code, "year_total"): str(number) for code, number in value.items()}
    printed["application_fees_collected", "year_total"] = "0"
    printed["disclosure_budget", "year_total"] = f"{draw.randint(0, 800) / 100:.2f}"
    return printed


def _fill_applications(table: dict[str, Any], draw: random.Random) -> dict[tuple[str, str], str]:
    rows = [row["code"] for row in table["rows"] if row["kind"] == "value"]
    totals = ("applications_received", "applications_carried_in", "results_total", "applications_carried_out")
    outcomes = [code for code in rows if code not in totals]
    columns = [column["code"] for column in table["columns"]]
    value: dict[tuple[str, str], int] = {}
    for column in columns[:-1]:
        for code in outcomes:
            value[code, column] = draw.choice((0, 0, 0, 0, 1, 2, draw.randint(0, 9)))
        value["results_total", column] = sum(value[code, column] for code in outcomes)
        value["applications_carried_out", column] = draw.randint(0, 2)
        due = value["results_total", column] + value["applications_carried_out", column]
        value["applications_carried_in", column] = draw.randint(0, min(2, due))
        value["applications_received", column] = due - value["applications_carried_in", column]
    for code in rows:
        value[code, columns[-1]] = sum(value[code, column] for column in columns[:-1])
    return {cell: str(number) for cell, number in value.items()}


def _fill_cases(table: dict[str, Any], draw: random.Random) -> dict[tuple[str, str], str]:
    value: dict[tuple[str, str], str] = {}
    total = 0
    for column in table["columns"]:
        if column["code"].endswith("_total"):
            number, total = total, 0
        else:
            number = draw.choice((0, 0, 0, 1, 2))
            total += number
        value["cases", column["code"]] = str(number)
    return value


def _fill_article20(table: dict[str, Any], draw: random.Random) -> dict[tuple[str, str], str]:
    value: dict[tuple[str, str], str] = {}
    for row in rows_of(table):
        few, many = draw.randint(0, 5), draw.randint(10, 900)
        known = {
            "newly_produced": str(few),
            "newly_disclosed": str(few),
            "disclosed_total": str(few + many),
            "issued": str(few),
            "repealed": str(draw.randint(0, 3)),
            "in_force": str(few + many),
            "items_last_year": str(many),
            "items_change": draw.choice(("0", f"+{few + 1}", f"-{few + 1}")),
            "decisions": str(many),
            "fee_amount": draw.choice(("0", f"{many / 100:.2f}")),
            "procurement_items": str(few),
            "procurement_amount": f"{many * 1000}元",
        }
        for column in table["columns"]:
            value[row["code"], column["code"]] = known[column["code"]]
    return value


_FILLERS: dict[str, Callable[[dict[str, Any], random.Random], dict[tuple[str, str], str]]] = {
    "disclosure_statistics": _fill_list,
    "applications": _fill_applications,
    "review_litigation": _fill_cases,
}


def tables_html(filled: Filled) -> dict[str, str]:
    """The report's tables as HTML by the section they belong to (its first sign: 二, 三, 四; the list's key is empty).

    Article 20 is one table with a title row for each item, as the official form prints it.
    """
    article20: list[str] = []
    made: dict[str, str] = {}
    tables = form(filled.form)["tables"]
    widest = max((len(t["columns"]) + 1 for t in tables if t["id"].startswith("article20")), default=0)
    for table in tables:
        if table["shape"] == "list":
            made[""] = _table(_list_rows(table, filled.cells))
        elif table["id"] == "applications":
            made["三"] = _table(_application_rows(table, filled.cells))
        elif table["id"] == "review_litigation":
            made["四"] = _table(_case_rows(table, filled.cells))
        else:
            article20 += _article20_rows(table, filled.cells, widest)
    if article20:
        made["二"] = _table(article20)
    return made


def _table(rows: Iterable[str]) -> str:
    return '<table border="1" cellspacing="0">' + "\n".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _cell(text: str, *, cols: int = 1, rows: int = 1) -> str:
    spans = (f' colspan="{cols}"' if cols > 1 else "") + (f' rowspan="{rows}"' if rows > 1 else "")
    return f"<td{spans}><p>{escape(text)}</p></td>"


def _list_rows(table: dict[str, Any], cells: Cells) -> Iterable[str]:
    column = next(c for c in table["columns"] if c["code"] == "year_total" and c["variant"] == "single")
    yield _cell(table["label_headers"][1]) + _cell(table["unit_headers"][0]) + _cell(column["label"])
    for row in rows_of(table):
        number = cells.get((table["id"], row["code"], "year_total"), "")
        yield _cell(row["label"]) + _cell(row.get("unit", "——")) + _cell(number)


def _article20_rows(table: dict[str, Any], cells: Cells, widest: int) -> Iterable[str]:
    yield _cell(table["title"], cols=widest)
    columns = table["columns"]
    last = widest - len(columns)
    labels = [column["label"] for column in columns]
    yield _cell(table["label_headers"][0]) + "".join(
        _cell(label, cols=last if label == labels[-1] else 1) for label in labels
    )
    for row in rows_of(table):
        yield _cell(row["label"]) + "".join(
            _cell(cells[table["id"], row["code"], column["code"]], cols=last if column is columns[-1] else 1)
            for column in columns
        )


def _application_rows(table: dict[str, Any], cells: Cells) -> Iterable[str]:
    columns = table["columns"]
    bodies = [column for column in columns if len(column["header"]) == 2]
    yield _cell(table["label_headers"][0], cols=3, rows=3) + _cell(columns[0]["header"][0], cols=len(columns))
    yield (
        _cell(columns[0]["label"], rows=2)
        + _cell(bodies[0]["header"][1], cols=len(bodies))
        + _cell(columns[-1]["label"], rows=2)
    )
    yield "".join(_cell(column["label"]) for column in bodies)
    rows = table["rows"]

    def leaves(code: str) -> int:
        below = [row for row in rows if row.get("parent") == code]
        return sum(leaves(row["code"]) if row["kind"] == "group" else 1 for row in below)

    pending = ""  # the group cells that open on the next row with numbers
    for row in rows:
        if row["kind"] == "group":
            pending += _cell(row["label"], rows=leaves(row["code"]))
            continue
        numbers = "".join(_cell(cells[table["id"], row["code"], column["code"]]) for column in columns)
        yield pending + _cell(row["label"], cols=4 - int(row["level"])) + numbers
        pending = ""


def _case_rows(table: dict[str, Any], cells: Cells) -> Iterable[str]:
    columns = table["columns"]
    review = [column for column in columns if len(column["header"]) == 1]
    suits = [column for column in columns if len(column["header"]) == 2]
    groups = list(dict.fromkeys(column["header"][1] for column in suits))
    yield _cell(review[0]["header"][0], cols=len(review)) + _cell(suits[0]["header"][0], cols=len(suits))
    yield "".join(_cell(_leaf(column), rows=2) for column in review) + "".join(
        _cell(group, cols=sum(column["header"][1] == group for column in suits)) for group in groups
    )
    yield "".join(_cell(_leaf(column)) for column in suits)
    yield "".join(_cell(cells[table["id"], "cases", column["code"]]) for column in columns)


def _leaf(column: dict[str, Any]) -> str:
    return str(column["label"]).rpartition("/")[2]
