"""Reparse gives the same tables again, readers see old or new, kills lose nothing, and the parser pool copes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import archive_samples as samples
import pytest
from archive_samples import begin, fetched, keep, page

from archive import canonical, schema
from archive.parsing import ParserPool
from archive.store import ArchiveError, Store

ROOT = Path(__file__).parents[1]
URL = "http://www.qj.example/art/{}.html"


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(2, parser="archive_samples", timeout=1.0) as opened:
        yield opened


def fill(store: Store) -> None:
    """Eight pages over three crawls: changed, gone, come back, no report; names to complete; a crawl's own finding."""
    names = ("区民政局", "衢州市衢江区教育局", None, "财政局", "樟潭街道办事处", "区审计局", "司法局", "区卫生健康局")
    for day in (1, 2, 3):
        crawl = begin(store, day)
        for number, name in enumerate(names):
            url = URL.format(number)
            title = f"衢江区第{number}局2020年政府信息公开年度报告"
            store.save_entries(crawl, [("quzhou-qujiang", url, title, None, None, "fetched")])
            if number == 5 and day == 2:
                store.save_capture(fetched(crawl, url, day, outcome="gone", status=404), None, None)
                continue
            figures = {"applications_received": str(number * (day if number % 2 else 1)), "complaints_total": "-"}
            said = {
                "year": 2020,
                "figures": figures,
                "metadata": {"agency": name},
                "checks": {"a": "pass", "b": "fail"},
            }
            if number == 6 and day == 1:
                said = {"kind": "other", "checks": {"odd": "not_assessable"}}
            keep(store, crawl, url, day, page(**said))
        store.save_finding(crawl_id=crawl, portal="quzhou-qujiang", kind="listing", name="count_mismatch")
        store.finish_crawl(crawl, "finished")


