"""The official forms, loaded from `parsers/forms/*.toml`: one file a generation, no branch on a generation's name.

A form's tables come in two shapes: `list` (a unit column and one to three value columns; the row carries the unit) and
`matrix` (the column carries the unit). Row order is the order of the official form; rows that only some provinces
print carry `extension`.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from parsers.labels import core, normalise

FORMS = Path(__file__).with_name("forms")


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a table. `kind`: value (carries numbers), heading (printed without numbers), group (spans rows)."""

    code: str
    label: str
    label_en: str
    kind: str
    level: int
    ordinal: int
    unit: str | None = None
    printed_unit: str | None = None
    parent: str | None = None
    relation: str | None = None
    flow: str | None = None
    extension: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def is_value(self) -> bool:
        return self.kind == "value"


@dataclass(frozen=True, eq=False)
class Column:
    """One value column. `header` is the path of header cells above it; `variant` groups the columns of one layout."""

    code: str
    label: str
    label_en: str
    ordinal: int
    unit: str | None = None
    printed_unit: str | None = None
    header: tuple[str, ...] = ()
    variant: str | None = None
    signed: bool = False
    flow: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    form: str
    id: str
    title: str
    title_en: str
    shape: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    label_headers: frozenset[str]
    unit_headers: frozenset[str]
    code_headers: frozenset[str]
    section: str | None = None
    by_key: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def value_keys(self) -> frozenset[str]:
        """The labels of rows that carry numbers."""
        return frozenset(key for row in self.rows if row.is_value for key in row.keys)

    @cached_property
    def extensions(self) -> Mapping[str, int]:
        """How many rows each extension has."""
        return Counter(row.extension for row in self.rows if row.extension)

    @cached_property
    def layouts(self) -> tuple[tuple[Column, ...], ...]:
        """The column sequences that pages print: one a variant, or the only one."""
        variants = dict.fromkeys(column.variant for column in self.columns)
        return tuple(tuple(c for c in self.columns if c.variant == v) for v in variants)

    @cached_property
    def unlabelled(self) -> bool:
        """Whether the rows bear no label: the cells are known by their columns alone."""
        return all(not row.keys for row in self.rows)

    @cached_property
    def parts(self) -> tuple[tuple[Column, ...], ...]:
        """The columns under each spanning header cell, where a page may print them as tables of their own."""
        if not self.unlabelled:
            return ()
        parents = dict.fromkeys((depth, name) for c in self.columns for depth, name in enumerate(c.header))
        parts = (tuple(c for c in self.columns if c.header[d : d + 1] == (name,)) for d, name in parents)
        return tuple(dict.fromkeys(parts))


@dataclass(frozen=True)
class Check:
    """One identity of a form's arithmetic; `expression` is a Python comparison over the form's codes."""

    name: str
    label: str
    label_en: str
    form: str
    table: str | None
    scope: str
    strength: str
    expression: str
    var: str | None = None
    over: str | None = None
    extension: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class ClaimPattern:
    """How prose states a figure: a regular expression with the group `n`, over normalised text of one sentence.

    `sum_of` are the columns that add up to it where the form prints no such cell (`col` is then a definition's name).
    `value` is what a pattern without `n` states: 未收到申请 states 0. In the file a pattern may use the shorthands of
    `_SHORTHANDS`: `{n}` is a number of cases, `{gap8}` up to eight characters that turn no count into a comparison.
    """

    name: str
    form: str
    indicator: str
    col: str
    pattern: str
    strength: str
    unit: str | None = None
    sum_of: tuple[str, ...] = ()
    value: int | None = None


_ELSEWHERE = "增|减|较|同比|环比|上升|下降|比上|去年|占|率|平均"
_OUTCOMES = "诉讼|复议|纠错|维持|撤销|驳回|确认|终止|结果|审结|办结|答复|败诉|胜诉|纠正|应诉"
_SHORTHANDS = {
    "n": "{count}(?=[件条份宗例起个次])",
    "count": "(?P<n>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)",
    "yuan": r"(?P<n>[0-9]+(?:\.[0-9]+)?)(?P<unit>亿元|万元|元)",
    "none": "(?:未(?:发生|产生|出现|收到|因|有|被)|没有|无(?:因|政府信息|信息公开|行政复议|被))[^,.;。;0-9]{0,24}?",
    "lost": "[^,.;。;0-9]{0,8}(?:败诉|纠错|撤销|纠正)",
}
_GAP = re.compile(r"\{(case)?gap([0-9]+)\}")


