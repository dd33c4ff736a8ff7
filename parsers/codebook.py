"""The codebook: every form, table, indicator, column, unit, check and finding, in Chinese and English.

`python -m parsers.codebook > docs/codebook.md` writes it; a test fails when the kept copy is stale. Everything in it
comes from the forms' files and from `data/codebook.toml` and `data/findings.toml`: a term that the data use and
`codebook.toml` does not explain is an error, so that none stays unexplained.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from parsers.forms import Check, ClaimPattern, Form, Table, load_all

DATA = Path(__file__).with_name("data")


@cache
def words() -> dict[str, Any]:
    """The tables of `data/codebook.toml`; each word is a table of `zh` and `en`."""
    return tomllib.loads((DATA / "codebook.toml").read_text(encoding="utf-8"))


@cache
def findings() -> dict[str, dict[str, str]]:
    """The findings that the code makes, by name: `kind`, `zh`, `en`. Checks and claims are in the forms."""
    return tomllib.loads((DATA / "findings.toml").read_text(encoding="utf-8"))


def render() -> str:
    """The whole codebook as Markdown, the forms oldest first. KeyError where a term of the data is not explained."""
    intro = words()["introduction"]
    lines = [f"# {_both(words()['title'])}", "", intro["zh"].strip(), "", intro["en"].strip(), ""]
    for form in load_all():
        lines += _form(form)
    lines += _findings()
    lines += _glossary("units")
    lines += _glossary("terms")
    return "\n".join(lines).rstrip("\n") + "\n"


def _form(form: Form) -> Iterator[str]:
    yield from (f"## {form.id} {form.name}", "", form.name_en, "")
    yield f"- {_heading('notice')}: {form.document}"
    yield f"- {_heading('years')}: {form.first_year}–{form.last_year or ''}"
    yield ""
    for table in form.tables:
        yield from _table(table)
    yield from (f"### {form.id}: {_heading('checks')}", "")
    yield from _grid(("code", "label", "english", "strength", "over", "expression", "note"), map(_check, form.checks))
    yield from (f"### {form.id}: {_heading('claims')}", "")
    claims = dict.fromkeys(_claim(claim) for claim in form.claims)
    yield from _grid(("code", "indicator", "column", "strength"), claims)


def _table(table: Table) -> Iterator[str]:
    yield from (f"### {table.form}: {table.id} {table.title}", "", table.title_en, "")
    if table.section:
        yield from (f"{_heading('section')}: {table.section}", "")
    yield from (f"{_heading('columns')}:", "")
    columns = [
        (f"`{c.code}`", c.label, c.label_en, _unit(c.unit, c.printed_unit), _term(c.variant)) for c in table.columns
    ]
    yield from _grid(("code", "label", "english", "unit", "layout"), columns)
    yield from (f"{_heading('rows')}:", "")
    rows = [
        (
            f"`{row.code}`",
            row.label,
            row.label_en,
            _unit(row.unit, row.printed_unit),
            _term(row.kind),
            f"`{row.parent}`" if row.parent else "",
            _term(row.relation),
            _term(row.extension),
        )
        for row in table.rows
    ]
    yield from _grid(("code", "label", "english", "unit", "kind", "parent", "relation", "extension"), rows)


def _check(check: Check) -> tuple[str, ...]:
    over = ", ".join(filter(None, (_term(check.over), _term(check.scope) if check.scope != "within_report" else "")))
    expression = f"`{check.expression}`"
    return (
        f"`{check.name}`", check.label, check.label_en, _term(check.strength), over, expression, check.note or "",
    )  # fmt: skip


def _claim(claim: ClaimPattern) -> tuple[str, ...]:
    return f"`{claim.name}`", f"`{claim.indicator}`", f"`{claim.col}`", _term(claim.strength)


def _findings() -> Iterator[str]:
    yield from (f"## {_heading('findings')}", "")
    for kind, word in words()["finding_kinds"].items():
        rows = [(f"`{name}`", f["zh"], f["en"]) for name, f in findings().items() if f["kind"] == kind]
        yield from (f"### {kind} {_both(word)}", "")
        if rows:
            yield from _grid(("code", "meaning", "english"), rows)


def _glossary(name: str) -> Iterator[str]:
    yield from (f"## {_heading(name)}", "")
    yield from _grid(
        ("code", "meaning", "english"), ((f"`{key}`", word["zh"], word["en"]) for key, word in words()[name].items())
    )


def _grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, and the blank line after it; columns that are empty throughout are left out."""
    kept = [tuple(row) for row in rows]
    used = [n for n in range(len(headings)) if any(row[n] for row in kept)]
    for row in (tuple(_heading(name) for name in headings), ("---",) * len(headings), *kept):
        yield "| " + " | ".join(row[n].replace("|", "\\|") for n in used) + " |"
    yield ""


def _heading(name: str) -> str:
    return _both(words()["headings"][name])


def _unit(unit: str | None, printed: str | None) -> str:
    """The unit of the stored value; where the form prints another, that too."""
    for one in filter(None, (unit, printed)):
        words()["units"][one]
    if unit is None:
        return ""
    return f"{unit} ({_heading('printed_unit')}: {printed})" if printed and printed != unit else unit


def _term(code: str | None) -> str:
    if code is None:
        return ""
    words()["terms"][code]
    return code


def _both(word: dict[str, str]) -> str:
    return f"{word['zh']} {word['en']}"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(render())
