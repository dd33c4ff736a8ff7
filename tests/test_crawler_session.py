"""When a page is due again, and what a crawl's exit code says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.parsing import ParserPool
from archive.store import Capture, Store
from crawler.run import exit_code
from crawler.session import Session

URL = "http://a.gov.cn/art_1.html"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Store.open(tmp_path / "a.db", create=True) as store:
        store.save_portals([("k", "n", "330803", "hanweb-jcms", "http://a.gov.cn/")])
        yield Session(store, store.begin_crawl("{}", "0"), ParserPool())


def save(session: Session, day: int, outcome: str, body: bytes | None = None) -> None:
    at = (START + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")
    capture = Capture("", session.crawl_id, "k", URL, URL, at, "report", 200, outcome, "[]", None, None)
    session.save_capture(capture, body, "text/html")


def due_on(session: Session, *, listed: bool = True) -> int:
    """The first day on which the page is due."""
    return next(
        day
        for day in range(1000)
        if not session.is_fresh(URL, listed=listed, at=START + timedelta(days=day, seconds=1))
    )


def test_the_interval_doubles_while_nothing_changes_and_starts_again(session: Session) -> None:
    assert not session.is_fresh(URL)
    save(session, 0, "ok", b"one")
    assert due_on(session) == 1
    day, intervals = 0, []
    for _ in range(9):
        day = due_on(session)
        save(session, day, "ok", b"one")
        intervals.append(due_on(session) - day)
    assert intervals == [2, 4, 8, 16, 32, 64, 90, 90, 90]
    save(session, day + 90, "ok", b"two")
    assert due_on(session) == day + 91


def test_what_went_wrong_is_asked_for_again_at_once(session: Session) -> None:
    save(session, 0, "ok", b"one")
    for outcome in ("gone", "blocked", "failed", "refused"):
        save(session, 1, "ok", b"one")
        save(session, 2, outcome)
        assert due_on(session) == 0
        session.store.conn.execute("DELETE FROM capture WHERE fetched_at > '2026-01-02'")
        session.store.conn.execute("DELETE FROM capture WHERE outcome = 'unchanged'")


def test_a_page_that_is_gone_and_not_listed_is_asked_for_ever_less(session: Session) -> None:
    save(session, 0, "ok", b"one")
    save(session, 1, "gone")
    assert due_on(session) == 0
    assert due_on(session, listed=False) == 2
    save(session, 2, "gone")
    assert due_on(session, listed=False) == 4


@pytest.mark.parametrize(
    ("outcomes", "visits", "fresh", "code"),
    [
        ({"new": 3}, {"a": "finished"}, 0, 0),
        ({"new": 3, "gone": 1}, {"a": "finished"}, 0, 0),
        ({}, {"a": "finished"}, 7, 0),
        ({"new": 3, "failed": 1}, {"a": "finished"}, 0, 1),
        ({"new": 3}, {"a": "finished", "b": "blocked"}, 0, 1),
        ({"new": 3}, {"a": "finished", "b": "empty"}, 0, 1),
        ({"new": 3}, {"a": "finished", "b": "failed"}, 0, 1),
        ({}, {"a": "failed"}, 0, 1),
        ({}, {"a": "blocked"}, 0, 3),
        ({}, {"a": "refused"}, 0, 3),
        ({"blocked": 2}, {"a": "finished"}, 0, 3),
        ({"blocked": 2}, {"a": "finished"}, 5, 1),
    ],
)
def test_the_exit_code(
    session: Session, outcomes: dict[str, int], visits: dict[str, str], fresh: int, code: int
) -> None:
    session.outcomes.update(outcomes)
    session.visits.update(visits)
    got, reasons = exit_code(session, fresh)
    assert got == code
    assert bool(reasons) is (code != 0)


def test_a_stop_and_an_unread_page_need_someone_to_look(session: Session) -> None:
    session.outcomes["new"] = 1
    session.unparsed["parser_timeout"] = [URL]
    assert exit_code(session, 0) == (1, [f"1 page(s) could not be parsed (parser_timeout), {URL} among them"])
    session.unparsed.clear()
    session.interrupted = True
    assert exit_code(session, 0)[0] == 1
