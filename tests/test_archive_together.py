"""What hangs on several reports of an agency: twins, the panel, checks across years; derived, so rebuilt alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import begin, fetched, keep, page

from archive import canonical, rebuild, years
from archive.parsing import ParserPool
from archive.store import Store
from parsers.checks import identities
from parsers.forms import load_all

URL = "http://www.qj.example/art/{}.html"
AGENCY = {"agency": "衢州市衢江区民政局"}
CARRIED = "v{}:applications_carried_{}:total"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "a.db", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(1, parser="archive_samples") as opened:
        yield opened


def rows(store: Store, query: str, *values: object) -> list[tuple[object, ...]]:
    return store.conn.execute(query, values).fetchall()


def report(year: int, **figures: str) -> bytes:
    return page(year=year, metadata=AGENCY, figures={name.replace("__", ":"): raw for name, raw in figures.items()})


def carried(year: int, form: int, into: str | None, out: str | None) -> bytes:
    figures = {CARRIED.format(form, way): raw for way, raw in (("in", into), ("out", out)) if raw is not None}
    return page(year=year, metadata=AGENCY, figures=figures)


def across(store: Store, name: str = "carried_over_total") -> list[tuple[object, ...]]:
    return rows(
        store,
        "SELECT r.year, f.status, f.found, f.expected, f.cause, f.note FROM finding AS f JOIN report AS r"
        " ON r.id = f.report_id WHERE f.name = ? ORDER BY r.year, r.url",
        name,
    )


def test_twins_are_one_row_of_the_panel_and_say_so(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL.format("a"), 1, report(2020, applications_received="3"))
    keep(store, crawl, URL.format("b"), 2, report(2020, applications_received="3", complaints_total=" "))
    keep(store, crawl, URL.format("c"), 3, report(2020))
    ids = {str(name): id for name, id in rows(store, "SELECT substr(url, -6, 1), id FROM report")}
    assert rows(store, "SELECT report_id, reports, applications_received, contradictions FROM panel") == [
        (ids["a"], 3, 3, 0)
    ]
    assert rows(store, "SELECT report_id, shown, relation, compared, differing FROM twin ORDER BY compared") == [
        (ids["c"], ids["a"], "same", 0, 0), (ids["b"], ids["a"], "same", 1, 0)
    ]  # fmt: skip
    assert set(rows(store, "SELECT j.value FROM panel, json_each(panel.others) AS j")) == {(ids["b"],), (ids["c"],)}
    assert rows(store, "SELECT * FROM finding WHERE kind = 'twin'") == []


def test_contradictory_twins_are_a_finding(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL.format("a"), 1, report(2020, applications_received="3", complaints_total="1"))
    keep(store, crawl, URL.format("b"), 2, report(2020, applications_received="4", complaints_total="1"))
    assert rows(store, "SELECT contradictions FROM panel") == [(1,)]
    ((url, status, found, cause, note),) = rows(
        store, "SELECT url, status, found, cause, note FROM findings WHERE name = 'contradictory_twins'"
    )
    assert (url, status, found, cause) == (URL.format("b"), "fail", 1, "unknown")
    assert str(note) == f"{URL.format('a')}: applications_received[year_total] 4, there 3"
    keep(store, crawl, URL.format("b"), 3, report(2020, applications_received="3", complaints_total="1"))
    assert rows(store, "SELECT contradictions FROM panel") == [(0,)]
    assert rows(store, "SELECT * FROM finding WHERE kind = 'twin'") == []


def test_the_one_still_online_is_shown(store: Store) -> None:
    crawl = begin(store)
    for name, day in (("a", 1), ("b", 2)):
        keep(store, crawl, URL.format(name), day, report(2020, applications_received="3"))
    shown = "SELECT url FROM panel"
    assert rows(store, shown) == [(URL.format("a"),)]
    store.save_capture(fetched(crawl, URL.format("a"), 3, outcome="gone", status=404), None, None)
    assert rows(store, shown) == [(URL.format("b"),)]
    keep(store, crawl, URL.format("a"), 4, report(2020, applications_received="3"))
    assert rows(store, shown) == [(URL.format("a"),)]


def test_a_report_that_changes_its_year_or_goes_leaves_nothing_behind(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL.format("a"), 1, report(2020, applications_received="3"))
    keep(store, crawl, URL.format("a"), 2, report(2021, applications_received="3"))
    assert rows(store, "SELECT year FROM panel") == [(2021,)]
    last = store.history(URL.format("a"))[-1]
    from archive_samples import parse

    store.save_report(last, parse(page(kind="other")))
    for table in ("panel_data", "twin", "across_data", "check_data", "figure_data", "version", "agency"):
        assert rows(store, f"SELECT count(*) FROM {table}") == [(0,)], table


def test_rates_need_all_their_cells_and_have_two_denominators(store: Store) -> None:
    crawl = begin(store)
    unable = ("not_held", "requires_creation", "still_unclear")
    no = ("petition", "duplicate", "publication", "excessive", "reissue")
    figures = {"v2021:result_granted:total": "5548", "v2021:result_partially_granted:total": "2168",
               "v2021:results_total:total": "13810"}  # fmt: skip
    figures |= {f"v2021:unable_{name}:total": "1000" for name in unable}
    figures |= {f"v2021:not_processed_{name}:total": "100" for name in no}
    keep(store, crawl, URL.format("a"), 1, page(year=2022, metadata=AGENCY, figures=figures))
    empty = figures | {"v2021:results_total:total": "0"}
    keep(store, crawl, URL.format("b"), 1, page(year=2023, metadata=AGENCY, figures=empty))
    blank = figures | {"v2021:unable_not_held:total": " "}
    keep(store, crawl, URL.format("c"), 1, page(year=2021, metadata=AGENCY, figures=blank))
    query = "SELECT year, round(granted_rate, 4), round(granted_rate_of_decided, 4) FROM panel ORDER BY year"
    assert rows(store, query) == [(2021, 0.5587, None), (2022, 0.5587, 0.7484), (2023, None, None)]


def test_what_is_carried_over_is_checked_in_three_states(store: Store) -> None:
    crawl = begin(store)
    for year, form, into, out in (
        (2019, 2019, "0", "4"), (2020, 2019, "4", "2"), (2021, 2021, "3", " "), (2022, 2021, "0", "9"),
        (2023, 2021, "无", "1"), (2025, 2021, "1", "1"),
    ):  # fmt: skip
        keep(store, crawl, URL.format(year), 1, carried(year, form, into, out))
    assert across(store) == [
        (2019, "pass", 4, 4, None, None),
        (2020, "fail", 3, 2, "source", f"2020 and 2021: {URL.format(2021)}"),
        (2021, "not_assessable", 0, None, None, "blank: applications_carried_out[total]"),
        (2022, "not_assessable", None, 9, None, "applications_carried_in[total] of the next year is not readable"),
        (2023, "not_assessable", None, None, None, years.NO_NEXT),
        (2025, "not_assessable", None, None, None, years.NO_NEXT),
    ]
    assert rows(store, "SELECT count(*), count(DISTINCT id) FROM finding") == rows(
        store, "SELECT count(*), count(*) FROM finding"
    )


def test_a_new_neighbour_settles_a_check(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL.format(2021), 1, carried(2021, 2021, "0", "5"))
    keep(store, crawl, URL.format(2022), 1, carried(2022, 2021, "6", "0"))
    assert across(store)[0][:4] == (2021, "fail", 6, 5)
    keep(store, crawl, URL.format(2022), 2, carried(2022, 2021, "5", "0"))
    assert across(store)[0][:4] == (2021, "pass", 5, 5)
    keep(store, crawl, URL.format(2022), 3, carried(2032, 2021, "5", "0"))
    assert across(store)[0][1] == "not_assessable"


def test_documents_in_force_roll_forward(store: Store) -> None:
    crawl = begin(store)
    cells = "v2021:normative_documents:{}"
    for year, said in ((2022, ("10", "2", "1")), (2023, ("12", "5", "3")), (2024, ("20", "5", "3"))):
        names = ("in_force", "issued", "repealed")
        figures = {cells.format(name): raw for name, raw in zip(names, said, strict=True)}
        keep(store, crawl, URL.format(year), 1, page(year=year, metadata=AGENCY, figures=figures))
    found = across(store, "v2021_in_force_rolls_forward")
    assert [row[:4] for row in found] == [
        (2022, "pass", 12, 12), (2023, "fail", 20, 14), (2024, "not_assessable", None, None)
    ]  # fmt: skip


def test_a_planted_failure_of_every_check_across_years_is_found(store: Store) -> None:
    """Every cell 0 but the left side's first, of next year's report, which is made to break the comparison."""
    crawl = begin(store)
    planted = 0
    for form in load_all():
        for number, instance in enumerate(years.across(form)):
            agency = {"agency": f"衢州市衢江区{form.id}第{number}局"}
            cells = [*instance.left, *instance.right]
            wrong = ("9", "0") if instance.op == "==" else ("0", "9")
            this = {f"{form.id}:{i}:{c}": "0" for i, c, _, later in cells if not later}
            following = {f"{form.id}:{i}:{c}": "0" for i, c, _, later in cells if later}
            left = instance.left[0]
            following[f"{form.id}:{left[0]}:{left[1]}"] = wrong[0]
            if wrong[1] != "0":
                this[f"{form.id}:{instance.right[0][0]}:{instance.right[0][1]}"] = wrong[1]
            for year, figures in ((2019, this), (2020, following)):
                body = page(year=year, metadata=agency, figures=figures)
                keep(store, crawl, URL.format(f"{form.id}-{number}-{year}"), 1, body)
            found = rows(
                store,
                "SELECT f.status FROM finding AS f JOIN report AS r ON r.id = f.report_id"
                " WHERE r.url = ? AND f.name = ? AND f.at IS ?",
                URL.format(f"{form.id}-{number}-2019"), instance.check.name, instance.at,
            )  # fmt: skip
            assert found == [("fail",)], (form.id, instance)
            planted += 1
    scoped = [i for form in load_all() for i in identities(form) if i.check.scope == "cross_year"]
    assert planted >= len(scoped) > 8


def test_all_of_it_is_rebuilt_alike(store: Store, pool: ParserPool) -> None:
    crawl = begin(store)
    for year, into, out in ((2021, "0", "5"), (2022, "6", "1"), (2023, "1", "0")):
        for portal in "ab":
            body = carried(year, 2021, into if portal == "a" or year != 2023 else "7", out)
            keep(store, crawl, URL.format(f"{year}{portal}"), 1 if portal == "a" else 2, body)
    before = list(canonical.derived(store.conn))
    kinds = {line.partition(" ")[0] for line in before}
    assert {"twin", "panel_data", "finding"} <= kinds and any("contradictory_twins" in line for line in before)
    rebuild.reparse(store, pool)
    assert list(canonical.derived(store.conn)) == before


def test_the_codes_of_checks_all_have_their_meaning(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL.format(1), 1, page(year=2020, metadata=AGENCY, checks={"a": "pass", "b": "not_assessable"}))
    keep(store, crawl, URL.format(2), 1, carried(2021, 2021, "0", "5"))
    for table in ("check_data", "across_data"):
        for column in ("passed", "moot"):
            dangling = (
                f"SELECT count(*) FROM {table} AS d, json_each(d.{column}) AS j WHERE CASE j.type WHEN 'integer' THEN"
                " j.value ELSE json_extract(j.value, '$[0]') END NOT IN (SELECT code FROM check_code)"
            )
            assert rows(store, dangling) == [(0,)]
    assert rows(store, "SELECT name, status, expected, found FROM finding WHERE name IN ('a', 'b') ORDER BY name") == [
        ("a", "pass", 1, 1), ("b", "not_assessable", 1, 2)
    ]  # fmt: skip


def test_counts_are_those_of_the_views(store: Store) -> None:
    crawl = begin(store)
    for year, into, out in ((2021, "0", "5"), (2022, "6", "1"), (2023, "1", "0")):
        keep(store, crawl, URL.format(year), 1, carried(year, 2021, into, out))
    checks = {"a": "pass", "b": "not_assessable", "c": "fail", "d": "pass"}
    keep(store, crawl, URL.format(1), 1, page(year=2020, metadata=AGENCY, checks=checks))
    keep(store, crawl, URL.format(2), 1, page(kind="other", checks=checks))
    store.save_finding(crawl_id=crawl, portal="anfu", kind="listing", name="count_mismatch")
    counts = store.counts()
    assert counts["findings"] == rows(store, "SELECT count(*) FROM finding")[0][0]
    statuses = "SELECT status, count(*) FROM finding WHERE kind = 'check' GROUP BY status"
    assert counts["checks"] == dict(store.conn.execute(statuses).fetchall())
    assert counts["figures"] == rows(store, "SELECT count(*) FROM figure")[0][0]
