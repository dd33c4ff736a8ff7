"""Year, region and body of a report: which source wins, what disagreement says, which index numbers hold an area."""

from __future__ import annotations

import pytest

from parsers import parse
from parsers.identity import agency_of, region_of_index, year_of
from parsers.metadata import is_report_title
from parsers.model import Block, Document, Paragraph

TITLE = "衢江区民政局2020年政府信息公开工作年度报告"
PERIOD = "统计期限自2019年1月1日起，至2019年12月31日止。"
CLASS, ADDRESS, DAY = {"classes": "2018年度"}, "http://www.example.gov.cn/a.jsp?fbtime=2017", "2017-02-18"


def _document(*texts: str) -> Document:
    blocks: tuple[Block, ...] = tuple(Paragraph(text, n) for n, text in enumerate(texts, 1))
    return Document(None, (), blocks, "text/html", "utf-8", (0, len(blocks)))


def test_the_first_source_names_the_year_and_disagreement_is_found() -> None:
    page, bare = _document(PERIOD), _document()
    years = [
        year_of(page, TITLE, CLASS, ADDRESS, DAY),
        year_of(page, None, CLASS, ADDRESS, DAY),
        year_of(bare, None, CLASS, ADDRESS, DAY),
        year_of(bare, None, {}, ADDRESS, DAY),
    ]
    assert [year.value for year in years] == [2020, 2019, 2018, 2017]
    assert [[finding.name for finding in year.findings] for year in years] == [["year_disagrees"]] * 4
    assert [year.findings[0].at for year in years] == ["title", "period", "class", "address"]
    alone = year_of(bare, None, {}, None, DAY)
    assert (alone.value, alone.findings) == (2016, ())
    none = year_of(bare, None, {}, None, None)
    assert none.value is None and [finding.name for finding in none.findings] == ["year_unknown"]


@pytest.mark.parametrize(
    ("index", "region"),
    [
        ("330803-035/2021-46828", "330803"),
        ("330803/2021-46933", "330803"),
        ("330782000000/2021-364241", "330782"),
        ("11330800002618015K/2025-151075", "330800"),
        ("11341702486344515H/202110-00013", "341702"),
        ("014320144/2015-00056", None),
        ("01425845-9/2021-00012", None),
        ("01527918X-2020-153077", None),
        ("XM02100-0101-2019-00001", None),
        ("3212000002/2018-354983", None),
        ("/2021-None", None),
        ("00000001/2018-00042", None),
        ("999999-001/2021-1", None),
        ("", None),
        (None, None),
    ],
)
def test_an_area_is_read_only_from_the_known_schemes(index: str | None, region: str | None) -> None:
    assert region_of_index(index) == region


def test_a_short_publisher_is_completed_from_the_region() -> None:
    agency = agency_of(publisher="区民政局", title=None, filled=None, closing=(), hint="330803")
    assert (agency.name, agency.region) == ("衢州市衢江区民政局", "330803")
    assert (agency.level, agency.kind) == ("county", "department")
    unknown = agency_of(publisher="区民政局", title=None, filled=None, closing=(), hint=None)
    assert (unknown.name, unknown.region) == ("区民政局", None)


@pytest.mark.parametrize(
    ("title", "report"),
    [
        (TITLE, True),
        ("2022年政府网站工作年度报表", False),
        ("衢江区民政局政府信息公开指南", False),
        ("页面不存在", False),
    ],
)
def test_which_titles_are_those_of_reports(title: str, report: bool) -> None:
    assert is_report_title(title) is report


@pytest.mark.parametrize(
    ("body", "before", "after", "year", "region", "level", "kind"),
    [
        ("衢州市衢江区民政局", "", "关于", 2021, "330803", "county", "department"),
        ("衢州市衢江区民政局", "", "<br>", 2021, "330803", "county", "department"),
        ("衢州市档案馆", "【年报】", "", 2021, "330800", "city", "department"),
        ("国家税务总局衢州市税务局", "", "", 2021, "330800", "city", "department"),
        ("中华人民共和国杭州海关", "", "", 2021, "330100", "city", "department"),
        ("自然资源部", "", "", 2021, "000000", "national", "department"),
        ("国务院办公厅", "", "", 2021, "000000", "national", "office"),
        ("邢台市桥西区人民政府", "", "", 2019, "130503", "county", "government"),
        ("大兴安岭地区行政公署", "", "", 2021, "232700", "city", "government"),
    ],
)
def test_the_body_its_region_and_level_from_the_title(
    body: str, before: str, after: str, year: int, region: str, level: str, kind: str
) -> None:
    title = f"{before}{body}{after}{year}年度政府信息公开工作年度报告"
    page = (
        f'<meta charset="utf-8"><h1>{title}</h1><p>成文日期：二〇二二年一月十八日</p><p>一、总体情况</p>'
        f"<p>{'认真做好各项工作。' * 20}</p><p>二、主动公开政府信息情况</p><p>三、收到和处理政府信息公开申请情况</p>"
    )
    report = parse(page.encode(), media_type="text/html")
    found = report.metadata
    assert (found.agency, found.region, found.level, found.agency_kind) == (body, region, level, kind)
    assert report.title == title.replace("<br>", "") and found.written_on == "2022-01-18"


@pytest.mark.parametrize(
    "lines",
    [
        "<p>衢州市衢江区民政局</p><p>2021年政府信息公开工作年度报告</p>",
        "<table><tr><td>衢州市衢江区民政局2021年政府信息公开工作年度报告</td></tr><tr><td>发布时间：2022-1-18</td></tr></table>",
    ],
)
def test_a_title_on_two_lines_or_in_a_table_of_its_own(lines: str) -> None:
    page = (
        f'<meta charset="utf-8">{lines}<p>一、总体情况</p><p>{"认真做好各项工作。" * 20}</p>'
        "<p>二、主动公开政府信息情况</p><p>三、收到和处理政府信息公开申请情况</p>"
    )
    report = parse(page.encode(), media_type="text/html")
    assert report.title == "衢州市衢江区民政局2021年政府信息公开工作年度报告"
    assert report.metadata.agency == "衢州市衢江区民政局"
