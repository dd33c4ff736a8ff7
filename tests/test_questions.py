"""The fifteen questions of `archive/metadata.yml`, each on a planted case that would show a wrong answer.

Reports are made up (tests/archive_samples.py reads them), but for the one of Qujiang's civil affairs bureau (recorded).
Queries run in Datasette, within the limits of `archive/settings.json`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import archive_samples as samples
import pytest
import yaml
from archive_samples import fetched, keep, page

import parsers
from archive import desk, looking
from archive.store import Store
from parsers.forms import load_all

PAGES = Path(__file__).parent / "pages"
PORTALS = [
    ("zhejiang", "浙江省人民政府", "330000", "plain", "http://zj.example/index.html"),
    ("quzhou-qujiang", "衢州市衢江区人民政府", "330803", "plain", "http://www.qj.example/index.html"),
]
GROUNDS = (
    "state_secret", "prohibited_by_law", "security_stability", "third_party_rights", "internal_affairs",
    "deliberative_process", "enforcement_file", "administrative_inquiry",
)  # fmt: skip
UNABLE = ("unable_not_held", "unable_requires_creation", "unable_still_unclear")
NOT_PROCESSED = ("petition", "duplicate", "publication", "excessive", "reissue")
APPLICANTS = (
    "natural_person", "commercial_enterprise", "research_institution", "public_interest_organization",
    "legal_service_organization", "other_organization",
)  # fmt: skip


class Planted:
    """An archive under way: reports by agency and year, and the questions asked of it."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path, create=True)
        self.store.save_portals(PORTALS)
        self.crawl = self.store.begin_crawl("a test", "test", samples.at(1))
        self.desk = desk.desk(path)

    def url(self, agency: str, year: int) -> str:
        return f"http://www.qj.example/{hashlib.sha256(agency.encode()).hexdigest()[:8]}/{year}.html"

    def report(
        self, agency: str, year: int, figures: dict[str, Any], *, region: str = "330803", day: int = 1, **more: Any
    ) -> None:
        """A report with the cells of `figures` (`indicator:col`, of the form of its year)."""
        form = more.pop("form", "v2021" if year >= 2021 else "v2019" if year >= 2019 else "v2014")
        portal = "zhejiang" if region == "330000" else "quzhou-qujiang"
        cells = {f"{form}:{cell}": str(value) for cell, value in figures.items()}
        metadata = {"agency": agency, "region": region} | more.pop("metadata", {})
        body = page(year=year, figures=cells, metadata=metadata, url=self.url(agency, year), **more)
        keep(self.store, self.crawl, self.url(agency, year), day, body, portal=portal)

    def ask(self, question: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a question, as the desk gives them; parameters that are not given are empty."""
        query = described()[question]
        given = {parameter: parameters.pop(parameter, "") for parameter in query["params"]}
        assert not parameters, f"{question} has no parameters {sorted(parameters)}"

        async def fetch() -> list[dict[str, Any]]:
            await self.desk.invoke_startup()
            answer = await self.desk.client.get(f"/gongkai/{question}.json?_shape=array&{urlencode(given)}")
            assert answer.status_code == 200, answer.text
            rows: list[dict[str, Any]] = answer.json()
            return rows

        return asyncio.run(fetch())


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Planted]:
    made = Planted(tmp_path / "gongkai.db")
    yield made
    made.store.close()


@cache
def described() -> dict[str, Any]:
    metadata = yaml.safe_load((desk.FOLDER / "metadata.yml").read_text(encoding="utf-8"))
    queries: dict[str, Any] = metadata["databases"]["gongkai"]["queries"]
    return queries


def results(granted: int, partly: int, total: object, denied: int = 0) -> dict[str, Any]:
    """The cells of an applications table that the rates need; one unable, two not processed of each kind."""
    cells = {"result_granted:total": granted, "result_partially_granted:total": partly, "results_total:total": total}
    cells |= {f"denied_{ground}:total": denied for ground in GROUNDS}
    cells |= {f"{name}:total": 1 for name in UNABLE}
    return cells | {f"not_processed_{name}:total": 2 for name in NOT_PROCESSED}


def column(rows: list[dict[str, Any]], *names: str) -> list[Any]:
    return [tuple(row[name] for name in names) if len(names) > 1 else row[names[0]] for row in rows]


def test_the_fifteen_are_there_and_say_their_caveats() -> None:
    names = [name for name in described() if name.startswith("q")]
    assert {name[:3] for name in names} == {f"q{n:02}" for n in range(1, 16)}
    for name in names:
        query = described()[name]
        assert f"Question {int(name[1:3])}" in query["title"] and "问" in query["title"], name
        assert "aveat" in query["description"] or name in ("q10_changed_figures", "q14_applications_series"), name


def test_1_a_missing_report_is_null_and_the_expected_count_stands_beside(planted: Planted) -> None:
    for year, value in ((2019, 100), (2021, 300)):
        planted.report("浙江省人民政府", year, {"applications_received:total": value}, region="330000")
    planted.report("浙江省民政厅", 2020, {"applications_received:total": 7}, region="330000")
    rows = planted.ask("q01_applications_by_province")
    assert column(rows, "province", "year", "applications", "reports", "expected") == [
        ("浙江省", 2021, 300, 1, 1), ("浙江省", 2020, None, 0, 1), ("浙江省", 2019, 100, 1, 1)
    ]  # fmt: skip


def test_1_provinces_are_added_up_with_what_is_there(planted: Planted) -> None:
    planted.report("浙江省人民政府", 2021, {"applications_received:total": 300}, region="330000")
    planted.report("江西省人民政府", 2021, {"applications_received:total": " "}, region="360000")
    planted.report("安徽省人民政府", 2021, {"applications_received:total": 0}, region="340000")
    rows = planted.ask("q01_applications_by_province", year=2021)
    assert column(rows, "province", "applications", "reports", "expected") == [
        ("合计 · Total", 300, 2, 3), ("浙江省", 300, 1, 1), ("安徽省", 0, 1, 1), ("江西省", None, 0, 1)
    ]  # fmt: skip


def test_2_both_denominators_and_null_where_there_is_none(planted: Planted) -> None:
    planted.report("衢州市衢江区民政局", 2021, results(5548, 2168, 13810))
    (row,) = planted.ask("q02_share_granted", year=2021)
    assert (row["granted_percent"], row["counted"]) == (55.9, 1)
    assert row["decided"] == 13810 - 3 - 10
    assert row["granted_percent_of_decided"] == round(100 * 7716 / 13797, 1)
    planted.report("衢州市衢江区教育局", 2022, results(0, 0, 0))
    planted.report("衢州市衢江区财政局", 2022, results(5, 0, " "))
    planted.report("衢州市衢江区审计局", 2022, results(5, 0, 13))
    (row,) = planted.ask("q02_share_granted", year=2022)
    assert (row["reports"], row["counted"], row["granted_percent"]) == (3, 1, round(500 / 13, 1))
    assert (row["counted_of_decided"], row["granted_percent_of_decided"]) == (0, None)


def test_3_the_ground_that_grew_fastest_among_the_same_agencies(planted: Planted) -> None:
    first, second = "衢州市衢江区民政局", "衢州市衢江区教育局"
    for year, secret, law in ((2021, 40, 100), (2022, 80, 110)):
        cells = results(0, 0, 300) | {"denied_state_secret:total": secret, "denied_prohibited_by_law:total": law}
        planted.report(first, year, cells)
    planted.report(second, 2022, results(0, 0, 9000, denied=1000))  # no report of the year before
    rows = [row for row in planted.ask("q03_refusal_grounds") if row["level"] == "全部 · all"]
    assert column(rows, "ground", "before", "after", "growth_percent")[:2] == [
        ("denied_state_secret", 40, 80, 100.0), ("denied_prohibited_by_law", 100, 110, 10.0)
    ]  # fmt: skip
    assert {(row["since"], row["until"], row["agencies"]) for row in rows} == {(2021, 2022, 1)}
    assert sum(column(rows, "after")) == rows[0]["after_total"] == 190
    assert {row["growth_percent"] for row in rows[2:]} == {None}
    assert {row["level"] for row in planted.ask("q03_refusal_grounds", level="county")} == {"全部 · all", "county"}


def test_4_six_columns_or_set_apart(planted: Planted) -> None:
    def applicants(total: int, *six: object) -> dict[str, Any]:
        return {f"applications_received:{name}": value for name, value in zip(APPLICANTS, six, strict=True)} | {
            "applications_received:total": total
        }

    planted.report("衢州市衢江区民政局", 2021, applicants(10, 5, 1, 1, 1, 1, 1))
    planted.report("衢州市衢江区教育局", 2021, applicants(99, 5, 1, 1, 1, 1, 1))
    planted.report("衢州市衢江区财政局", 2021, applicants(5, 5, " ", 0, 0, 0, 0))
    (row,) = planted.ask("q04_who_asks")
    assert (row["reports"], row["set_apart"], row["incomplete"]) == (1, 1, 1)
    assert (row["natural_persons"], row["natural_persons_percent"], row["total"]) == (5, 50.0, 10)
    apart = planted.ask("q04_who_asks_apart", year=2021)
    assert set(column(apart, "agency", "total", "six_columns")) == {
        ("衢州市衢江区教育局", 99, 10), ("衢州市衢江区财政局", 5, None)
    }  # fmt: skip


def test_5_corrected_of_those_decided_with_a_guard(planted: Planted) -> None:
    def cases(total: int, corrected: int, pending: int) -> dict[str, Any]:
        parts = {"total": total, "corrected": corrected, "pending": pending, "upheld": 0, "other": 0}
        suits = {f"cases:litigation_{path}_{name}": 0 for path in ("direct", "after_review") for name in parts}
        return {f"cases:review_{name}": value for name, value in parts.items()} | suits | {"results_total:total": 1000}

    planted.report("衢州市衢江区民政局", 2021, cases(790, 97, 121))
    planted.report("衢州市衢江区教育局", 2022, cases(30, 5, 1))
    newest, before = planted.ask("q05_reviews_and_suits")
    assert (before["reviews_decided"], before["reviews_corrected_percent"]) == (669, 14.5)
    assert (before["reviews_per_1000"], before["suits_per_1000"]) == (790.0, 0.0)
    assert (newest["reviews_decided"], newest["reviews_corrected_percent"]) == (29, None)
    old = {"review_total": 40, "review_corrected": 10, "litigation_total": 0, "litigation_corrected": 0}
    planted.report(
        "衢州市衢江区民政局",
        2017,
        {f"{name}:year_total": v for name, v in old.items()} | {"replies_total:year_total": 50},
    )
    assert planted.ask("q05_reviews_and_suits", year=2017)[0]["reviews_corrected_percent"] == 25.0


def real(planted: Planted, name: str, day: int = 2) -> None:
    """A recorded page, through the real parser."""
    body = (PAGES / name).read_bytes()
    url = f"http://www.qj.example/{name}"
    capture = planted.store.save_capture(fetched(planted.crawl, url, day), body, "text/html")
    planted.store.save_report(capture, parsers.as_dict(parsers.parse(body, url=url, media_type="text/html")))


def test_6_what_does_not_add_up_has_a_cause_and_its_cells_say_so_again(planted: Planted) -> None:
    real(planted, "qujiang-2020.html")
    planted.report("衢州市衢江区教育局", 2021, {"applications_received:total": 3}, checks={"sum": "fail", "ok": "pass"})
    rows = planted.ask("q06_does_not_add_up", year=2020)
    channel = next(row for row in rows if row["name"] == "v2014_channel_not_above_items")
    assert (channel["at"], channel["found"], channel["expected"], channel["difference"]) == ("quarter", 35, 21, 14)
    assert channel["cause"] == "source" and None not in column(rows, "cause")
    assert column(planted.ask("q06_does_not_add_up", year=2021), "name", "difference") == [("sum", 1)]
    assert len(planted.ask("q06_does_not_add_up")) == len(rows) + 1
    cells = planted.ask("q15_where_it_stands", report=channel["report_id"])
    body = planted.store.body(channel["sha256"])
    assert hashlib.sha256(body).hexdigest() == channel["sha256"]
    again = {(f.form, f.indicator, f.col): (f.raw, f.tbl, f.row, f.cell) for f in parsers.parse(body).figures}
    assert len(cells) == len(again) == 154
    for cell in cells:
        said = (cell["raw"], cell["tbl"], cell["row"], cell["cell"])
        assert again[cell["form"], cell["indicator"], cell["col"]] == said


def test_7_a_planted_pair_and_an_agency_with_a_gap(planted: Planted) -> None:
    def carried(into: int, out: int) -> dict[str, Any]:
        return {"applications_carried_in:total": into, "applications_carried_out:total": out}

    planted.report("衢州市衢江区民政局", 2021, carried(0, 5))
    planted.report("衢州市衢江区民政局", 2022, carried(9, 2))
    planted.report("衢州市衢江区民政局", 2023, carried(2, 0))
    planted.report("衢州市衢江区教育局", 2021, carried(0, 5))
    planted.report("衢州市衢江区教育局", 2023, carried(9, 0))
    gap, *rows = planted.ask("q07_carried_over")
    assert (gap["kind"], gap["agencies"]) == ("gap", 1)
    names = ("agency", "year", "carried_out", "carried_in_next_year", "difference")
    assert column(rows, *names) == [("衢州市衢江区民政局", 2021, 5, 9, 4)]
    gap, *rows = planted.ask("q07_carried_over", year=2022)
    assert gap["agencies"] == 1 and rows == []


def test_8_reasons_sum_up_and_a_deleted_report_adds_a_row(planted: Planted) -> None:
    store, crawl = planted.store, planted.crawl
    for year in (2019, 2020, 2021):
        planted.report("衢州市衢江区民政局", year, {"applications_received:total": 1})
        planted.report("衢州市衢江区人民政府", year, {"applications_received:total": 1})
    for agency, outcome, status in (("教育局", "blocked", 412), ("财政局", "gone", 404), ("审计局", None, None)):
        url = planted.url(agency, 2021)
        store.save_entries(
            crawl, [("quzhou-qujiang", url, f"衢江区{agency}2021年政府信息公开工作年度报告", None, None, "over_budget")]
        )
        if outcome:
            store.save_capture(fetched(crawl, url, 2, outcome=outcome, status=status), None, None)
        planted.report(f"衢州市衢江区{agency}", 2019, {"applications_received:total": 1})
    other = planted.url("司法局", 2021)
    store.save_entries(
        crawl, [("quzhou-qujiang", other, "衢江区司法局2021年政府信息公开工作年度报告", None, None, "fetched")]
    )
    keep(store, crawl, other, 2, page(kind="other"))
    pictures = samples.parse(page(year=2021, metadata={"agency": "衢州市衢江区林业局", "region": "330803"}))
    note = "no table of any form; 3 picture(s) on the page"
    pictures["findings"] = [{"kind": "form", "name": "no_table", "status": "notice", "note": note}]
    capture = store.save_capture(fetched(crawl, planted.url("林业局", 2021), 2), b"pictures", "text/html")
    store.save_report(capture, pictures)
    wanted = {
        "衢州市衢江区教育局": "blocked", "衢州市衢江区财政局": "gone", "衢州市衢江区审计局": "not_fetched",
        "衢州市衢江区司法局": "not_readable", "衢州市衢江区林业局": "image_only",
    }  # fmt: skip
    rows = planted.ask("q08_missing_reports", year=2021)
    assert dict(column(rows, "agency", "reason")) == wanted
    sums = planted.ask("q08_missing_by_reason", year=2021)
    assert sum(column(sums, "missing")) == sums[0]["missing_in_all"] == sums[0]["due"] - sums[0]["found"] == 5
    twenty = planted.ask("q08_missing_reports", year=2020)
    assert {(row["agency"], row["reason"]) for row in twenty} == {
        (f"衢州市衢江区{name}局", "not_found") for name in ("教育", "财政", "审计")
    }
    deleted = store.conn.execute(
        "SELECT id FROM report WHERE agency_name = '衢州市衢江区民政局' AND year = 2021"
    ).fetchone()
    store.conn.execute("PRAGMA foreign_keys = OFF")
    store.conn.execute("DELETE FROM report WHERE id = ?", deleted)
    after = planted.ask("q08_missing_reports", year=2021)
    assert set(column(after, "agency")) - set(column(rows, "agency")) == {"衢州市衢江区民政局"} and len(after) == 6


def test_8_a_listed_report_is_due_though_it_never_came(planted: Planted) -> None:
    url = planted.url("教育局", 2020)
    planted.report("衢州市衢江区教育局", 2022, {"applications_received:total": 1})
    planted.store.save_entries(
        planted.crawl, [("quzhou-qujiang", url, "衢江区教育局2020年政府信息公开工作年度报告", None, None, "fetched")]
    )
    planted.store.save_entries(
        planted.crawl, [("quzhou-qujiang", url + "x", "2020年政府信息公开工作年度报告", None, None, "fetched")]
    )
    planted.store.save_entries(
        planted.crawl, [("quzhou-qujiang", url + "y", "衢江区教育局2012年工作总结", None, None, "not_a_report")]
    )
    conn = planted.store.conn
    assert conn.execute("SELECT agency, year, found, reason FROM coverage ORDER BY agency, year").fetchall() == [
        ("衢州市衢江区人民政府", 2020, 0, "not_fetched"), ("衢州市衢江区人民政府", 2021, 0, "not_found"),
        ("衢州市衢江区人民政府", 2022, 0, "not_found"), ("衢州市衢江区教育局", 2020, 0, "not_fetched"),
        ("衢州市衢江区教育局", 2021, 0, "not_found"), ("衢州市衢江区教育局", 2022, 1, None),
    ]  # fmt: skip


def test_9_late_by_the_order_of_the_year_and_back_dated(planted: Planted) -> None:
    def published(agency: str, year: int, on: str, **more: Any) -> None:
        planted.report(agency, year, {}, metadata={"published_on": on}, **more)

    published("衢州市衢江区民政局", 2017, "2018-03-31")
    published("衢州市衢江区教育局", 2017, "2018-04-01")
    published("衢州市衢江区民政局", 2020, "2021-02-01")
    published("衢州市衢江区教育局", 2020, "2021-01-31")
    published("衢州市衢江区人民政府", 2020, "2021-03-31")
    published("浙江省人民政府", 2020, "2021-04-01", region="330000")
    published("衢州市衢江区廿里镇人民政府", 2020, "2021-09-01")
    rows = planted.ask("q09_late_or_backdated")
    assert set(column(rows, "verdict", "agency", "year", "deadline")) == {
        ("late", "衢州市衢江区教育局", 2017, "2018-03-31"), ("late", "衢州市衢江区民政局", 2020, "2021-01-31"),
        ("late", "浙江省人民政府", 2020, "2021-03-31"),
    }  # fmt: skip
    towns = planted.ask("q09_late_or_backdated", verdict="no_date_in_law")
    assert column(towns, "agency") == ["衢州市衢江区廿里镇人民政府"]


def test_9_a_back_dated_page_in_a_replayed_listing(planted: Planted) -> None:
    store = planted.store

    def look(day: int, agencies: list[tuple[str, str]], outcome: str = "finished") -> None:
        planted.crawl = store.begin_crawl("a look", "test", samples.at(day))
        for agency, on in agencies:
            url = planted.url(agency, 2025)
            store.save_entries(
                planted.crawl, [("quzhou-qujiang", url, f"{agency}2025年政府信息公开工作年度报告", on, None, "fetched")]
            )
            planted.report(agency, 2025, {}, day=day, metadata={"published_on": on})
        store.save_visit(planted.crawl, "quzhou-qujiang", None, len(agencies), outcome, None)
        store.conn.execute("UPDATE crawl SET finished_at = ? WHERE id = ?", (samples.at(day), planted.crawl))

    honest = ("衢州市衢江区民政局", "2026-01-02")
    later, false = ("衢州市衢江区教育局", "2026-01-20"), ("衢州市衢江区财政局", "2026-01-05")
    look(3, [honest])
    look(10, [honest])
    look(20, [honest, later, false])
    rows = planted.ask("q09_late_or_backdated", verdict="backdated")
    assert column(rows, "agency", "claimed", "looked_at") == [("衢州市衢江区财政局", "2026-01-05", samples.at(10))]
    store.conn.execute("UPDATE visit SET outcome = 'blocked' WHERE crawl_id LIKE '20260110%'")
    looking.fill(store.conn)
    assert planted.ask("q09_late_or_backdated", verdict="backdated") == []  # on the 3rd it need not have been there


def test_10_figures_that_changed_but_not_furniture(planted: Planted) -> None:
    planted.report("衢州市衢江区民政局", 2021, {"applications_received:total": 3, "results_total:total": 3})
    planted.report("衢州市衢江区教育局", 2021, {"applications_received:total": 3})
    planted.report("衢州市衢江区民政局", 2021, {"applications_received:total": 5}, day=2)
    planted.report("衢州市衢江区教育局", 2021, {"applications_received:total": 3}, day=2, furniture="2 visits")
    rows = planted.ask("q10_changed_figures")
    assert column(rows, "agency", "indicator", "before", "after") == [
        ("衢州市衢江区民政局", "applications_received", 3, 5), ("衢州市衢江区民政局", "results_total", 3, None)
    ]  # fmt: skip
    assert planted.ask("q10_changed_figures", year=2020) == []


def test_11_pages_that_disappeared_and_how_long_they_stood(planted: Planted) -> None:
    def captured(agency: str, *fetches: tuple[str, str]) -> None:
        url = planted.url(agency, 2020)
        body = page(year=2020, metadata={"agency": agency, "region": "330803"}, figures={"applications_received": "1"})
        for at, outcome in fetches:
            capture = fetched(
                planted.crawl, url, 1, fetched_at=at, outcome=outcome, status=200 if outcome == "ok" else 404
            )
            stored = planted.store.save_capture(capture, body if outcome == "ok" else None, "text/html")
            if stored.outcome == "new":
                planted.store.save_report(stored, samples.parse(body, url=url))

    captured("衢州市衢江区民政局", ("2021-02-01T00:00:00Z", "ok"), ("2024-03-01T00:00:00Z", "ok"))
    captured(
        "衢州市衢江区教育局",
        ("2021-02-01T00:00:00Z", "ok"),
        ("2022-03-01T00:00:00Z", "ok"),
        ("2022-12-01T00:00:00Z", "gone"),
    )
    captured(
        "衢州市衢江区财政局",
        ("2021-02-01T00:00:00Z", "ok"),
        ("2021-06-01T00:00:00Z", "gone"),
        ("2021-07-01T00:00:00Z", "ok"),
    )
    (row,) = planted.ask("q11_disappeared")
    assert (row["level"], row["age"], row["reports"], row["gone"]) == ("county", 4, 3, 1)
    assert [row[f"known_{n}"] for n in (1, 2, 3)] == [2, 2, 2]
    assert (row["after_1_year"], row["after_2_years"], row["after_3_years"]) == (100.0, 50.0, 50.0)
    (gone,) = planted.ask("q11_disappeared_pages")
    assert (gone["agency"], gone["gone_at"], gone["status"]) == ("衢州市衢江区教育局", "2022-12-01T00:00:00Z", 404)


def test_12_two_planted_copies_are_found_and_headings_do_not_count(planted: Planted) -> None:
    own = (
        "我局严格落实信息公开条例，结合本区实际，细化任务分工，完善保密审查，定期开展自查，全年组织培训两次，"
        "梳理发布清单，及时更新栏目，较好完成了各项工作任务，群众满意度进一步提升。"
    )
    other = (
        "全年围绕森林防火、古树名木保护、松材线虫病除治等重点工作发布信息，建立舆情回应台账，邀请代表走进林场，"
        "在集镇设立查阅点，并将办理情况纳入科室考核，仍有栏目更新不够及时等不足。"
    )
    third = (
        "本年度着力推进学区划分、招生计划、校外培训治理等事项公开，通过家长学校和微信推送解读，收到建议后逐条回复，"
        "下一步将加强队伍建设，提高主动公开的质量和时效，丰富解读形式。"
    )
    headings = "\n".join(heading for form in load_all() for heading in form.sections)
    planted.report("衢州市衢江区林业局", 2021, {}, text=f"{headings}\n{other}")
    planted.report("衢州市衢江区教育局", 2021, {}, text=f"{headings}\n{third}")
    assert planted.ask("q12_nearly_the_same", at_least=1) == []
    planted.report("衢州市衢江区民政局", 2021, {}, text=f"2021年，衢州市衢江区民政局办件21件。{own}")
    planted.report("衢州市衢江区财政局", 2021, {}, text=f"2021年，衢州市衢江区财政局办件35件。{own}")
    planted.report("衢州市衢江区林业局", 2022, {}, text=f"{headings}\n{other}")
    planted.report("衢州市衢江区林业局", 2020, {}, text=f"{headings}\n{third}")
    rows = planted.ask("q12_nearly_the_same")
    assert column(
        planted.ask("q12_nearly_the_same", relation="year_before"), "agency", "year", "other_year", "percent"
    ) == [("衢州市衢江区林业局", 2022, 2021, 100)]
    same = [row for row in rows if row["relation"] == "same_year"]
    assert [{row["agency"], row["other_agency"]} for row in same] == [{"衢州市衢江区民政局", "衢州市衢江区财政局"}]
    planted.report("衢州市衢江区财政局", 2021, {}, text=third, day=3)
    same = planted.ask("q12_nearly_the_same", relation="same_year")
    assert [{row["agency"], row["other_agency"]} for row in same] == [{"衢州市衢江区教育局", "衢州市衢江区财政局"}]


def test_13_prose_against_table_on_the_qujiang_report(planted: Planted) -> None:
    real(planted, "qujiang-2020.html")
    rows = planted.ask("q13_prose_against_table")
    assert column(rows, "indicator", "said_in_prose", "in_table", "words", "raw") == [
        ("normative_documents_disclosed", 120, 0, "120条", "0")
    ]  # the 163 of the prose is the annual column and agrees
    assert rows[0]["col"] == "year_total" and rows[0]["row"]


def test_14_one_series_over_three_forms(planted: Planted) -> None:
    name = "衢州市衢江区民政局"
    planted.report(name, 2012, {}, claim=True)
    planted.report(name, 2017, {"applications_received:year_total": 4})
    planted.report(name, 2020, {"applications_received:year_total": 6}, form="v2014")
    planted.report(name, 2021, {"applications_received:total": 9})
    planted.report("衢州市衢江区教育局", 2021, {"applications_received:total": " "})
    rows = planted.ask("q14_applications_series", agency="民政")
    assert column(rows, "year", "form", "applications_received", "from_where", "note") == [
        (2012, None, 1, "prose", None), (2017, "v2014", 4, "table", "form_changes"),
        (2020, "v2014", 6, "table", "old_form_used_late"), (2021, "v2021", 9, "table", "form_changes"),
    ]  # fmt: skip
    years = planted.ask("q14_applications_by_year")
    assert column(years, "year", "form", "applications", "counted", "reports", "old_form_used_late") == [
        (2021, "v2021", 9, 1, 2, 0), (2020, "v2014", 6, 1, 1, 1), (2017, "v2014", 4, 1, 1, 0),
        (2012, None, None, 0, 1, 0),
    ]  # fmt: skip
    copy = fetched(planted.crawl, planted.url(name, 2021) + "?twin", 1)
    body = page(
        year=2021, figures={"v2021:applications_received:total": "9"}, metadata={"agency": name, "region": "330803"}
    )
    planted.store.save_report(planted.store.save_capture(copy, body, None), samples.parse(body, url=copy.url))
    assert len(planted.ask("q14_applications_series", agency=name)) == 4  # no agency-year twice


def test_15_every_number_resolves_and_damage_shows(planted: Planted) -> None:
    planted.report("衢州市衢江区民政局", 2021, results(1, 2, 24, denied=1))
    planted.report("衢州市衢江区教育局", 2021, results(3, 4, 28, denied=1))
    planted.store.verify()
    report = planted.store.conn.execute("SELECT report_id FROM panel WHERE agency = '衢州市衢江区民政局'").fetchone()[0]
    cells = planted.ask("q15_where_it_stands", report=report, name="denied")
    assert sorted(column(cells, "indicator")) == sorted(f"denied_{ground}" for ground in GROUNDS)
    assert all(cell["intact"] == 1 and cell["row"] and cell["cell"] for cell in cells)
    assert sum(column(cells, "value")) == 8
    assert hashlib.sha256(planted.store.body(cells[0]["sha256"])).hexdigest() == cells[0]["sha256"]
    (row,) = planted.ask("q15_are_they_intact")
    assert (row["reports"], row["resolved"], row["intact"], row["damaged"], row["unchecked"]) == (2, 2, 2, 0, 0)
    checked = (1, "2030-01-01T00:00:00Z", cells[0]["sha256"], 0)
    planted.store.conn.execute("INSERT INTO fixity VALUES (?, ?, ?, ?)", checked)
    (row,) = planted.ask("q15_are_they_intact")
    assert (row["intact"], row["damaged"]) == (1, 1)


def test_empty_parameters_are_no_error_on_an_empty_archive(planted: Planted) -> None:
    asked = [name for name in described() if name.startswith("q")]
    assert len(asked) >= 15
    for name in asked:
        assert isinstance(planted.ask(name), list), name
