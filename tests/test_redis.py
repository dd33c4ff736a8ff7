"""Several workers on one queue in Redis: every page once, one pace a host, a kill, a lost queue."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis
from conftest import ROOT

from archive.store import Store
from crawler.replica.hanweb_jcms import COLUMN_PATH, HanwebJcmsSite
from crawler.replica.site import Answer, Query
from crawler.shared_queue import IN_HAND, P, SharedRun

DELAY = 0.15


class Server:
    """A Redis of this test's own, from the system's package."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("no redis-server; Debian: apt-get install redis-server")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(folder)], stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.client = redis.Redis(port=self.port)
        for _ in range(100):
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)


class Workers:
    """Workers that crawl two replicas, each into an archive of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.sites = [HanwebJcmsSite(years=(2022,)), HanwebJcmsSite(years=(2020,), host="127.0.0.2")]
        self.portals = folder / "portals.toml"
        regions = (("衢州市衢江区人民政府", "330803"), ("衢州市柯城区人民政府", "330802"))
        self.portals.write_text(
            "".join(
                f'[r{n}]\nname = "{name}"\nregion = "{region}"\nfamily = "hanweb-jcms"\n'
                f'url = "{site.url}{COLUMN_PATH}"\n'
                for n, (site, (name, region)) in enumerate(zip(self.sites, regions, strict=True))
            ),
            encoding="utf-8",
        )
        self.running: list[subprocess.Popen[str]] = []

    def start(self, name: str, *arguments: str, delay: float = DELAY) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("GONGKAI_", "SCRAPY_"))}
        environment |= {"PYTHONPATH": str(ROOT), "GONGKAI_LOOPBACK_DELAY": str(delay)}
        command = [sys.executable, "-m", "crawler", "--portals", str(self.portals), "r0", "r1", "--redis",
                   self.server.url, "--db", str(self.folder / f"{name}.db"), *arguments]  # fmt: skip
        worker = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.running.append(worker)
        return worker

    def end(self, worker: subprocess.Popen[str]) -> dict[str, Any]:
        """The summary of a worker that ends by itself."""
        out, log = worker.communicate(timeout=90)
        assert out, log
        summary: dict[str, Any] = json.loads(out)
        return summary

    def pages(self) -> Counter[str]:
        """How often each report page was asked for."""
        return Counter(f"{site.url}{line.query.path}" for site in self.sites for line in site.asked("/art/"))

    def kept(self, name: str) -> int:
        """How many report pages a worker's archive has by now."""
        path = self.folder / f"{name}.db"
        return sum(self.captured(name).values()) if path.exists() else 0

    def captured(self, *names: str) -> Counter[str]:
        """Good first captures by URL, over archives."""
        found: Counter[str] = Counter()
        for name in names:
            with Store.open(self.folder / f"{name}.db", write=False) as store:
                found.update(
                    url
                    for (url,) in store.conn.execute(
                        "SELECT url FROM capture WHERE kind = 'report' AND outcome = 'new'"
                    )
                )
        return found

    def merged(self, *names: str) -> Store:
        """The archives of workers as one."""
        done = subprocess.run(
            [sys.executable, "-m", "gongkai", "merge", *(self.folder / f"{name}.db" for name in names), "--into",
             self.folder / "merged.db"], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Store.open(self.folder / "merged.db", write=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def workers(server: Server, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(server, tmp_path)
    for site in made.sites:
        site.start()
    yield made
    for worker in made.running:
        if worker.poll() is None:
            worker.kill()
            worker.communicate(timeout=20)
    for site in made.sites:
        site.stop()


def wanted(workers: Workers) -> set[str]:
    """Every report page that the lists name and the sites have."""
    found = set()
    for site in workers.sites:
        for line in site.lines:
            query = Query("GET", line.path, {}, {}, {})
            if line.path.startswith("/art/") and site.respond(query).status == 200:
                found.add(f"{site.url}{line.path}")
    return found


def test_two_workers_share_the_pages_and_the_pace(workers: Workers) -> None:
    first, second = workers.start("a"), workers.start("b")
    summaries = [workers.end(first), workers.end(second)]
    assert all(summary["outcome"] == "finished" for summary in summaries), summaries
    assert all(summary["captured"] > 0 for summary in summaries), "both had a part"
    asked = workers.pages()
    assert asked and set(asked.values()) == {1}, asked.most_common(3)
    once = workers.captured("a", "b")
    assert set(once.values()) == {1} and len(once) == sum(summary["captured"] for summary in summaries)
    for site in workers.sites:
        log = sorted(site.asked(), key=lambda line: line.began)
        assert all(line.together == 1 for line in log), "never two at once"
        gaps = [later.began - earlier.ended for earlier, later in pairwise(log)]
        assert min(gaps) >= DELAY * 0.9, min(gaps)
    with workers.merged("a", "b") as store:
        assert store.conn.execute("SELECT count(*) FROM report").fetchone()[0] > 20
        short = "SELECT count(*) FROM report WHERE agency_name IS NULL OR region IS NULL"
        assert store.conn.execute(short).fetchone()[0] == 0, "the list's line travels with the page"
    assert workers.server.client.keys(f"{P}queue:*") == []


def test_one_of_two_killed_then_the_reseed_and_the_merge_have_every_page_exactly_once(workers: Workers) -> None:
    first, second = workers.start("a"), workers.start("b")
    for _ in range(600):
        if sum(workers.pages().values()) > 15 and all(workers.kept(name) > 2 for name in ("a", "b")):
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the two never had pages both")
    second.send_signal(signal.SIGKILL)
    second.communicate(timeout=20)
    assert workers.end(first)["outcome"] == "finished"
    lost = set(workers.pages())
    known = [argument for name in ("a", "b") for argument in ("--known", str(workers.folder / f"{name}.db"))]
    third, fourth = workers.start("c", *known), workers.start("d", *known)
    for worker in (third, fourth):
        assert workers.end(worker)["outcome"] == "finished"
    asked = workers.pages()
    again = {url for url, times in asked.items() if times > 1}
    # of each host what it had in hand, and one page whose answer it had and had not kept
    assert len(again) <= (IN_HAND + 1) * len(workers.sites), "only what the killed worker had is asked for again"
    assert again <= lost
    with workers.merged("a", "b", "c", "d") as store:
        rows = store.conn.execute(
            "SELECT url, count(*) FROM capture WHERE kind = 'report' AND outcome IN ('new', 'changed', 'unchanged')"
            " GROUP BY url"
        ).fetchall()
        reports = {url for (url,) in store.conn.execute("SELECT url FROM report")}
    assert dict(rows) == dict.fromkeys(wanted(workers), 1)
    assert len(reports) > 20 and reports <= set(dict(rows))


def test_a_wall_that_one_worker_meets_is_left_alone_by_all(workers: Workers) -> None:
    def wall(query: Query) -> Answer | None:
        if query.path.startswith("/art/"):
            return Answer(b"<html><script>$_ts=1</script></html>", status=412)
        return None

    workers.sites[0].faults.append(wall)
    summaries = [workers.end(worker) for worker in (workers.start("a"), workers.start("b"))]
    first, second = ([line for line in site.asked("/art/") if line.status == 412] for site in workers.sites)
    assert 3 <= len(first) <= 4, "three challenges in all, and one that was under way"
    assert sum(summary["blocked"] for summary in summaries) == len(first) + len(second)
    assert sum(summary["captured"] for summary in summaries) > 5, "the other host went on"


def test_when_the_queue_is_lost_the_crawl_stops_and_keeps_what_it_has(workers: Workers) -> None:
    worker = workers.start("a", delay=0.2)
    for _ in range(600):
        if sum(workers.pages().values()) > 4:
            break
        time.sleep(0.05)
    workers.server.process.kill()
    out, log = worker.communicate(timeout=60)
    summary = json.loads(out)
    assert worker.returncode == 1 and summary["outcome"] == "interrupted", log
    assert any("shared queue was lost" in reason for reason in summary["reasons"])
    with Store.open(workers.folder / "a.db", write=False) as store:
        assert store.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert store.conn.execute("SELECT count(*) FROM capture WHERE kind = 'report'").fetchone()[0] >= 3
        assert store.conn.execute("SELECT outcome FROM crawl").fetchall() == [("interrupted",)]


def test_a_page_and_a_list_are_one_workers(server: Server) -> None:
    session: Any = None  # asked for nothing while Redis answers
    one, two = (SharedRun(server.url, session, {"hanweb-jcms"}) for _ in range(2))
    asked = [run.claim("http://a.gov.cn/1.html") for run in (one, two, one)]
    taken = [run.takes("quzhou-qujiang") for run in (two, one)]
    assert (asked, taken) == ([True, False, False], [True, False])
    one.leave()
    two.leave()
    again = SharedRun(server.url, session, {"hanweb-jcms"})
    assert again.claim("http://a.gov.cn/1.html"), "all have ended: a new run"
    again.leave()


def test_without_redis_there_it_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-m", "gongkai", "crawl", "--redis", f"redis://:secret@127.0.0.1:{port}/0", "--db",
         tmp_path / "a.db"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "GONGKAI_CONTACT": "nobody@example.org"},
    )  # fmt: skip
    assert done.returncode == 2 and "no Redis" in done.stderr and "secret" not in done.stderr
