"""A form's arithmetic, evaluated on the figures of one report. The identities are data in the forms' files.

Three states, never two: pass, fail, not assessable. A blank or dash counts as 0 where its side of the comparison has a
number; a side that is all blank, an absent row and an unreadable cell make a check not assessable
(docs/design.md, "What gongkai parse --json prints"). Expressions are read with `ast`, never evaluated as code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from parsers.forms import Check, Form, Table
from parsers.model import Figure, Finding, Number

Key = tuple[str, str]
#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
#: the states of cells that count as 0 beside a number
_ZERO = ("blank", "dash")


class Term(NamedTuple):
    """A cell of the form, or its fellow in next year's report; an empty column stands for the bound variable."""

    row: str
    col: str
    next_year: bool = False


class Side(NamedTuple):
    terms: tuple[Term, ...]
    signs: tuple[int, ...]
    constant: int = 0
    zero_test: bool = False


class Identity(NamedTuple):
    check: Check
    left: Side
    op: str
    right: Side


_OPS = {ast.Eq: "==", ast.LtE: "<=", ast.GtE: ">="}


class ExpressionError(ValueError):
    """A check's expression uses something beyond sums of cells and one comparison; the message quotes it."""


def compile_check(check: Check, form: Form) -> Identity:
    """The check as two sums of cells and a comparison. Raises ExpressionError."""
    tree = ast.parse(check.expression, mode="eval").body
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in _OPS:
        raise ExpressionError(f"{check.name}: no single comparison: {check.expression}")
    table = form.table(check.table) if check.table else None
    return Identity(
        check, _side(tree.left, check, table), _OPS[type(tree.ops[0])], _side(tree.comparators[0], check, table)
    )


def _side(node: ast.expr, check: Check, table: Table | None) -> Side:
    if isinstance(node, ast.Compare):
        inner = _side(node.left, check, table)
        zero = node.comparators[0]
        if (
            len(node.ops) == 1
            and isinstance(node.ops[0], ast.Eq)
            and isinstance(zero, ast.Constant)
            and zero.value == 0
        ):
            return inner._replace(zero_test=True)
        raise ExpressionError(f"{check.name}: only == 0 may stand inside a side: {check.expression}")
    terms: list[Term] = []
    signs: list[int] = []
    constant = 0
    stack: list[tuple[ast.expr, int, bool]] = [(node, 1, False)]
    while stack:
        part, sign, following = stack.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub):
            stack.append((part.right, sign if isinstance(part.op, ast.Add) else -sign, following))
            stack.append((part.left, sign, following))
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "next_year":
            stack.append((part.args[0], sign, True))
        elif isinstance(part, ast.Constant) and isinstance(part.value, int):
            constant += sign * part.value
        else:
            terms.append(_term(part, check, table)._replace(next_year=following))
            signs.append(sign)
    return Side(tuple(terms), tuple(signs), constant)


def _term(node: ast.expr, check: Check, table: Table | None) -> Term:
    if isinstance(node, ast.Name):
        # in a table of one row the codes are its columns
        if table is not None and len(table.rows) == 1 and any(column.code == node.id for column in table.columns):
            return Term(table.rows[0].code, node.id)
        return Term("" if node.id == check.var else node.id, "")
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Name):
        row, col = node.value.id, node.slice.id
        return Term("" if row == check.var else row, "" if col == check.var else col)
    raise ExpressionError(f"{check.name}: not a cell: {ast.unparse(node)}")


@cache
def identities(form: Form) -> tuple[Identity, ...]:
    """The form's checks, compiled. Definitions define a value that is not printed and are no checks."""
    return tuple(compile_check(check, form) for check in form.checks if check.strength != "definition")


@cache
def _children(form: Form) -> Mapping[str, tuple[str, ...]]:
    """Rows without cells of their own: their value is the sum of their children."""
    return {
        row.code: tuple(
            child.code for child in table.rows if child.parent == row.code and child.relation == "component"
        )
        for table in form.tables
        for row in table.rows
        if row.kind == "group"
    }


#: one look-up of the values of several cells by their numbers among those of the page, None for no cell
Pick = Callable[[Sequence[Any]], tuple[Any, ...]] | None


class Instance(NamedTuple):
    """One evaluation of an identity, its cells worked out: sums of (cell, sign), and where it applies.

    It is evaluated where the column `gate_col` has figures, or where any (`gate_all`: every) of the cells in `gate` is
    there. `extension` names the rows without which the form does not print the check.
    """

    check: Check
    at: str | None
    left: tuple[tuple[Key, int], ...]
    op: str
    right: tuple[tuple[Key, int], ...]
    constants: tuple[int, int]
    zero_test: bool
    gate_col: str | None
    gate: tuple[Key, ...]
    gate_all: bool