def test_reparse_gives_the_same_tables_whatever_the_workers_and_the_hash_seed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        fill(store)
        before = list(canonical.derived(store.conn))
        layout = {name for (name,) in store.conn.execute("SELECT name FROM sqlite_master")}
    assert sum(line.startswith("revision") for line in before) == 7
    assert any("count_mismatch" in line for line in before)
    program = (
        "import sys; from pathlib import Path; from archive.store import Store\n"
        "if __name__ == '__main__':\n"
        "    with Store.open(Path(sys.argv[1])) as store:\n"
        "        print(store.reparse(int(sys.argv[2]), parser='archive_samples'))\n"
    )
    (tmp_path / "again.py").write_text(program)
    for workers, seed in ((1, "1"), (3, "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        done = subprocess.run(
            [sys.executable, str(tmp_path / "again.py"), str(path), str(workers)],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "'reports': 8" in done.stdout
        with Store.open(path) as store:
            assert list(canonical.derived(store.conn)) == before
            assert store.conn.execute("PRAGMA foreign_key_check").fetchall() == []
            assert store.conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            after = {name for (name,) in store.conn.execute("SELECT name FROM sqlite_master")}
            assert {name.removesuffix("_2") for name in after} == layout


def test_a_rebuild_repairs_what_differs(tmp_path: Path, pool: ParserPool) -> None:
    from archive import rebuild

    with Store.open(tmp_path / "a.db", create=True) as store:
        fill(store)
        before = list(canonical.derived(store.conn))
        seen: list[tuple[int, int]] = []
        store.conn.execute("UPDATE figure_data SET value = 999")
        store.conn.execute("DELETE FROM section")
        assert list(canonical.derived(store.conn)) != before
        assert rebuild.reparse(store, pool, lambda done, total: seen.append((done, total)))["failed"] == 0
        assert list(canonical.derived(store.conn)) == before
        assert seen[-1] == (len(seen), len(seen))


def test_readers_see_the_old_tables_until_the_swap(tmp_path: Path, pool: ParserPool) -> None:
    from archive import rebuild

    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        fill(store)
        store.conn.execute("UPDATE report SET title = 'old'")
        with Store.open(path, write=False) as reader:
            titles = "SELECT DISTINCT title FROM report"

            def look(done: int, total: int) -> None:
                assert reader.conn.execute(titles).fetchall() == [("old",)]

            rebuild.reparse(store, pool, look)
            assert reader.conn.execute(titles).fetchall() == [(None,)]


def test_the_desk_does_not_show_the_tables_of_a_rebuild(tmp_path: Path, pool: ParserPool) -> None:
    from archive import desk, rebuild

    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        fill(store)

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild.reparse(store, pool, stop)
        datasette = desk.desk(path)

        async def tables() -> dict[str, bool]:
            await datasette.invoke_startup()
            response = await datasette.client.get("/gongkai.json")
            return {table["name"]: table["hidden"] for table in response.json()["tables"]}

        shown = asyncio.run(tables())
    shadows = {name: hidden for name, hidden in shown.items() if name.startswith(schema.SHADOW)}
    assert len(shadows) > 20 and all(shadows.values())
    assert not shown["report"] and not shown["capture"]


def test_a_rebuild_that_stops_goes_on_where_it_was(
    tmp_path: Path, pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive import rebuild

    monkeypatch.setattr(rebuild, "BATCH", 3)
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        fill(store)
        before = list(canonical.derived(store.conn))

        def stop(done: int, total: int) -> None:
            if done == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild.reparse(store, pool, stop)
        assert f"{schema.SHADOW}report" in store.db.table_names()
        assert list(canonical.derived(store.conn)) == before
    with Store.open(path) as store:
        crawl = begin(store, 9)
        keep(store, crawl, URL.format("late"), 9, page(year=2021, figures={"applications_received": "7"}))
        store.save_capture(fetched(crawl, URL.format(0), 9, outcome="gone", status=404), None, None)
        before = list(canonical.derived(store.conn))
        seen: list[tuple[int, int]] = []
        result = rebuild.reparse(store, pool, lambda done, total: seen.append((done, total)))
        assert seen[0][0] == 7 and seen[-1] == (seen[-1][1], seen[-1][1])
        assert list(canonical.derived(store.conn)) == before
        assert result["changes"]["figures"] == {"gained": 0, "lost": 0, "altered": 0}
        assert not [name for name in store.db.table_names() if name.startswith(schema.SHADOW)]


def test_a_rebuild_begun_by_another_parser_or_with_other_portals_is_begun_anew(
    tmp_path: Path, pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive import rebuild

    monkeypatch.setattr(rebuild, "BATCH", 3)
    with Store.open(tmp_path / "a.db", create=True) as store:
        fill(store)

        def stop(done: int, total: int) -> None:
            if done == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild.reparse(store, pool, stop)
        for change in (
            f"UPDATE {schema.SHADOW}progress SET made_from = 'stub 0'",
            "UPDATE portal SET name = name || 'x'",
        ):
            store.conn.execute(change)
            seen: list[int] = []

            def look(done: int, total: int, seen: list[int] = seen) -> None:
                seen.append(done)
                stop(done, total)

            with pytest.raises(KeyboardInterrupt):
                rebuild.reparse(store, pool, look)
            assert seen[0] == 1


def test_a_rebuild_says_what_it_changed(tmp_path: Path, pool: ParserPool) -> None:
    from archive import rebuild

    with Store.open(tmp_path / "a.db", create=True) as store:
        crawl = begin(store)
        for number, (figures, checks) in enumerate(
            [
                ({"applications_received": "1", "complaints_total": "2"}, {"a": "pass", "b": "fail"}),
                ({"applications_received": "3"}, {"a": "fail", "b": "fail"}),
            ]
        ):
            keep(store, crawl, URL.format(number), 1, page(year=2020, figures=figures, checks=checks))
        conn = store.conn
        first, second = (id for (id,) in conn.execute("SELECT id FROM report ORDER BY url"))
        code = "(SELECT code FROM figure_code WHERE indicator = '{}' AND col = 'year_total' AND form = 'v2014')"
        received, complaints = code.format("applications_received"), code.format("complaints_total")
        conn.execute(f"UPDATE figure_data SET value = 9 WHERE report_id = ? AND code = {received}", (first,))
        conn.execute(f"DELETE FROM figure_data WHERE report_id = ? AND code = {complaints}", (first,))
        conn.execute(
            f"INSERT INTO figure_data SELECT report_id, {complaints}, 5, NULL, 0, 1, 9, 3 FROM figure_data"
            " WHERE report_id = ?",
            (second,),
        )
        conn.execute("DELETE FROM finding_data WHERE report_id = ? AND name = 'a'", (second,))
        (passing,) = conn.execute("SELECT id FROM finding WHERE report_id = ? AND status = 'pass'", (first,)).fetchone()
        conn.execute(
            "INSERT INTO finding_data SELECT id, report_id, capture_id, NULL, NULL, kind, name, at, strength, 'fail',"
            " expected, found, 'source', NULL FROM finding WHERE id = ?",
            (passing,),
        )
        conn.execute("UPDATE check_data SET passed = '[]' WHERE report_id = ?", (first,))
        changed = rebuild.reparse(store, pool)["changes"]
        assert changed["figures"] == {"gained": 1, "lost": 1, "altered": 1}
        assert changed["checks"] == {"newly_failing": 1, "newly_passing": 1, "failing_no_more_otherwise": 0}
        assert changed["reports"] == {"gained": 0, "lost": 0} and changed["parsers"] == [samples.VERSION]
        assert changed["cells"][0] == ["v2014", "complaints_total", "year_total", 1, 1, 0]
        assert {(e["change"], e["before"], e["after"]) for e in changed["examples"]} == {
            ("altered", "9 (number)", "1 (number)"),
            ("lost", "5 (number)", None),
            ("gained", None, "2 (number)"),
        }


def test_a_damaged_body_stops_a_rebuild(tmp_path: Path, pool: ParserPool) -> None:
    from archive import rebuild

    with Store.open(tmp_path / "a.db", create=True) as store:
        fill(store)
        before = list(canonical.derived(store.conn))
        store.conn.execute("UPDATE body SET data = zeroblob(9) WHERE rowid = 3")
        with pytest.raises(ArchiveError, match="damaged"):
            rebuild.reparse(store, pool)
        assert list(canonical.derived(store.conn)) == before


def test_a_rebuild_names_the_pages_that_hang_die_or_raise_and_no_others(
    tmp_path: Path, pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive import rebuild

    monkeypatch.setattr(rebuild, "BATCH", 5)
    monkeypatch.setattr(rebuild, "PATIENCE", 0.2)
    said = [page(year=2020, figures={"complaints_total": str(n)}, checks={"a": "pass"}, sleep=0.15) for n in range(8)]
    bodies = [page(sleep=30), page(die=7), b"{", *said]
    with Store.open(tmp_path / "a.db", create=True) as store:
        crawl = begin(store)
        for number, body in enumerate(bodies):
            capture = store.save_capture(fetched(crawl, URL.format(number), 1), body, "text/html")
            store.save_report(capture, pool.submit(body, capture.url, "text/html").result())
        before = list(canonical.derived(store.conn))
        met = [line for line in before if line.startswith("finding ")]
        assert sum("parser_timeout" in line or "parser_died" in line for line in met) == 3
        result = rebuild.reparse(store, pool)
        assert (result["readings"], result["reports"], result["failed"]) == (11, 8, 3)
        assert list(canonical.derived(store.conn)) == before


def test_what_is_recorded_is_inserted_once_or_not_at_all(tmp_path: Path) -> None:
    from archive import connection, recorder

    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        agency = "INSERT INTO agency (id, name) VALUES (?, ?)"
        conn = connection.reader(path, recorder.Recorder)
        assert isinstance(conn, recorder.Recorder)
        conn.rows = defaultdict(list)
        conn.execute(agency, (1, "甲局"))
        conn.executemany(agency, ((n, "乙局") for n in (2, 3)))
        conn.execute("DELETE FROM agency")
        with pytest.raises(ValueError, match="cannot be updated"):
            conn.execute("UPDATE agency SET name = '丙局'")
        assert conn.execute("SELECT count(*) FROM agency").fetchone() == (0,)
        conn.close()
        assert dict(conn.rows) == {agency: [(1, "甲局"), (2, "乙局"), (3, "乙局")]}
        recorder.insert(store.conn, conn.rows)
        assert store.conn.execute("SELECT group_concat(name) FROM agency").fetchone() == ("甲局,乙局,乙局",)
        with pytest.raises(ArchiveError, match="the same id"):
            recorder.insert(store.conn, conn.rows)


def test_pages_that_hang_die_or_raise_are_findings_and_the_pool_goes_on(tmp_path: Path, pool: ParserPool) -> None:
    bodies = {"parser_timeout": page(sleep=30), "parser_died": page(die=7), "raises": b"{", "": page(year=2020)}
    futures = {name: pool.submit(body, URL.format(0), "text/html") for name, body in bodies.items()}
    read = {name: future.result(timeout=60) for name, future in futures.items()}
    assert {name: r["kind"] for name, r in read.items()} == dict.fromkeys(bodies, "failed") | {"": "report"}
    assert read["parser_timeout"]["findings"][0]["name"] == "parser_timeout"
    assert "code 7" in read["parser_died"]["findings"][0]["note"]
    assert "JSONDecodeError" in read["raises"]["findings"][0]["note"]
    assert read["raises"].keys() == read[""].keys()
    assert read["raises"]["metadata"].keys() == read[""]["metadata"].keys()
    with Store.open(tmp_path / "a.db", create=True) as store:
        capture = store.save_capture(fetched(begin(store), URL.format(0), 1), bodies["parser_died"], None)
        store.save_report(capture, read["parser_died"])
        assert store.conn.execute("SELECT name, cause FROM findings").fetchall() == [("parser_died", "parser")]
        assert store.conn.execute("SELECT page_kind, parser FROM reading").fetchall() == [("failed", samples.VERSION)]


def test_a_closed_pool_gives_up_what_was_not_read() -> None:
    from concurrent.futures import CancelledError

    own = ParserPool(1, parser="archive_samples", timeout=60)
    future = own.submit(page(sleep=60), URL, None)
    own.close()
    with pytest.raises(CancelledError):
        future.result(timeout=10)


def test_the_canonical_dump_forgets_times_and_second_looks(tmp_path: Path) -> None:
    dumps, full = [], []
    for name, looks in (("a", {1: "1", 2: "2"}), ("b", {3: "1", 4: "1", 5: "2", 6: "2"})):
        with Store.open(tmp_path / f"{name}.db", create=True) as store:
            for day, figure in looks.items():
                crawl = begin(store, day)
                decision = "fetched" if day in (1, 3) else "fresh"
                store.save_entries(crawl, [("quzhou-qujiang", URL, "2020年年报", None, None, decision)])
                body = page(year=2020, figures={"applications_received": figure}, checks={"a": "fail"})
                keep(store, crawl, URL, day, body)
                store.save_capture(fetched(crawl, f"{URL}?gone", day, outcome="gone", status=404), None, None)
            dumps.append(list(canonical.dump(store.conn)))
            full.append(list(canonical.derived(store.conn)))
    assert dumps[0] == dumps[1]
    assert full[0] != full[1]
    assert {line.partition(" ")[0] for line in dumps[0]} >= {"body", "capture", "entry", "report", "figure", "revision"}
    with Store.open(tmp_path / "b.db") as store:
        store.conn.execute("UPDATE figure_data SET value = 3")
        assert list(canonical.dump(store.conn)) != dumps[0]
