"""The family `ucap` against its replica, from the portal's TOML alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from conftest import Crawls
from families import crawl_of

from crawler.lists import pagers
from crawler.replica.site import Answer, Query
from crawler.replica.ucap import COLUMN_PATH, TOWN_PATH, YEAR_CHANNEL, UcapSite


def test_static_pages_json_and_every_trap(tmp_path: Path) -> None:
    with UcapSite() as site:
        crawls = crawl_of(site, tmp_path, "ucap", COLUMN_PATH)
        assert len(site.asked(site.late)) == 3, "the index came twice, then the article"
        lost = crawls.rows("SELECT note, sha256 IS NOT NULL FROM capture WHERE url LIKE ?", [f"%{site.lost}"])
        assert lost == [("a list came in the place of the article", 1)]
        kinds = crawls.rows("SELECT kind, outcome FROM capture WHERE url LIKE ?", [f"%{TOWN_PATH}"])
        assert kinds == [("report", "new")], "the column that is the report is one capture"


def test_an_answer_of_a_shape_that_nobody_has_seen_is_kept_and_ends_its_list_alone(tmp_path: Path) -> None:
    odd = json.dumps({"data": {"total": 1, "rows": "fifteen", "results": [{"title": "x", "url": "/x.html"}]}}).encode()

    def answer(query: Query) -> Answer | None:
        return Answer(odd, media_type="application/json") if YEAR_CHANNEL in query.path else None

    with UcapSite() as site:
        site.faults.append(answer)
        crawls = Crawls(cast(Any, site), tmp_path)
        crawls.describe(family='"ucap"', url=f'"{site.url}{COLUMN_PATH}"')
        done = crawls.run()
        assert "cannot read it" in done.stderr and "invalid literal" in done.stderr, "the log says where"
        assert json.loads(done.stdout)["exit_code"] == done.returncode == 1
        kept = "SELECT size FROM capture JOIN body USING (sha256) WHERE kind = 'listing' AND url LIKE ?"
        assert crawls.rows(kept, [f"%{YEAR_CHANNEL}%"]) == [(len(odd),)]
        ((outcome, note),) = crawls.rows("SELECT outcome, note FROM visit")
        assert outcome == "incomplete" and "the spider of ucap cannot read it (ValueError" in note
        assert crawls.outcomes()["new"] == site.outcomes["new"] - len(site.years), "the other lists are walked"


def test_the_same_call_means_another_thing_where_its_first_argument_is_a_string() -> None:
    (ucap,) = pagers("createPageHTML('page_div',8, 1,'list','shtml',118);")
    assert (ucap.vendor, ucap.following(), ucap.total) == ("ucap", "list_2.shtml", 118)
    (trs,) = pagers('<script>createPageHTML(3, 0, "index", "html");</script>')
    assert (trs.vendor, trs.following(), trs.total) == ("trs", "index_1.html", None)
    assert [pager.following() for pager in pagers("createPageHTML('3','1','index','shtml')")] == ["index_2.shtml"]
    assert [pager.following() for pager in pagers('createPageHTML(1,0,"index","html")')] == [None]
    assert pagers("function createPageHTML(_nPageCount, _nCurrIndex, _sPageName, _sPageExt) {") == []