@cache
def instances(form: Form) -> tuple[Instance, ...]:
    """Every evaluation that the form's checks within a report can have."""
    made = []
    for identity in identities(form):
        check = identity.check
        if check.scope != "within_report" or check.over == "count_cells":
            continue
        wanted = {term.col for side in (identity.left, identity.right) for term in side.terms if term.col}
        for row, col in bindings(identity, form):
            left, right = _cells(identity.left, row, col, form), _cells(identity.right, row, col, form)
            made.append(
                Instance(
                    check,
                    col or row or None,
                    left,
                    identity.op,
                    right,
                    (identity.left.constant, identity.right.constant),
                    identity.left.zero_test or identity.right.zero_test,
                    col if check.over == "value_columns" else None,
                    tuple((row, column) for column in sorted(wanted)) if row else (),
                    check.over == "flow_rows",
                )
            )
    return tuple(made)


def _pick(places: Sequence[int]) -> Pick:
    if not places:
        return None
    if len(places) == 1:
        only = places[0]
        return lambda values: (values[only],)
    return itemgetter(*places)


def _cells(side: Side, row: str, col: str, form: Form) -> tuple[tuple[Key, int], ...]:
    return tuple(
        (key, sign) for term, sign in zip(side.terms, side.signs, strict=True) for key in cells_of(term, row, col, form)
    )


def bindings(identity: Identity, form: Form) -> list[tuple[str, str]]:
    """The (row, column) pairs to bind the check's variable to; ("", "") for a check without one.

    Sets are computed from the form: value_columns and applicants are columns, the others rows.
    """
    over = identity.check.over
    table = form.table(identity.check.table) if identity.check.table else None
    if over is None:
        return [("", "")]
    if over in ("value_columns", "applicants"):
        if table is None:
            raise ExpressionError(f"{identity.check.name}: {over} needs a table")
        return [("", code) for code in dict.fromkeys(column.code for column in table.columns)]
    rows = [row for t in ([table] if table is not None else form.tables) for row in t.rows if row.is_value]
    if over == "flow_rows":
        rows = [row for row in rows if row.flow == "flow" and row.unit]
    elif over == "stock_item_rows":
        rows = [
            row for t in form.tables if any(column.code == "items_last_year" for column in t.columns) for row in t.rows
        ]
    elif over == "document_rows":
        rows = [row for row in rows if row.extension is None]
    elif over != "application_rows":
        raise ExpressionError(f"{identity.check.name}: unknown set {over}")
    return [(row.code, "") for row in rows]


@cache
def _tables_of(form: Form) -> Mapping[str, frozenset[str]]:
    """Row -> the tables that have it."""
    found: dict[str, set[str]] = {}
    for table in form.tables:
        for row in table.rows:
            found.setdefault(row.code, set()).add(table.id)
    return {row: frozenset(tables) for row, tables in found.items()}


@cache
def _extension_of(form: Form) -> Mapping[str, str]:
    return {row.code: row.extension for table in form.tables for row in table.rows if row.extension}


class _Side(NamedTuple):
    """A side of an instance on a page with certain cells, which are numbered: those it adds, those it takes away, all.

    `why` says why it can have no sum there, `blank` why it has none where all its cells are blank; `order` are its
    cells up to the first one that is absent, with why it has none where that one cannot be read, `places` the same
    without order.
    """

    plus: Pick
    minus: Pick
    cells: Pick
    constant: int
    why: str | None
    blank: str
    order: tuple[tuple[int, str], ...]
    places: frozenset[int]


class _Step(NamedTuple):
    """An instance as a page with certain cells evaluates it."""

    instance: Instance
    left: _Side
    right: _Side


class _Plan(NamedTuple):
    """What is evaluated where certain cells are there. `counted` are the names of the cells that count something."""

    steps: tuple[_Step, ...]
    counted: tuple[Check, ...]
    names: tuple[str | None, ...]


@lru_cache(maxsize=256)
def _plan(form: Form, cells: tuple[Key, ...]) -> _Plan:
    """Knows the cells that are there, and none of their values."""
    tables_of, extension_of, signed = _tables_of(form), _extension_of(form), _signed(form)
    there = frozenset(cells)
    rows = {row for row, _ in cells}
    tables = {table for row in rows for table in tables_of.get(row, ())}
    extensions = {extension_of[row] for row in rows if row in extension_of}
    cols = {col for _, col in cells}
    place = {key: n for n, key in enumerate(cells)}
    steps = []
    for instance in instances(form):
        check = instance.check
        if check.table is not None and check.table not in tables:
            continue
        if check.extension is not None and check.extension not in extensions:
            continue
        if instance.gate_col is not None and instance.gate_col not in cols:
            continue
        if instance.gate:
            present = [key in there for key in instance.gate]
            if not (all(present) if instance.gate_all else any(present)):
                continue
        left = _side_of(instance.left, instance.constants[0], place)
        right = _side_of(instance.right, instance.constants[1], place)
        steps.append(_Step(instance, left, right))
    counted = tuple(identity.check for identity in identities(form) if identity.check.over == "count_cells")
    names = tuple(None if col in signed else f"{row}[{col}]" for row, col in cells)
    return _Plan(tuple(steps), counted, names)


