"""Crawl, parse and archive against a bare client with the same parser and store, and bare Scrapy; revisits; memory.

Pages a second and core: pages over the processor time of the client and its workers, whatever else the machine does;
the replicas' own process is not counted. `GONGKAI_BENCH_PAGES` sets the pages (5000), `GONGKAI_BENCH_MEMORY` the larger
crawl of the memory run (20000).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from archive.store import Store
from bench._hosts import A_HOST
from crawler.replica.hanweb_jcms import COLUMN_PATH

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES = int(os.environ.get("GONGKAI_BENCH_PAGES", "5000"))
MEMORY = int(os.environ.get("GONGKAI_BENCH_MEMORY", "20000"))


class Cost(NamedTuple):
    """Of one run: seconds by the clock and of the processors; the most memory, of all processes and of the first."""

    wall: float
    cpu: float
    memory: int
    main: int


class Hosts:
    """The replicas' process."""

    def __init__(self, pages: int, *, validators: bool, folder: Path) -> None:
        command = [sys.executable, "-m", "bench._hosts", str(-(-pages // A_HOST)), "01"[validators], str(os.getpid())]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        assert self.process.stdin and self.process.stdout
        self.ports = json.loads(self.process.stdout.readline())
        self.portals = folder / f"portals-{len(self.ports)}-{validators}.toml"
        self.portals.write_text(
            "".join(
                f'[h{n}]\nname = "衢州市衢江{chr(0x4E00 + n)}区人民政府"\nregion = "330803"\nfamily = "hanweb-jcms"\n'
                f'url = "http://127.0.0.1:{port}{COLUMN_PATH}"\n'
                for n, port in enumerate(self.ports)
            )
        )
        self.keys = [f"h{n}" for n in range(len(self.ports))]

    def count(self) -> dict[str, int]:
        """What was asked since the last call."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("count\n")
        self.process.stdin.flush()
        counted: dict[str, int] = json.loads(self.process.stdout.readline())
        return counted


@contextmanager
def hosts(pages: int, folder: Path, *, validators: bool = True) -> Iterator[Hosts]:
    started = Hosts(pages, validators=validators, folder=folder)
    try:
        yield started
    finally:
        started.process.terminate()
        started.process.wait(10)
        for stream in (started.process.stdin, started.process.stdout):
            if stream is not None:
                stream.close()


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGKAI_", "SCRAPY_"))}
    return kept | {"GONGKAI_LOOPBACK_DELAY": "0", "PYTHONPATH": f"{ROOT}:{HERE.parent}"}


def client(
    way: str, at: Hosts, db: Path, *, urls: list[str] | None = None, stub: bool = False, revisit: bool = False
) -> Cost:
    """Run a client to its end."""
    given: dict[str, Any] = {
        "db": str(db), "portals": str(at.portals), "keys": at.keys, "urls": urls, "stub": stub, "revisit": revisit
    }  # fmt: skip
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench._clients", way], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT,
    )  # fmt: skip
    most = [0, 0]
    watcher = threading.Thread(target=_watch, args=(process, most), daemon=True)
    watcher.start()
    said, errors = process.communicate(json.dumps(given), timeout=3600)
    watcher.join()
    assert process.returncode == 0, errors + said
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu, most[0], most[1])


def _watch(process: subprocess.Popen[str], most: list[int]) -> None:
    while process.poll() is None:
        try:
            own = psutil.Process(process.pid)
            main = own.memory_info().rss
            total = main + sum(child.memory_info().rss for child in own.children(recursive=True))
        except psutil.NoSuchProcess:
            return
        most[0], most[1] = max(most[0], total), max(most[1], main)
        time.sleep(0.2)


def against_the_floor(folder: Path, *, stub: bool) -> float:
    """Ours, the floor and bare Scrapy on the same pages, one after another; how much of the floor ours reaches."""
    with hosts(PAGES, folder) as at:
        name = "stub" if stub else "real"
        mine = client("ours", at, folder / f"ours-{name}.db", stub=stub)
        with Store.open(folder / f"ours-{name}.db", write=False) as store:
            urls = [
                url
                for (url,) in store.conn.execute("SELECT url FROM capture WHERE kind = 'report' AND outcome = 'new'")
            ]
            assert store.conn.execute("SELECT count(*) FROM report").fetchone() == (len(urls),)
        least = client("floor", at, folder / f"floor-{name}.db", urls=urls, stub=stub)
        scrapy = client("bare", at, folder / "none.db", urls=urls)
        print(f"{len(urls)} pages on {len(at.ports)} hosts, {'a parser stub of 1 ms' if stub else 'the parser'}:")
        for label, cost in (("ours", mine), ("the floor", least), ("bare Scrapy, download only", scrapy)):
            each = len(urls) / cost.cpu
            print(f"  {label:<28} {each:7.1f} pages a second and core, {len(urls) / cost.wall:7.1f} a second")
        ratio = least.cpu / mine.cpu
        print(f"  of the floor {ratio:.2f}, of bare Scrapy {scrapy.cpu / mine.cpu:.2f}")
        return ratio


def revisits(folder: Path, *, validators: bool) -> None:
    """A first crawl and a `--revisit` of pages that did not change, counted at the server."""
    with hosts(PAGES, folder, validators=validators) as at:
        db = folder / f"revisit-{validators}.db"
        client("ours", at, db)
        first = at.count()
        size = db.stat().st_size
        cost = client("ours", at, db, revisit=True)
        again = at.count()
        assert again["pages"] == first["pages"], (first, again)
        share = again["bytes"] / first["bytes"]
        with_ = "with" if validators else "without"
        print(f"a revisit {with_} validators: every one of {again['pages']} pages asked for, {share:.1%} of the bytes,")
        print(
            f"  {cost.cpu / again['pages'] * 1000:.1f} ms of processor a page, archive {size:,} → {db.stat().st_size:,}"
        )
        assert not validators or share <= 0.03, f"{share:.1%} of the first crawl's bytes"


def memory(folder: Path) -> None:
    """The most memory of small and large crawls."""
    for pages in (1000, MEMORY):
        with hosts(pages, folder) as at:
            cost = client("ours", at, folder / f"memory-{pages}.db", stub=True)
            print(
                f"memory with {pages} pages: {cost.main / 2**20:.0f} MB, with the parser's processes"
                f" {cost.memory / 2**20:.0f} MB"
            )


def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratios = {stub: against_the_floor(folder, stub=stub) for stub in (False, True)}
        for validators in (True, False):
            revisits(folder, validators=validators)
        memory(folder)
    assert ratios[False] >= 0.6, f"{ratios[False]:.2f} of the floor"
    assert ratios[True] >= 0.4, f"{ratios[True]:.2f} of the floor with the stub"
