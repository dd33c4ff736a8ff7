"""Likeness of prose, what is due and the search index hang on the pages alone: not on the order of saving, nor on what
stood there before; a rebuild gives them again byte for byte."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from archive_samples import begin, fetched, keep, page
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import canonical, likeness
from archive.store import Store

WORDS = "信息公开工作机制完善办理申请答复群众监督保障政策解读平台建设组织领导培训考核栏目更新回应社会关切"


def prose(seed: int, changed: int = 0) -> str:
    """A made-up text of some 240 characters; a `changed` one differs from 0 in its last characters."""
    rng = random.Random(seed)
    text = "".join(rng.choices(WORDS, k=240))
    return text[: 240 - changed] + "".join(random.Random(f"{seed} {changed}").choices(WORDS, k=changed))


TEXTS = [prose(1), prose(1), prose(1, 20), prose(1, 120), prose(2), prose(2), prose(3), prose(1)]


def fill(store: Store, order: list[int]) -> None:
    crawl = begin(store)
    for number in order:
        for year in (2021, 2022):
            name = f"衢州市衢江区第{'一二三四五六七八'[number]}局"
            url = f"http://www.qj.example/{year}/{number}.html"
            store.save_entries(
                crawl, [("quzhou-qujiang", url, f"{name}{year}年政府信息公开年报", None, None, "fetched")]
            )
            said = {"year": year, "text": TEXTS[number] if year == 2021 else prose(9 + number)}
            keep(store, crawl, url, 1, page(metadata={"agency": name, "region": "330803"}, **said))


def hanging(store: Store) -> list[str]:
    tables = ("alike", "prose", "prose_band", "listed", "duty", "search")
    return [line for line in canonical.derived(store.conn) if line.split(" ", 1)[0] in tables]


def test_the_order_of_saving_does_not_show_and_a_rebuild_gives_it_again(tmp_path: Path) -> None:
    made = []
    for number, order in enumerate((list(range(8)), [7, 3, 5, 0, 2, 6, 4, 1], [4, 5, 1, 0, 7, 6, 2, 3])):
        with Store.open(tmp_path / f"{number}.db", create=True) as store:
            fill(store, order)
            live = hanging(store)
            store.reparse(1, parser="archive_samples")
            assert hanging(store) == live
            made.append(live)
    assert made[0] == made[1] == made[2]
    assert sum(line.startswith("alike") for line in made[0]) == 3 + 1  # four alike, three of them named; and a pair


def test_a_report_that_changes_is_named_no_more_and_the_others_name_another(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", create=True) as store:
        fill(store, list(range(8)))
        crawl = begin(store, 2)
        (head,) = {row[0] for row in store.conn.execute(
            "SELECT other_id FROM alike GROUP BY other_id HAVING count(*) = 3")}  # fmt: skip
        url, agency = store.conn.execute("SELECT url, agency_name FROM report WHERE id = ?", (head,)).fetchone()
        body = page(year=2021, text=prose(77), metadata={"agency": agency, "region": "330803"})
        keep(store, crawl, url, 2, body)
        named = store.conn.execute("SELECT other_id, count(*) FROM alike GROUP BY other_id ORDER BY 2").fetchall()
        assert [count for _, count in named] == [1, 2] and head not in dict(named)
        store.save_capture(fetched(crawl, url, 3, outcome="gone", status=404), None, None)
        live = hanging(store)
        store.reparse(1, parser="archive_samples")
        assert hanging(store) == live


def test_an_agencys_own_text_of_the_year_before(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", create=True) as store:
        crawl = begin(store)
        for year, text in ((2022, prose(5)), (2020, prose(4)), (2021, prose(5, 20))):
            body = page(year=year, text=text, metadata={"agency": "衢州市衢江区民政局", "region": "330803"})
            keep(store, crawl, f"http://www.qj.example/{year}.html", 1, body)
        rows = store.conn.execute(
            "SELECT r.year, o.year, k.percent >= 70 FROM alike AS k JOIN report AS r ON r.id = k.report_id"
            " JOIN report AS o ON o.id = k.other_id"
        ).fetchall()
        assert rows == [(2022, 2021, 1)]
        live = hanging(store)
        store.reparse(1, parser="archive_samples")
        assert hanging(store) == live


@given(st.integers(0, 1000), st.integers(0, 40))
@settings(max_examples=30)
def test_a_sketch_sees_what_is_alike(seed: int, changed: int) -> None:
    one, other = (likeness.pieces([prose(seed, n)], None) for n in (0, changed))
    drawn = likeness.sketch(one), likeness.sketch(other)
    assert (drawn[0] == drawn[1]) == (one == other)
    if changed <= 10:
        assert set(likeness._keys(2021, drawn[0])) & set(likeness._keys(2021, drawn[1]))
        assert likeness._maybe(*drawn)
    unlike = likeness.sketch(likeness.pieces([prose(seed + 5000)], None))
    assert not likeness._maybe(drawn[0], unlike)


@pytest.mark.parametrize("text", ["", "全年公开信息21条。", "一、总体情况\n二、主动公开政府信息情况\n2021"])
def test_short_texts_and_bare_headings_are_like_nothing(text: str) -> None:
    assert likeness.pieces([text], None) == frozenset()
