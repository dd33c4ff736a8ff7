"""A report's figures laid out as the official form prints them: per generation, table, row and column.

Everything comes from the forms' data (`parsers.forms`): the headers' paths, the order of rows, the layouts that pages
print. A row that the report lacks is shown as lacking, apart from a blank; rows that only some provinces print are
shown where the report has them; a figure that has no place in its form's tables is in `homeless`, never left out.
A failed check is marked at each cell of its two sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from archive.years import across
from parsers.checks import Key, instances
from parsers.forms import Check, Column, Form, Row, Table, load_all


class Head(NamedTuple):
    """A header cell; `label_en` is empty where the form's data have no English for it."""

    label: str
    label_en: str
    colspan: int
    rowspan: int
    unit: str | None


class Failure(NamedTuple):
    """A check that fails at a cell. `number` counts the report's failures from 1; `check` is None for a claim."""

    number: int
    side: str
    finding: Mapping[str, Any]
    check: Check | None


class Box(NamedTuple):
    """A cell of the form: `figure` is None where the report has none."""

    form: str
    indicator: str
    col: str
    figure: Mapping[str, Any] | None
    failures: tuple[Failure, ...]
    unit: str | None


class Line(NamedTuple):
    """A row of the form. `boxes` is empty for a row that is printed without numbers."""

    row: Row
    boxes: tuple[Box, ...]


