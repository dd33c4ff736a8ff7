"""Manners, measured at the server; and a crawl that is stopped or killed."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import ROOT, Crawls

from archive import canonical
from archive.store import Store
from crawler.replica.site import Answer, Query


def gaps(crawls: Crawls) -> list[float]:
    """Seconds between the starts of requests, as the server saw them."""
    starts = sorted(line.began for line in crawls.site.log)
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


@pytest.mark.parametrize(("delay", "limit", "least"), [("0.15", "4", 0.15), (None, "1", 1.0)])
def test_one_request_at_a_time_and_never_closer_than_the_delay(
    small: Crawls, delay: str | None, limit: str, least: float
) -> None:
    small.site.faults.append(lambda query: small.site.answer(query)._replace(pause=0.05))
    small.run("--limit", limit, delay=delay)
    assert len(small.site.log) == int(limit) + 3, "robots.txt, two list pages, the pages"
    assert max(line.together for line in small.site.log) == 1
    assert min(gaps(small)) >= least
    agents = {line.query.headers["user-agent"] for line in small.site.log}
    assert len(agents) == 1
    assert agents.pop().startswith("gongkai/")


def test_retries_and_redirects_keep_the_pace_too(small: Crawls) -> None:
    paths = list(small.site.made)

    def faults(query: Query) -> Answer | None:
        if query.path == paths[0]:
            return Answer(status=503)
        if query.path == paths[1]:
            return Answer(status=302, headers=(("Location", paths[2] + "?moved=1"),))
        return None

    small.site.faults.append(faults)
    small.run("--limit", "4", delay="0.15")
    assert max(line.together for line in small.site.log) == 1
    assert min(gaps(small)) >= 0.15


def test_retry_after_stops_the_whole_host(small: Crawls) -> None:
    said: list[float] = []

    def busy(query: Query) -> Answer | None:
        if query.path.startswith("/art/") and not said:
            said.append(time.monotonic())
            return Answer(status=429, headers=(("Retry-After", "1"),))
        return None

    small.site.faults.append(busy)
    small.run("--limit", "2")
    after = [line.began for line in small.site.log if line.began > said[0]]
    assert min(after) - said[0] >= 1.0
    assert small.outcomes() == {"new": 2}


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Answer(b"User-agent: *\nDisallow: /col/\n", media_type="text/plain"), 3), (Answer(status=404), 1)],
)
def test_the_exit_code_of_a_robots_txt(small: Crawls, answer: Answer, code: int) -> None:
    small.site.pages["/robots.txt"] = answer
    done = small.run("--limit", "0")
    assert done.returncode == code, done.stderr + done.stdout
    assert small.rows("SELECT count(*), count(note) FROM capture WHERE kind = 'robots'") == [(1, 1)]


def test_robots_txt_that_forbids_some_pages_and_asks_for_time(small: Crawls) -> None:
    rules = b"User-agent: *\nDisallow: /art/2023/\nCrawl-delay: 0.2\n"
    small.site.pages["/robots.txt"] = Answer(rules, media_type="text/plain")
    small.run()
    assert min(gaps(small)[1:]) >= 0.2
    assert small.site.asked("/art/2023/") == []
    refused = small.rows("SELECT DISTINCT note FROM capture WHERE outcome = 'refused'")
    assert refused == [("robots.txt does not allow this address",)]
    assert small.decisions()["refused"] == len(small.site.made)


def test_robots_txt_is_asked_for_again_after_a_day_and_by_every_crawl(small: Crawls) -> None:
    """The clock that robots.txt is held against jumps when the list was read."""
    for hours, asked in ((23, [True, False, False, False, False]), (25, [True, False, False, True, False, False])):
        moved = (
            "import itertools, sys\nfrom crawler import middlewares, run\nlooks = itertools.count(1)\n"
            f"middlewares.monotonic = lambda: {hours} * 3600.0 * (next(looks) > 2)\nsys.exit(run.main(sys.argv[1:]))"
        )
        small.site.log.clear()
        done = subprocess.run(
            [sys.executable, "-c", moved, "replica", "--portals", str(small.portals), "--revisit", "--limit", "2"],
            cwd=ROOT, env=small.environment(delay="0.4"), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        assert [line.query.path == "/robots.txt" for line in small.site.log] == asked


def wait_for(crawls: Crawls, requests: int) -> None:
    end = time.monotonic() + 30
    while len(crawls.site.log) < requests:
        assert time.monotonic() < end, f"only {len(crawls.site.log)} requests came"
        time.sleep(0.01)


def test_a_stop_is_taken_and_written_down(small: Crawls) -> None:
    slow = dict.fromkeys(small.site.made, 1.5)
    small.site.faults.append(
        lambda query: small.site.answer(query)._replace(pause=slow.get(query.path, 0.0)) if query.path in slow else None
    )
    crawl = small.start(delay="0.3")
    wait_for(small, 4)
    asked = time.monotonic()
    crawl.send_signal(signal.SIGTERM)
    said, _ = crawl.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert crawl.returncode == 1
    assert json.loads(said)["outcome"] == "interrupted"
    assert small.rows("SELECT outcome FROM crawl") == [("interrupted",)]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs; a zombie that nobody has collected does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_crawl_goes_on_where_it_was(small: Crawls) -> None:
    small.run()
    undisturbed = _dump(small)
    for requests in (2, 5, 12):
        small.db = small.folder / f"killed-after-{requests}.db"
        small.site.log.clear()
        crawl = small.start(delay="0.05")
        wait_for(small, requests)
        family = psutil.Process(crawl.pid).children(recursive=True)
        crawl.kill()
        crawl.communicate(timeout=30)
        end = time.monotonic() + 10
        while alive := [process for process in family if is_alive(process)]:
            assert time.monotonic() < end, f"outlived their parent: {alive}"
            time.sleep(0.02)
        archived = {url for (url,) in small.rows("SELECT url FROM capture WHERE kind = 'report' AND outcome = 'new'")}
        small.site.log.clear()
        done = small.run()
        assert done.stderr == ""
        assert _dump(small) == undisturbed
        again = {small.site.url + line.query.path for line in small.site.asked("/art/")}
        assert again.isdisjoint(archived), "a page that was archived was asked for again"
        assert small.rows("PRAGMA integrity_check") == [("ok",)]


def _dump(crawls: Crawls) -> list[str]:
    with Store.open(crawls.db, write=False) as store:
        return list(canonical.dump(store.conn))
