"""A form's arithmetic, evaluated on the figures of one report. The identities are data in the forms' files.

Three states, never two: pass, fail, not assessable. A blank or dash counts as 0 where its side of the comparison has a
number; a side that is all blank, an absent row and an unreadable cell make a check not assessable
(docs/design.md, "What gongkai parse --json prints"). Expressions are read with `ast`, never evaluated as code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from parsers.forms import Check, Form, Table
from parsers.model import Figure, Finding, Number

Key = tuple[str, str]


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
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq) and isinstance(zero, ast.Constant) and zero.value == 0:
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
        row.code: tuple(child.code for child in table.rows if child.parent == row.code and child.relation == "component")
        for table in form.tables
        for row in table.rows
        if row.kind == "group"
    }


def bindings(identity: Identity, form: Form, present: Iterable[Key]) -> list[tuple[str, str]]:
    """The (row, column) pairs to bind the check's variable to; ("", "") for a check without one.

    Sets are computed from the form: value_columns and applicants are columns, the others rows; `count_cells` are cells.
    """
    over = identity.check.over
    table = form.table(identity.check.table) if identity.check.table else None
    if over is None:
        return [("", "")]
    if over in ("value_columns", "applicants"):
        cols = {col for _, col in present}
        assert table is not None
        return [("", code) for code in dict.fromkeys(c.code for c in table.columns) if over == "applicants" or code in cols]
    tables = [table] if table is not None else list(form.tables)
    rows = [row for t in tables for row in t.rows if row.is_value]
    present_rows = {row for row, _ in present}
    if over == "flow_rows":
        rows = [row for row in rows if row.flow == "flow" and row.unit]
    elif over == "stock_item_rows":
        held = {t.id for t in form.tables if any(c.code == "items_last_year" for c in t.columns)}
        rows = [row for t in form.tables if t.id in held for row in t.rows]
    elif over not in ("application_rows", "document_rows", "count_cells"):
        raise ExpressionError(f"{identity.check.name}: unknown set {over}")
    if over == "document_rows":
        rows = [row for row in rows if row.extension is None]
    return [(row.code, "") for row in rows if row.extension is None or row.code in present_rows]


def evaluate(form: Form, figures: Mapping[Key, Figure], doubtful: frozenset[Key] | set[Key]) -> list[Finding]:
    """One finding for each evaluated instance of the form's checks within a report."""
    tables_present = {table.id for table in form.tables if any((row.code, col.code) in figures for row in table.rows for col in table.columns)}
    found: list[Finding] = []
    for identity in identities(form):
        check = identity.check
        if check.scope != "within_report" or (check.table is not None and check.table not in tables_present):
            continue
        if check.extension and not _has_extension(form, check.extension, figures):
            continue
        if check.over == "count_cells":
            found.extend(_counts(check, form, figures, doubtful))
            continue
        for row, col in bindings(identity, form, figures):
            if _applies(identity, row, col, figures):
                found.append(_judge(identity, row, col, figures, doubtful, form))
    return found


def _has_extension(form: Form, extension: str, figures: Mapping[Key, Figure]) -> bool:
    codes = {row.code for table in form.tables for row in table.rows if row.extension == extension}
    return any(row in codes for row, _ in figures)


def _applies(identity: Identity, row: str, col: str, figures: Mapping[Key, Figure]) -> bool:
    """A check over rows is evaluated where the report has the row's table in this layout at all."""
    if not row:
        return True
    wanted = {term.col for side in (identity.left, identity.right) for term in side.terms if term.col}
    present = {c for r, c in figures if r == row}
    return bool(present & wanted) and not (wanted - present and identity.check.over == "flow_rows")


def _counts(
    check: Check, form: Form, figures: Mapping[Key, Figure], doubtful: frozenset[Key] | set[Key]
) -> list[Finding]:
    """counts_are_non_negative: every cell that counts, the signed columns excepted, is a whole number of 0 or more."""
    signed = {column.code for table in form.tables for column in table.columns if column.signed}
    found = []
    for (row, col), figure in figures.items():
        if figure.unit == "元" or col in signed:
            continue
        at = f"{row}[{col}]"
        if figure.value is None:
            readable = figure.state in ("blank", "dash")
            found.append(
                Finding("check", check.name, at, check.strength, "not_assessable", 0, None, None,
                        "blank" if readable else "unreadable")
            )  # fmt: skip
            continue
        ok = figure.value >= 0 and not isinstance(figure.value, Decimal)
        cause = None if ok else ("parser" if (row, col) in doubtful else "source")
        found.append(
            Finding("check", check.name, at, check.strength, "pass" if ok else "fail", 0, figure.value, cause, None)
        )
    return found


def _judge(
    identity: Identity,
    row: str,
    col: str,
    figures: Mapping[Key, Figure],
    doubtful: frozenset[Key] | set[Key],
    form: Form,
) -> Finding:
    check = identity.check
    at = col or row or None
    left, why_left, doubt_left = _sum(identity.left, row, col, figures, doubtful, form)
    right, why_right, doubt_right = _sum(identity.right, row, col, figures, doubtful, form)
    if left is None or right is None:
        why = "; ".join(dict.fromkeys(w for w in (why_left, why_right) if w))
        return Finding("check", check.name, at, check.strength, "not_assessable", right, left, None, why)
    if identity.left.zero_test or identity.right.zero_test:
        ok = (left == 0) == (right == 0)
    else:
        ok = compare(left, identity.op, right)
    cause = None if ok else ("parser" if doubt_left or doubt_right else "source")
    return Finding("check", check.name, at, check.strength, "pass" if ok else "fail", right, left, cause, None)


def compare(left: Number, op: str, right: Number) -> bool:
    return left == right if op == "==" else left <= right if op == "<=" else left >= right


def _sum(
    side: Side,
    row: str,
    col: str,
    figures: Mapping[Key, Figure],
    doubtful: frozenset[Key] | set[Key],
    form: Form,
) -> tuple[Number | None, str | None, bool]:
    """(sum, why there is none, whether a cell of it was read in doubt)."""
    if not side.terms:
        return side.constant, None, False
    total: Number = side.constant
    numbers = 0
    doubt = False
    for term, sign in zip(side.terms, side.signs, strict=True):
        keys = cells_of(term, row, col, form)
        for key in keys:
            figure = figures.get(key)
            if figure is None:
                return None, f"{key[0]}[{key[1]}] is absent", doubt
            doubt = doubt or key in doubtful
            if figure.value is not None:
                total += sign * figure.value
                numbers += 1
            elif figure.state not in ("blank", "dash"):
                return None, f"{key[0]}[{key[1]}] is not readable", doubt
    if not numbers:
        return None, "blank: " + ", ".join(f"{t.row or row}[{t.col or col}]" for t in side.terms[:3]), doubt
    return total, None, doubt


def cells_of(term: Term, row: str, col: str, form: Form) -> Sequence[Key]:
    """The printed cells that a term stands for: itself, or its children where it is a group without cells."""
    code, column = term.row or row, term.col or col
    children = _children(form).get(code)
    return [(child, column) for child in children] if children else [(code, column)]
