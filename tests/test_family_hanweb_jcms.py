"""The family `hanweb-jcms` where sites disagree, from the portal's TOML alone; the demo's portal is in
`test_crawler_crawl`."""

from __future__ import annotations

from pathlib import Path

from families import crawl_of

from crawler.replica.hanweb_ways import COLUMN_PATH, NEW, OLD, TOWN_PATH, HanwebWaysSite


def test_every_way_of_the_proxy_and_every_trap(tmp_path: Path) -> None:
    with HanwebWaysSite() as site:
        crawls = crawl_of(site, tmp_path, "hanweb-jcms", COLUMN_PATH)
        methods = {(line.query.path, line.query.method) for line in site.asked("/module/")}
        assert {(NEW, "POST"), (NEW, "GET"), (OLD, "POST")} <= methods
        kinds = crawls.rows("SELECT kind, outcome FROM capture WHERE url LIKE ?", [f"%{TOWN_PATH}"])
        assert kinds == [("report", "new")], "the column that is the report is one capture"
        final = crawls.rows("SELECT final_url FROM capture WHERE kind = 'attachment' AND url LIKE '%downfile%'")
        assert final == [(f"{site.url}/attach/0/3.docx",)]
