"""The family `trs-wcm` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from conftest import Crawls

from crawler.replica.trs_wcm import BODIES, COLUMN_PATH, TrsWcmSite


def test_both_pages_and_every_decision(tmp_path: Path) -> None:
    with TrsWcmSite() as site:
        crawls = Crawls(cast(Any, site), tmp_path)
        crawls.describe(family='"trs-wcm"', url=f'"{site.url}{COLUMN_PATH}"')
        done = crawls.run()
        assert done.returncode == 0, done.stderr
        assert crawls.decisions() == {"duplicate": 1, "fetched": len(BODIES) + 1}, done.stderr
        assert crawls.outcomes() == {"gone": 1, "new": len(BODIES)}
        titles = [title for (title,) in crawls.rows("SELECT title FROM entry")]
        assert all(title.endswith("年度报告") for title in titles)
        assert len(site.asked("/zwgk/zfxxgknb/index")) == 2
