"""Hypothesis strategies over the layouts of `typeset`, and how a reading is held against what was typeset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from hypothesis import strategies as st
from typeset import Key, Layout, Page, form

from parsers.model import Report

FORM_IDS = ("v2014", "v2019", "v2021")
MEDIA = ("flat", "text")
EDITS = ("permute", "drop", "insert", "permute drop", "drop insert", "permute drop insert")
_SPACE = re.compile(r"[\s\u00a0\u200b]+")
#: findings that tell nothing about a cell that was not read
_SILENT = frozenset(("check", "claim", "metadata", "prose"))

forms = st.sampled_from(FORM_IDS)


def _some(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), max_size=3)


def layouts(*, medium: Iterable[str] = ("table",), edits: Iterable[str] = ("",)) -> st.SearchStrategy[Layout]:
    """Every option drawn by itself; the figures come from the seed."""
    return st.builds(
        Layout,
        medium=st.sampled_from(list(medium)),
        grouping=st.sampled_from(("official", "one", "blocks", "cut")),
        header_levels=st.sampled_from((3, 2, 1)),
        header_spans=st.booleans(),
        body_spans=st.booleans(),
        cut_header=st.booleans(),
        titles=st.booleans(),
        word=st.sampled_from(("", "mso", "mso_hidden", "mso_misaligned")),
        labels=_some("blanks", "br", "paragraphs", "half", "traditional", "guidance", "enumerator", "colon"),
        numbers=_some("fullwidth", "spans", "blanks", "paragraph"),
        wrapper=st.sampled_from(("plain", "layout_table", "menus")),
        twice=st.booleans(),
        repeat_header=st.booleans(),
        variant=st.sampled_from(("quarter_and_year", "single", "by_level")),
        unit_column=st.sampled_from(("form", "yuan", "none")),
        code_column=st.booleans(),
        serial_column=st.booleans(),
        amount_header=st.sampled_from(("", "万元", "元")),
        decoys=_some("prose", "local_table", "counter"),
        encoding=st.sampled_from(("utf-8", "bom", "gbk_as_utf8", "gb18030_undeclared")),
        extensions=st.booleans(),
        edits=st.sampled_from(list(edits)),
        seed=st.integers(0, 2**32),
    )


class Comparison(NamedTuple):
    """`wrong` and `extra` are figures that the page does not have so; `lost` those it has and the reading has not."""

    wrong: dict[Key, str]
    lost: list[Key]
    extra: list[Key]


def compare(page: Page, report: Report) -> Comparison:
    read = {(f.form, f.indicator, f.col): f for f in report.figures}
    wrong = {}
    for key, (value, state) in page.expected.items():
        figure = read.get(key)
        if figure is not None and (figure.state, _decimal(figure.value)) != (state, value):
            wrong[key] = f"{figure.value} ({figure.state}, {figure.raw!r}), printed {value} ({state})"
    return Comparison(wrong, [k for k in page.expected if k not in read], [k for k in read if k not in page.expected])


def _decimal(number: int | Decimal | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def unsaid(report: Report, lost: Iterable[Key]) -> list[Key]:
    """Lost figures that no finding covers: none names the figure's cell, row or table, or says the page is cut."""
    said = [f for f in report.findings if f.kind not in _SILENT]
    if any(f.kind == "reading" for f in said):
        return []
    return [
        key
        for key in lost
        if not any(_covers(f.name, f.at or "", f.note or "", f.expected, f.found, key) for f in said)
    ]


def _covers(name: str, at: str, note: str, expected: object, found: object, key: Key) -> bool:
    form_id, indicator, column = key
    table = next(
        t["id"]
        for t in form(form_id)["tables"]
        if any(r["code"] == indicator for r in t["rows"]) and any(c["code"] == column for c in t["columns"])
    )
    if name == "table_matched":
        return at == f"{form_id}.{table}" and (indicator in note or expected != found)
    if name == "header_order":
        return False
    return at in (indicator, f"{indicator}[{column}]", table, f"{form_id}.{table}") or table in at.split(", ")


def squeezed(text: str) -> str:
    return _SPACE.sub("", text)
