"""Any report, typeset in any layout, reads back as it was printed; what cannot be read is said."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from lxml import html
from strategies import EDITS, FORM_IDS, MEDIA, compare, forms, layouts, squeezed, unsaid
from typeset import Layout, form
from typeset_html import typeset

from parsers import as_dict, parse

#: fixed examples: a failure here fails everywhere, and a pass stays one; not shrunk, since the layout says it all
steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.mark.parametrize(("form_id", "cells"), [("v2014", 58), ("v2019", 198), ("v2021", 200)])
def test_the_typesetter_prints_every_cell_of_the_official_form(form_id: str, cells: int) -> None:
    """The counts of cells are those of the notices: 58 rows; 6+6+6+2+2+161+15; 6+1+2+1+175+15."""
    page = typeset(form_id, Layout(variant="single"))
    assert len(page.expected) == cells


@steady
@given(forms, layouts())
def test_any_layout_reads_back_exactly(form_id: str, layout: Layout) -> None:
    page = typeset(form_id, layout)
    report = parse(page.body, media_type=page.media_type)
    found = compare(page, report)
    assert report.kind == "report"
    assert not found.wrong
    assert not found.extra
    assert not found.lost


@steady
@given(forms, layouts(medium=MEDIA, edits=("", *EDITS)))
def test_where_blanks_have_lost_their_place_every_figure_is_right_and_each_loss_is_said(
    form_id: str, layout: Layout
) -> None:
    page = typeset(form_id, layout)
    report = parse(page.body, media_type=page.media_type)
    found = compare(page, report)
    assert not found.wrong
    assert not found.extra
    assert not unsaid(report, found.lost)


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("form_id", FORM_IDS)
def test_rows_without_blanks_are_read_from_lines_and_stored_text(form_id: str, medium: str) -> None:
    """A row without blanks has lost nothing; a neighbour that lost some may still make it doubtful."""
    kept = read = 0
    for seed in range(8):
        page = typeset(form_id, Layout(medium=medium, variant="single", seed=seed))
        report = parse(page.body, media_type=page.media_type)
        rows: dict[str, list[str]] = {}
        for (_, indicator, _), (_, state) in page.expected.items():
            rows.setdefault(indicator, []).append(state)
        full = {indicator for indicator, states in rows.items() if "blank" not in states and "text" not in states}
        full -= {"cases"}
        given_rows = {figure.indicator for figure in report.figures}
        kept += len(full)
        read += len(full & given_rows)
    assert read >= 0.9 * kept


@steady
@given(forms, layouts(edits=EDITS))
def test_permuted_dropped_and_inserted_rows_never_move_a_figure(form_id: str, layout: Layout) -> None:
    page = typeset(form_id, layout)
    report = parse(page.body, media_type=page.media_type)
    found = compare(page, report)
    assert not found.wrong
    assert not found.extra
    assert not unsaid(report, found.lost)


@settings(steady, max_examples=60)
@given(forms, layouts())
def test_every_figure_stands_in_the_cell_it_names(form_id: str, layout: Layout) -> None:
    """The place is counted here on lxml's tree by the rule of docs/design.md, "Place"."""
    page = typeset(form_id, layout)
    report = parse(page.body, media_type=page.media_type)
    encoding = "utf-8" if layout.encoding in ("utf-8", "bom") else "gb18030"
    root = html.document_fromstring(page.body.decode(encoding.replace("utf-8", "utf-8-sig")))
    tables = []
    for table in root.iter("table"):
        rows = [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]
        tables.append([[cell for cell in row if cell.tag in ("td", "th")] for row in rows])
    assert report.figures
    for figure in report.figures:
        assert figure.tbl is not None
        cell = tables[figure.tbl - 1][figure.row - 1][figure.cell - 1]
        assert squeezed("".join(map(str, cell.itertext()))) == squeezed(figure.raw)


@settings(steady, max_examples=60)
@given(forms, layouts())
def test_two_copies_that_differ_give_no_figure_where_they_differ(form_id: str, layout: Layout) -> None:
    """One page, then the same form with other figures: a cell that both print alike counts once, others not at all."""
    first = typeset(form_id, layout)
    assume(not compare(first, parse(first.body, media_type=first.media_type)).lost)
    other = typeset(form_id, Layout(variant=layout.variant, extensions=False, seed=layout.seed + 1))
    encoding = "utf-8-sig" if layout.encoding in ("utf-8", "bom") else "gb18030"
    text = first.body.decode(encoding).replace("</body></html>", "")
    second = other.body.decode()
    body = (text + second[second.index("<div id=zoom>") :]).encode("utf-8-sig")
    report = parse(body, media_type="text/html")
    differing = {key for key in other.expected if key in first.expected and other.expected[key] != first.expected[key]}
    given_keys = {(f.form, f.indicator, f.col) for f in report.figures}
    assert differing
    assert not differing & given_keys
    for figure in report.figures:
        value, state = (
            first.expected.get((figure.form, figure.indicator, figure.col))
            or other.expected[figure.form, figure.indicator, figure.col]
        )
        assert (figure.state, None if figure.value is None else Decimal(figure.value)) == (state, value)
    assert not unsaid(report, differing)


@settings(steady, max_examples=300)
@given(st.binary(max_size=400), st.sampled_from((None, "text/html", "text/plain", "text/html; charset=gbk", "image/x")))
def test_parse_never_raises_on_any_bytes(body: bytes, media_type: str | None) -> None:
    as_dict(parse(body, media_type=media_type, url="http://www.example.gov.cn/art/2021/1/1/art_1_1.html"))


@settings(steady, max_examples=120)
@given(forms, layouts(medium=("table", "flat", "text")), st.data())
def test_parse_never_raises_on_mutated_pages_and_is_a_function_of_the_bytes(
    form_id: str, layout: Layout, data: st.DataObject
) -> None:
    page = typeset(form_id, layout)
    body = bytearray(page.body)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(0, len(body) - 1)))
        cut = data.draw(st.integers(0, 40))
        body[at : at + cut] = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from(_FRAGMENTS)))
    report = parse(bytes(body), media_type=page.media_type)
    assert report == parse(bytes(body), media_type=page.media_type)
    codes = {
        (form_id, row["code"]) for form_id in FORM_IDS for table in form(form_id)["tables"] for row in table["rows"]
    }
    for figure in report.figures:
        assert (figure.form, figure.indicator) in codes
        assert (figure.value is None) or figure.state == "number"


_FRAGMENTS = (
    b"<td>", b"</td>", b"</tr>", b"<tr>", b"<table>", b"</table>", b"<td rowspan=0>", b"<td colspan=99999>", b"<!--",
    b"-->", b"<script>", b"</script>", b"\0", b"&#0;", b"&#xFFFFFFFF;", b"<svg>", b"<plaintext>", b"<![CDATA[",
    b"\xff\xfe", b"<title>", b"<textarea>", b"</html>", b"<select>", b"|", b"||\n",
    b"<meta charset=utf-16>", b"<template>",
)  # fmt: skip
