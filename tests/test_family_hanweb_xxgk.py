"""The family `hanweb-xxgk` against its replicas, from the portals' TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import FamilyCrawls, crawl_and_check
from scrapy.http import HtmlResponse

from crawler.replica.hanweb_xxgk import AREAS, REPORT, SEARCH, HanwebXxgkListSite, HanwebXxgkSite
from crawler.spiders.hanweb_xxgk import FIRST_YEAR, annual_pages
from crawler.xxgk import read_form


def test_bodies_times_years_and_every_decision(tmp_path: Path) -> None:
    bodies, column = HanwebXxgkSite(), HanwebXxgkListSite()
    crawls, done = crawl_and_check({"bodies": bodies, "column": column}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = [
        (line.query.query["area"], line.query.query["fbtime"]) for line in bodies.asked(REPORT) if line.query.query
    ]
    years = len(asked) // len(AREAS)
    assert len(asked) == len(set(asked)) == len(AREAS) * years
    assert {area for area, _ in asked} == set(AREAS), "codes of a script, of a link, of an index number"
    assert min(year for _, year in asked) == str(FIRST_YEAR)
    assert crawls.rows("SELECT outcome FROM visit WHERE portal = 'bodies'") == [("finished",)]
    pages = [line.query.form["currpage"] for line in column.asked(SEARCH)]
    assert pages == ["1", "2"]
    assert not column.asked("/art/2021/1/15/art_12577"), "another column's line"


def test_one_body_and_pages_that_wait_until_they_are_due(tmp_path: Path) -> None:
    with HanwebXxgkSite() as site:
        site.column = f"{REPORT}?fbtime=2016&area={AREAS[0]}"
        crawls = FamilyCrawls({"body": site}, tmp_path)
        done = crawls.run()
        assert done.returncode == 0, done.stderr
        assert crawls.decisions() == {"fetched": 5}
        reports = [f"{site.url}{REPORT}?fbtime={year}&area={AREAS[0]}" for year in range(2014, 2019)]
        assert sorted(url for (url,) in crawls.rows("SELECT url FROM report")) == reports, "as the portal writes it"
        first = len(site.asked(REPORT))
        assert crawls.run().returncode == 0
        assert crawls.decisions() == {"fresh": 4, "fetched": 1}, "the portal's own address is its list"
        assert len(site.asked(REPORT)) == 2 * first - 4
        assert crawls.outcomes() == {"new": 5, "unchanged": 1}


def test_addresses_and_fields() -> None:
    url = f"http://127.0.0.1{REPORT}?fbtime=2017&area={AREAS[0]}"
    pages = annual_pages(url, [AREAS[1]])
    assert pages[-1].url == f"http://127.0.0.1{REPORT}?fbtime={FIRST_YEAR}&area={AREAS[1]}"
    script = """<script>$.post('/module/xxgk/search.jsp', {infotypeId: 'A0212', jdid: 3096, area: '', divid: 'div1229',
        standardXxgk: '1', sortfield: ',compaltedate:0'});</script>"""
    read = read_form(HtmlResponse("http://127.0.0.1/col/col1229/index.html", body=script.encode(), encoding="utf-8"))
    assert read == {
        "infotypeId": "A0212",
        "jdid": "3096",
        "area": "",
        "divid": "div1229",
        "standardXxgk": "1",
        "isAllList": "",
        "texttype": "",
        "sortfield": ",compaltedate:0",
    }
