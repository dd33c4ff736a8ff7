"""Merge: two halves make the whole, in any order, once or again; damage and collisions stop it; a kill does not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import begin, fetched, keep, page
from click.testing import CliRunner

import gongkai
from archive import canonical, merging, rebuild
from archive.parsing import ParserPool
from archive.store import ArchiveError, Store

URL = "http://www.qj.example/art/{}.html"
NAMES = ("区民政局", "衢州市衢江区教育局", None, "财政局", "樟潭街道办事处", "区审计局")
FURNITURE = "公开" * 300


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(1, parser="archive_samples") as opened:
        yield opened


def visit(store: Store, crawl: str, number: int, day: int) -> None:
    """One listed page on one day: it changes every other day, is once gone, and some names come from the list."""
    url, title = URL.format(number), f"衢江区第{number}局2020年政府信息公开年度报告"
    store.save_entries(crawl, [("quzhou-qujiang", url, title, None, None, "fetched")])
    if number == 2 and day == 2:
        store.save_capture(fetched(crawl, url, day, outcome="gone", status=404), None, None)
        return
    figures = {"applications_received": str(number * (1 + day // 2)), "complaints_total": "-"}
    said = {"year": 2020, "figures": figures, "metadata": {"agency": NAMES[number]}, "text": FURNITURE + str(day // 2)}
    keep(store, crawl, url, day, page(**said, checks={"a": "pass", "b": "fail"}))


def crawl_into(path: Path, pages: range, days: tuple[int, ...]) -> Path:
    with Store.open(path, create=True) as store:
        for day in days:
            crawl = begin(store, day)
            for number in pages:
                visit(store, crawl, number, day)
            store.save_finding(crawl_id=crawl, portal="quzhou-qujiang", kind="listing", name="count_mismatch")
            store.finish_crawl(crawl, "finished")
    return path


def merged(path: Path, sources: list[Path], pool: ParserPool) -> list[str]:
    with Store.open(path, create=True, stale=True) as store:
        merging.merge(store, sources)
        rebuild.reparse(store, pool)
        assert store.verify().damaged == []
        assert store.conn.execute("PRAGMA foreign_key_check").fetchall() == []
    with Store.open(path, write=False) as store:
        return list(canonical.dump(store.conn))


def without_crawls(dump: list[str]) -> list[str]:
    """Findings of a list are one a crawl, and two halves are two crawls."""
    return [line for line in dump if "count_mismatch" not in line]


@pytest.mark.parametrize("cut", ["pages", "time"])
def test_two_halves_make_the_whole(tmp_path: Path, pool: ParserPool, cut: str) -> None:
    whole = crawl_into(tmp_path / "whole.db", range(6), (1, 2, 3, 4))
    parts: tuple[tuple[range, tuple[int, ...]], ...]
    if cut == "pages":
        parts = ((range(3), (1, 2, 3, 4)), (range(3, 6), (1, 2, 3, 4)))
    else:
        parts = ((range(6), (1, 2)), (range(6), (3, 4)))
    halves = [crawl_into(tmp_path / f"{name}.db", *part) for name, part in zip("ab", parts, strict=True)]
    with Store.open(whole, write=False) as store:
        expected = without_crawls(list(canonical.dump(store.conn)))
    assert any(line.startswith("revision") for line in expected)
    for number, order in enumerate(itertools.permutations(halves)):
        found = merged(tmp_path / f"c{number}.db", list(order), pool)
        assert without_crawls(found) == expected


def test_again_changes_nothing_and_the_order_does_not_show(tmp_path: Path, pool: ParserPool) -> None:
    sources = [
        crawl_into(tmp_path / "a.db", range(4), (1, 2)),
        crawl_into(tmp_path / "b.db", range(2, 6), (2, 3)),
        crawl_into(tmp_path / "c.db", range(6), (4,)),
    ]
    dumps = []
    for number, order in enumerate(itertools.permutations(sources)):
        target = tmp_path / f"m{number}.db"
        merged(target, list(order), pool)
        with Store.open(target, stale=True) as store:
            added = merging.merge(store, list(order))
            assert not any(added.values()), added
            rebuild.reparse(store, pool)
            everything = [f"{name} {row}" for name in ("crawl", "visit", "entry", "capture", "portal", "fixity")
                          for row in store.conn.execute(f"SELECT * FROM {name}")]  # fmt: skip
            bodies = [str(row) for row in store.conn.execute("SELECT sha256, size FROM body")]
            rows = sorted(line for line in everything if not line.startswith("fixity"))
            dumps.append((rows, sorted(bodies), list(canonical.derived(store.conn))))
    for dump in dumps:
        assert dump == dumps[0]
    ids = set()
    for source in sources:
        with Store.open(source, write=False) as store:
            ids |= {row[0] for row in store.conn.execute("SELECT id FROM capture")}
    with Store.open(tmp_path / "m0.db", write=False) as store:
        assert {row[0] for row in store.conn.execute("SELECT id FROM capture")} == ids


def test_dictionaries_come_along_and_chains_stay_short(tmp_path: Path, pool: ParserPool) -> None:
    """What is a dictionary without one in the source is two deep in the target."""
    noise = "".join(f"{n * 7919 % 10007}," for n in range(900))

    def said(text: str) -> bytes:
        return page(year=2020, text=noise + text)

    target, source = tmp_path / "t.db", tmp_path / "s.db"
    with Store.open(target, create=True) as store:
        crawl = begin(store, 1)
        keep(store, crawl, URL.format(0), 1, said("甲"))
        keep(store, crawl, URL.format(1), 1, said("乙"))
        keep(store, crawl, URL.format(1), 2, said("丙"))
    with Store.open(source, create=True) as store:
        crawl = begin(store, 3)
        keep(store, crawl, URL.format(5), 3, said("丙"))
        last = keep(store, crawl, URL.format(6), 3, said("丁"))
        assert store.conn.execute("SELECT count(*) FROM body WHERE dictionary IS NOT NULL").fetchone() == (1,)
    merged(target, [source], pool)
    with Store.open(target, write=False) as store:
        assert store.body(str(last.sha256)) == said("丁")
        assert store.conn.execute("SELECT dictionary FROM body WHERE sha256 = ?", (last.sha256,)).fetchone() == (None,)


def test_damage_and_collisions_stop_it(tmp_path: Path, pool: ParserPool) -> None:
    source = crawl_into(tmp_path / "a.db", range(3), (1,))
    target = tmp_path / "t.db"
    with Store.open(source) as store:
        name = store.conn.execute("SELECT sha256 FROM body LIMIT 1").fetchone()[0]
        store.conn.execute("UPDATE body SET data = zeroblob(9) WHERE sha256 = ?", (name,))
    with Store.open(target, create=True) as store, pytest.raises(ArchiveError, match=f"{name} is damaged"):
        merging.merge(store, [source])
    with pytest.raises(ArchiveError, match="reparse"):
        Store.open(target)
    other = crawl_into(tmp_path / "b.db", range(3), (1,))
    with Store.open(other) as store:
        store.conn.execute("UPDATE capture SET note = 'odd' WHERE rowid = 2")
    with Store.open(target, stale=True) as store, pytest.raises(ArchiveError, match="has changed since"):
        merging.merge(store, [other])
    third = crawl_into(tmp_path / "c.db", range(3), (1,))
    assert merged(target, [third], pool)


def test_a_copy_taken_during_a_crawl_gives_way_to_the_finished_one(tmp_path: Path, pool: ParserPool) -> None:
    early, late = tmp_path / "early.db", tmp_path / "late.db"
    with Store.open(late, create=True) as store:
        crawl = begin(store, 1)
        visit(store, crawl, 0, 1)
        store.save_visit(crawl, "quzhou-qujiang", 6, 1, "started", None)
        store.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        early.write_bytes(late.read_bytes())
        visit(store, crawl, 1, 1)
        store.save_visit(crawl, "quzhou-qujiang", 6, 2, "complete", None)
        store.finish_crawl(crawl, "finished")
        expected = list(canonical.dump(store.conn))
    for number, order in enumerate(([early, late], [late, early])):
        target = tmp_path / f"{number}.db"
        assert merged(target, order, pool) == expected
        with Store.open(target, write=False) as store:
            assert store.conn.execute("SELECT outcome, captured FROM crawl").fetchall() == [("finished", 2)]
            assert store.conn.execute("SELECT found, outcome FROM visit").fetchall() == [(2, "complete")]


def test_the_command(tmp_path: Path) -> None:
    run = CliRunner().invoke
    halves = [tmp_path / "a.db", tmp_path / "b.db"]
    for number, half in enumerate(halves):
        file = tmp_path / f"{number}.txt"
        file.write_text(
            f"甲县民政局202{number}年政府信息公开工作年度报告\n一、总体情况\n全年主动公开信息 {number} 条。\n"
        )
        assert run(gongkai.main, ["import", str(file), "--db", str(half)]).exit_code == 0
    target = tmp_path / "c.db"
    done = run(gongkai.main, ["merge", *map(str, halves), "--into", str(target), "--json"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["added"]["capture"] == told["added"]["body"] == told["readings"] == 2
    again = run(gongkai.main, ["merge", *map(str, halves), "--into", str(target)])
    assert again.exit_code == 0 and "readings 2" in again.stdout
    for arguments, code, words in (
        ([str(tmp_path / "no.db"), "--into", str(target)], 2, "no such archive"),
        ([str(target), "--into", str(target)], 2, "source of itself"),
        ([str(tmp_path / "0.txt"), "--into", str(target)], 5, "is not a gongkai archive"),
    ):
        failed = run(gongkai.main, ["merge", *arguments])
        assert (failed.exit_code, words in failed.stderr) == (code, True), failed.stderr
