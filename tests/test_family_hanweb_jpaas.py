"""The family `hanweb-jpaas` against its replicas, from the portals' TOML alone."""

from __future__ import annotations

import json
from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.hanweb_jpaas import GATEWAY, HanwebJpaasSite


def test_both_ways_of_paging_and_every_decision(tmp_path: Path) -> None:
    usual, bare = HanwebJpaasSite(), HanwebJpaasSite(paging="bare", spelling="buildstatic")
    _, done = crawl_and_check({"usual": usual, "bare": bare}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
    asked = [line.query.query for line in usual.asked(GATEWAY)]
    pages = [json.loads(query.get("paramJson", '{"pageNo":1}'))["pageNo"] for query in asked]
    assert sorted(pages) == [1, 1, 2, 3], "two lists, nothing asked twice, no other unit"
    assert all("pageNo" not in query for query in asked)
    ways = [("paramJson" in line.query.query, line.query.query.get("pageNo")) for line in bare.asked(GATEWAY)]
    assert sorted(ways, key=str) == [(False, "2"), (False, "3"), (False, None), (False, None), (True, None)]
    assert {line.query.query["parseType"] for line in bare.asked(GATEWAY)} == {"buildstatic"}
