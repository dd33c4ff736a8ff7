"""The family `epoint-ewb` against its replicas, from the portals' TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.epoint_ewb import SERVICE, EpointEwbSite


def test_page_bases_wrappings_and_every_decision(tmp_path: Path) -> None:
    sites = {
        "zero": EpointEwbSite(),
        "one": EpointEwbSite(base=1),
        "one-empty": EpointEwbSite(base=1, zeroth=False),
        "wrapped": EpointEwbSite(wrapped=True),
    }
    _, done = crawl_and_check(sites, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = {key: [line.query.query["pageIndex"] for line in site.asked(SERVICE)] for key, site in sites.items()}
    assert asked["zero"] == ["0", "1", "2"]
    assert asked["one"] == ["0", "1", "2", "3"], "page 0 and page 1 are the same page, listed once"
    assert asked["one-empty"] == ["0", "0", "1", "2", "3"]
    assert asked["wrapped"] == ["0", "0", "0", "0", "1", "2"], "three tries of an error, then the other way"
