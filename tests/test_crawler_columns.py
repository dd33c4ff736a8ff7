"""What the base does for every family: columns that are too deep, missing or empty, and attachments that fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import Crawls

from crawler.replica.county import CountySite, report
from crawler.replica.plain import frame
from crawler.replica.site import Answer

COLUMN = "/nb/"


class Portal(CountySite):
    """A portal of the family `plain` that a test writes."""

    def list_page(self, path: str, *links: tuple[str, str]) -> None:
        """A list of links with their titles, in the disclosure platform's container."""
        items = "".join(f'<li><a href="{href}">{title}</a></li>' for href, title in links)
        self.pages[path] = self.html(f'<div class="zfxxgk_zdgkc"><ul>{items}</ul></div>')

    def report_page(self, path: str, body: str, text: str | None = None) -> str:
        """A report's page; its title."""
        item = report(body, 2021, 10, frame, text=text)
        self.pages[path] = item.page
        return item.title


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[tuple[Portal, Crawls]]:
    with Portal() as site:
        crawls = Crawls(cast(Any, site), tmp_path)
        crawls.describe(family='"plain"', url=f'"{site.url}{COLUMN}"')
        yield site, crawls


def decisions(crawls: Crawls) -> dict[str, str]:
    newest = "(SELECT id FROM crawl ORDER BY rowid DESC LIMIT 1)"
    rows = crawls.rows(f"SELECT url, decision FROM entry WHERE crawl_id = {newest} AND decision <> 'duplicate'")
    return {url.partition(crawls.site.url)[2] or url: decision for url, decision in rows}


def findings(crawls: Crawls) -> list[str]:
    return [name for (name,) in crawls.rows("SELECT name FROM finding WHERE kind = 'listing' ORDER BY name")]


def test_columns_are_walked_two_levels_and_what_is_left_is_said(portal: tuple[Portal, Crawls]) -> None:
    site, crawls = portal
    site.list_page(COLUMN, ("2021/", "2021年"), ("2020/", "2020年"), ("2019/", "2019年"), (COLUMN, "政府信息公开年报"))
    site.list_page(f"{COLUMN}2021/", ("bm/", "县政府部门"), ("../2021/", "2021年"))
    title = site.report_page(f"{COLUMN}2021/bm/1.html", "民政局")
    site.list_page(f"{COLUMN}2021/bm/", ("1.html", title), ("jy/", "教育系统单位"))
    site.list_page(f"{COLUMN}2020/")
    done = crawls.run()
    assert done.returncode == 1, "the year 2019 could not be had"
    assert decisions(crawls) == {
        "/nb/2021/": "not_a_report",
        "/nb/2020/": "not_a_report",
        "/nb/2019/": "not_a_report",
        "/nb/2021/bm/": "not_a_report",
        "/nb/2021/bm/1.html": "fetched",
        "/nb/2021/bm/jy/": "over_budget",
    }
    assert crawls.decisions()["duplicate"] == 2, "the column itself, and the year again"
    assert findings(crawls) == ["column_left", "empty_column"]
    [(found, outcome, note)] = crawls.rows("SELECT found, outcome, note FROM visit")
    assert (found, outcome, note) == (1, "incomplete", "list page 1: 404")
    assert len(site.asked(COLUMN)) == 6, "no list was asked for twice"


def test_a_column_that_is_a_report_and_its_attachments(portal: tuple[Portal, Crawls]) -> None:
    site, crawls = portal
    files = (
        '<p><a href="/f/1.pdf">年度报告.pdf</a><a href="/f/2.docx">表</a><a href="http://127.0.0.1:1/3.doc">x</a></p>'
    )
    site.list_page(COLUMN, ("zf/", "县政府"))
    site.report_page(f"{COLUMN}zf/", "人民政府", text=files)
    site.pages["/f/1.pdf"] = Answer(b"%PDF-1.4\n", media_type="application/pdf")
    site.pages["/f/2.docx"] = site.html("<p>请先登录</p>")
    crawls.run()
    assert decisions(crawls) == {"/nb/zf/": "fetched"}, "no list, and a body's name: the page is its report"
    assert crawls.rows("SELECT title, form FROM report") == [("青溪县人民政府2021年政府信息公开工作年度报告", None)]
    got = {url.rpartition("/")[2]: (outcome, note) for url, outcome, note in crawls.rows(
        "SELECT url, outcome, note FROM capture WHERE kind = 'attachment'"
    )}  # fmt: skip
    of = f"attachment of {site.url}{COLUMN}zf/"
    assert got["1.pdf"] == ("new", f"{of}: 年度报告.pdf")
    assert got["2.docx"] == ("failed", f"a web page came where a file is linked; {of}: 表")
    assert got["3.doc"][0] == "refused"
    assert findings(crawls) == []


def test_attachments_that_a_crawl_missed_at_its_death_are_asked_for(portal: tuple[Portal, Crawls]) -> None:
    site, crawls = portal
    title = site.report_page(f"{COLUMN}1.html", "民政局", text='<p><a href="/f/1.pdf">年度报告.pdf</a></p>')
    site.list_page(COLUMN, ("1.html", title))
    site.pages["/f/1.pdf"] = Answer(b"%PDF-1.4\n", media_type="application/pdf")
    crawls.run()
    held = "SELECT outcome FROM capture WHERE kind = 'attachment'"
    assert crawls.rows(held) == [("new",)]
    crawls.run()
    assert len(site.asked("/f/")) == 1, "once is enough"
    with sqlite3.connect(crawls.db) as conn:
        conn.execute("DELETE FROM capture WHERE kind = 'attachment'")
        conn.execute("UPDATE crawl SET outcome = NULL, finished_at = NULL")
    conn.close()
    crawls.run()
    assert crawls.rows(held) == [("new",)]
    assert len(site.asked(f"{COLUMN}1.html")) == 1, "the report itself is fresh"
