"""Tables of the form in shapes that pages give them, and headers that lost something: read right, or not at all.

Figures are made up so that each cell has a number of its own; a number under another column is then seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from parsers import parse
from parsers.model import Report

LEAVES = ["结果维持", "结果纠正", "其他结果", "尚未审结", "总计"]
OUTCOMES = ["upheld", "corrected", "other", "pending", "total"]
WAYS = ["review", "litigation_direct", "litigation_after_review"]
KINDS = ["商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他"]
COLUMNS = [
    "natural_person", "commercial_enterprise", "research_institution", "public_interest_organization",
    "legal_service_organization", "other_organization", "total",
]  # fmt: skip
ROWS = ["一、本年新收政府信息公开申请数量", "二、上年结转政府信息公开申请数量", "四、结转下年度继续办理"]


def _row(*cells: object, tag: str = "td") -> str:
    return "<tr>" + "".join(str(c) if str(c).startswith("<") else f"<{tag}>{c}</{tag}>" for c in cells) + "</tr>"


def _wide(text: str, columns: int, rows: int = 1) -> str:
    return f'<td colspan="{columns}" rowspan="{rows}">{text}</td>'


def _report(tables: str) -> Report:
    page = (
        '<meta charset="utf-8"><h1>衢州市衢江区民政局2022年政府信息公开工作年度报告</h1><p>一、总体情况</p>'
        f"<p>{'本年度按规定更新目录，做好各项工作。' * 8}</p><p>三、收到和处理政府信息公开申请情况</p>{tables}"
    )
    report = parse(page.encode(), media_type="text/html")
    assert report.kind == "report"
    return report


CASES = {
    "official": "<table>" + _row(_wide("行政复议", 5, 2), _wide("行政诉讼", 10))
    + _row(_wide("未经复议直接起诉", 5), _wide("复议后起诉", 5)) + _row(*LEAVES * 3) + _row(*range(1, 16)) + "</table>",
    "two tables": "<table>" + _row(_wide("行政复议", 5)) + _row(*LEAVES) + _row(*range(1, 6)) + "</table><table>"
    + _row(_wide("行政诉讼", 10)) + _row(_wide("未经复议直接起诉", 5), _wide("复议后起诉", 5)) + _row(*LEAVES * 2)
    + _row(*range(6, 16)) + "</table>",
    "one below the other": "<table>" + "".join(
        _row(_wide(way, 5)) + _row(*LEAVES) + _row(*range(5 * n + 1, 5 * n + 6))
        for n, way in enumerate(["行政复议", "未经复议直接起诉", "复议后起诉"])) + "</table>",
    "one header row": "<table>"
    + _row(*(way + leaf for way in ["行政复议", "未经复议直接起诉", "复议后起诉"] for leaf in LEAVES))
    + _row(*range(1, 16)) + "</table>",
}  # fmt: skip


UP = [(n, k, leaf) for n in range(3) for k, leaf in enumerate(LEAVES)]
SUITS = ["行政复议", "未经复议直接起诉", "复议后起诉"]


def _upright(line: Callable[[int, int, str], str], head: str = "") -> str:
    return f"<table>{head}{''.join(line(*each) for each in UP)}</table>"


def _bare(*cells: object) -> str:
    return _row(*cells).replace("<td></td>", "")


def _labels(n: int, k: int) -> list[str]:
    """The spanning cells that begin in this row of an upright table with two columns of them."""
    outer = {0: _wide("行政复议", 2, 5), 1: _wide("行政诉讼", 1, 10)}.get(n, "") if k == 0 else ""
    return [outer, _wide(SUITS[n], 1, 5) if k == 0 and n else ""]


def _side(n: int, k: int) -> str:
    return _wide(SUITS[n], 1, 5) if k == 0 else ""


UPRIGHT = {
    "two columns of labels": _upright(lambda n, k, leaf: _bare(*_labels(n, k), leaf, 5 * n + k + 1)),
    "a header row": _upright(lambda n, k, leaf: _bare(_side(n, k), leaf, 5 * n + k + 1), _row("类别", "结果", "数量")),
    "a unit between": _upright(lambda n, k, leaf: _bare(_side(n, k), leaf, "件", 5 * n + k + 1)),
    "repeated labels": _upright(lambda n, k, leaf: _row(SUITS[n], leaf, 5 * n + k + 1)),
    "labels above each other": _upright(
        lambda n, k, leaf: (_row(_wide("行政诉讼", 2)) if (n, k) == (1, 0) else "")
        + (_row(_wide(SUITS[n], 2)) if k == 0 else "") + _row(leaf, 5 * n + k + 1)),
    "labels above each other, suits unnamed": _upright(
        lambda n, k, leaf: (_row(SUITS[n], "") if k == 0 else "") + _row(leaf, 5 * n + k + 1)),
    "whole label in a cell": _upright(lambda n, k, leaf: _row(SUITS[n] + leaf, 5 * n + k + 1)),
    "title and rank": _upright(lambda n, k, leaf: _row(SUITS[n], leaf, 5 * n + k + 1),
        _row(_wide("政府信息公开行政复议、行政诉讼情况", 3))),
}  # fmt: skip
CASES |= UPRIGHT


@pytest.mark.parametrize("table", UPRIGHT.values(), ids=UPRIGHT)
@pytest.mark.parametrize("lost", ["<td>结果纠正</td>", "<td>9</td>", "行政复议", "其他结果", "未经复议直接起", "<tr>"])
def test_an_upright_table_that_lost_something_gives_no_number_of_another_column(table: str, lost: str) -> None:
    right = {f"{way}_{outcome}": 5 * n + k + 1 for n, way in enumerate(WAYS) for k, outcome in enumerate(OUTCOMES)}
    for at in [found.start() for found in re.finditer(lost, table)][:3]:
        report = _report(table[:at] + table[at + len(lost) :])
        wrong = {figure.col: figure.raw for figure in report.figures if figure.value not in (right[figure.col], None)}
        assert wrong == {}
        assert len(report.figures) == 15 or any(f.kind in ("alignment", "form") for f in report.findings)


@pytest.mark.parametrize("table", UPRIGHT.values(), ids=UPRIGHT)
@pytest.mark.parametrize("cells", ["<td>99</td><td></td>", "<td></td><td>8</td>", "<td>99</td><td>8</td>"])
def test_a_cell_put_into_a_row_of_an_upright_table_gives_no_number(table: str, cells: str) -> None:
    report = _report(table.replace("<td>8</td>", cells))
    assert not report.figures and any(f.kind in ("alignment", "form") for f in report.findings)


@pytest.mark.parametrize("table", CASES.values(), ids=CASES)
def test_reviews_and_suits_are_read_however_they_are_printed(table: str) -> None:
    found = {figure.col: figure.value for figure in _report(table).figures}
    names = [f"{way}_{outcome}" for way in WAYS for outcome in OUTCOMES]
    assert found == dict(zip(names, range(1, 16), strict=True))


def test_a_lost_row_of_the_header_gives_no_number_of_another_column() -> None:
    table = "<table>" + _row(_wide("未经复议直接起诉", 5), _wide("复议后起诉", 5)) + _row(*LEAVES * 3)
    report = _report(table + _row(*range(1, 16)) + "</table>")
    assert not report.figures and any(f.kind == "alignment" for f in report.findings)


def test_suits_whose_spanning_labels_lost_their_spans_give_no_number() -> None:
    head = _row("行政诉讼") + _row("未经复议直接起诉", "复议后起诉") + _row(*LEAVES * 2)
    report = _report(f"<table>{head}{_row(*range(6, 16))}</table>")
    assert not report.figures and any(f.kind == "alignment" for f in report.findings)


def test_a_table_cut_behind_a_group_with_figures_leaves_the_form_to_the_rest() -> None:
    """（六）其他处理 carries figures in v2019; v2021 has three rows below it, and a page may print their sum."""
    rows = [*ROWS[:2], "（五）不予处理", "1.信访举报投诉类申请", "（六）其他处理"]
    report = _report(_applications(FULL, rows))
    assert {figure.form for figure in report.figures} == {"v2021"}
    assert any(f.name == "form_by_year" for f in report.findings)


@pytest.mark.parametrize("label", ["数量1", "数量（件）1"])
def test_a_number_that_ran_into_its_label_is_not_replaced_by_its_neighbour(label: str) -> None:
    head = '<table><tr><td rowspan="3">类别</td>' + CASES["official"].removeprefix("<table><tr>").split("<tr><td>1<")[0]
    report = _report(head + _row(label, *range(2, 16), "") + "</table>")
    assert not report.figures
    assert any(f.name == "doubtful_alignment" and f.at == "cases" for f in report.findings)
    report = _report(head + _row("2022年度件数", *range(1, 16)) + "</table>")
    assert [figure.value for figure in report.figures] == list(range(1, 16))


def _applications(head: str, rows: list[str] = ROWS) -> str:
    body = "".join(_row(label, *range(10 * n + 1, 10 * n + 8)) for n, label in enumerate(rows))
    return f"<table>{head}{body}</table>"


FULL = (
    _row('<td rowspan="3">（本列数据的勾稽关系）</td>', _wide("申请人情况", 7))
    + _row('<td rowspan="2">自然人</td>', _wide("法人或其他组织", 5), '<td rowspan="2">总计</td>')
    + _row(*KINDS)
)
LOST = {
    "a kind of organisation": FULL.replace("<td>科研机构</td>", ""),
    "natural persons": FULL.replace('<td rowspan="2">自然人</td>', ""),
    "the middle row": FULL.replace(
        _row('<td rowspan="2">自然人</td>', _wide("法人或其他组织", 5), '<td rowspan="2">总计</td>'), ""
    ),
    "the total": FULL.replace('<td rowspan="2">总计</td>', ""),
}


@pytest.mark.parametrize("head", LOST.values(), ids=LOST)
def test_a_header_that_lost_a_cell_moves_no_number_to_another_column(head: str) -> None:
    report = _report(_applications(head))
    right = {
        (code, col): 10 * n + k
        for n, code in enumerate(("applications_received", "applications_carried_in", "applications_carried_out"))
        for k, col in enumerate(COLUMNS, 1)
    }
    assert {(f.indicator, f.col): f.value for f in report.figures if right[f.indicator, f.col] != f.value} == {}
    assert len(report.figures) == len(right) or any(f.kind == "alignment" for f in report.findings)


V2014 = ["（一）收到申请数", "1.当面申请数", "传真申请数", "3.网络申请数", "4.信函申请数"]


def _list(head: str, row: str) -> str:
    return f"<table>{head}" + "".join(row.format(a=a, b="件", n=n) for n, a in enumerate(V2014, 1)) + "</table>"


LISTS = {
    "unit after": _list(_row("统计指标", "统计数", "单位"), _row("{a}", "{n}", "{b}")),
    "unit in brackets": _list(_row("统计指标", "单位", "统计数"), _row("{a}", "（{b}）", "{n}")),
    "no name above the numbers": _list(_row("统计指标", "单位", ""), _row("{a}", "{b}", "{n}")),
    "another name above the numbers": _list(_row("统计指标", "单位", "填报数"), _row("{a}", "{b}", "{n}")),
    "circled numbers": _list(_row("统计指标", "单位", "统计数"), _row("②{a}", "{b}", "{n}")),
}


@pytest.mark.parametrize("table", LISTS.values(), ids=LISTS)
def test_lists_with_units_and_headings_in_other_places(table: str) -> None:
    report = _report(table)
    assert [figure.value for figure in report.figures] == [1, 2, 3, 4, 5]
    assert {figure.col for figure in report.figures} == {"year_total"}


@pytest.mark.parametrize(
    ("own", "departments", "towns"),
    [
        ("县政府统计数", "县直单位统计数", "乡镇统计数"),
        ("市政府本级", "市直部门", "乡镇街道"),
        ("区政府", "区直单位", "镇街"),
    ],
)
def test_the_columns_of_each_level(own: str, departments: str, towns: str) -> None:
    report = _report(
        _list(_row("统计指标", "单位", own, departments, towns), _row("{a}", "{b}", "{n}1", "{n}2", "{n}3"))
    )
    found = {(figure.indicator, figure.col): figure.value for figure in report.figures}
    assert found["applications_by_fax", "own_government"] == 31 and found["applications_by_fax", "townships"] == 33
    assert len(found) == 15


def test_blocks_side_by_side_are_refused() -> None:
    row = _row("{a}", "{b}", "{n}", "二、回应解读情况", "——", "")
    report = _report(_list(_row("统计指标", "单位", "统计数", "统计指标", "单位", "统计数"), row))
    assert not report.figures and any(f.kind == "alignment" for f in report.findings)


def test_another_row_of_a_short_label_is_no_row_of_the_form() -> None:
    rows = [*ROWS[:2], "其他", ROWS[2]]
    report = _report(_applications(FULL, rows))
    assert {f.indicator for f in report.figures} == {
        "applications_received", "applications_carried_in", "applications_carried_out"
    }  # fmt: skip
    assert any(f.name == "unknown_label" for f in report.findings)


def test_a_lost_quote_gives_no_half_number() -> None:
    whole = _applications(FULL).replace("<td>13</td>", '<td><span class="a">1</span><span class="b">3</span></td>')
    assert {f.value for f in _report(whole).figures if f.col == "public_interest_organization"} >= {14}
    torn = whole.replace('class="a">1</span>', 'class="a>1</span>')
    report = _report(torn)
    assert not [f for f in report.figures if f.indicator == "applications_carried_in"]
    assert any(f.name == "attribute_unclosed" for f in report.findings)


@pytest.mark.parametrize(
    "cell", ['<img src="7.gif">', "<s>9</s>7", '<span style="text-decoration:line-through">9</span>7']
)
def test_what_is_no_plain_number_is_no_number_in_silence(cell: str) -> None:
    report = _report(_applications(FULL).replace("<td>3</td>", f"<td>{cell}</td>"))
    found = {(f.indicator, f.col): f for f in report.figures}
    figure = found.get(("applications_received", "research_institution"))
    assert figure is None or figure.state == "text"
    assert any(f.kind in ("alignment", "value") for f in report.findings)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("信息内容|本年制发件数|备注|现行有效件数|", "规章|1|9|"),  # which of the two that are blank was dropped?
        ("信息内容|本年废止件数|本年制发件数|", "规章|1|2|"),
    ],
    ids=["a stranger among them", "another order"],
)
def test_stored_text_that_lost_its_blank_cells_is_read_under_the_forms_own_header_only(head: str, row: str) -> None:
    def read(head: str, row: str) -> Report:
        text = f"某县人民政府2022年政府信息公开工作年度报告\n{head}\n{row}\n{row.replace('规章', '行政规范性文件')}\n"
        return parse(text.encode(), media_type="text/plain")

    good = read("信息内容|本年制发件数|现行有效件数|", "规章|1|2|")
    assert [(f.col, f.value) for f in good.figures] == [("issued", 1), ("in_force", 2)] * 2
    report = read(head, row)
    assert not report.figures and any(f.kind == "alignment" for f in report.findings)


NUMERALS = {
    "no stop": ["一 ", "二 ", "四 "], "nothing between": ["一", "二", "四"], "arabic": ["1.", "2.", "4."],
    "arabic, no stop": ["1 ", "2 ", "4 "], "brackets": ["（一）", "（二）", "（四）"],
    "half a bracket": ["（一", "（二", "（四"], "circled": ["①", "②", "④"],
    "bracket behind": ["1）", "2）", "4）"], "comma": ["一，", "二，", "四，"],
    "square": ["〔一〕", "〔二〕", "〔四〕"], "none": ["", "", ""],
}  # fmt: skip


@pytest.mark.parametrize("marks", NUMERALS.values(), ids=NUMERALS)
def test_the_numeral_of_a_row_may_be_written_in_any_way(marks: list[str]) -> None:
    rows = [mark + row[2:] for mark, row in zip(marks, ROWS, strict=True)]
    report = _report(_applications(FULL, rows))
    assert [figure.value for figure in report.figures] == [10 * n + k for n in range(3) for k in range(1, 8)]


@pytest.mark.parametrize("label", ["3其他", "3 其他", "3·其他", "（3其他"])
def test_a_short_label_with_a_number_and_no_stop(label: str) -> None:
    rows = ["2.申请人逾期未按收费通知要求缴纳费用、行政机关不再处理其政府信息公开申请", label, "（七）总计"]
    report = _report(_applications(FULL, rows))
    assert [f.indicator for f in report.figures[7:14]] == ["other_miscellaneous"] * 7


@pytest.mark.parametrize("label", ["行政许可 指本机关作出的许可", "行政许可\n注：含备案", "行政许可　不含备案"])
def test_an_explanation_behind_a_label_is_no_part_of_it(label: str) -> None:
    table = "<table>" + _row("信息内容", "本年处理决定数量") + _row(label.replace("\n", "<br>"), 7) + "</table>"
    assert [(f.indicator, f.value) for f in _report(table).figures] == [("administrative_licensing", 7)]
    assert not _report(re.sub("[ 　<].{0,5}(?:注：|指|不)", "甲", table)).figures


ROWLESS = {
    "no tag of a row begins": lambda table: table.replace("<tr>", ""),
    "rows have no tags": lambda table: re.sub("</?tr>", "", table),
    "rows have no tags in a body": lambda table: re.sub("</?tr>", "", table).replace("<table>", "<table><tbody>"),
}


@pytest.mark.parametrize("change", ROWLESS.values(), ids=ROWLESS)
def test_tables_whose_rows_lost_their_tags(change: Callable[[str], str]) -> None:
    table = _applications(_row("办理情况", "自然人", *KINDS, "总计"))
    expected = [10 * n + k for n in range(3) for k in range(1, 8)]
    assert [figure.value for figure in _report(change(table)).figures] == expected
    listed = _list(_row("统计指标", "单位", "统计数"), _row("{a}", "{b}", "{n}"))
    assert [figure.value for figure in _report(change(listed)).figures] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("lost", ["<td>13</td>", "<td>2</td>", "<td>二、上年结转政府信息公开申请数量</td>"])
def test_a_cell_lost_from_a_table_without_rows_moves_no_number(lost: str) -> None:
    table = re.sub("</?tr>", "", _applications(_row("办理情况", "自然人", *KINDS, "总计")))
    report = _report(table.replace(lost, "", 1))
    tens = {"applications_received": 0, "applications_carried_in": 10, "applications_carried_out": 20}
    for figure in report.figures:
        assert figure.value == tens[figure.indicator] + COLUMNS.index(figure.col) + 1
    assert any(f.kind == "alignment" for f in report.findings) or len(report.figures) == 14


def test_a_unit_is_never_a_figure() -> None:
    report = _report(_list(_row("统计指标", "统计数", "单位"), _row("{a}", "{b}", "{n}")))
    assert "text" not in {figure.state for figure in report.figures}
    assert report.figures == () and any(f.kind == "alignment" for f in report.findings)
