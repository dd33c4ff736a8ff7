"""A portal against its own past: what is late, what has gone quiet, and what nobody need look at."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import archive_samples as samples
import pytest
from click.testing import CliRunner

import gongkai
from archive.health import due, health
from archive.store import Capture, Store

PORTAL = "quzhou-qujiang"
BODIES = ("民政局", "教育局", "财政局")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "a.db", create=True) as store:
        store.save_portals(samples.PORTALS)
        yield store


seconds = itertools.count()


def visit(
    store: Store,
    day: str,
    reports: dict[str, int] | None = None,
    *,
    outcome: str = "finished",
    decision: str = "fetched",
    bad: str | None = None,
    government: bool = False,
) -> None:
    """A crawl on a day: reports by body and year, or pages that all came to `bad`."""
    crawl = store.begin_crawl("{}", "test", f"{day}T02:15:00Z")
    lines = []
    for body, year in (reports or {}).items():
        name = "衢州市衢江区人民政府" if government else f"衢州市衢江区{body}"
        url = f"http://www.qj.example/{body}/{year}.html"
        title = f"{name}{year}年政府信息公开工作年度报告"
        lines.append((PORTAL, url, title, None, None, decision))
        if decision != "fetched":
            continue
        metadata = {"agency": name, "region": "330803", "level": "county",
                    "agency_kind": "government" if government else "department"}  # fmt: skip
        page = samples.page(title=title, year=year, metadata=metadata)
        at = f"{day}T02:16:{next(seconds) % 60:02}Z"
        capture = Capture("", crawl, PORTAL, url, url, at, "report", 200, bad or "ok", "[]", None, None)
        stored = store.save_capture(capture, page, "text/html")
        if bad is None:
            store.save_report(stored, samples.parse(page, url=url))
    store.save_entries(crawl, lines)
    store.save_visit(crawl, PORTAL, None, len(lines), outcome, None)
    store.finish_crawl(crawl, "finished")


def alarm(store: Store) -> str | None:
    return health(store.conn)[PORTAL].alarm


def of(year: int) -> dict[str, int]:
    return dict.fromkeys(BODIES, year)


def test_the_statutory_dates() -> None:
    assert due(2024, "department") == date(2025, 1, 31)
    assert due(2024, "government") == due(2024, "other") == due(2024, None) == date(2025, 3, 31)
    assert due(2019, "department") == date(2020, 1, 31)
    assert due(2018, "department") == due(2018, "government") == date(2019, 3, 31)


def test_departments_are_late_after_january_and_then_it_is_an_alarm(store: Store) -> None:
    visit(store, "2025-02-10", of(2024))
    assert health(store.conn)[PORTAL] == (2024, 3, 0, 0, None)
    visit(store, "2026-01-20", of(2024), decision="fresh")
    assert health(store.conn)[PORTAL] == (2025, 0, 3, 0, None), "late, and before the date"
    visit(store, "2026-01-31", of(2024), decision="fresh")
    assert alarm(store) is None, "the last day"
    visit(store, "2026-02-01", of(2024), decision="fresh")
    assert alarm(store) == "it gave 3 report(s) for 2024 and none for 2025, whose date has passed"
    visit(store, "2026-02-02", {"民政局": 2025})
    assert health(store.conn)[PORTAL] == (2025, 1, 3, 2, None), "it gives reports; two are late"


def test_a_government_has_until_march(store: Store) -> None:
    visit(store, "2025-04-10", {"区": 2024}, government=True)
    visit(store, "2026-03-31", {"区": 2024}, government=True, decision="fresh")
    assert alarm(store) is None
    visit(store, "2026-04-01", {"区": 2024}, government=True, decision="fresh")
    assert "none for 2025" in str(alarm(store))


def test_a_first_crawl_of_old_lists_alarms_nobody(store: Store) -> None:
    visit(store, "2026-11-01", of(2024))
    assert health(store.conn)[PORTAL] == (2025, 0, 3, 3, None)
    visit(store, "2026-11-02", of(2024), decision="fresh")
    assert alarm(store) is None


def test_a_portal_that_stopped_years_ago_is_no_alarm_any_more(store: Store) -> None:
    visit(store, "2023-04-10", of(2022))
    visit(store, "2026-04-10", of(2022), decision="fresh")
    assert alarm(store) is None


@pytest.mark.parametrize(
    ("outcome", "words"),
    [("blocked", "behind a challenge"), ("refused", "may not be asked"), ("failed", "could not be had"),
     ("gone", "its list is gone"), ("host_left_alone", "left alone"), ("empty", "its list has none"),
     ("finished", "its list has none")],
)  # fmt: skip
def test_a_portal_that_gives_nothing_any_more(store: Store, outcome: str, words: str) -> None:
    visit(store, "2025-05-01", outcome=outcome)
    assert alarm(store) is None, "it never gave any"
    visit(store, "2025-06-01", of(2024))
    assert alarm(store) is None
    visit(store, "2025-07-01", outcome=outcome)
    assert "it used to give reports; now" in str(alarm(store)) and words in str(alarm(store))
    visit(store, "2025-07-02", outcome="interrupted")
    assert words in str(alarm(store)), "an interrupted visit says nothing"
    visit(store, "2025-07-03", of(2024), decision="fresh")
    assert alarm(store) is None


def test_a_list_that_stands_while_none_of_its_pages_can_be_had(store: Store) -> None:
    visit(store, "2025-06-01", of(2024))
    visit(store, "2025-07-01", of(2024), bad="blocked")
    assert alarm(store) == "it used to give reports; now none of its pages can be had (3 blocked)"
    visit(store, "2025-07-02", of(2024), bad="gone")
    assert alarm(store) == "it used to give reports; now none of its pages can be had (3 gone)"


def test_status_says_so_and_ends_with_1(store: Store) -> None:
    visit(store, "2025-06-01", of(2024))

    def status(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(gongkai.main, ["status", "--db", str(store.path), *arguments])
        return done.exit_code, done.stdout, done.stderr

    code, said, errors = status("--json")
    (held,) = [portal for portal in json.loads(said)["portals"] if portal["portal"] == PORTAL]
    assert code == 0 and errors == ""
    assert (held["found"], held["captured"], held["reports"], held["newest"]) == (3, 3, 3, 2024)
    assert (held["season"], held["given"], held["before"], held["late"], held["alarm"]) == (2024, 3, 0, 0, None)
    assert held["visited"] == "2025-06-01T02:15:00Z"
    visit(store, "2025-07-01", outcome="blocked")
    code, said, errors = status("--json")
    assert code == 1 and errors == f"gongkai: {PORTAL}: it used to give reports; now its list is behind a challenge\n"
    code, said, errors = status()
    assert code == 1 and "2024: 3 (2023: 0)" in said
