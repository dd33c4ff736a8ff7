"""Dictionaries of bodies: which one, when, how deep; and what verify says when one is damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import begin, fetched
from click.testing import CliRunner

import gongkai
from archive import bodies, dictionaries, fixity
from archive.store import ArchiveError, Capture, Store

URL = "http://www.qj.example/art/{}.html"
FURNITURE = "".join(f"<li><a href='/col/{n * 7919 % 10007}'>栏目{n * 104729 % 99991}</a></li>" for n in range(400))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "a.db", create=True) as opened:
        yield opened


def body_of(text: str) -> bytes:
    return f"<html>{FURNITURE}<p>{text}</p></html>".encode()


def save(store: Store, crawl: str, name: str, day: int, text: str, **changes: object) -> Capture:
    return store.save_capture(fetched(crawl, URL.format(name), day, **changes), body_of(text), "text/html")


def dictionary(store: Store, capture: Capture) -> str | None:
    row = store.conn.execute("SELECT dictionary FROM body WHERE sha256 = ?", (capture.sha256,)).fetchone()
    return None if row[0] is None else str(row[0])


def test_the_portals_first_report_page_helps_the_next(store: Store) -> None:
    crawl = begin(store)
    robots = save(store, crawl, "robots.txt", 1, "x", kind="robots")
    listing = save(store, crawl, "list", 1, "y", kind="listing")
    first = save(store, crawl, "1", 1, "甲")
    second = save(store, crawl, "2", 1, "乙")
    other = save(store, crawl, "3", 1, "丙", portal="anfu")
    later = save(store, crawl, "list2", 2, "z", kind="listing")
    assert [dictionary(store, c) for c in (robots, listing, first, other)] == [None] * 4
    assert dictionary(store, second) == dictionary(store, later) == first.sha256
    data = "SELECT length(data) FROM body WHERE sha256 = ?"
    alone, helped = (store.conn.execute(data, (c.sha256,)).fetchone()[0] for c in (first, second))
    assert helped < alone / 20
    assert store.body(str(second.sha256)) == body_of("乙")


def test_the_urls_first_body_comes_before_the_portals(store: Store) -> None:
    crawl = begin(store)
    save(store, crawl, "1", 1, "甲")
    first = save(store, crawl, "2", 1, "乙" * 500)
    save(store, crawl, "2", 2, "维护中", outcome="failed")
    again = save(store, crawl, "2", 3, "乙" * 501)
    assert dictionary(store, again) == first.sha256
    assert store.body(str(again.sha256)) == body_of("乙" * 501)


def test_a_dictionary_that_does_not_help_is_not_used(store: Store) -> None:
    crawl = begin(store)
    save(store, crawl, "1", 1, "甲")
    noise = store.save_capture(fetched(crawl, URL.format("2"), 1), os.urandom(3000), None)
    assert dictionary(store, noise) is None
    assert store.conn.execute("SELECT encoding FROM body WHERE sha256 = ?", (noise.sha256,)).fetchone() == ("identity",)


def test_a_chain_that_is_too_long_is_damage_whatever_was_read_before(store: Store) -> None:
    names: list[str] = []
    for number in range(4):
        body, helper = body_of(f"第{number}版"), body_of(f"第{number - 1}版") if number else None
        kept = dictionaries.Kept(names[-1] if names else None, *bodies.compress(body, helper))
        assert kept.encoding == "zstd"
        names.append(bodies.digest(body))
        with store.transaction():
            dictionaries.save_body(store.conn, names[-1], len(body), "text/html", kept)
    for order in (names, names[::-1], [names[2], names[3]]):
        stored = fixity.Bodies(store.conn)
        found = {name: stored.problem(name) for name in order}
        assert "uses a dictionary that uses another" in str(found.pop(names[3]))
        assert set(found.values()) == {None}


def test_a_dictionary_that_is_not_there_is_not_used(store: Store) -> None:
    crawl = begin(store)
    first = save(store, crawl, "1", 1, "甲")
    store.conn.execute("PRAGMA foreign_keys = OFF")
    store.conn.execute("DELETE FROM body")
    second = save(store, crawl, "2", 1, "乙")
    assert dictionary(store, second) is None and store.body(str(second.sha256)) == body_of("乙")
    assert [d.sha256 for d in store.verify().damaged] == [first.sha256]


def test_chains_are_short(store: Store) -> None:
    crawl = begin(store)
    first = save(store, crawl, "1", 1, "甲")
    second = save(store, crawl, "2", 1, "乙")
    third = save(store, crawl, "2", 2, "丙")
    assert [dictionaries.chained(store.conn, str(c.sha256)) for c in (first, second, third)] == [0, 1, 2]
    # a portal whose first report page is a body that is known already, two deep
    store.save_capture(fetched(crawl, URL.format("x"), 1, portal="anfu"), body_of("丙"), None)
    fourth = save(store, crawl, "y", 1, "丁", portal="anfu")
    assert dictionary(store, fourth) is None
    assert store.verify().damaged == []


def test_the_same_body_under_ten_urls_is_stored_once(store: Store) -> None:
    crawl = begin(store)
    for number in range(10):
        save(store, crawl, str(number), 1, "甲")
    assert store.conn.execute("SELECT count(*) FROM body").fetchone() == (1,)
    assert store.conn.execute("SELECT count(*) FROM capture").fetchone() == (10,)


def flip(path: Path, needle: bytes) -> None:
    """A bit of every copy: SQLite leaves old ones behind where it moves a row to another page."""
    data = bytearray(path.read_bytes())
    for found in list(re.finditer(re.escape(needle), data)):
        data[found.start() + len(needle) // 2] ^= 1
    path.write_bytes(data)


def test_damage_to_a_dictionary_names_it_and_what_hangs_on_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        first = save(store, crawl, "1", 1, "甲")
        second = save(store, crawl, "2", 1, "乙")
        third = save(store, crawl, "2", 2, "丙")
        alone = save(store, crawl, "3", 1, "丁", portal="anfu")
        data = store.conn.execute("SELECT data FROM body WHERE sha256 = ?", (first.sha256,)).fetchone()[0]
    flip(path, bytes(data[-400:]))
    with Store.open(path) as store:
        found = {damage.sha256: damage for damage in store.verify().damaged}
        assert found.keys() == {first.sha256, second.sha256, third.sha256}
        assert {c.id for c in found[first.sha256].captures} == {first.id, second.id, third.id}
        assert f"its dictionary {first.sha256}" in found[second.sha256].problem
        assert store.body(str(alone.sha256)) == body_of("丁")
        with pytest.raises(ArchiveError, match="verify"):
            store.body(str(third.sha256))
        new = save(store, crawl, "9", 3, "戊")
        assert dictionary(store, new) is None and store.body(str(new.sha256)) == body_of("戊")


@pytest.mark.parametrize("where", ["key", "media type", "size", "a bit that zstd passes over", "no UTF-8"])
def test_a_changed_byte_anywhere_in_a_row_is_found_and_named(tmp_path: Path, where: str) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        save(store, crawl, "1", 1, "甲")
        given = fetched(crawl, URL.format("2"), 1, headers='[["Server", "oddly named"]]')
        hurt = store.save_capture(given, body_of("乙"), "text/x-odd")
        name = str(hurt.sha256).encode()
        frame = store.conn.execute("SELECT data FROM body WHERE sha256 = ?", (hurt.sha256,)).fetchone()[0]
        assert store.verify().damaged == []
    in_table = re.escape(name) + rb".{0,9}text/x-odd"
    needle, place, bit = {
        "key": (in_table, 20, 1),
        "media type": (in_table, -1, 1),
        "size": (in_table, 65, 1),
        "a bit that zstd passes over": (re.escape(frame[:100]), 4, 0x10),
        "no UTF-8": (b"oddly named", 3, 0x80),
    }[where]
    raw = bytearray(path.read_bytes())
    copies = list(re.finditer(needle, raw, re.DOTALL))  # SQLite leaves old ones where it moves a row to another page
    assert copies
    for copy in copies:
        raw[copy.start() + place if place >= 0 else copy.end() + place] ^= bit
    path.write_bytes(raw)
    with Store.open(path) as store:
        damaged = store.verify().damaged
        assert {c.id for damage in damaged for c in damage.captures} == {hurt.id}
        assert all(damage.sha256 in (hurt.sha256, None) for damage in damaged)
    done = CliRunner().invoke(gongkai.main, ["verify", "--db", str(path)])
    assert done.exit_code == 1 and hurt.id in done.stderr


def test_a_page_of_the_file_that_is_gone_is_named_by_its_table(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        for number in range(40):
            save(store, crawl, str(number), 1, f"第{number}页")
        pages = store.conn.execute("SELECT pageno FROM dbstat WHERE name = 'body' AND pagetype = 'leaf'").fetchall()
    raw = bytearray(path.read_bytes())
    start = (pages[1][0] - 1) * 4096
    raw[start : start + 4096] = bytes(4096)
    path.write_bytes(raw)
    done = CliRunner().invoke(gongkai.main, ["verify", "--db", str(path)])
    assert done.exit_code == 1 and "the table body" in done.stderr, done.stderr


def test_many_bodies_are_checked_in_processes_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixity, "FEW", 1)
    monkeypatch.setattr(fixity, "BATCH", 7)
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        captures = [save(store, crawl, str(n), 1, f"第{n}页") for n in range(60)]
        hurt = captures[33]
        store.conn.execute("UPDATE body SET data = zeroblob(40) WHERE sha256 = ?", (hurt.sha256,))
        seen: list[tuple[int, int]] = []
        found = store.verify(progress=lambda done, total: seen.append((done, total)), workers=2)
        assert found.checked == 60 and [d.sha256 for d in found.damaged] == [hurt.sha256]
        assert [c.id for c in found.damaged[0].captures] == [hurt.id]
        assert seen[-1] == (60, 60) and len(seen) == 9
        assert store.conn.execute("SELECT ok, count(*) FROM fixity GROUP BY ok").fetchall() == [(0, 1), (1, 59)]


def test_a_frame_that_lies_about_its_size_is_refused(store: Store) -> None:
    crawl = begin(store)
    capture = save(store, crawl, "1", 1, "甲")
    bomb = bodies.compress(bytes(bodies.LARGEST)).data
    grown = bytearray(bomb)
    store.conn.execute("UPDATE body SET data = ?, encoding = 'zstd'", (bytes(grown),))
    (damage,) = store.verify().damaged
    assert damage.sha256 == capture.sha256 and "hash" in damage.problem


def test_the_log_takes_no_other_body_under_an_id(store: Store) -> None:
    crawl = begin(store)
    one, two = (str(save(store, crawl, str(n), 1, f"第{n}页").sha256) for n in range(2))
    fixity.save(store.conn, [(7, "2026-01-01T00:00:00Z", one, 1)])
    fixity.save(store.conn, [(7, "2026-01-01T00:00:00Z", one, 0)])
    assert store.conn.execute("SELECT * FROM fixity").fetchall() == [(7, "2026-01-01T00:00:00Z", one, 0)]
    with pytest.raises(ArchiveError, match="same id"):
        fixity.save(store.conn, [(7, "2026-01-01T00:00:00Z", two, 1)])
