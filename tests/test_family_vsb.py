"""The family `vsb` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from families import crawl_of

from crawler.replica.vsb import COLUMN_PATH, FOLDER, TWIN, VsbSite


def test_pages_that_count_down_their_twin_and_every_trap(tmp_path: Path) -> None:
    with VsbSite() as site:
        crawls = crawl_of(site, tmp_path, "vsb", COLUMN_PATH)
        asked = [line.query.path for line in site.asked(FOLDER)]
        assert sorted(asked) == [f"{FOLDER}1.htm", f"{FOLDER}2.htm", f"{FOLDER}2020n.htm"]
        assert [line.query.query["PAGENUM"] for line in site.asked(TWIN)] == ["3"]
        private = crawls.rows("SELECT outcome, note FROM capture WHERE url LIKE '%/202109.htm'")
        assert private[0][0] == "blocked"
        assert "无权访问" in private[0][1]
