"""Versions of a page: figures as revisions, metadata and prose as findings, furniture as nothing; `gongkai diff`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import at, begin, fetched, keep, page, parse
from click.testing import CliRunner

import gongkai
from archive import canonical, rebuild
from archive.parsing import ParserPool
from archive.store import Store

URL = "http://www.qj.example/art/1.html"
SAID = {"year": 2020, "title": "某局2020年报告", "text": "一切照旧。", "figures": {"applications_received": "3"}}


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


def changes(store: Store) -> list[tuple[object, ...]]:
    return rows(
        store,
        "SELECT name, at, expected, found, note FROM finding WHERE kind = 'revision' ORDER BY capture_id, name, at",
    )


def test_furniture_gives_nothing(store: Store) -> None:
    crawl = begin(store)
    for day in (1, 2, 3):
        keep(store, crawl, URL, day, page(**SAID, furniture=f"浏览次数 {day}"))
    assert [c.outcome for c in store.history(URL)] == ["new", "changed", "changed"]
    assert rows(store, "SELECT * FROM revision") == [] and changes(store) == []


def test_metadata_and_prose_that_differ_are_findings(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**SAID, metadata={"written_on": "2021-01-20"}))
    later = SAID | {"text": "一切照旧，略有改进。", "metadata": {"written_on": "2021-02-01"}}
    keep(store, crawl, URL, 2, page(**later))
    assert changes(store) == [
        ("metadata_changed", "written_on", None, None, "2021-01-20 → 2021-02-01"),
        ("prose_changed", "一、概述", 5, 10, "changed"),
    ]
    assert rows(store, "SELECT * FROM revision") == []
    assert rows(store, "SELECT count(*) FROM version") == [(1,)]
    later_capture = store.history(URL)[1].id
    assert rows(store, "SELECT DISTINCT capture_id FROM finding WHERE kind = 'revision'") == [(later_capture,)]


def test_the_order_of_reading_does_not_show(tmp_path: Path, pool: ParserPool) -> None:
    texts = ("甲。", "乙乙。", "甲。", "丙丙丙。")
    dumps = []
    for number, order in enumerate(itertools.permutations(range(4))):
        with Store.open(tmp_path / f"{number}.db", create=True) as store:
            crawl = begin(store)
            crawl_row = "20260101T021500Z-000000"
            store.conn.execute("UPDATE crawl SET id = ?", (crawl_row,))
            captures = []
            for day, text in enumerate(texts, 1):
                body = page(
                    **SAID | {"text": text, "title": f"第{day % 2}版", "figures": {"complaints_total": str(day)}}
                )
                captures.append((store.save_capture(fetched(crawl_row, URL, day), body, "text/html"), body))
            for place in order:
                store.save_report(captures[place][0], parse(captures[place][1]))
            dumps.append(list(canonical.derived(store.conn)))
            if number == 9:
                rebuild.reparse(store, pool)
                assert list(canonical.derived(store.conn)) == dumps[-1]
    assert crawl
    assert all(dump == dumps[0] for dump in dumps)
    assert sum(line.startswith("finding ") and "prose_changed" in line for line in dumps[0]) == 3
    assert sum(line.startswith("revision") for line in dumps[0]) == 3


def test_a_page_that_comes_back_is_seen_again(store: Store) -> None:
    crawl = begin(store)
    keep(store, crawl, URL, 1, page(**SAID))
    store.save_capture(fetched(crawl, URL, 2, outcome="gone", status=404), None, None)
    seen = "SELECT first_seen, last_seen, gone_at FROM report"
    assert rows(store, seen) == [(at(1), at(1), at(2))]
    keep(store, crawl, URL, 3, page(**SAID))
    assert rows(store, seen) == [(at(1), at(3), None)]


HTML = """<html><head><title>衢州市衢江区民政局2021年政府信息公开工作年度报告</title></head><body>
<h1>衢州市衢江区民政局2021年政府信息公开工作年度报告</h1><p>浏览 {hits}</p>
<p>一、总体情况</p><p>我局认真做好公开工作。{prose}</p>
<p>二、主动公开政府信息情况</p>
<table><tr><td colspan="4">第二十条第（一）项</td></tr>
<tr><td>信息内容</td><td>本年制发件数</td><td>本年废止件数</td><td>现行有效件数</td></tr>
<tr><td>规章</td><td>0</td><td>0</td><td>0</td></tr>
<tr><td>行政规范性文件</td><td>{issued}</td><td>0</td><td>12</td></tr></table></body></html>"""


def captured(store: Store, crawl: str, day: int, **said: object) -> None:
    body = HTML.format(**{"hits": day, "prose": "没有变化。", "issued": 3} | said).encode()
    store.save_capture(fetched(crawl, URL, day), body, "text/html")


def test_diff_shows_two_versions_figures_first(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        captured(store, crawl, 1)
    run = CliRunner().invoke
    alone = run(gongkai.main, ["diff", URL, "--db", str(path)])
    assert alone.exit_code == 2 and "Only one version" in alone.stderr
    unknown = run(gongkai.main, ["diff", URL + "x", "--db", str(path)])
    assert unknown.exit_code == 2 and "No page with the address" in unknown.stderr
    with Store.open(path) as store:
        captured(store, crawl, 2, issued=5, prose="补充了一句。")
        captured(store, crawl, 3, issued=5, prose="补充了一句。")
        first, second, third = (capture.id for capture in store.history(URL))
    told = json.loads(run(gongkai.main, ["diff", URL, "--db", str(path), "--before", first, "--json"]).stdout)
    assert (told["before"]["id"], told["after"]["id"]) == (first, third)
    assert [(f["indicator"], f["col"], f["before"]["value"], f["after"]["value"]) for f in told["figures"]] == [
        ("normative_documents", "issued", 3, 5)
    ]
    assert told["same"] == 5 and told["metadata"] == []
    assert told["prose"] == [{"heading": "一、总体情况", "before": "没有变化。", "after": "补充了一句。"}]
    text = run(gongkai.main, ["diff", URL, "--db", str(path), "--before", first])
    assert text.exit_code == 0
    assert text.stdout.index("normative_documents") < text.stdout.index("补充了一句")
    last = json.loads(run(gongkai.main, ["diff", URL, "--db", str(path), "--json"]).stdout)
    assert (last["before"]["id"], last["figures"], last["prose"]) == (second, [], [])
    wrong = run(gongkai.main, ["diff", URL, "--db", str(path), "--before", "nothing"])
    assert wrong.exit_code == 2 and first in wrong.stderr