def _expand(pattern: str) -> str:
    """A claim's regular expression with its shorthands written out."""
    for name, text in _SHORTHANDS.items():
        pattern = pattern.replace(f"{{{name}}}", text)
    return _GAP.sub(
        lambda gap: rf"(?:(?!{_ELSEWHERE}{'|' + _OUTCOMES if gap[1] else ''})[^,.;。;,，;0-9]){{0,{gap[2]}}}?", pattern
    )


@dataclass(frozen=True, eq=False)
class Form:
    id: str
    name: str
    name_en: str
    document: str
    first_year: int
    last_year: int | None
    signatures: tuple[str, ...]
    footer: tuple[str, ...]
    sections: tuple[str, ...]
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    claims: tuple[ClaimPattern, ...]

    def table(self, table_id: str) -> Table | None:
        return next((table for table in self.tables if table.id == table_id), None)


class FormError(ValueError):
    """A form's file is wrong; the message names the file and the place."""


def load(path: Path) -> Form:
    """One generation of the form from its TOML file. Raises FormError naming file and place."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        form = _form(data)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise FormError(f"{path.name}: {type(error).__name__}: {error}") from error
    for check in form.checks:
        try:
            ast.parse(check.expression, mode="eval")
        except SyntaxError as error:
            raise FormError(f"{path.name}: check {check.name}: {error}") from error
    return form


@cache
def load_all(folder: Path = FORMS) -> tuple[Form, ...]:
    """All generations in `folder`, oldest first."""
    return tuple(sorted((load(path) for path in folder.glob("*.toml")), key=lambda form: form.first_year))


def _form(data: Mapping[str, Any]) -> Form:
    form_id = data["id"]
    return Form(
        id=form_id,
        name=data["name"],
        name_en=data.get("name_en", ""),
        document=data["document"],
        first_year=data["first_year"],
        last_year=data.get("last_year"),
        signatures=tuple(normalise(s) for s in data.get("signatures", ())),
        footer=tuple(normalise(s) for s in data.get("footer", ())),
        sections=tuple(data.get("sections", ())),
        tables=tuple(_table(form_id, table) for table in data["tables"]),
        checks=tuple(Check(form=form_id, **({"table": None} | check)) for check in data.get("checks", ())),
        claims=tuple(
            ClaimPattern(
                form=form_id,
                **{**claim, "sum_of": tuple(claim.get("sum_of", ())), "pattern": _expand(claim["pattern"])},
            )
            for claim in data.get("claims", ())
        ),
    )


def _table(form_id: str, data: Mapping[str, Any]) -> Table:
    rows = tuple(_row(n, row) for n, row in enumerate(data["rows"], 1))
    by_key: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        for key in row.keys:
            by_key.setdefault(key, []).append(n)
    return Table(
        form=form_id,
        id=data["id"],
        title=data["title"],
        title_en=data.get("title_en", ""),
        shape=data["shape"],
        rows=rows,
        columns=tuple(_column(n, column) for n, column in enumerate(data["columns"], 1)),
        label_headers=frozenset(_keys(data.get("label_headers", ()))),
        unit_headers=frozenset(_keys(data.get("unit_headers", ()))),
        code_headers=frozenset(_keys(data.get("code_headers", ()))),
        section=data.get("section"),
        by_key={key: tuple(numbers) for key, numbers in by_key.items()},
    )


def _row(ordinal: int, data: Mapping[str, Any]) -> Row:
    labels = [data["label"], data.get("core") or data["label"], *data.get("aliases", ())]
    known = {k: data.get(k) for k in ("unit", "printed_unit", "parent", "relation", "flow", "extension")}
    return Row(
        code=data["code"],
        label=data["label"],
        label_en=data.get("label_en", ""),
        kind=data["kind"],
        level=data["level"],
        ordinal=ordinal,
        keys=tuple(_keys(labels)),
        **known,
    )


def _column(ordinal: int, data: Mapping[str, Any]) -> Column:
    leaf = data["label"].rsplit("/", 1)[-1] if data.get("header") else data["label"]
    header = data.get("header", ())
    joined = ["".join((*header[n:], leaf)) for n in range(len(header))]  # a page may print the whole path in one cell
    return Column(
        code=data["code"],
        label=data["label"],
        label_en=data.get("label_en", ""),
        ordinal=ordinal,
        unit=data.get("unit"),
        printed_unit=data.get("printed_unit"),
        header=tuple(core(h) for h in data.get("header", ())),
        variant=data.get("variant"),
        signed=data.get("signed", False),
        flow=data.get("flow"),
        keys=tuple(_keys([leaf, *joined, *data.get("aliases", ())])),
    )


def _keys(labels: Iterable[str]) -> list[str]:
    return [key for key in dict.fromkeys(core(label) for label in labels) if key]
