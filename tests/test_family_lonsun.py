"""The family `lonsun` against its replicas, from the portals' TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check
from scrapy.http import HtmlResponse

from crawler.label8888 import read_label
from crawler.replica.lonsun import FIRST, LAST, SECOND, LonsunBodySite, LonsunColumnSite, LonsunSite


def test_bodies_years_columns_and_every_decision(tmp_path: Path) -> None:
    bodies, column, body = LonsunSite(), LonsunColumnSite(), LonsunBodySite()
    crawls, done = crawl_and_check({"bodies": bodies, "column": column, "body": body}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = [line.query.query for line in bodies.asked("/public/column/")]
    assert not [query for query in asked if query.get("hasContent") == "false" or query.get("type") not in ("3", "4")]
    shown = {organ: asked_years(bodies, organ) for organ in (FIRST, SECOND, LAST)}
    assert [len(years) for years in shown.values()] == [7, 4, 1], "a body's page once, and each of its years once"
    assert [line.query.query["pageIndex"] for line in column.asked(column.label)] == ["1", "2", "3"]
    kinds = crawls.rows("SELECT kind, count(*) FROM capture WHERE portal = 'bodies' AND kind <> 'robots' GROUP BY kind")
    assert dict(kinds) == {"attachment": 1, "listing": 5, "report": 10}, "one body's page is itself the report"


def asked_years(site: LonsunSite, organ: str) -> list[str | None]:
    return [line.query.query.get("timeFrame") for line in site.asked(f"/public/column/{organ}")]


def test_parameters_of_a_script() -> None:
    script = """<script>Ls.load({url: '/site/label/8888', data: {IsAjax: 1, labelName: 'publicInfoList',
        siteId: 6781961, catId: catId, pageSize: "20", file: '/ahxxgk/publicInfoList_new', pageIndex: n}});</script>"""
    url = "http://127.0.0.1/public/column/7011?type=4&catId=12&action=list"
    read = read_label(HtmlResponse(url, body=script.encode(), encoding="utf-8"))
    assert read is not None
    address, form = read
    assert address == "/site/label/8888"
    assert {name: form[name] for name in ("siteId", "pageSize", "file", "organId", "catId", "type")} == {
        "siteId": "6781961",
        "pageSize": "20",
        "file": "/ahxxgk/publicInfoList_new",
        "organId": "7011",
        "catId": "12",
        "type": "4",
    }
    assert read_label(HtmlResponse(url, body=b"<html></html>", encoding="utf-8")) is None
