"""The family `ideacms` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.ideacms import LIST, IdeacmsSite


def test_bodies_pages_and_every_decision(tmp_path: Path) -> None:
    site = IdeacmsSite()
    crawls, done = crawl_and_check({"idea": site}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = sorted((line.query.query["branch_id"], line.query.query.get("page", "1")) for line in site.asked(LIST))
    assert asked == sorted([(site.branch(0), "1"), (site.branch(0), "2"), (site.branch(1), "1"), (site.branch(2), "1")])
    columns = crawls.rows("SELECT title FROM entry WHERE url LIKE ? ORDER BY title", (f"{site.url}{LIST}?%",))
    assert columns == [("教育局",), ("水利局",), ("财政局",)]
