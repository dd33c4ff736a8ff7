"""Saved pages and reports as the desk shows them, through Datasette's in-process client.

The archive (desk_archive.several) holds real readings of pages of tests/pages.
"""

from __future__ import annotations

import html
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from desk_archive import HOST, NAMES, PAGES, Page, asked, build, get, parsed, report_of, saved, several

import parsers
from archive import desk, language, official, original, served
from archive.stylesheets import inert_declarations, inert_sheet
from parsers.forms import load_all


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return several(tmp_path_factory.mktemp("desk") / "pages.db")


@pytest.fixture(scope="module")
def served_desk(archive: Path) -> Datasette:
    return desk.desk(archive)


def marked(text: str) -> Any:
    (found,) = parsed(text).xpath(f"//*[@id='{original.MARK}']")
    return found


def test_every_figure_of_every_page_leads_to_its_marked_cell(archive: Path, served_desk: Datasette) -> None:
    rows = asked(
        archive,
        "select f.report_id, f.form, f.indicator, f.col, f.raw, f.state, r.capture_id from figure f join report r"
        " on r.id = f.report_id order by f.report_id, f.form, f.indicator, f.col",
    )
    states = set()
    for report, form, indicator, col, raw, state, capture in rows[::23]:
        name = f"{report}-{form}-{indicator}-{col}"
        answer = get(served_desk, f"/-/figure/{name}")
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/-/page/{capture}?figure={name}#{original.MARK}"
        page = get(served_desk, answer.headers["location"])
        assert page.status_code == 200, name
        # a browser shows what stands in the marked element; the parser's reading of it is the figure's text
        assert "".join(marked(page.text).text_content().split()).strip("|") == "".join(raw.split()), name
        assert (
            html.escape(raw, quote=False) in page.text
            and language.words()["page.not_marked"]["zh"][:6] not in page.text
        )
        states.add(state)
    assert len(rows) > 800 and {"number", "blank"} <= states


