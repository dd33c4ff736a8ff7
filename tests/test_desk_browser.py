"""The desk as a person uses it, in a real browser: open, ask, follow a figure to its cell, see a plot, take away."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, serving, watched
from desk_archive import build, saved
from playwright.sync_api import Browser, Page, expect

from archive import original, plots

NAMES = ("qujiang-2020.html", "v2014-gbk-2015.html", "v2021-failing-sums.html", "v2019-stored-text.txt",
         "v2021-nested.html", "v2014-zhejiang-2017.html", "dalu-2019.html")  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = build(tmp_path_factory.mktemp("browser") / "gongkai.db", [saved(name) for name in NAMES])
    with serving(path) as address:
        yield address


@pytest.fixture
def page(browser: Browser, base: str) -> Iterator[Page]:
    """A page that speaks Chinese; by its end nothing was asked of another server, and no script has failed."""
    context, strangers = watched(browser, base, "zh-CN")
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert strangers == [] and problems == []


def test_from_the_first_page_to_the_marked_cell_of_a_figure(page: Page, base: str) -> None:
    page.goto(base)
    page.get_by_role("link", name="报告", exact=True).click()
    page.get_by_role("link", name=re.compile("区民政局2020年")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("衢州市衢江区民政局")
    row = page.locator("table.official tr", has_text="（一）主动公开政府信息数")
    cell = row.get_by_role("link", name="163", exact=True)
    cell.click()
    marked = page.locator(f"#{original.MARK}")
    expect(marked).to_be_in_viewport()
    expect(marked).to_have_text("163")
    expect(page.locator("div[role=banner]")).to_contain_text("proactive_items_disclosed[year_total]")
    page.get_by_role("link", name=re.compile("回到报告")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("衢州市衢江区民政局")


def test_one_click_leads_from_a_row_of_figures_to_the_cell_of_any_kind_of_page(page: Page, base: str) -> None:
    for form, tag in (("v2014", "TD"), ("v2021", "TD"), ("v2019", "TD")):
        page.goto(f"{base}/gongkai/figures?form={form}&state=number&_size=40")
        page.locator("td.col-raw a").last.click()
        marked = page.locator(f"#{original.MARK}")
        expect(marked).to_be_in_viewport()
        assert marked.evaluate("e => e.tagName") in (tag, "MARK")
    page.goto(f"{base}/gongkai/figures?url__contains=stored-text&_size=60")
    page.locator("td.col-raw a").last.click()
    expect(page.locator(f"mark#{original.MARK}")).to_be_in_viewport()


def test_without_the_fragment_the_cell_is_scrolled_to_all_the_same(page: Page, base: str) -> None:
    page.goto(f"{base}/gongkai/figures?form=v2014&_size=100")
    target = page.locator("td.col-raw a").last.get_attribute("href")
    page.goto(base + str(target))
    page.goto(page.url.partition("#")[0])
    expect(page.locator(f"#{original.MARK}")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("query", "values", "expected"),
    [
        ("indicator_over_years", {"indicator": "proactive_items_disclosed", "region": "33"}, "163"),
        ("report_findings", {"report": "REPORT"}, "fail"),
        ("url_history", {"url": "http://www.qj.example/art/qujiang-2020.html"}, "new"),
    ],
)
def test_a_question_is_asked_and_answered(
    page: Page, base: str, query: str, values: dict[str, str], expected: str
) -> None:
    page.goto(f"{base}/gongkai/panel?form=v2014&year=2020")
    report = page.locator("td.col-report_id a").first.text_content() or ""
    page.goto(f"{base}/gongkai/{query}")
    for name, value in values.items():
        page.get_by_label(name, exact=True).fill(report if value == "REPORT" else value)
    page.get_by_role("button", name="Run SQL").click()
    expect(page.locator("table.rows-and-columns")).to_contain_text(expected)


def test_a_word_of_two_characters_is_found(page: Page, base: str) -> None:
    page.goto(base)
    page.get_by_role("link", name="搜索", exact=True).click()
    page.get_by_role("searchbox").fill("公开")
    page.keyboard.press("Enter")
    found = page.locator("main a[href^='/-/report/']")
    expect(found.first).to_be_visible()
    expect(page.locator("main mark").first).to_have_text("公开")
    found.first.click()
    expect(page.get_by_role("heading", name="统计表")).to_be_visible()


def test_every_plot_of_the_dashboard_is_drawn_and_leads_to_its_query(page: Page, base: str) -> None:
    page.goto(f"{base}/-/dashboard")
    page.wait_for_selector(".status:not([data-done])", state="detached")
    drawn = page.locator("section.plot .canvas[data-drawn] svg.marks")
    expect(drawn).to_have_count(len(plots.load()))
    bars = page.locator("section.plot").first.locator("svg .mark-rect path")
    assert bars.count() >= 4
    page.locator("section.plot summary", has_text="图中的数字").first.click()
    expect(page.locator("section.plot table").first).to_contain_text("2020")
    page.get_by_role("link", name="这个图的查询").first.click()
    expect(page.locator("#sql-query")).to_contain_text("from panel")


def test_any_result_becomes_a_plot_that_its_address_keeps(page: Page, base: str) -> None:
    sql = "select+year,count(*)+as+reports,form+from+report+group+by+year,form"
    page.goto(f"{base}/gongkai?sql={sql}")
    page.get_by_text("画图", exact=True).click()
    page.wait_for_selector(".desk-plot .canvas[data-drawn] svg")
    page.get_by_label("图形").select_option("line")
    page.wait_for_selector(".desk-plot svg .mark-line", state="attached")
    page.get_by_label("颜色").select_option("form")
    page.wait_for_selector(".desk-plot svg .role-legend", state="attached")
    assert "mark=line" in page.url and "color=form" in page.url
    page.reload()
    page.wait_for_selector(".desk-plot svg .mark-line", state="attached")


def test_the_language_is_switched_and_kept(page: Page, base: str) -> None:
    page.goto(f"{base}/-/dashboard")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    assert page.url == f"{base}/-/dashboard"
    page.get_by_role("link", name="Reports", exact=True).click()
    page.locator("td.col-title a").first.click()
    expect(page.get_by_role("heading", name="The official tables")).to_be_visible()
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="统计表")).to_be_visible()


def test_a_csv_is_taken_away(page: Page, base: str, tmp_path: Path) -> None:
    page.goto(f"{base}/gongkai/panel?form=v2014&year=2020")
    page.evaluate("document.querySelector('a[href*=\".csv\"]').setAttribute('download', 'panel.csv')")
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV", exact=True).first.click()
    taken.value.save_as(tmp_path / "panel.csv")
    (row,) = csv.DictReader((tmp_path / "panel.csv").read_text(encoding="utf-8-sig").splitlines())
    assert row["agency"] == "衢州市衢江区民政局" and row["proactive_items_disclosed"] == "163"


def test_the_keyboard_reaches_the_content_first_and_the_figures(page: Page, base: str) -> None:
    page.goto(f"{base}/gongkai/report")
    page.locator("td.col-title a").first.click()
    page.wait_for_selector("table.official")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("跳到正文")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.locator("table.official td a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#{original.MARK}")).to_be_in_viewport()


def test_a_screen_reader_finds_its_way_on_the_desks_pages(browser: Browser, base: str) -> None:
    """axe's rules; those of minor impact, and Datasette's own order of headings, are not ours to keep."""
    context = browser.new_context(locale="en", bypass_csp=True)  # axe is a script of the test's own
    page = context.new_page()
    page.goto(f"{base}/gongkai/panel?form=v2021")
    report = page.locator("td.col-report_id a").first.get_attribute("href")
    for path in ("/", "/gongkai/report", "/-/dashboard", str(report)):
        page.goto(base + path)
        if "dashboard" in path:
            page.wait_for_selector(".status:not([data-done])", state="detached")
        found = Axe().run(page).response["violations"]
        said = {rule["id"]: [node["html"][:200] for node in rule["nodes"]] for rule in found}
        assert set(said) <= {"heading-order"}, (path, said)
    context.close()


def test_nothing_is_wider_than_a_phone(browser: Browser, base: str) -> None:
    context, strangers = watched(browser, base, "en", width=390)
    page = context.new_page()
    page.goto(f"{base}/gongkai/panel?form=v2021")
    report = page.locator("td.col-report_id a").first.get_attribute("href")
    for path in (
        "/", "/gongkai/figures", "/gongkai/plot_outcomes", "/-/dashboard", str(report), "/-/language/zh?next=/",
    ):  # fmt: skip
        page.goto(base + path)
        if "dashboard" in path:
            page.wait_for_selector(".status:not([data-done])", state="detached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()
    assert strangers == []
