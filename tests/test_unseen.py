"""What a browser does not show is no figure, and what it shows in other ways than text is no blank.

Figures are made up, one for each cell.
"""

from __future__ import annotations

import re

import pytest

from parsers import parse
from parsers.model import Report

HEAD = "<tr><td>信息内容</td><td>本年制发件数</td><td>本年废止件数</td><td>现行有效件数</td></tr>"
TABLE = (
    f"<table><tbody>{HEAD}<tr><td>规章</td><td>11</td><td>12</td><td>13</td></tr>"
    "<tr><td>行政规范性文件</td><td>24</td><td>25</td><td>26</td></tr></tbody></table>"
)


def _report(tables: str) -> Report:
    page = (
        '<meta charset="utf-8"><h1>衢州市衢江区民政局2022年政府信息公开工作年度报告</h1><p>一、总体情况</p>'
        f"<p>{'本年度按规定更新目录，做好各项工作。' * 8}</p><p>二、主动公开政府信息情况</p>{tables}"
    )
    report = parse(page.encode(), media_type="text/html")
    assert report.kind == "report"
    return report


def _numbers(tables: str) -> list[object]:
    return [figure.value for figure in _report(tables).figures]


UNSEEN = {
    "not displayed": '<span style="display:none">9</span>',
    "invisible": '<span style="visibility: hidden">9</span>',
    "of no size": '<font style="FONT-SIZE:0pt">9</font>',
    "embedding marks": "&#8234;&#8236;",
    "isolating marks": "&#8294;&#8297;",
    "a reading above": "<ruby><rt>9</rt></ruby>",
}


@pytest.mark.parametrize("unseen", UNSEEN.values(), ids=UNSEEN)
def test_what_is_not_seen_is_no_digit(unseen: str) -> None:
    for changed in (re.sub(r"(\d\d)", rf"\1{unseen}", TABLE), re.sub(r"<td>(\d)(\d)", rf"<td>{unseen}\1\2", TABLE)):
        assert _numbers(changed) == [11, 12, 13, 24, 25, 26]
    assert _numbers(TABLE.replace("规章", f"规{unseen}章")) == [11, 12, 13, 24, 25, 26]


def test_a_small_size_is_seen() -> None:
    assert _numbers(TABLE.replace("11", '1<span style="font-size:0.9em">1</span>')) == [11, 12, 13, 24, 25, 26]


SHOWN = ["<button>11</button>", "<math><mn>11</mn></math>", "<svg><text>11</text></svg>", "<select><option>11</select>"]


@pytest.mark.parametrize("shown", SHOWN)
def test_what_is_shown_without_text_of_the_cell_is_no_blank(shown: str) -> None:
    report = _report(TABLE.replace("11", shown))
    assert {figure.indicator for figure in report.figures} == {"normative_documents"}
    assert any(f.name == "doubtful_alignment" and f.at == "regulations" for f in report.findings)


@pytest.mark.parametrize("wrapper", ['<div style="display:none">{}</div>', "<del>{}</del>", "<div hidden>{}</div>"])
def test_a_table_that_is_not_shown_counts_only_where_no_shown_one_does(wrapper: str) -> None:
    other = wrapper.format(re.sub(r">\d\d<", "><", TABLE))
    assert _numbers(TABLE + other) == _numbers(other + TABLE) == [11, 12, 13, 24, 25, 26]
    assert _numbers(wrapper.format(TABLE)) == [11, 12, 13, 24, 25, 26]


def test_no_cell_reaches_into_a_row_that_is_not_shown() -> None:
    hidden = '<tr style="display:none"><td>规章</td><td>91</td><td>92</td><td>93</td></tr>'
    spanned = TABLE.replace("<td>信", "<td></td><td>信").replace("<td>规", '<td rowspan="2">第（一）项</td><td>规')
    spanned = spanned.replace("</tr>", f"</tr>{hidden}")
    figures = _report(spanned).figures
    assert [(f.value, f.row) for f in figures] == [(11, 3), (12, 3), (13, 3), (24, 5), (25, 5), (26, 5)]


