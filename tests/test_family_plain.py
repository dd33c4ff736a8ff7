"""The family `plain` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from families import crawl_of

from crawler.replica.plain import COLUMN_PATH, PlainSite


def test_every_shape_of_list_and_every_trap(tmp_path: Path) -> None:
    with PlainSite() as site:
        crawls = crawl_of(site, tmp_path, "plain", COLUMN_PATH)
        framed = crawls.rows("SELECT title, listed_date FROM entry WHERE url LIKE '%/inside/201910.html'")
        assert framed == [("青溪县民政局2019年政府信息公开工作年度报告", "2020-01-10")]
        guessed = crawls.rows("SELECT outcome FROM capture WHERE kind = 'listing' AND url LIKE '%home_2.htm'")
        assert guessed == [("gone",)], "the list's end was looked for, and is kept as it was found"
