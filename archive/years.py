"""What follows from an agency's reports taken together: twins, the row of the panel, and checks across two years.

The same report stands under several addresses (county and city, web page and attachment, last year's column). One of
them is shown: with a form before without, online before gone, then the lower id. Not the one seen first: which of two
was fetched first is chance, and a crawl that was killed and begun again must show the same. The others are its twins;
one that gives another number for a cell contradicts it, which is a finding of that report.

A check across years compares the report shown for a year with the one shown for the next, whatever their forms: cells
are found by their codes, which are the same where the same thing is counted. Where the archive has no next report, the
check cannot be assessed. Trap: whether a cell was read in doubt is known to the parser only; a failure is blamed on the
source where neither report has a finding that blames the parser, and on nobody otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from archive import likeness
from archive.coded import STATES, packed
from archive.panel import columns_of
from parsers.checks import bindings, cells_of, compare, identities
from parsers.forms import Check, Form, load_all

if TYPE_CHECKING:
    from archive.derive import Derived

Cell = tuple[str, str, str]  # form, indicator, col
NO_NEXT = "no report of the following year in this archive"
LISTED = 5  # cells that the finding of a contradiction names


class Shown(NamedTuple):
    """One report of an agency-year; `figures` maps a cell to its value and state."""

    id: int
    year: int
    url: str
    capture_id: str
    form: str | None
    figures: Mapping[Cell, tuple[Any, str]]


class _Cells(NamedTuple):
    """Figures by indicator and column, of the first of some forms that has them."""

    figures: Mapping[Cell, tuple[Any, str]]
    forms: tuple[str, ...]

    def get(self, place: tuple[str, str]) -> tuple[Any, str] | None:
        return next((said for form in self.forms if (said := self.figures.get((form, *place)))), None)


class Across(NamedTuple):
    """One evaluation of a check across years: sums of (indicator, col, sign, whether of the next year's report)."""

    check: Check
    at: str | None
    left: tuple[tuple[str, str, int, bool], ...]
    op: str
    right: tuple[tuple[str, str, int, bool], ...]
    constants: tuple[int, int]


@cache
def across(form: Form) -> tuple[Across, ...]:
    """Every evaluation that the form's checks across years can have."""
    made = []
    for identity in identities(form):
        if identity.check.scope != "cross_year":
            continue
        for row, col in bindings(identity, form):
            left, right = (
                tuple(
                    (*key, sign, term.next_year)
                    for term, sign in zip(side.terms, side.signs, strict=True)
                    for key in cells_of(term, row, col, form)
                )
                for side in (identity.left, identity.right)
            )
            constants = (identity.left.constant, identity.right.constant)
            made.append(Across(identity.check, col or row or None, left, identity.op, right, constants))
    return tuple(made)


@cache
def names() -> tuple[str, ...]:
    """Names of the checks across years."""
    return tuple(sorted({a.check.name for form in load_all() for a in across(form)}))


def settle(derived: Derived, agency_id: int, year: int | None = None) -> None:
    """Write anew what hangs on an agency's reports of `year` (None: of every year) and their neighbours.

    The result depends on nothing but the tables `report`, `figure_data`, `section` and `prose`.
    """
    conn, p = derived.conn, derived.prefix
    span = (-1, 1 << 62) if year is None else (year - 1, year + 1)
    groups: dict[int, list[tuple[Any, ...]]] = {}
    for row in conn.execute(
        f"SELECT id, year, url, capture_id, form FROM {p}report WHERE agency_id = ? AND year BETWEEN ? AND ?"
        " ORDER BY year, form IS NULL, gone_at IS NOT NULL, id",
        (agency_id, *span),
    ):
        groups.setdefault(row[1], []).append(row)
    shown = {y: Shown._make((*rows[0], figures_of(derived, rows[0][0]))) for y, rows in groups.items()}
    for y in groups if year is None else (year,):
        conn.execute(f"DELETE FROM {p}panel_data WHERE agency_id = ? AND year = ?", (agency_id, y))
        if y in shown:
            _save_twins(derived, shown[y], groups[y][1:])
            _save_panel(derived, agency_id, shown[y], len(groups[y]))
    for y in groups if year is None else (year - 1, year):
        for identity, *_ in groups.get(y, ()):
            forget_across(derived, identity)
        for identity, *_ in groups.get(y + 1, ()):
            likeness.forget_year_before(derived, identity)
        if y in shown:
            _save_across(derived, shown[y], shown.get(y + 1))
        if y in shown and y + 1 in shown:
            likeness.year_before(derived, shown[y].id, shown[y + 1].id)


def forget_across(derived: Derived, identity: int) -> None:
    """Remove a report's checks across years."""
    derived.conn.execute(f"DELETE FROM {derived.prefix}across_data WHERE report_id = ?", (identity,))
    derived.conn.execute(
        f"DELETE FROM {derived.prefix}finding_data WHERE report_id = ? AND kind = 'check'"
        f" AND name IN ({', '.join('?' * len(names()))})",
        (identity, *names()),
    )


def forget_findings(derived: Derived) -> None:
    """Remove every finding that `settle` makes."""
    derived.conn.execute(
        f"DELETE FROM {derived.prefix}finding_data WHERE report_id IS NOT NULL AND (kind = 'twin' OR kind = 'check'"
        f" AND name IN ({', '.join('?' * len(names()))}))", names()
    )  # fmt: skip


def forget(derived: Derived, identity: int) -> None:
    """Remove a report from all that is said of reports together; `settle` says it anew for those that remain."""
    forget_across(derived, identity)
    derived.conn.execute(f"DELETE FROM {derived.prefix}panel_data WHERE report_id = ?", (identity,))
    derived.conn.execute(f"DELETE FROM {derived.prefix}twin WHERE report_id = ?1 OR shown = ?1", (identity,))


def figures_of(derived: Derived, identity: int) -> dict[Cell, tuple[Any, str]]:
    """Value and state of every figure of a report."""
    cells = derived.codes.cells()
    return {
        cells[code]: (value, STATES[state])
        for code, value, state in derived.conn.execute(
            f"SELECT code, value, state FROM {derived.prefix}figure_data WHERE report_id = ?", (identity,)
        )
    }


def _save_panel(derived: Derived, agency_id: int, shown: Shown, reports: int) -> None:
    columns = columns_of({cell: value for cell, (value, _) in shown.figures.items()})
    row = (agency_id, shown.year, shown.id, shown.form, reports, *columns.values())
    derived.conn.execute(f"INSERT INTO {derived.prefix}panel_data VALUES ({', '.join('?' * len(row))})", row)


def _save_twins(derived: Derived, shown: Shown, others: Iterable[tuple[Any, ...]]) -> None:
    conn, p = derived.conn, derived.prefix
    conn.execute(f"DELETE FROM {p}twin WHERE report_id = ?", (shown.id,))
    conn.execute(f"DELETE FROM {p}finding_data WHERE report_id = ? AND kind = 'twin'", (shown.id,))
    for identity, _, _, capture_id, _ in others:
        mine, theirs = figures_of(derived, identity), shown.figures
        compared = sorted(
            cell for cell in mine.keys() & theirs.keys() if mine[cell][0] is not None and theirs[cell][0] is not None
        )
        differing = [cell for cell in compared if mine[cell][0] != theirs[cell][0]]
        conn.execute(f"DELETE FROM {p}twin WHERE report_id = ?", (identity,))
        conn.execute(f"DELETE FROM {p}finding_data WHERE report_id = ? AND kind = 'twin'", (identity,))
        conn.execute(
            f"INSERT INTO {p}twin VALUES (?, ?, ?, ?, ?)",
            (identity, shown.id, "contradicts" if differing else "same", len(compared), len(differing)),
        )
        if differing:
            said = [f"{i}[{c}] {mine[f, i, c][0]}, there {theirs[f, i, c][0]}" for f, i, c in differing[:LISTED]]
            rest = [f"and {len(differing) - LISTED} more"] if len(differing) > LISTED else []
            finding = {
                "kind": "twin", "name": "contradictory_twins", "status": "fail", "expected": 0,
                "found": len(differing), "cause": "unknown", "note": f"{shown.url}: {'; '.join(said + rest)}",
            }  # fmt: skip
            derived.insert_findings([(finding, 0)], identity, identity, capture_id)


def _save_across(derived: Derived, this: Shown, following: Shown | None) -> None:
    made = derived.codes.pack(_judged(derived, this, following))
    if any(made.lists.values()):
        derived.conn.execute(
            f"INSERT INTO {derived.prefix}across_data VALUES (?, ?, ?)", (this.id, *map(packed, made.lists.values()))
        )
    derived.insert_findings(made.others, this.id, this.id, this.capture_id)


def _judged(derived: Derived, this: Shown, following: Shown | None) -> Iterator[dict[str, Any]]:
    used = {form for form, _, _ in this.figures}
    for form in load_all():
        if form.id not in used:
            continue
        own = _Cells(this.figures, (form.id,))
        later = sorted({f for f, _, _ in following.figures} - {form.id}) if following else []
        next_own = _Cells(following.figures if following else {}, (form.id, *later))
        for instance in across(form):
            cells = [*instance.left, *instance.right]
            if not any(own.get((i, c)) for i, c, _, of_next in cells if not of_next):
                continue
            check = instance.check
            finding: dict[str, Any] = {"kind": "check", "name": check.name, "at": instance.at,
                                       "strength": check.strength, "cause": None, "note": None}  # fmt: skip
            left, why_left = _sum(instance.left, instance.constants[0], own, next_own)
            right, why_right = _sum(instance.right, instance.constants[1], own, next_own)
            if following is None or left is None or right is None:
                why = "; ".join(filter(None, (why_left, why_right))) if following else NO_NEXT
                unknown: dict[str, Any] = {"expected": None, "found": None}
                if following is not None:
                    unknown = {"expected": right, "found": left}
                yield finding | {"status": "not_assessable", "note": why} | unknown
            elif compare(left, instance.op, right):
                yield finding | {"status": "pass", "expected": right, "found": left}
            else:
                cause = "unknown" if _doubted(derived, this.id, following.id) else "source"
                note = f"{this.year} and {following.year}: {following.url}"
                yield finding | {"status": "fail", "expected": right, "found": left, "cause": cause, "note": note}


def _sum(
    cells: Iterable[tuple[str, str, int, bool]],
    constant: int,
    own: _Cells,
    following: _Cells,
) -> tuple[Any, str | None]:
    total: Any = constant
    numbers = 0
    listed = list(cells)
    for indicator, col, sign, later in listed:
        said = (following if later else own).get((indicator, col))
        where = f"{indicator}[{col}]{' of the next year' if later else ''}"
        if said is None:
            return None, f"{where} is absent"
        value, state = said
        if value is not None:
            total += sign * value
            numbers += 1
        elif state not in ("blank", "dash"):
            return None, f"{where} is not readable"
    if listed and not numbers:
        return None, f"blank: {listed[0][0]}[{listed[0][1]}]"
    return total, None


def _doubted(derived: Derived, *identities_: int) -> bool:
    query = f"SELECT 1 FROM {derived.prefix}finding_data WHERE report_id IN (?, ?) AND cause = 'parser' LIMIT 1"
    return derived.conn.execute(query, identities_).fetchone() is not None
