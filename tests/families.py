"""A crawl of a family's replica from the portal's TOML alone, held against everything the replica planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

from conftest import Crawls

from archive.store import Store
from crawler.replica.county import CountySite
from crawler.replica.demo import _found
from crawler.replica.reports import fill


def crawl_of(site: CountySite, folder: Path, family: str, column: str, **more: str) -> Crawls:
    """Crawl once and compare: decisions, titles, outcomes, findings, the visit, attachments, and every figure."""
    crawls = Crawls(cast(Any, site), folder)
    crawls.describe(name='"青溪县人民政府"', family=f'"{family}"', url=f'"{site.url}{column}"', **more)
    done = crawls.run()
    assert done.stdout, done.stderr
    assert done.stderr == "", done.stderr
    planted = site.planted()
    titles = dict(crawls.rows("SELECT url, title FROM entry WHERE decision <> 'duplicate'"))
    assert titles == {urljoin(site.url, path): title for path, title in site.titles.items()}
    assert crawls.decisions() == planted["decisions"] == json.loads(done.stdout)["decisions"]
    captured = dict(crawls.rows("SELECT url, outcome FROM capture WHERE kind = 'report'"))
    assert crawls.outcomes() == planted["outcomes"], captured
    found = dict(crawls.rows("SELECT name, count(*) FROM finding WHERE kind = 'listing' GROUP BY name"))
    assert found == planted["findings"]
    assert crawls.rows("SELECT declared, found, outcome FROM visit") == [
        (planted["declared"], planted["found"], site.visit)
    ]
    with Store.open(crawls.db, write=False) as store:
        assert _found(store, "replica") == planted, "what `gongkai demo` compares"
    files = "SELECT url FROM capture WHERE kind = 'attachment' AND outcome = 'new' AND note LIKE 'attachment of%'"
    assert {url for (url,) in crawls.rows(files)} == {site.url + path for path in site.attachments}
    check_readings(crawls, site)
    return crawls


def check_readings(crawls: Crawls, site: CountySite) -> None:
    """Every page that was kept is a report; its figures are those printed, or it has none and a finding."""
    assert crawls.rows("SELECT count(*) FROM report") == [(site.outcomes["new"],)]
    printed = {
        (site.url + path, row, column): text
        for path, (body, year) in site.filled.items()
        for (_, row, column), text in fill(year, body).cells.items()
    }
    cells = crawls.rows("SELECT url, indicator, col, raw FROM figure JOIN report ON id = report_id")
    assert {(url, row, column): raw for url, row, column, raw in cells} == printed
    bare = {url for (url,) in crawls.rows("SELECT url FROM report WHERE form IS NULL")}
    said = {
        url
        for (url,) in crawls.rows(
            "SELECT r.url FROM finding AS f JOIN report AS r ON r.id = f.report_id WHERE f.name = 'no_table'"
        )
    }
    reports = {url for (url,) in crawls.rows("SELECT url FROM report")}
    assert bare == said == reports - {site.url + path for path in site.filled}
