"""The block of labels above a report, in each shape that portals print it; an empty field takes no neighbour's text."""

from __future__ import annotations

import json

import pytest

from parsers import as_dict, parse
from parsers.metadata import clean
from parsers.model import Metadata

INDEX, BODY, DAY = "330803-035/2021-46828", "区民政局", "2021-02-18"

SHAPES = {
    "table": f"<table><tr><td>索引号</td><td>{INDEX}</td><td>发布单位</td><td>{BODY}</td></tr>"
    f"<tr><td>成文日期</td><td>{DAY}</td><td>有效性</td><td></td></tr></table>",
    "header over values": "<table><tr><td>索引号</td><td>发布单位</td><td>成文日期</td></tr>"
    f"<tr><td>{INDEX}</td><td>{BODY}</td><td>{DAY}</td></tr></table>",
    "one cell": f"<table><tr><td>索引号：{INDEX}</td><td>发布单位:{BODY}</td></tr>"
    f"<tr><td>成文日期：{DAY}</td><td>有效性：</td></tr></table>",
    "list": f"<ul><li>索引号：{INDEX}</li><li>发布单位：{BODY}</li><li>有效性：</li><li>成文日期：{DAY}</li></ul>",
    "dl": f"<dl><dt>索引号：</dt><dd>{INDEX}</dd><dt>发布单位：</dt><dd>{BODY}</dd>"
    f"<dt>成文日期：</dt><dd>{DAY}</dd></dl>",
    "text": f"<p>索引号：{INDEX}　发布单位：{BODY}　有效性：　成文日期：{DAY}</p>",
    "spaced": f"<p>索 引 号：{INDEX}</p><p>发 布 单 位：{BODY}</p><p>成　文　日　期：{DAY}</p>",
}


#: metadata is kept for a report only, so each block stands above a short one
REPORT = (
    "<h1>衢州市衢江区民政局2020年政府信息公开工作年度报告</h1>"
    "<p>一、总体情况</p><p>二、主动公开政府信息情况</p><p>三、收到和处理政府信息公开申请情况</p><p>"
    + "本年度按时答复全部申请，并及时更新本机关的公开目录。" * 8
    + "</p>"
)


def _metadata(html: str) -> Metadata:
    page = f'<meta charset="utf-8"><body>{html}{REPORT}</body>'
    report = parse(page.encode(), media_type="text/html")
    assert report.kind == "report"
    return report.metadata


@pytest.mark.parametrize("html", SHAPES.values(), ids=SHAPES)
def test_each_shape_gives_the_same_fields(html: str) -> None:
    found = _metadata(html)
    assert (found.index_number, found.publisher, found.written_on) == (INDEX, BODY, DAY)
    assert (found.validity, found.document_number, found.registration) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "label", "value"),
    [
        *(("index_number", label, INDEX) for label in ("索引号", "信息索引号")),
        *(
            ("publisher", label, BODY)
            for label in (
                "发布机构",
                "发布单位",
                "发文机关",
                "发文机构",
                "发文单位",
                "所属机构",
                "信息来源",
            )
        ),
        *(("written_on", label, DAY) for label in ("成文日期", "发文日期", "生成日期", "公文生成日期")),
        *(("published_on", label, DAY) for label in ("发布日期", "公开日期", "发布时间")),
        ("openness", "公开方式", "主动公开"),
        *(("validity", label, "有效") for label in ("有效性", "时效")),
        *(
            ("document_number", label, "衢江民〔2021〕3号")
            for label in ("文号", "发文字号", "发布文号", "文件编号", "备注/文号")
        ),
        *(("registration", label, "ZJGC01-2021-0001") for label in ("规范性文件登记", "登记号", "统一编号")),
    ],
)
def test_each_spelling_is_known(field: str, label: str, value: str) -> None:
    assert getattr(_metadata(f"<p>{label}：{value}</p>"), field) == value
    assert getattr(_metadata(f"<table><tr><td>{label}：</td><td>{value}</td></tr></table>"), field) == value


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>有效性：</td><td>文件编号：</td><td>规范性文件登记：</td></tr></table>",
        "<table><tr><td>有效性</td><td></td><td>文件编号</td><td></td></tr></table>",
        "<p>有效性：</p><p>文件编号：</p><p>规范性文件登记：</p><p>标题：</p>",
        "<p>有效性：　文件编号：　规范性文件登记：</p>",
    ],
)
def test_an_empty_field_takes_no_label_for_its_value(html: str) -> None:
    found = _metadata(html)
    assert (found.validity, found.document_number, found.registration) == (None, None, None)


@pytest.mark.parametrize("value", ["无", "无文号", "无〔〕号"])
def test_a_placeholder_is_no_document_number(value: str) -> None:
    assert clean("document_number", value) is None


@pytest.mark.parametrize(
    "value", ["2021-02-18", "2021年2月18日", "2021/2/18", "2021.02.18", "2021-02-18 10:30:00", "２０２１年２月１８日"]
)
def test_a_date_is_kept_as_iso(value: str) -> None:
    assert _metadata(f"<p>发布日期：{value}</p>").published_on == DAY


def test_the_sponsor_is_the_publisher_in_a_block_of_labels_only() -> None:
    assert _metadata(f"<p>索引号：{INDEX}</p><p>主办单位：{BODY}</p>").publisher == BODY
    assert _metadata(f"<p>主办单位：市大数据局</p><p>发布单位：{BODY}</p><p>索引号：{INDEX}</p>").publisher == BODY
    page = f'<meta charset="utf-8"><body><p>索引号：{INDEX}</p>{REPORT}' + "<p>友情链接</p>" * 12
    report = parse((page + "<p>主办单位：市大数据局</p></body>").encode(), media_type="text/html")
    assert report.metadata.publisher is None


@pytest.mark.parametrize(
    "line",
    [
        "单位负责人：某甲",
        "审核人：某甲 填报人：某甲",
        "填表人 某甲",
        "经办人：某甲，电话：0570-0000000",
        "报送人:某甲",
    ],
)
@pytest.mark.parametrize("place", ["within", "end"])
def test_who_signed_is_in_no_section(line: str, place: str) -> None:
    """A line of names between the prose, or after it; the names here are made up."""
    said = ("全年公开信息3条。", "收到申请0件。", "无复议。", "公开不够及时，将予改进。", "无其他事项。")
    heads = ("总体情况", "收到和处理申请情况", "行政复议情况", "存在的主要问题及改进情况", "其他需要报告的事项")
    parts = [f"{number}、{head}\n{text}" for number, head, text in zip("一二三四五", heads, said, strict=True)]
    parts.insert(2 if place == "within" else len(parts), line)
    text = "\n".join(["某县民政局2022年政府信息公开工作年度报告", *parts])
    report = parse(text.encode(), media_type="text/plain")
    assert [section.text for section in report.sections] == list(said)
    assert "某甲" not in json.dumps(as_dict(report), ensure_ascii=False)
    assert [finding.found for finding in report.findings if finding.name == "contact_lines"] == [1]
