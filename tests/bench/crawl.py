"""Crawl, parse and archive against a bare client with the same parser and store, and bare Scrapy; revisits; memory.

Pages a second and core: pages over the processor time of the client and its workers, whatever else the machine does;
the replicas' own process is not counted. Memory is resident memory, of the crawl and its parser processes added.
`GONGKAI_BENCH_PAGES` sets the pages (5000), `GONGKAI_BENCH_MEMORY` those of the memory run (20000).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
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
LARGEST = 300 * 2**20  # bytes that a crawl with its parser processes may hold


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


@contextmanager
def started(
    way: str, at: Hosts, db: Path, *, urls: list[str] | None = None, stub: bool = False, revisit: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A client that runs; it must come to its end without an error."""
    given: dict[str, Any] = {
        "db": str(db), "portals": str(at.portals), "keys": at.keys, "urls": urls, "stub": stub, "revisit": revisit
    }  # fmt: skip
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [sys.executable, "-m", "bench._clients", way], stdin=subprocess.PIPE, stdout=said, stderr=said, text=True,
            env=environment(), cwd=ROOT,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdin
            process.stdin.write(json.dumps(given))
            process.stdin.close()
            yield process
            process.wait(3600)
        finally:
            process.kill()
        said.seek(0)
        assert process.returncode == 0, said.read()


def held(process: subprocess.Popen[str]) -> tuple[int, int, int]:
    """Bytes in memory: resident of the process itself; of all its processes; of all, what they share counted once.
    Nothing once it has ended."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        each = [one.memory_full_info() for one in family]
    except psutil.NoSuchProcess:
        return 0, 0, 0
    return each[0].rss, sum(one.rss for one in each), sum(one.pss for one in each)


def client(
    way: str, at: Hosts, db: Path, *, urls: list[str] | None = None, stub: bool = False, revisit: bool = False
) -> Cost:
    """Run a client to its end."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    most = [0, 0]
    with started(way, at, db, urls=urls, stub=stub, revisit=revisit) as process:
        while process.poll() is None:
            main, total, _ = held(process)
            most = [max(most[0], total), max(most[1], main)]
            time.sleep(0.2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu, most[0], most[1])


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
        print(
            f"  of the floor {ratio:.2f} ({least.wall / mine.wall:.2f} by the clock), of bare Scrapy"
            f" {scrapy.cpu / mine.cpu:.2f}; at most {mine.memory / 2**20:.0f} MB resident, of which"
            f" {mine.main / 2**20:.0f} MB the crawl's own process"
        )
        assert mine.memory < LARGEST, mine
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
    """What a crawl and its parser processes hold as it goes on, the stub in the parser's place."""
    marks = [mark for mark in (1000, 5000, 10_000, 20_000) if mark < MEMORY] + [MEMORY]
    seen: dict[int, int] = {}
    pages = 0
    with hosts(MEMORY, folder) as at, started("ours", at, folder / "memory.db", stub=True) as process:
        while process.poll() is None:
            pages += at.count().get("pages", 0)
            main, total, shared_once = held(process)
            if total and marks and pages >= marks[0]:
                seen[mark := marks.pop(0)] = total
                print(
                    f"memory at {mark} pages: {main / 2**20:.0f} MB resident, with the parser's processes"
                    f" {total / 2**20:.0f} MB, {shared_once / 2**20:.0f} MB with what they share counted once"
                )
            time.sleep(0.2)
    assert not marks, marks
    assert max(seen.values()) < LARGEST, seen
    assert seen[MEMORY] < seen[min(seen)] * 1.15, seen


def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratios = {stub: against_the_floor(folder, stub=stub) for stub in (False, True)}
        for validators in (True, False):
            revisits(folder, validators=validators)
        memory(folder)
    assert ratios[False] >= 0.6, f"{ratios[False]:.2f} of the floor"
    assert ratios[True] >= 0.4, f"{ratios[True]:.2f} of the floor with the stub"
