"""The family `gd-nfcms` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.gd_nfcms import GdNfcmsSite


def test_pages_years_and_every_decision(tmp_path: Path) -> None:
    site = GdNfcmsSite()
    _, done = crawl_and_check({"nf": site}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = [line.query.path for line in site.asked("/zfxxgknb/index")]
    assert asked == ["/zfxxgknb/index.html", "/zfxxgknb/index_2.html"]
    assert site.asked("/gsgg/") == [], "a menu is no list"
    assert not [line for line in site.log if "mpost_" in line.query.path], "the twin is the article"
