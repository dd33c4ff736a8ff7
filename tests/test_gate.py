"""The gate of a host and the day of a robots.txt, without a network: what crawls of a minute do not come to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import DownloadTimeoutError
from scrapy.http import Response

from crawler import gate, middlewares
from crawler.gate import CHALLENGES_BEFORE_LEAVING, SILENCES_BEFORE_LEAVING, Gate, GatedHandler, HostLeftAlone
from crawler.middlewares import ROBOTS_AGE, Robots, Rules

URL = "http://127.0.0.1:9/"


class Handler(GatedHandler):
    """The handler with answers of its own in the network's place; counts how many are under way over all handlers."""

    together: list[int]

    def __init__(self, answers: Iterable[Response | Exception], together: list[int]) -> None:
        self._crawler: Any = SimpleNamespace(engine=SimpleNamespace(running=True))
        self._delay = 0.0
        self.answers, self.together, self.busy = iter(answers), together, 0

    async def _download(self, request: Request) -> Response:
        self.together.append(self.together[-1] + 1)
        await asyncio.sleep(0.01)
        self.together.append(self.together[-1] - 1)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def own_gates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(gate, "_gates", {})
    monkeypatch.setenv("GONGKAI_LOOPBACK_DELAY", "0")
    yield


def test_two_crawlers_of_a_process_ask_a_host_one_at_a_time() -> None:
    together = [0]

    async def ask() -> None:
        handlers = [Handler([Response(URL)] * 5, together) for _ in range(2)]
        await asyncio.gather(*(one.download_request(Request(URL)) for one in handlers for _ in range(5)))

    asyncio.run(ask())
    assert len(together) == 21 and max(together) == 1


def test_an_answer_ends_a_silence_and_nine_in_a_row_end_the_asking() -> None:
    almost = [DownloadTimeoutError("silent")] * (SILENCES_BEFORE_LEAVING - 1)
    handler = Handler([*almost, Response(URL, status=500), *almost, DownloadTimeoutError("silent")], [0])

    async def ask() -> list[Any]:
        found: list[Any] = []
        for _ in range(2 * SILENCES_BEFORE_LEAVING + 1):
            found += await asyncio.gather(handler.download_request(Request(URL)), return_exceptions=True)
        return found

    *answers, last = asyncio.run(ask())
    assert [type(answer) for answer in answers if not isinstance(answer, DownloadTimeoutError)] == [Response]
    assert isinstance(last, HostLeftAlone) and "9 requests in a row" in str(last)
    assert list(handler.answers) == [], "the last was never asked"


def test_the_third_challenge_is_the_last() -> None:
    host = Gate("a.gov.cn:80", 1.0)
    for _ in range(CHALLENGES_BEFORE_LEAVING - 1):
        host.saw_challenge()
    assert host.left_alone is None
    host.saw_challenge()
    assert host.left_alone == "3 challenges from a.gov.cn:80"


def test_robots_txt_stands_for_a_day_and_for_its_scheme_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    now = [1000.0]
    monkeypatch.setattr(middlewares, "monotonic", lambda: now[0])

    class Asking(Robots):
        async def _ask(self, request: Request) -> Rules:
            asked.append(request.url)
            return Rules(None, None)

    crawler: Any = SimpleNamespace(
        settings={"ROBOTSTXT_USER_AGENT": "gongkai"}, spider=SimpleNamespace(session=SimpleNamespace(robots={}))
    )

    async def ask(*urls: str) -> None:
        robots = Asking(crawler)
        for url in urls:
            assert await robots._rules(Request(url)) == Rules(None, None)

    asyncio.run(ask("http://a.gov.cn/1", "http://a.gov.cn/2", "https://a.gov.cn/3", "http://a.gov.cn:8080/4"))
    assert asked == ["http://a.gov.cn/1", "https://a.gov.cn/3", "http://a.gov.cn:8080/4"]
    now[0] += ROBOTS_AGE - 1
    asyncio.run(ask("http://a.gov.cn/5"))
    assert len(asked) == 3
    now[0] += 2
    asyncio.run(ask("http://a.gov.cn/6", "http://a.gov.cn/7"))
    assert asked[3:] == ["http://a.gov.cn/6"]