def _side_of(cells: Sequence[tuple[Key, int]], constant: int, place: Mapping[Key, int]) -> _Side:
    names = [f"{row}[{col}]" for (row, col), _ in cells]
    stop = next((n for n, (key, _) in enumerate(cells) if key not in place), len(cells))
    absent = f"{names[stop]} is absent" if stop < len(cells) else None
    order = tuple(
        (place[key], f"{name} is not readable") for (key, _), name in zip(cells[:stop], names[:stop], strict=True)
    )
    plus, minus, every = (
        _pick([place[key] for key, sign in cells if sign in signs]) if absent is None else None
        for signs in ((1,), (-1,), (1, -1))
    )
    blank = "blank: " + ", ".join(names[:3])
    return _Side(plus, minus, every, constant, absent, blank, order, frozenset(n for n, _ in order))


class _Cells(NamedTuple):
    """What stands in the cells of a page: their values with 0 for none, which of them have one (None: all), and those
    that are neither number, blank nor dash."""

    values: Sequence[Any]
    numbers: Sequence[bool] | None
    unread: frozenset[int]


def evaluate(form: Form, figures: Mapping[Key, Figure], doubtful: frozenset[Key] | set[Key]) -> list[Finding]:
    """One finding for each evaluated instance of the form's checks within a report."""
    plan = _plan(form, tuple(figures))
    values: list[Any] = [figure.value for figure in figures.values()]
    cells = _Cells(values, None, frozenset())
    if None in values:
        cells = _Cells(
            [0 if value is None else value for value in values],
            [value is not None for value in values],
            frozenset(n for n, f in enumerate(figures.values()) if f.value is None and f.state not in _ZERO),
        )
    found = [_judge(step, cells, doubtful) for step in plan.steps]
    for check in plan.counted:
        _counts(check, plan.names, figures, doubtful, found)
    return found


def _counts(
    check: Check,
    names: Sequence[str | None],
    figures: Mapping[Key, Figure],
    doubtful: frozenset[Key] | set[Key],
    found: list[Finding],
) -> None:
    """counts_are_non_negative: every cell that counts, the signed columns excepted, is a whole number of 0 or more."""
    name, strength = check.name, check.strength
    for at, (place, figure) in zip(names, figures.items(), strict=True):
        if at is None or figure.unit == "元":
            continue
        value = figure.value
        if type(value) is int and value >= 0:
            found.append(_new(Finding, ("check", name, at, strength, "pass", 0, value, None, None)))
        elif value is None:
            why = "blank" if figure.state in ("blank", "dash") else "unreadable"
            found.append(_new(Finding, ("check", name, at, strength, "not_assessable", 0, None, None, why)))
        elif value >= 0 and not isinstance(value, Decimal):
            found.append(Finding("check", name, at, strength, "pass", 0, value))
        else:
            cause = "parser" if place in doubtful else "source"
            found.append(Finding("check", name, at, strength, "fail", 0, value, cause))


@cache
def _signed(form: Form) -> frozenset[str]:
    return frozenset(column.code for table in form.tables for column in table.columns if column.signed)


def _judge(step: _Step, cells: _Cells, doubtful: frozenset[Key] | set[Key]) -> Finding:
    instance, left_side, right_side = step
    check, at = instance.check, instance.at
    left, why_left = _total(left_side, cells)
    right, why_right = _total(right_side, cells)
    if left is None or right is None:
        why = why_left if why_left == why_right else "; ".join(w for w in (why_left, why_right) if w)
        return _new(Finding, ("check", check.name, at, check.strength, "not_assessable", right, left, None, why))
    ok = (left == 0) == (right == 0) if instance.zero_test else compare(left, instance.op, right)
    if ok:
        return _new(Finding, ("check", check.name, at, check.strength, "pass", right, left, None, None))
    doubt = bool(doubtful) and any(key in doubtful for key, _ in (*instance.left, *instance.right))
    cause = "parser" if doubt else "source"
    return _new(Finding, ("check", check.name, at, check.strength, "fail", right, left, cause, None))


def _total(side: _Side, cells: _Cells) -> tuple[Number | None, str | None]:
    """(sum, None), or (None, why there is none). Blank and dash are 0 beside a number."""
    plus, minus, every, constant, why, blank, order, places = side
    values, numbers, unread = cells
    if unread and not unread.isdisjoint(places):
        return None, next(reason for n, reason in order if n in unread)
    if why is not None:
        return None, why
    if numbers is not None and every is not None and not any(every(numbers)):
        return None, blank
    total: Number = sum(plus(values), constant) if plus is not None else constant
    return (total - sum(minus(values)) if minus is not None else total), None


def compare(left: Number, op: str, right: Number) -> bool:
    return left == right if op == "==" else left <= right if op == "<=" else left >= right


def cells_of(term: Term, row: str, col: str, form: Form) -> Sequence[Key]:
    """The printed cells that a term stands for: itself, or its children where it is a group without cells."""
    code, column = term.row or row, term.col or col
    children = _children(form).get(code)
    return [(child, column) for child in children] if children else [(code, column)]
