"""The family `gd-gkmlpt` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.gd_gkmlpt import BASE, GdGkmlptSite
from crawler.spiders.gd_gkmlpt import annual_columns, read_tree


def test_tree_pages_jump_and_every_decision(tmp_path: Path) -> None:
    site = GdGkmlptSite()
    crawls, done = crawl_and_check({"gkmlpt": site}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = [(line.query.path, line.query.query.get("page")) for line in site.asked(f"{BASE}/api/")]
    assert asked == [(f"{BASE}/api/all/321", "1"), (f"{BASE}/api/all/321", "2")], "neither website returns nor all"
    assert site.asked(f"{BASE}/old/") == [], "`url`, not `post_url`"
    refused = crawls.rows("SELECT url FROM entry WHERE decision = 'refused'")
    assert refused == [("https://mp.example.com/s/1",)]
    finding = crawls.rows("SELECT expected, found FROM finding WHERE name = 'count_mismatch'")
    assert finding == [(10, 9)], "the API's total against distinct addresses, not `post_count`"


def test_columns_of_a_tree() -> None:
    text = """<script>window._CONFIG = {"SID": "755011", TREE: [
        {"id":1,"name":"政府信息公开制度","children":[{"id":2,"name":"政府信息公开年报","children":[{"id":3,"name":"2020年年报"}]}]},
        {"id":4,"name":"财政年报"}], SERVICE_AREA_ID: 1};</script>"""
    nodes = read_tree(text)
    assert nodes is not None
    assert [node["id"] for node in annual_columns(nodes, None)] == [2]
    assert [node["id"] for node in annual_columns(nodes, "4")] == [4]
    assert list(annual_columns(nodes, "9")) == []
    assert read_tree("TREE: [{broken") is None
