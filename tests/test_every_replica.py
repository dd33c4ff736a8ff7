"""All replicas of all families in one crawl: whatever each planted is found, and `gongkai status` is true line by line.

One site asks its visitor for one page at a time and all sites are asked at once, as in a crawl of the country.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from conftest import ROOT, Crawls
from replicas import Replica, every, sites, write_portals

from archive.store import Store
from crawler.portals import FAMILIES, families
from crawler.replica.demo import _found
from crawler.replica.traps import FamilySite

COPIES = 3  # of every replica; the largest, hanweb-jcms, has more years instead
LEAST = 500  # reports, of fourteen families (issue 4)
GOOD = ("new", "changed", "unchanged")


class Everything(Crawls):
    """Crawls of many replicas, each a portal under its key."""

    def __init__(self, replicas: dict[str, Replica], folder: Path) -> None:
        self.replicas = replicas
        super().__init__(cast(Any, None), folder)

    def describe(self, **more: str) -> None:
        """Write the portals file."""
        assert not more
        write_portals(self.replicas, self.portals)


class Crawled(NamedTuple):
    replicas: dict[str, Replica]
    crawls: Crawls
    summary: dict[str, Any]
    code: int
    said: str
    status: dict[str, dict[str, Any]]
    archive: dict[str, Any]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """One crawl of everything, and the status after it."""
    replicas = every((2021, 2022, 2023), COPIES)
    crawls = Everything(replicas, tmp_path_factory.mktemp("every"))
    with ExitStack() as stack:
        for site in sites(replicas):
            stack.enter_context(site)
        done = gongkai(crawls, "crawl", *replicas, "--portals", str(crawls.portals), "--json")
    told = json.loads(gongkai(crawls, "status", "--json").stdout)
    status = {line["portal"]: line for line in told["portals"]}
    return Crawled(
        replicas, crawls, json.loads(done.stdout or "{}"), done.returncode, done.stderr, status, told["archive"]
    )


def gongkai(crawls: Crawls, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gongkai", *arguments, "--db", str(crawls.db)]
    return subprocess.run(
        command, cwd=ROOT, env=crawls.environment(), capture_output=True, text=True, timeout=240, check=False
    )


def test_every_family_is_there(crawled: Crawled) -> None:
    told = {line["family"] for line in crawled.status.values()}
    assert told == families() and len(told) >= 14
    assert all(f"[{family}]" in FAMILIES.read_text(encoding="utf-8") for family in told)
    assert sum(line["reports"] for line in crawled.status.values()) >= LEAST


def test_what_each_replica_planted_was_found(crawled: Crawled) -> None:
    with Store.open(crawled.crawls.db, write=False) as store:
        found = {key: _found(store, key) for key in crawled.replicas}
    wrong = {
        key: (found[key], r.site.planted()) for key, r in crawled.replicas.items() if found[key] != r.site.planted()
    }
    assert not wrong, crawled.said


def test_status_is_true_line_by_line(crawled: Crawled) -> None:
    """Against what was planted, what the sites were asked, and the captures counted one by one."""
    pages: dict[str, dict[str, str]] = defaultdict(dict)
    rows = crawled.crawls.rows("SELECT portal, url, outcome FROM capture WHERE kind IN ('report', 'attachment')")
    for key, url, outcome in rows:
        if pages[key].get(url) not in GOOD:
            pages[key][url] = outcome
    years = dict(
        crawled.crawls.rows(
            "SELECT c.portal, max(r.year) FROM report AS r JOIN capture AS c ON c.url = r.url GROUP BY c.portal"
        )
    )
    assert list(crawled.status) == sorted(crawled.replicas)
    for key, replica in crawled.replicas.items():
        planted, outcomes, line = replica.site.planted(), list(pages[key].values()), crawled.status[key]
        expected = {
            "portal": key,
            "name": f"{replica.place}人民政府",
            "region": replica.region,
            "family": replica.family,
            "declared": planted["declared"],
            "found": planted["found"],
            "reports": planted["reports"],
            "captured": sum(outcome in GOOD for outcome in outcomes),
            "blocked": planted["outcomes"].get("blocked", 0),
            "failed": planted["outcomes"].get("failed", 0),
            "newest": years[key],
        }
        assert {name: line[name] for name in expected} == expected
        broken = {"repeated_page", "incomplete_page"} & set(planted["findings"])
        assert line["outcome"] == getattr(replica.site, "visit", "incomplete" if broken else "finished"), key
        if isinstance(replica.site, FamilySite):
            assert line["newest"] == max(each.year for each in replica.site.lines if each.fate in ("report", "gbk"))
        # a site knows what it was asked for: no page of a report twice, and nothing while another answer was on its way
        asked = [each for each in replica.site.log if each.query.path != "/robots.txt" and each.query.method == "GET"]
        assert all(each.together == 1 for each in replica.site.log), key
        assert line["captured"] <= sum(each.status == 200 for each in asked), key
    assert crawled.archive["portals"] == len(crawled.replicas)
    assert crawled.archive["reports"] == sum(replica.site.planted()["reports"] for replica in crawled.replicas.values())


def test_the_run_says_what_is_amiss_and_nothing_else(crawled: Crawled) -> None:
    assert crawled.code == 1 and crawled.summary["exit_code"] == 1, crawled.said
    assert crawled.summary["portals"] == len(crawled.replicas)
    assert "Traceback" not in crawled.said
    planted = [replica.site.planted()["outcomes"] for replica in crawled.replicas.values()]
    counted = dict(crawled.crawls.rows("SELECT kind || outcome, count(*) FROM capture GROUP BY 1"))
    for outcome in ("blocked", "gone", "failed", "refused"):
        of_reports = sum(each.get(outcome, 0) for each in planted)
        assert counted.get(f"report{outcome}", 0) == of_reports, outcome
        assert crawled.summary[outcome] == of_reports + counted.get(f"attachment{outcome}", 0), outcome
    missing = (
        "SELECT count(*) FROM capture AS c WHERE kind = 'report' AND NOT EXISTS (SELECT 1 FROM entry WHERE url = c.url)"
    )
    assert crawled.crawls.rows(missing) == [(0,)], "no page without the line that led to it"