@pytest.mark.parametrize("between", ["&#8203;", "&nbsp;", "&#65279;"])
def test_nothing_that_is_seen_stands_between_cells(between: str) -> None:
    assert _numbers(TABLE.replace("</td>", f"</td>{between}")) == [11, 12, 13, 24, 25, 26]
    assert _numbers(TABLE.replace("12</td>", "12</td>7")) == [24, 25, 26]


@pytest.mark.parametrize("note", ["单位：件", "注：含授权组织", "　", "（续上表）"])
def test_a_note_between_rows_ends_no_table(note: str) -> None:
    wide = f'<tr><td colspan="9">{note}</td></tr>'
    rows = TABLE.replace("</tr><tr><td>行政", f"</tr>{wide}<tr><td>行政")
    assert _numbers(rows) == [11, 12, 13, 24, 25, 26]


def test_a_column_of_serial_numbers_is_no_column_of_figures() -> None:
    rows = TABLE.replace("<tr><td>信", "<tr><td>序号</td><td>信").replace("<tr><td>规", "<tr><td>1</td><td>规")
    assert _numbers(rows.replace("<tr><td>行", "<tr><td>2</td><td>行")) == [11, 12, 13, 24, 25, 26]


def test_a_group_that_spans_rows_of_unknown_labels_decides_no_form() -> None:
    """In v2019 （六）其他处理 carries figures, in v2021 it spans three rows: here their labels are unknown."""
    kinds = ["自然人", "商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他", "总计"]
    head = "<tr><td colspan=2>办理情况</td>" + "".join(f"<td>{kind}</td>" for kind in kinds) + "</tr>"
    numbers = "".join(f"<td>{n}</td>" for n in range(1, 8))
    rows = "".join(
        f"<tr>{label}{numbers}</tr>"
        for label in (
            "<td colspan=2>一、本年新收政府信息公开申请数量</td>",
            "<td colspan=2>二、上年结转政府信息公开申请数量</td>",
            "<td rowspan=3>（六）其他处理</td><td>甲类情形</td>", "<td>乙类情形</td>", "<td>丙类情形</td>",
            "<td colspan=2>四、结转下年度继续办理</td>",
        )
    )  # fmt: skip
    report = _report(f"<table>{head}{rows}</table>")
    assert {figure.form for figure in report.figures} == {"v2021"}
    assert any(f.name == "form_by_year" for f in report.findings)


@pytest.mark.parametrize("parted", ["1 1", "1&nbsp;1", "1&#8201;1", "<span>1</span>\n<span>1</span>"])
def test_digits_with_blanks_between_are_read_and_signalled(parted: str) -> None:
    report = _report(TABLE.replace("11", parted))
    assert report.figures[0].value == 11
    assert [f.at for f in report.findings if f.name == "digits_parted"] == ["regulations[issued]"]
    assert not any(f.name == "digits_parted" for f in _report(TABLE.replace("11", "&nbsp;11 ")).findings)


ROWS = ["行政许可", "行政处罚", "行政强制"]


def test_an_empty_copy_of_the_form_takes_no_figure_away() -> None:
    filled = "".join(f"<tr><td>{row}</td><td>{n}</td></tr>" for n, row in enumerate(ROWS, 31))
    filled = TABLE + f"<table><tr><td>信息内容</td><td>本年处理决定数量</td></tr>{filled}</table>"
    empty = re.sub(r">\d+<", "><", filled)
    for page in (filled + empty, empty + filled):
        report = _report(page)
        assert [figure.value for figure in report.figures] == [11, 12, 13, 24, 25, 26, 31, 32, 33]
        assert [f.name for f in report.findings if f.kind == "alignment"].count("blank_copy") == 1
    assert {figure.state for figure in _report(empty).figures} == {"blank"}


def test_a_comment_that_is_never_closed_is_said() -> None:
    report = _report(TABLE.replace("<tr><td>行政", "<!--<tr><td>行政"))
    assert [figure.value for figure in report.figures] == [11, 12, 13]
    assert any(f.name == "truncated" for f in report.findings)
