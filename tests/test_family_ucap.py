"""The family `ucap` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from families import crawl_of

from crawler.lists import pagers
from crawler.replica.ucap import COLUMN_PATH, TOWN_PATH, UcapSite


def test_static_pages_json_and_every_trap(tmp_path: Path) -> None:
    with UcapSite() as site:
        crawls = crawl_of(site, tmp_path, "ucap", COLUMN_PATH)
        assert len(site.asked(site.late)) == 3, "the index came twice, then the article"
        lost = crawls.rows("SELECT note, sha256 IS NOT NULL FROM capture WHERE url LIKE ?", [f"%{site.lost}"])
        assert lost == [("a list came in the place of the article", 1)]
        kinds = crawls.rows("SELECT kind, outcome FROM capture WHERE url LIKE ?", [f"%{TOWN_PATH}"])
        assert kinds == [("report", "new")], "the column that is the report is one capture"


def test_the_same_call_means_another_thing_where_its_first_argument_is_a_string() -> None:
    (ucap,) = pagers("createPageHTML('page_div',8, 1,'list','shtml',118);")
    assert (ucap.vendor, ucap.following(), ucap.total) == ("ucap", "list_2.shtml", 118)
    (trs,) = pagers('<script>createPageHTML(3, 0, "index", "html");</script>')
    assert (trs.vendor, trs.following(), trs.total) == ("trs", "index_1.html", None)
    assert [pager.following() for pager in pagers("createPageHTML('3','1','index','shtml')")] == ["index_2.shtml"]
    assert [pager.following() for pager in pagers('createPageHTML(1,0,"index","html")')] == [None]
    assert pagers("function createPageHTML(_nPageCount, _nCurrIndex, _sPageName, _sPageExt) {") == []
