"""When a page is due again, and what a crawl's exit code says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import archive_samples as samples
import pytest
from scrapy import Request, Spider

from archive.parsing import ParserPool
from archive.store import Capture, Store
from crawler.queues import PackedLifoMemoryQueue
from crawler.run import exit_code
from crawler.session import EntryRow, Session

URL = "http://a.gov.cn/art_1.html"
START = datetime(2026, 4, 1, tzinfo=UTC)  # out of season


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Store.open(tmp_path / "a.db", create=True) as store:
        store.save_portals([("k", "n", "330803", "hanweb-jcms", "http://a.gov.cn/")])
        yield Session(store, store.begin_crawl("{}", "0"), ParserPool())


def save(
    session: Session, day: int, outcome: str, body: bytes | None = None, headers: list[tuple[str, str]] | None = None
) -> Capture:
    at = (START + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")
    capture = Capture(
        "", session.crawl_id, "k", URL, URL, at, "report", 200, outcome, json.dumps(headers or []), None, None
    )
    return session.save_capture(capture, body, "text/html")


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
    for _ in range(7):
        day = due_on(session)
        save(session, day, "ok", b"one")
        intervals.append(due_on(session) - day)
    assert intervals == [2, 4, 8, 16, 32, 64, 90]
    save(session, day + 70, "ok", b"two")
    assert due_on(session) == day + 71


def test_from_january_to_march_nothing_waits_longer_than_16_days(session: Session) -> None:
    save(session, 0, "ok", b"one")
    for day in (1, 3, 7, 15, 31, 63, 127, 217):
        save(session, day, "ok", b"one")
    assert due_on(session) == 217 + (datetime(2026, 12, 31, 16, tzinfo=UTC) - START).days - 217 + 1
    year = datetime(2026, 12, 31, 16, tzinfo=UTC)
    due = [not session.is_fresh(URL, at=year + timedelta(minutes=minutes)) for minutes in (-1, 1)]
    assert due == [False, True], "New Year in China"
    save(session, 280, "ok", b"one")  # 6 January
    assert due_on(session) == 280 + 16
    save(session, 360, "ok", b"one")  # 27 March
    assert due_on(session) == 360 + 90


def test_furniture_alone_does_not_bring_a_page_back_sooner(session: Session) -> None:
    def read(day: int, **changes: object) -> None:
        body = samples.page(furniture=day, **changes)
        stored = save(session, day, "ok", body)
        session.store.save_report(stored, samples.parse(body, url=URL))

    page: dict[str, Any] = {"figures": {"complaints_total": "3"}, "title": "某局2020年年报", "text": "概述"}
    read(0, **page)
    for day, interval in ((1, 2), (3, 4), (7, 8), (15, 16)):
        read(day, **page)
        assert due_on(session) - day == interval
    changed: list[dict[str, Any]] = [
        {"figures": {"complaints_total": "4"}}, {"title": "某局2020年度年报"}, {"text": "概述，已更正"},
        {"metadata": {"index_number": "k/2021-2"}}, {"kind": "other"}, {"kind": "report"},
    ]  # fmt: skip
    day = 31
    for change in changed:
        page |= change
        read(day, **page)
        assert due_on(session) - day == 1, change
        read(day + 1, **page)
        assert due_on(session) - day - 1 == 2, change
        day += 3
    for _ in range(3):
        read(day, **page | {"kind": "failed"})
        assert due_on(session) - day == 1, "nobody knows what it says"
        day += 1
    save(session, day, "ok", b"not read yet")
    assert due_on(session) - day == 1


def test_the_validators_are_those_that_came_with_the_bytes(session: Session) -> None:
    assert session.validators(URL) == {}
    save(session, 0, "ok", b"one", [("Etag", '"1"'), ("Last-Modified", "Mon, 02 Feb 2026 10:00:00 GMT")])
    both = {"If-None-Match": '"1"', "If-Modified-Since": "Mon, 02 Feb 2026 10:00:00 GMT"}
    assert session.validators(URL) == both
    save(session, 1, "unchanged", None, [("Date", "Wed, 01 Apr 2026 00:00:00 GMT")])
    save(session, 2, "failed")
    assert session.validators(URL) == both, "a 304 need not repeat them"
    save(session, 3, "ok", b"two")
    assert session.validators(URL) == {}, "they are not of these bytes"


def test_what_went_wrong_is_asked_for_again_at_once(session: Session) -> None:
    save(session, 0, "ok", b"one")
    for outcome in ("gone", "blocked", "failed", "refused"):
        save(session, 1, "ok", b"one")
        save(session, 2, outcome)
        assert due_on(session) == 0
        session.store.conn.execute("DELETE FROM capture WHERE fetched_at > '2026-04-02'")
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
    got, reasons = exit_code(session, {"fresh": fresh})
    assert got == code
    assert bool(reasons) is (code != 0)


def test_a_stop_and_an_unread_page_need_someone_to_look(session: Session) -> None:
    session.outcomes["new"] = 1
    session.unparsed["parser_timeout"] = [URL]
    assert exit_code(session, {}) == (1, [f"1 page(s) could not be parsed (parser_timeout), {URL} among them"])
    session.unparsed.clear()
    session.interrupted = True
    assert exit_code(session, {})[0] == 1


def test_readings_of_a_moment_are_saved_at_once_and_one_that_cannot_be_harms_no_other(session: Session) -> None:
    async def read_all() -> list[object]:
        captures = []
        for number in range(4):
            page = samples.page(title=f"某局{2010 + number}年年报", year=2010 + number)
            capture = Capture("", session.crawl_id, "k", f"http://a.gov.cn/{number}.html", None, "2026-04-01T00:00:00Z",
                              "report", 200, "ok", "[]", None, None)  # fmt: skip
            captures.append((session.save_capture(capture, page, "text/html"), page))
        captures[2] = (captures[2][0]._replace(outcome="gone"), captures[2][1])  # nothing that may be read
        reading = (session.read(capture, page, "text/html") for capture, page in captures)
        return await asyncio.gather(*reading, return_exceptions=True)

    session.pool = ParserPool(1, parser="archive_samples")
    with session.pool:
        saved = asyncio.run(read_all())
    assert [type(one) for one in saved] == [type(None), type(None), ValueError, type(None)]
    assert session.store.conn.execute("SELECT count(*) FROM report").fetchone() == (3,)
    assert session.fatal is None


def test_pages_that_wait_come_back_as_they_went() -> None:
    class Waiting(Spider):
        name = "waiting"

        def crawl_report(self, response: object) -> None: ...
        def report_failed(self, failure: object) -> None: ...

    spider = Waiting()
    queue = PackedLifoMemoryQueue(spider)
    entry = EntryRow("k", URL, "某局2020年年报", "2021-01-20", "0123456789abcdef", "fetched")
    meta = {"kind": "report", "listed": URL, "entry": entry, "download_slot": "a.gov.cn:80"}
    waiting = [
        Request(f"{URL}?{n}", spider.crawl_report, errback=spider.report_failed, meta=meta | {"n": n}, priority=n)
        for n in range(500)
    ]
    for request in waiting:
        queue.push(request.replace(headers={"If-None-Match": '"1"'}))
    article = Request(URL, meta=meta | {"article": object()})
    queue.push(article)
    assert queue.peek() is article and queue.pop() is article
    assert sum(map(len, queue.q)) / len(waiting) < 800, "bytes a page"
    for request in reversed(waiting):
        found = queue.pop()
        assert found is not None
        assert (found.url, found.meta, found.priority) == (request.url, request.meta, request.priority)
        assert (found.callback, found.errback) == (spider.crawl_report, spider.report_failed)
        assert found.headers.getlist("If-None-Match") == [b'"1"'] and isinstance(found.meta["entry"], EntryRow)
    assert queue.pop() is None and len(queue) == 0
