"""Search: words of one, two and more characters are complete, nothing else is shown, filters, snippets, numbers, and
the index after changes, a rebuild and a merge. Reports are made up (tests/archive_samples.py reads them)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import archive_samples as samples
import pytest
from archive_samples import begin, fetched, keep, page
from desk_archive import ask
from hypothesis import given
from hypothesis import strategies as st

import parsers
from archive import merging, searching
from archive.store import Store

TEXTS = {
    ("衢州市衢江区民政局", "330803", 2020): "办结信访件3830件，受理群众来 访。推进数字政府建设。",
    ("衢州市衢江区教育局", "330803", 2021): "全年公开教育信息3,830条；信 访办理满意率55.9%，Open Data平台上线。",
    ("安福县财政局", "360829", 2021): "财政预算公开。来信来访均有答复，“来信”与“访问”分开统计。",
    ("安福县平都镇人民政府", "360829", 2019): "信息公开，政府网站改版。公开信息数38301条。",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gongkai.db", create=True) as opened:
        crawl = begin(opened)
        for number, ((agency, region, year), text) in enumerate(TEXTS.items()):
            body = page(
                year=year, title=f"{agency}{year}年政府信息公开工作年度报告", text=text,
                metadata={"agency": agency, "region": region},
                figures={"v2021:applications_received:total": "3830" if number == 2 else "7"},
            )  # fmt: skip
            keep(opened, crawl, f"http://www.qj.example/{number}.html", 1, body)
        yield opened


def found(store: Store, query: str, **filters: Any) -> list[str | None]:
    return [hit.agency for hit in searching.find(store.conn, searching.parse(query), **filters).hits]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("信访", ["衢州市衢江区教育局", "衢州市衢江区民政局"]),  # and not where the two stand apart
        ("访", ["衢州市衢江区教育局", "安福县财政局", "衢州市衢江区民政局"]),
        ("数字政府", ["衢州市衢江区民政局"]),
        ("公开信息", ["安福县平都镇人民政府"]),  # the others have 信息公开 and all its pairs
        ("来访", ["安福县财政局", "衢州市衢江区民政局"]),  # white space means nothing
        ("3830", ["衢州市衢江区教育局", "衢州市衢江区民政局"]),  # 3,830 too; not 38301
        ("3,830条", ["衢州市衢江区教育局"]),
        ("３８３０", ["衢州市衢江区教育局", "衢州市衢江区民政局"]),
        ("383", []),
        ("55.9", ["衢州市衢江区教育局"]),
        ("open data", ["衢州市衢江区教育局"]),
        ("财政 访问", ["安福县财政局"]),
        ("财政 信访", []),
        ("平都镇", ["安福县平都镇人民政府"]),  # agencies and titles
        ("2019年政府信息", ["安福县平都镇人民政府"]),
        ("\"'*（）:^", []),
        ("", []),
        ("信访 NOT 教育", []),
    ],
)
def test_words_of_any_length(store: Store, query: str, wanted: list[str]) -> None:
    assert found(store, query) == wanted


def test_filters(store: Store) -> None:
    assert found(store, "公开", region="36") == ["安福县财政局", "安福县平都镇人民政府"]
    assert found(store, "公开", region="360000", level="town") == ["安福县平都镇人民政府"]
    assert found(store, "公开", year=2021, region="3308") == ["衢州市衢江区教育局"]
    assert found(store, "公开", year=2018) == []


def test_snippets_and_pages(store: Store) -> None:
    (hit,) = searching.find(store.conn, searching.parse("数字政府"), limit=1).hits
    assert hit.snippet == ("办结信访件3830件，受理群众来 访。推进", "数字政府", "建设。")
    assert (hit.section, hit.heading, hit.year) == (1, "一、概述", 2020)
    query = searching.parse("信访")
    first = searching.find(store.conn, query, limit=1)
    second = searching.find(store.conn, query, limit=1, after=first.after)
    assert [h.agency for h in (*first.hits, *second.hits)] == found(store, "信访")
    assert first.candidates == 2 and second.candidates is None


def test_the_index_follows_changes_a_rebuild_and_a_merge(store: Store, tmp_path: Path) -> None:
    crawl = begin(store, 2)
    url = "http://www.qj.example/0.html"
    keep(
        store,
        crawl,
        url,
        2,
        page(year=2020, text="殡葬改革", metadata={"agency": "衢州市衢江区民政局", "region": "330803"}),
    )
    other = store.save_capture(fetched(crawl, "http://www.qj.example/2.html", 2), page(kind="other"), None)
    store.save_report(other, samples.parse(page(kind="other")))

    def answers(archive: Store) -> list[list[str | None]]:
        return [found(archive, query) for query in ("信访", "殡葬", "公开", "民政")]

    live = answers(store)
    assert live[:2] == [["衢州市衢江区教育局"], ["衢州市衢江区民政局"]]
    store.reparse(1, parser="archive_samples")
    assert answers(store) == live
    with Store.open(tmp_path / "merged.db", create=True) as merged:
        merging.merge(merged, [store.path])
        merged.reparse(1, parser="archive_samples")
        assert answers(merged) == live


@given(st.text("信访公开政府，。 3a\n", max_size=14), st.text("信访公开政府", min_size=1, max_size=4))
def test_whatever_stands_in_a_text_is_found_by_its_tokens(text: str, word: str) -> None:
    query = searching.parse(word)
    shown = all(pattern.search(text) for pattern in query.patterns)
    assert shown == (word in text.replace(" ", ""))
    assert not shown or set(query.tokens) <= searching.tokens_of([text])


def test_the_page_and_its_json(store: Store) -> None:
    answer = ask(store.path, "/-/search.json?" + urlencode({"q": "信访", "region": "33"})).json()
    assert [hit["agency"] for hit in answer["reports"]] == ["衢州市衢江区教育局", "衢州市衢江区民政局"]
    assert answer["after"] is None and not answer["interrupted"]
    html = ask(store.path, "/-/search?" + urlencode({"q": "3830"})).text
    assert "<mark>3830</mark>" in html and "<mark>3,830</mark>" in html
    assert "安福县财政局" in html and "一、本年新收政府信息公开申请数量" in html  # the cell with that number
    refused = ask(store.path, "/-/search?" + urlencode({"q": "信访", "level": "<b>"}))
    assert refused.status_code == 400 and "<b>" not in refused.text
    assert ask(store.path, "/-/search.json?q=a&year=20x").status_code == 400


def test_a_hostile_title_is_text(store: Store) -> None:
    crawl = begin(store, 3)
    evil = "<img src=x onerror=alert(1)>恶意"
    keep(store, crawl, "http://www.qj.example/evil.html", 3, page(year=2021, title=evil, text=f"{evil}检索"))
    html = ask(store.path, "/-/search?" + urlencode({"q": "恶意检索"})).text
    assert "<img" not in html and "&lt;img" in html


def test_contacts_and_signatures_are_not_in_the_index(store: Store) -> None:
    prose = "我局围绕殡葬改革主动公开信息，及时更新栏目，回应社会关切，较好地完成了全年各项任务，现将有关情况报告如下。"
    body = (
        "<html><head><meta charset='utf-8'><title>衢州市衢江区民政局2022年政府信息公开工作年度报告</title></head><body>"
        f"<h1>衢州市衢江区民政局2022年政府信息公开工作年度报告</h1><p>一、总体情况</p><p>{prose}</p>"
        "<p>二、主动公开政府信息情况</p><p>全年主动公开信息21条。</p><p>六、其他需要报告的事项</p><p>无其他需要报告的事项。</p>"
        "<p>联系人：欧阳某某，联系电话：0570-7654321，电子邮箱：someone@qj.example。</p></body></html>"
    ).encode()
    stored = store.save_capture(fetched(begin(store, 4), "http://www.qj.example/real.html", 4), body, "text/html")
    read = parsers.as_dict(parsers.parse(body, url=stored.url, media_type="text/html"))
    assert read["kind"] == "report"
    store.save_report(stored, read)
    assert "衢州市衢江区民政局" in found(store, "殡葬改革")
    for private in ("欧阳", "7654321", "0570", "someone"):
        assert found(store, private) == [], private
    store.conn.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, search, row)")
    terms = store.conn.execute("SELECT term FROM temp.terms WHERE term GLOB '*76543*' OR term = '欧阳'")
    assert terms.fetchall() == []
