"""The store on real files: the contract's tables, captures and their outcomes, reports and revisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import archive_samples as samples
import pytest
from archive_samples import at, begin, fetched, keep, page

from archive import canonical, ids, schema
from archive.coded import plain
from archive.store import ArchiveError, Store

DESIGN = Path(__file__).parents[1] / "docs" / "design.md"
URL = "http://www.qj.example/art/1.html"
REPORT = {
    "title": "衢江区民政局2020年政府信息公开工作年度报告",
    "year": 2020,
    "figures": {"applications_received": "3", "complaints_total": " "},
    "metadata": {"agency": "区民政局", "publisher": "区民政局"},
    "checks": {"sum": "pass"},
    "claim": True,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "a.db", create=True) as opened:
        yield opened


def rows(store: Store, query: str, *values: object) -> list[tuple[object, ...]]:
    return store.conn.execute(query, values).fetchall()


def contract() -> dict[str, list[str]]:
    text = DESIGN.read_text(encoding="utf-8").partition("## Contract: the archive's tables")[2]
    text = text.partition("\n**Figures.**")[0]
    listed = (line for line in text.splitlines() if line.startswith("- `"))
    return {
        name: columns.split(", ")
        for line in listed
        for name, columns in re.findall(r"`(\w+)\(([\w, ]+)\)`", line)
    }  # fmt: skip


def test_every_table_and_column_of_the_contract(store: Store) -> None:
    wanted = contract()
    assert len(wanted) == 25
    tables = dict(store.conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for name, columns in wanted.items():
        assert set(columns) <= {row[1] for row in rows(store, f"PRAGMA table_info({name})")}, name
    assert wanted.keys() - tables.keys() == {"figure", "finding"}
    others = {name for name, sql in tables.items() if not sql.endswith(("STRICT", "STRICT, WITHOUT ROWID"))}
    assert others == {"search", *(f"search_{part}" for part in ("data", "idx", "docsize", "config"))}
    assert set(store.db.view_names()) == {
        "figure", "finding", "figures", "panel", "panel_cells", "coverage", "findings", "revisions"
    }  # fmt: skip
    assert rows(store, "PRAGMA foreign_keys") == [(1,)]
    assert rows(store, "PRAGMA synchronous") == [(2,)]
    assert rows(store, "PRAGMA journal_mode") == [("wal",)]
    assert rows(store, "PRAGMA user_version") == [(len(schema.migrations.applied(store.db)),)] == [(schema.VERSION,)]


def test_every_code_of_the_panel_is_in_a_form(store: Store) -> None:
    from archive.panel import PANEL

    begin(store)
    known = set(
        rows(store, "SELECT i.form, i.code, c.code FROM indicator AS i JOIN form_column AS c USING (form, tbl)")
    )
    used = {(form, *cell) for forms in PANEL.values() for form, cells in forms.items() for cell in cells}
    assert used <= known
    assert 30 <= len(PANEL) <= 50


def test_outcomes_are_decided_against_the_last_good_capture(store: Store) -> None:
    crawl = begin(store)

    def save(day: int, body: bytes | None, outcome: str = "ok") -> tuple[str, str | None]:
        stored = store.save_capture(fetched(crawl, URL, day, outcome=outcome), body, "text/html")
        assert stored == store.history(URL)[-1]
        return stored.outcome, stored.sha256

    one, other = page(year=2020), page(year=2021)
    _, first = save(1, one)
    assert save(2, b"<html>wait", "failed")[0] == "failed"
    assert save(3, one) == ("unchanged", first)
    assert save(4, None, "unchanged") == ("unchanged", first)
    assert save(5, None, "gone") == ("gone", None)
    assert save(6, other)[0] == "changed"
    assert save(7, one) == ("changed", first)
    assert [c.outcome for c in store.history(URL)] == [
        "new", "failed", "unchanged", "unchanged", "gone", "changed", "changed"
    ]  # fmt: skip
    assert store.last_good(URL) == store.history(URL)[-1]
    assert store.body(str(first)) == one
    assert store.media_type(str(first)) == "text/html"
    assert rows(store, "SELECT count(*) FROM body") == [(3,)]
    with pytest.raises(ArchiveError, match="captured twice"):
        save(7, one)
    with pytest.raises(ValueError, match="no body came"):
        save(8, None)
    with pytest.raises(ValueError, match="no earlier one"):
        store.save_capture(fetched(crawl, URL + "?x", 8, outcome="unchanged"), None, None)
    with pytest.raises(ArchiveError, match="is not in it"):
        store.body("00")
    with pytest.raises(KeyError):
        store.media_type("00")


def test_what_save_capture_returned_from_is_seen_by_others(store: Store) -> None:
    stored = store.save_capture(fetched(begin(store), "HTTP://www.QJ.example:80/x#y", 1), b"bytes", None)
    assert stored.url == "http://www.qj.example/x"
    with Store.open(store.path, write=False) as reader:
        assert reader.history("http://www.qj.example/x#z") == [stored]
        assert reader.body(str(stored.sha256)) == b"bytes"
        with pytest.raises(ArchiveError, match="read-only"):
            reader.save_portals(samples.PORTALS)


def test_a_report_and_its_rows(store: Store) -> None:
    capture = keep(store, begin(store), URL, 1, page(**REPORT))
    ((identity, agency, region, first, last, gone, parser),) = rows(
        store, "SELECT id, agency_name, region, first_seen, last_seen, gone_at, parser FROM report"
    )
    assert (agency, region, first, last, gone, parser) == (
        "衢州市衢江区民政局", "330803", at(1), at(1), None, samples.VERSION
    )  # fmt: skip
    assert rows(store, "SELECT indicator, value, typeof(value), raw, state FROM figure ORDER BY 1") == [
        ("applications_received", 3, "integer", "3", "number"),
        ("complaints_total", None, "null", " ", "blank"),
    ]
    assert rows(store, "SELECT kind, name, status, report_id, capture_id FROM finding ORDER BY 1, 2") == [
        ("check", "sum", "pass", identity, capture.id),
        ("metadata", "agency_completed", "notice", identity, capture.id),
    ]
    assert rows(store, "SELECT page_kind, finished_at FROM reading") == [("report", at(1))]
    assert rows(store, "SELECT name, region, kind FROM agency") == [("衢州市衢江区民政局", "330803", "department")]
    assert rows(store, "SELECT agency, year, applications_received, refused_total, reports FROM panel") == [
        ("衢州市衢江区民政局", 2020, 3, None, 1)
    ]
    assert rows(store, "SELECT label, unit, value FROM figures WHERE indicator = 'applications_received'") == [
        ("（一）收到申请数", "件", 3)
    ]
    assert rows(store, "SELECT agency_name, status FROM findings WHERE kind = 'check'") == [
        ("衢州市衢江区民政局", "pass")
    ]


def test_saving_a_report_again_changes_nothing(store: Store) -> None:
    crawl = begin(store)
    body = page(**REPORT)
    keep(store, crawl, URL, 1, page(**REPORT | {"figures": {"applications_received": "2"}}))
    capture = keep(store, crawl, URL, 2, body)
    before = list(canonical.derived(store.conn))
    store.save_report(capture, samples.parse(body, url=URL))
    assert list(canonical.derived(store.conn)) == before
    assert sum(line.startswith("revision") for line in before) == 2


def test_a_page_that_is_no_report_gives_a_reading_only(store: Store) -> None:
    crawl = begin(store)
    capture = keep(store, crawl, URL, 1, page(kind="other", checks={"odd": "fail"}))
    assert rows(store, "SELECT count(*) FROM report") == [(0,)]
    assert rows(store, "SELECT page_kind FROM reading") == [("other",)]
    assert rows(store, "SELECT report_id, capture_id, name FROM finding") == [(None, capture.id, "odd")]
    keep(store, crawl, URL, 2, page(**REPORT))
    keep(store, crawl, URL, 3, page(kind="blank_form"))
    assert rows(store, "SELECT first_seen, last_seen, parser FROM report") == [(at(1), at(3), samples.VERSION)]
    assert rows(store, "SELECT count(*) FROM finding WHERE report_id IS NULL") == [(1,)]


def test_only_new_and_changed_pages_are_read(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**REPORT))
    keep(store, crawl, URL, 2, page(**REPORT))
    assert rows(store, "SELECT count(*) FROM reading") == [(1,)]
    blocked = store.save_capture(fetched(crawl, URL, 3, outcome="blocked", status=412), page(**REPORT), None)
    with pytest.raises(ValueError, match="blocked"):
        store.save_report(blocked, samples.parse(page(**REPORT)))


def test_revisions_say_what_changed_in_whatever_order_the_pages_are_read(store: Store) -> None:
    figures = [
        {"applications_received": "1", "complaints_total": " "},
        {"applications_received": "2", "complaints_total": "无"},
        {"applications_received": "2", "complaints_total": "无", "training_sessions": "0"},
    ]
    crawl = begin(store)
    bodies = [page(**REPORT | {"figures": shown}) for shown in figures]
    bodies.append(page(**REPORT | {"figures": figures[-1], "furniture": "visited 381 times"}))
    captures = [
        store.save_capture(fetched(crawl, URL, day, outcome="ok"), body, None) for day, body in enumerate(bodies, 1)
    ]
    assert [c.outcome for c in captures] == ["new", "changed", "changed", "changed"]
    for number in (2, 0, 3, 1):
        store.save_report(captures[number], samples.parse(bodies[number], url=URL))
    one, two, three, _ = (c.id for c in captures)
    assert set(rows(store, "SELECT from_capture, to_capture, indicator, before, after FROM revision")) == {
        (one, two, "applications_received", 1, 2),
        (one, two, "complaints_total", " ", "无"),
        (two, three, "training_sessions", None, 0),
    }
    assert rows(store, "SELECT capture_id FROM report") == [(captures[3].id,)]
    assert list(store.unread()) == []
    # the second capture, read again, turns out to be no report
    store.save_report(captures[1], samples.parse(page(kind="other"), url=URL))
    assert set(rows(store, "SELECT from_capture, to_capture, indicator, before, after FROM revision")) == {
        (one, three, "applications_received", 1, 2),
        (one, three, "complaints_total", " ", "无"),
        (one, three, "training_sessions", None, 0),
    }
    # and so does the newest: the report goes
    store.save_report(captures[3], samples.parse(page(kind="other"), url=URL))
    assert rows(store, "SELECT (SELECT count(*) FROM report) + (SELECT count(*) FROM revision)") == [(0,)]


def test_a_page_that_vanishes_and_comes_back(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**REPORT))

    def seen() -> list[tuple[object, ...]]:
        return rows(store, "SELECT first_seen, last_seen, gone_at FROM report")

    for day in (2, 3):
        store.save_capture(fetched(crawl, URL, day, outcome="gone", status=404), None, None)
    assert seen() == [(at(1), at(1), at(2))]
    keep(store, crawl, URL, 4, page(**REPORT))
    assert seen() == [(at(1), at(4), None)]


def test_unread_pages(store: Store) -> None:
    crawl = begin(store)
    first = store.save_capture(fetched(crawl, URL, 1), page(year=1), None)
    store.save_capture(fetched(crawl, URL + "l", 1, kind="listing"), b"list", None)
    store.save_capture(fetched(crawl, URL, 2, outcome="gone"), None, None)
    assert list(store.unread()) == [first]
    failed = samples.parse(page(kind="other")) | {"kind": "failed"}
    store.save_report(first, failed)
    assert list(store.unread()) == list(store.unread(samples.VERSION)) == []
    assert list(store.unread("stub 2")) == [first]


def test_entries_are_lines_and_name_the_agency(store: Store) -> None:
    crawl = begin(store)
    listing = store.save_capture(fetched(crawl, "http://www.qj.example/list", 1, kind="listing"), b"list", None)
    line = (crawl, "quzhou-qujiang", URL, "区教育局2020年政府信息公开工作年度报告", "2021-01-20", listing.id)
    for decision in ("fetched", "host_left_alone", "duplicate", "duplicate"):
        store.save_entries(line[0], [(*line[1:], decision)])
    assert rows(store, "SELECT ordinal, decision FROM entry") == [
        (1, "host_left_alone"), (2, "duplicate"), (3, "duplicate")
    ]  # fmt: skip
    keep(store, crawl, URL, 2, page(**REPORT | {"title": None, "metadata": {}}))
    assert rows(store, "SELECT agency_name FROM report") == [("衢州市衢江区教育局",)]
    assert "title" in str(rows(store, "SELECT note FROM finding WHERE name = 'agency_completed'"))


def test_coverage_names_what_is_missing_and_why(store: Store) -> None:
    crawl = begin(store)
    named = REPORT | {"metadata": {"agency": "衢州市衢江区民政局"}}
    for year in (2018, 2021):
        keep(store, crawl, f"{URL}?y={year}", 1, page(**named | {"year": year}))
    url = f"{URL}?y=2019"
    store.save_entries(crawl, [("quzhou-qujiang", url, "衢州市衢江区民政局2019年年报", None, None, "fetched")])
    store.save_capture(fetched(crawl, url, 2, outcome="blocked", status=412), None, None)
    assert rows(store, "SELECT year, found, reason FROM coverage WHERE agency_id IS NOT NULL ORDER BY year") == [
        (2018, 1, None), (2019, 0, "blocked"), (2020, 0, "not_found"), (2021, 1, None)
    ]  # fmt: skip
    assert rows(store, "SELECT agency, year, reason FROM coverage WHERE agency_id IS NULL ORDER BY year") == [
        ("衢州市衢江区人民政府", year, "not_found") for year in (2018, 2019, 2020, 2021)
    ]


def test_twins_are_one_row_of_the_panel(store: Store) -> None:
    crawl = begin(store)
    for url in (URL, URL + "?twin=1"):
        keep(store, crawl, url, 1, page(**REPORT))
    assert rows(store, "SELECT count(*), max(reports) FROM panel") == [(1, 2)]
    assert rows(store, "SELECT count(*) FROM agency") == [(1,)]


def test_visits_crawls_status_and_counts(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**REPORT))
    store.save_capture(fetched(crawl, URL + "2", 1, outcome="blocked"), None, None)
    store.save_capture(fetched(crawl, URL + "3", 1, outcome="failed"), None, None)
    store.save_capture(fetched(crawl, URL + "r", 1, outcome="failed", kind="robots"), None, None)
    store.save_visit(crawl, "quzhou-qujiang", 5, 2, "started", None)
    store.save_visit(crawl, "quzhou-qujiang", 5, 4, "short", "one missing")
    store.save_finding(
        crawl_id=crawl, portal="quzhou-qujiang", kind="listing", name="count_mismatch", expected=5, found=4
    )
    store.finish_crawl(crawl, "finished")
    assert rows(store, "SELECT outcome, captured, unchanged, gone, blocked, refused, failed FROM crawl") == [
        ("finished", 1, 0, 0, 1, 0, 1)
    ]
    assert rows(store, "SELECT declared, found, outcome, note FROM visit") == [(5, 4, "short", "one missing")]
    anfu, qujiang = store.status()
    assert anfu["portal"] == "anfu" and anfu["declared"] is None and anfu["reports"] == anfu["captured"] == 0
    wanted = {"declared": 5, "found": 4, "captured": 1, "reports": 1, "newest": 2020, "blocked": 1, "failed": 1}
    assert {name: qujiang[name] for name in wanted} == wanted
    counts = store.counts()
    assert counts["portals"] == 2 and counts["reports"] == 1 and counts["figures"] == 2
    assert counts["checks"] == {"pass": 1, "fail": 0, "not_assessable": 0}
    assert counts["captures"] == {"blocked": 1, "failed": 2, "new": 1}


def test_a_finding_of_a_crawl_names_it(store: Store) -> None:
    capture = store.save_capture(fetched(begin(store), URL, 1), b"x", None)
    for _ in range(2):
        store.save_finding(capture_id=capture.id, kind="fetch", name="odd")
    assert (
        rows(store, "SELECT crawl_id, portal, capture_id FROM finding")
        == [(capture.crawl_id, "quzhou-qujiang", capture.id)] * 2
    )
    with pytest.raises(ValueError, match="names the crawl"):
        store.save_finding(kind="fetch", name="odd")


def test_two_things_under_one_id_are_an_error_and_nothing_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**REPORT))
    before = list(canonical.derived(store.conn))
    ((report, agency),) = store.conn.execute("SELECT id, agency_id FROM report").fetchall()
    for name, identity, words in (
        ("report_id", report, f"two addresses have the report id {report}"),
        ("agency_id", agency, f"two agencies have the id {agency}"),
    ):
        other = page(**REPORT | {"metadata": {"agency": "衢州市衢江区教育局", "region": "330803"}})
        with monkeypatch.context() as patched, pytest.raises(ArchiveError, match=words):
            patched.setattr(ids, name, lambda *_, identity=identity: identity)
            keep(store, crawl, f"{URL}?{name}", 1, other)
        assert list(canonical.derived(store.conn)) == before
    keep(store, crawl, URL, 2, page(**REPORT))
    with pytest.raises(ArchiveError, match="was captured twice at"):
        keep(store, crawl, URL, 2, page(**REPORT))


def test_regions_come_with_those_above_them(store: Store) -> None:
    keep(store, begin(store), URL, 1, page(**REPORT))
    assert rows(store, "SELECT code, name, level, parent FROM region WHERE code LIKE '33%' ORDER BY code") == [
        ("330000", "浙江省", "province", "000000"),
        ("330800", "衢州市", "city", "330000"),
        ("330803", "衢江区", "county", "330800"),
    ]
    assert rows(store, "SELECT level FROM agency") == [("county",)]
    unknown = REPORT | {"metadata": {"agency": "某局", "region": "999999"}}
    keep(store, begin(store, 2), URL + "?u", 2, page(**unknown))
    assert rows(store, "SELECT name, level FROM region WHERE code = '999999'") == [(None, None)]


def test_numbers_that_sqlite_cannot_hold(store: Store) -> None:
    huge = str(2**63)
    keep(store, begin(store), URL, 1, page(**REPORT | {"figures": {"applications_received": huge}}))
    assert rows(store, "SELECT typeof(value), raw FROM figure") == [("real", huge)]
    given = [Decimal("1033879"), Decimal("0.5"), Decimal("1e400"), 10**400, float("nan"), 2**63 - 1, 2.0, None]
    assert [plain(value) for value in given] == [1033879, 0.5, None, None, None, 2**63 - 1, 2, None]
    assert [type(plain(value)) for value in given[:2]] == [int, float]
