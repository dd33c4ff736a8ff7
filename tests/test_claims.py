"""The figures that prose states: which sentences state one, and which only look as if they did."""

from __future__ import annotations

import pytest

from parsers import parse

#: (report year, sentence, what it states); sentences are made up after the phrases of the reports' usual prose
SENTENCES = [
    (2022, "我局共收到政府信息公开申请56件，上年结转2件。", {"received": 56, "carried_in": 2}),
    (2022, "全年共收到依申请公开56件，其中网上申请40件。", {"received": 56}),
    (2022, "本年度新收政府信息公开申请1,234件，结转下年度继续办理1件。", {"received": 1234, "carried_out": 1}),
    (2022, "全市共收到政府信息公开申请５６件。", {"received": 56}),
    (2022, "收到政府信息公开申请较上年增加5件。", {}),
    (2022, "收到政府信息公开申请同比减少5件。", {}),
    (2022, "我镇未收到政府信息公开申请。", {"received": 0}),
    (2022, "没有收到公民、法人或其他组织提出的政府信息公开申请。", {"received": 0}),
    (2022, "未收到信息公开申请人的投诉。", {}),
    (
        2022,
        "予以公开10件，部分公开3件，不予公开2件，无法提供4件，不予处理1件，其他处理2件。",
        {"granted": 10, "partially_granted": 3, "denied": 2, "unable": 4, "not_processed": 1, "other_disposition": 2},
    ),
    (2022, "予以公开或部分公开5件。", {}),
    (2022, "被申请行政复议3件，被提起行政诉讼1件。", {"review": 3, "litigation": 1}),
    (2022, "行政复议、行政诉讼共3件。", {"litigation": 3}),
    (2022, "未发生因政府信息公开引发的行政复议、行政诉讼案件。", {"review": 0, "litigation": 0}),
    (2022, "行政复议被纠错2件。", {}),
    (2022, "行政复议未被纠错。", {}),
    (2022, "全年制发规范性文件5件，废止2件，现行有效30件。",
     {"documents_issued": 5, "documents_repealed": 2, "documents_in_force": 30}),
    (2022, "作出行政许可决定1200件，行政处罚决定35件。", {"licensing_decisions": 1200, "penalty_decisions": 35}),
    (2022, "公开行政许可类信息120条。", {}),
    (2022, "行政事业性收费113.96万元。", {"fees": 1139600}),
    (2018, "全县主动公开政府信息3830条，其中政府网站公开2000条，政务微博公开20条。",
     {"items": 3830, "on_website": 2000, "on_weibo": 20}),
    (2018, "同意公开10件，同意部分公开3件，不予公开2件。", {"agreed": 10, "partially_granted": 3, "refused": 2}),
    (2018, "制发规范性文件5件。", {"normative_documents_issued": 5}),
    (2018, "政府信息公开率100%，较上年提高3个百分点。", {}),
    (2020, "新制作规范性文件4件，采购总金额3.54万元。", {"documents_produced": 4, "procurement": 35400}),
]  # fmt: skip


@pytest.mark.parametrize(("year", "sentence", "stated"), SENTENCES, ids=[f"{y} {s}" for y, s, _ in SENTENCES])
def test_a_sentence_states_what_it_states_and_no_more(year: int, sentence: str, stated: dict[str, int]) -> None:
    page = (
        f'<meta charset="utf-8"><h1>衢州市衢江区民政局{year}年政府信息公开工作年度报告</h1><h2>一、总体情况</h2>'
        f"<p>{'本年度按规定更新目录，做好各项工作。' * 8}{sentence}</p><h2>二、主动公开政府信息情况</h2>"
        "<h2>三、收到和处理政府信息公开申请情况</h2>"
    )
    report = parse(page.encode(), media_type="text/html")
    assert report.kind == "report"
    found = {claim.name.removeprefix("narrative_"): claim.value for claim in report.claims}
    assert found == stated
    text = {section.ordinal: section.text for section in report.sections}
    for claim in report.claims:
        assert text[claim.section][claim.start : claim.start + len(claim.raw)] == claim.raw


def test_what_prose_says_of_a_group_is_compared_with_the_sum_of_its_rows() -> None:
    rows = "".join(
        f"<tr><td>{label}</td>{'<td>0</td>' * 6}<td>{total}</td></tr>"
        for label, total in (
            ("1.本机关不掌握相关政府信息", 3),
            ("2.没有现成信息需要另行制作", 1),
            ("3.补正后申请内容仍不明确", 0),
        )
    )
    heads = "".join(
        f"<td>{h}</td>" for h in ("自然人", "商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他", "总计")
    )
    for said, status in ((4, "pass"), (5, "fail")):
        page = (
            '<meta charset="utf-8"><h1>衢州市衢江区民政局2022年政府信息公开工作年度报告</h1><h2>一、总体情况</h2>'
            f"<p>{'本年度按规定更新目录，做好各项工作。' * 8}无法提供{said}件。</p>"
            f"<h2>三、收到和处理政府信息公开申请情况</h2><table><tr><td></td>{heads}</tr>{rows}</table>"
        )
        report = parse(page.encode(), media_type="text/html")
        (check,) = [f for f in report.findings if f.kind == "claim"]
        assert (check.name, check.status, check.expected, check.found) == ("narrative_unable", status, 4, said)
