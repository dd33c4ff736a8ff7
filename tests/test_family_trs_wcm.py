"""The family `trs-wcm` against its replica, from the portal's TOML alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from conftest import Crawls
from families import crawl_of

from crawler.replica.site import NOT_FOUND
from crawler.replica.trs_wcm import COLUMN_PATH, LONG, TrsWcmSite


def test_years_groups_pagers_and_every_trap(tmp_path: Path) -> None:
    with TrsWcmSite() as site:
        crawls = crawl_of(site, tmp_path, "trs-wcm", COLUMN_PATH)
        dated = crawls.rows("SELECT count(*) FROM entry WHERE listed_date IS NULL AND url LIKE '%/t20%'")
        assert dated == [(3,)], "a line without a date is a line"


def test_an_article_over_three_pages_is_one_reading_of_all(tmp_path: Path) -> None:
    with TrsWcmSite() as site:
        crawls = Crawls(cast(Any, site), tmp_path)
        crawls.describe(family='"trs-wcm"', url=f'"{site.url}{COLUMN_PATH}2022n/"')
        crawls.run()
        address = f"{site.url}{COLUMN_PATH}2022n/202301/{LONG}.html"
        pages = crawls.rows("SELECT id, url, status FROM capture WHERE kind = 'attachment' ORDER BY rowid")
        assert [(url, status) for _, url, status in pages] == [
            (address, 200),
            (address.replace(".html", "_1.html"), 200),
            (address.replace(".html", "_2.html"), 200),
        ]
        whole = crawls.rows("SELECT outcome, status, note FROM capture WHERE kind = 'report' AND url = ?", [address])
        names = {page: identity for identity, page, _ in pages}
        made = " ".join(names[address.replace(".html", part)] for part in (".html", "_1.html", "_2.html"))
        assert whole == [("new", None, f"joined from the captures {made}")]
        sections = (
            "SELECT heading FROM section JOIN report ON id = report_id WHERE url = ? AND heading <> '' ORDER BY ordinal"
        )
        assert [heading[0] for (heading,) in crawls.rows(sections, [address])] == list("一二三四五六")

        again = crawls.run("--revisit")
        assert json.loads(again.stdout)["decisions"]["fetched"] == 5
        kinds = crawls.rows("SELECT kind, outcome FROM capture WHERE url = ? ORDER BY rowid", [address])
        assert kinds == [(k, o) for o in ("new", "unchanged") for k in ("attachment", "report")]

        site.pages[address.removeprefix(site.url).replace(".html", "_1.html")] = NOT_FOUND
        crawls.run("--revisit")
        last = "SELECT outcome, note FROM capture WHERE url = ? AND kind = 'report' ORDER BY rowid DESC LIMIT 1"
        [(outcome, note)] = crawls.rows(last, [address])
        assert outcome == "failed"
        assert note.startswith("page 2 of 3: gone, 404; captured before ")
        assert crawls.rows("SELECT gone_at FROM report WHERE url = ?", [address]) == [(None,)]
