"""The family `truecms` against its replicas, from the portals' TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.truecms import TruecmsSite


def test_portions_a_dead_endpoint_and_every_decision(tmp_path: Path) -> None:
    sites = {
        "fifty": TruecmsSite(longest=50),
        "ten": TruecmsSite(longest=10, proxy="/truecms"),
        "capped": TruecmsSite(longest=10, capped=True),
        "off": TruecmsSite(longest=0),
    }
    crawls, done = crawl_and_check(sites, tmp_path)
    assert done.returncode == 1, "a list came short"
    asked = {
        key: [(line.query.query["startrecord"], line.query.query["perpage"]) for line in site.asked(site.proxy)]
        for key, site in sites.items()
    }
    assert asked["fifty"] == [("1", "50")]
    assert asked["ten"] == [("1", "50"), ("1", "20"), ("1", "10"), ("11", "10")]
    assert asked["capped"] == [("1", "50"), ("11", "10")]
    assert asked["off"] == [("1", "50"), ("1", "20"), ("1", "10")]
    short = crawls.rows("SELECT expected, found FROM finding WHERE portal = 'off' AND name = 'count_mismatch'")
    assert short == [(11, 5)], "eleven lines declared, six inlined, one of them twice"
    assert crawls.rows("SELECT outcome FROM visit WHERE portal = 'off'") == [("incomplete",)]