def test_a_saved_page_is_sent_as_utf8_inert_and_with_its_links_settled(archive: Path, served_desk: Datasette) -> None:
    _, capture = report_of(archive, "v2014-gbk-2015.html")
    page = get(served_desk, f"/-/page/{capture}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "政府信息公开" in page.content.decode("utf-8") and "\ufffd" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "allow-" not in policy and "script-src" not in policy
    assert page.headers["x-content-type-options"] == "nosniff" and "noindex" in page.headers["x-robots-tag"]
    assert "<script" not in page.text and "http-equiv" not in page.text
    link = parsed(original.inert_html(b'<p><a href="../b/1.html">x</a>', f"{HOST}/a/c/2.html").body)
    (anchor,) = link.xpath("//a")
    assert dict(anchor.attrib) == {"data-href": f"{HOST}/a/b/1.html", "title": f"{HOST}/a/b/1.html"}


def test_an_earlier_capture_is_marked_where_the_figure_stood_then(archive: Path, served_desk: Datasette) -> None:
    report, newest = report_of(archive, "qujiang-2020.html")
    name = f"{report}-v2014-proactive_items_disclosed-year_total"
    ((before, after),) = asked(archive, "select from_capture, to_capture from revision where report_id = ?", report)
    assert after == newest
    assert marked(get(served_desk, f"/-/page/{before}?figure={name}").text).text_content().strip() == "163"
    assert marked(get(served_desk, f"/-/page/{after}?figure={name}").text).text_content().strip() == "164"
    # the form may be left out of the address
    short = name.replace("-v2014-", "-")
    assert marked(get(served_desk, f"/-/page/{after}?figure={short}").text).text_content().strip() == "164"


def test_a_cell_in_a_part_that_the_page_hides_is_shown() -> None:
    """Tabs that a script would open are hidden by a style of the page; the parser reads them all the same."""
    page = (
        "<style>.tab { display: none }</style><div class=tab id=a><table><tr><td>甲</td><td>5</td></tr></table></div>"
        "<div class=tab id=b><table><tr><td>乙</td><td>7</td></tr></table></div>"
    )
    shown = original.inert_html(page.encode(), None, None, original.Wanted(2, 1, 2, "7"))
    assert parsed(shown.body).xpath("//*[@data-holds]/@id")[-1:] == ["b"] and shown.marked == "7"
    assert not parsed(shown.body).xpath("//*[@id='a'][@data-holds]")


def test_what_cannot_be_shown_says_so(archive: Path, served_desk: Datasette) -> None:
    english = {"cookie": f"{language.COOKIE}=en"}
    _, capture = report_of(archive, "dalu-2019.html")
    for figure in ("1-v2019-x-y", "nonsense", "<b>"):
        page = get(served_desk, f"/-/page/{capture}?figure={figure}", english)
        assert page.status_code == 200 and "nothing is marked" in page.text and f'id="{original.MARK}"' not in page.text
        assert "<b>" not in page.text.split("</div>")[0]
    assert get(served_desk, "/-/page/0000000000000000", english).status_code == 404
    for figure in ("1-v2019-x-y", "x", "1-2"):
        assert get(served_desk, f"/-/figure/{figure}").status_code == 404
    ((pdf,),) = asked(archive, "select id from capture where url like '%scan.pdf'")
    answer = get(served_desk, f"/-/page/{pdf}", english)
    assert answer.status_code == 415 and "application/pdf" in answer.text and "/-/body/" in answer.text


def test_a_damaged_body_and_one_that_the_copy_lacks_are_told(archive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(archive.read_bytes())
    _, capture = report_of(copy, "dalu-2019.html")
    ((sha256,),) = asked(copy, "select sha256 from capture where id = ?", capture)
    conn = sqlite3.connect(copy)
    conn.execute("update body set data = substr(data, 1, length(data) - 9) where sha256 = ?", [sha256])
    conn.commit()
    english = {"cookie": f"{language.COOKIE}=en"}
    damaged = get(desk.desk(copy), f"/-/page/{capture}", english)
    assert damaged.status_code == 500 and "gongkai verify" in damaged.text
    conn.execute("delete from body")
    conn.commit()
    conn.close()
    lacking = get(desk.desk(copy), f"/-/page/{capture}", english)
    assert lacking.status_code == 404 and sha256 in lacking.text
    assert get(desk.desk(copy), f"/-/report/{report_of(copy, 'dalu-2019.html')[0]}").status_code == 200


@pytest.mark.parametrize("name", [*NAMES, "qujiang-2020.html"])
def test_a_reports_page_shows_every_figure_once_with_its_link(archive: Path, served_desk: Datasette, name: str) -> None:
    report, capture = report_of(archive, name)
    page = get(served_desk, f"/-/report/{report}")
    assert page.status_code == 200
    tree = parsed(page.text)
    shown = tree.xpath("//table[@class='official']//td[contains(@class, 'fig')]/a[@rel='nofollow']")
    links = {a.get("href"): a.text_content().strip() for a in shown}
    rows = asked(archive, "select form, indicator, col, raw, state from figure where report_id = ?", report)
    assert len(shown) == len(links) == len(rows)
    for form, indicator, col, raw, state in rows:
        said = links[f"/-/page/{capture}?figure={report}-{form}-{indicator}-{col}#{original.MARK}"]
        assert "".join(said.split()) == ("空白" if state == "blank" else "".join(raw.split()))
    failed = asked(
        archive,
        "select name, found, expected from finding where report_id = ? and status = 'fail'"
        " and kind in ('check', 'claim') order by kind, name, at",
        report,
    )
    for number, (check, found, expected) in enumerate(failed, 1):
        (row,) = tree.xpath(f"//tr[@id='failure-{number}']")
        assert check in row.text_content() and str(found) in row.text_content() and str(expected) in row.text_content()
        assert tree.xpath(f"//td[contains(@class, 'failed')]/a[@href='#failure-{number}']"), check


def test_a_failed_check_is_marked_at_the_cells_of_both_sides(archive: Path, served_desk: Datasette) -> None:
    report, _ = report_of(archive, "v2021-failing-sums.html")
    figures = [dict(zip(("form", "indicator", "col", "value", "raw", "state"), row, strict=True)) for row in asked(
        archive, "select form, indicator, col, value, raw, state from figure where report_id = ?", report
    )]  # fmt: skip
    columns = ("kind", "name", "at", "strength", "status", "expected", "found", "cause", "note")
    findings = [dict(zip(columns, row, strict=True)) for row in asked(
        archive, f"select {', '.join(columns)} from finding where report_id = ?", report
    )]  # fmt: skip
    account = official.lay_out(figures, findings)
    boxes = [b for g in account.generations for t in g.tables for line in t.lines for b in line.boxes]
    balance = [f for f in account.failures if f.finding["name"] == "applications_balance"]
    assert balance
    for failure in balance:
        sides = {(f.side, b.indicator) for b in boxes for f in b.failures if f.number == failure.number}
        assert sides == {
            ("left", "applications_received"), ("left", "applications_carried_in"),
            ("right", "results_total"), ("right", "applications_carried_out"),
        }  # fmt: skip
        assert all(b.col == failure.finding["at"] for b in boxes for f in b.failures if f.number == failure.number)


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.html")), ids=lambda path: path.stem)
def test_no_figure_is_without_a_place_in_its_form(path: Path) -> None:
    report = parsers.as_dict(parsers.parse(path.read_bytes()))
    account = official.lay_out(report["figures"], report["findings"])
    shown = [
        b.figure for g in account.generations for t in g.tables for line in t.lines for b in line.boxes if b.figure
    ]
    if report["form"] in {"mixed", *(form.id for form in load_all())}:
        assert account.homeless == () and len(shown) == len(report["figures"])


def test_a_figure_of_an_unknown_form_or_column_is_homeless_never_lost() -> None:
    base = {"value": 1, "raw": "1", "state": "number"}
    figures = [
        base | {"form": "v1999", "indicator": "x", "col": "y"},
        base | {"form": "v2021", "indicator": "result_granted", "col": "strangers"},
        base | {"form": "v2021", "indicator": "result_granted", "col": "total"},
    ]
    account = official.lay_out(figures, [])
    assert [(box.form, box.col) for box in account.homeless] == [("v1999", "y"), ("v2021", "strangers")]


def test_the_headers_of_a_matrix_cover_its_columns_exactly() -> None:
    for form in load_all():
        for table in form.tables:
            cells = [{"form": form.id, "indicator": table.rows[0].code, "col": c.code} for c in table.columns]
            rows = next(row for row in table.rows if row.is_value)
            account = official.lay_out([c | {"indicator": rows.code, "value": 0, "raw": "0"} for c in cells], [])
            (printed,) = [t for t in account.generations[0].tables if t.table is table]
            depth = len(printed.heads)
            area = sum(head.colspan * head.rowspan for heads in printed.heads for head in heads)
            assert area == depth * len(printed.columns), f"{form.id}.{table.id}"
            assert {c.code for c in table.columns} == {c.code for c in printed.columns}


def test_the_page_of_a_report_leads_through_time_to_its_versions_and_twins(tmp_path: Path) -> None:
    def page(year: int, url: str, received: int) -> Page:
        text = (PAGES / "qujiang-2020.html").read_text(encoding="utf-8").replace("2020", str(year))
        return Page(url, text.replace(">163<", f">{received}<").encode())

    path = build(
        tmp_path / "years.db",
        [
            page(2018, f"{HOST}/art/2019.html", 1),
            page(2020, f"{HOST}/art/2021.html", 2),
            page(2020, f"{HOST}/art/2021-again.html", 3),
            page(2021, f"{HOST}/art/2022.html", 4),
        ],
    )
    ids = dict(asked(path, "select url, id from report where year is not null"))
    ((shown,),) = asked(path, "select report_id from panel where year = 2020")
    text = get(desk.desk(path), f"/-/report/{shown}").text
    tree = parsed(text)
    assert tree.xpath("//a[@rel='prev']/@href") == [f"/-/report/{ids[f'{HOST}/art/2019.html']}"]
    assert tree.xpath("//a[@rel='next']/@href") == [f"/-/report/{ids[f'{HOST}/art/2022.html']}"]
    (twin,) = {ids[f"{HOST}/art/2021.html"], ids[f"{HOST}/art/2021-again.html"]} - {shown}
    (link,) = tree.xpath(f"//section[@aria-labelledby='twins']//a[@href='/-/report/{twin}']/ancestor::li")
    assert "1 格数字不同" in link.text_content()


def test_no_contact_line_of_a_page_reaches_the_reports_page(archive: Path, served_desk: Datasette) -> None:
    printed = [name for name in NAMES if "联系电话" in saved(name).body.decode("gb18030" if "gbk" in name else "utf-8")]
    assert printed
    for name in NAMES:
        report, _ = report_of(archive, name)
        prose = parsed(get(served_desk, f"/-/report/{report}").text).text_content()
        assert "联系电话" not in prose and "联系人：" not in prose, name


def test_cells_and_ids_in_tables_and_queries_lead_to_the_desks_pages(archive: Path, served_desk: Datasette) -> None:
    report, capture = report_of(archive, "dalu-2019.html")
    for path in ("/gongkai/figures", "/gongkai/figure"):
        text = get(served_desk, f"{path}?report_id={report}&_size=3").text
        assert text.count(f'href="/-/figure/{report}-v2019-') == 3 * 3, path
        assert f'href="/-/report/{report}"' in text
    assert f'href="/-/page/{capture}"' in get(served_desk, f"/gongkai/figures?report_id={report}").text
    query = "/gongkai?sql=select+report_id,form,indicator,col,value+from+figure+limit+1"
    assert 'href="/-/figure/' in get(served_desk, query).text
    assert f'href="/-/report/{report}"' in get(served_desk, f"/gongkai/report?id={report}").text
    # a blank cell has something to click on, and what merely looks like a figure has no link
    blank = get(served_desk, "/gongkai/figures?state=blank&_size=1").text
    assert re.search(r'href="/-/figure/[^"]+"[^>]*>␣<', blank)
    strange = "/gongkai?sql=select+'x%22%3E%3Cb%3E'+as+report_id,'a'+as+indicator,'b'+as+col,1+as+value"
    assert "/-/figure/" not in get(served_desk, strange).text and '"><b>' not in get(served_desk, strange).text


CSS = [
    ("color: red; background: url(http://x/)", "color: red;"),
    ("background: u\\72l(//x)", ""),
    ("background: -webkit-image-set('//x' 1x)", ""),
    ("width: expression(alert(1))", ""),
    ("behavior: url(x.htc); margin: 0", "margin: 0;"),
    ("position: fixed; top: 0", "top: 0;"),
    ("content: '</style><script>'", "content: '\\3c /style>\\3c script>';"),
    ("--x: url(//x)", ""),
]


@pytest.mark.parametrize(("given", "kept"), CSS)
def test_declarations_that_fetch_or_cover_are_dropped(given: str, kept: str) -> None:
    assert inert_declarations(given).replace('"', "'") == kept


def test_a_sheet_keeps_its_rules_without_what_they_would_load() -> None:
    sheet = inert_sheet(
        '@import "//x/a.css"; @font-face { src: url(//x) } .a { color: red; background: url("//x") }'
        " @media print { .b { margin: 0 } @import url(//y); } .c::after { content: '</style>' } @charset 'x';"
    )
    assert "import" not in sheet and "//" not in sheet and "<" not in sheet and "font-face" not in sheet
    assert re.sub(r"\s", "", sheet).startswith(".a{color:red;}@mediaprint{.b{margin:0;}}.c::after{")


def test_names_of_figures_are_read_strictly() -> None:
    assert served.figure_name("9-v2014-a_b-total") == served.FigureName(9, "v2014", "a_b", "total")
    assert served.figure_name("9-a_b-total") == served.FigureName(9, None, "a_b", "total")
    for wrong in ("", "9", "9-a", "x-a-b", "9-a-b-c-d", "9-a-b'--", "9-A-b", "99999999999999999-a-b"):
        assert served.figure_name(wrong) is None, wrong