class Printed(NamedTuple):
    """A table of the form as the report has it. `list_shape`: each row has a unit of its own."""

    table: Table
    list_shape: bool
    heads: tuple[tuple[Head, ...], ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


class Generation(NamedTuple):
    form: Form
    tables: tuple[Printed, ...]


class Account(NamedTuple):
    """All of a report's figures: by generation of the form, and those without a place in it."""

    generations: tuple[Generation, ...]
    homeless: tuple[Box, ...]
    failures: tuple[Failure, ...]


def lay_out(figures: Iterable[Mapping[str, Any]], findings: Iterable[Mapping[str, Any]]) -> Account:
    """The account of a report from its rows of `figure` and of `finding`; any number of generations may be mixed."""
    cells: dict[str, dict[Key, Mapping[str, Any]]] = {}
    for figure in figures:
        cells.setdefault(figure["form"], {})[figure["indicator"], figure["col"]] = figure
    failed = [f for f in findings if f["status"] == "fail" and f["kind"] in ("check", "claim")]
    marks, listed = _marks(failed, cells)
    generations, homeless = [], []
    known = {form.id: form for form in load_all()}
    for form_id, own in cells.items():
        placed: set[Key] = set()
        form = known.get(form_id)
        if form is not None:
            tables = tuple(
                _table(table, own, marks, placed)
                for table in form.tables
                if any(row.code == code for row in table.rows for code, _ in own)
            )
            generations.append((form.first_year, Generation(form, tables)))
        homeless += [_box(form_id, key, own, marks, None) for key in own if key not in placed]
    generations.sort(key=lambda pair: pair[0])
    return Account(tuple(generation for _, generation in generations), tuple(homeless), tuple(listed))


def _table(
    table: Table,
    own: Mapping[Key, Mapping[str, Any]],
    marks: Mapping[tuple[str, str, str], list[Failure]],
    placed: set[Key],
) -> Printed:
    columns = _columns(table, {col for code, col in own if any(row.code == code for row in table.rows)})
    lines = []
    for row in table.rows:
        keys = [(row.code, column.code) for column in columns]
        if row.extension is not None and not any(key in own for key in keys):
            continue
        if not row.is_value and not any(key in own for key in keys):
            lines.append(Line(row, ()))
            continue
        placed.update(key for key in keys if key in own)
        boxes = tuple(
            _box(table.form, key, own, marks, row.unit or column.unit)
            for key, column in zip(keys, columns, strict=True)
        )
        lines.append(Line(row, boxes))
    list_shape = table.shape == "list"
    return Printed(table, list_shape, _heads(columns, list_shape), columns, tuple(lines))


def _columns(table: Table, used: set[str]) -> tuple[Column, ...]:
    """The layout of the page: the one with most of the used columns, fewest others; then what it does not have."""
    best = max(table.layouts, key=lambda layout: (sum(c.code in used for c in layout), -len(layout)))
    have = {column.code for column in best}
    more: dict[str, Column] = {}
    for column in table.columns:
        if column.code in used - have:
            more.setdefault(column.code, column)
    return (*best, *more.values())


def _heads(columns: Sequence[Column], list_shape: bool) -> tuple[tuple[Head, ...], ...]:
    """The header's rows. A column's path is its `header` and the last part of its label."""
    paths = [(*_path(column), column.label.rsplit("/", 1)[-1] if column.header else column.label) for column in columns]
    depth = max(map(len, paths), default=1)
    rows: list[tuple[Head, ...]] = []
    for level in range(depth):
        heads: list[Head] = []
        n = 0
        while n < len(paths):
            path = paths[n]
            if level >= len(path):
                n += 1
                continue
            leaf = level == len(path) - 1
            width = 1
            while (
                not leaf
                and n + width < len(paths)
                and len(paths[n + width]) > level + 1
                and paths[n + width][: level + 1] == path[: level + 1]
            ):
                width += 1
            column = columns[n]
            unit = None if list_shape or not leaf else column.unit
            heads.append(Head(path[level], column.label_en if leaf else "", width, depth - level if leaf else 1, unit))
            n += width
        rows.append(tuple(heads))
    return tuple(rows)


def _path(column: Column) -> tuple[str, ...]:
    """The headers above a column, as its label spells them where it does."""
    spelt = tuple(column.label.split("/")[:-1])
    return spelt if len(spelt) == len(column.header) else column.header


def _box(
    form: str,
    key: Key,
    own: Mapping[Key, Mapping[str, Any]],
    marks: Mapping[tuple[str, str, str], list[Failure]],
    unit: str | None,
) -> Box:
    return Box(form, *key, own.get(key), tuple(marks.get((form, *key), ())), unit)


@cache
def _sides(form: Form) -> Mapping[tuple[str, str | None], tuple[Check, tuple[Key, ...], tuple[Key, ...]]]:
    """Check and place of evaluation -> the check and the cells of this report on its left and its right side."""
    made: dict[tuple[str, str | None], tuple[Check, tuple[Key, ...], tuple[Key, ...]]] = {}
    for one in instances(form):
        left, right = (tuple(key for key, _ in side) for side in (one.left, one.right))
        made[one.check.name, one.at] = (one.check, left, right)
    for two in across(form):
        left, right = (tuple((i, c) for i, c, _, later in side if not later) for side in (two.left, two.right))
        made[two.check.name, two.at] = (two.check, left, right)
    return made


@cache
def checks() -> Mapping[str, Check]:
    """Every check of every form by its name."""
    return {check.name: check for form in load_all() for check in form.checks}


def _marks(
    failed: Sequence[Mapping[str, Any]], cells: Mapping[str, Mapping[Key, Mapping[str, Any]]]
) -> tuple[dict[tuple[str, str, str], list[Failure]], list[Failure]]:
    """(form, row, column) -> the failures at that cell; and all failures in order."""
    marks: dict[tuple[str, str, str], list[Failure]] = {}
    listed = []
    for number, finding in enumerate(failed, 1):
        check = checks().get(finding["name"])
        listed.append(Failure(number, "", finding, check))
        for form in load_all():
            own = cells.get(form.id)
            if own is None:
                continue
            _, left, right = _sides(form).get((finding["name"], finding["at"]), (None, (), ()))
            if not left and not right and (single := _single(finding["at"])) is not None:
                left = (single,)
            for side, keys in (("left", left), ("right", right)):
                for key in dict.fromkeys(keys):
                    if key in own:
                        marks.setdefault((form.id, *key), []).append(Failure(number, side, finding, check))
    return marks, listed


def _single(at: str | None) -> Key | None:
    """The cell that `row[col]` names."""
    row, opened, col = (at or "").partition("[")
    return (row, col.removesuffix("]")) if opened else None
