"""What sharing a queue costs: one worker alone, one through Redis, two through Redis; replicas without delay.

The replicas run in this process, so that the workers' own CPU time can be told (children's time, by `RUSAGE_CHILDREN`).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import ROOT
from test_redis import Server

from crawler.replica.hanweb_jcms import COLUMN_PATH, HanwebJcmsSite

SITES = 4
YEARS = tuple(range(2015, 2024))


def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sites = [HanwebJcmsSite(years=YEARS, host=f"127.0.2.{n + 1}") for n in range(SITES)]
        portals = folder / "portals.toml"
        portals.write_text(
            "".join(
                f'[r{n}]\nname = "某县{n}人民政府"\nregion = "330803"\nfamily = "hanweb-jcms"\n'
                f'url = "{site.url}{COLUMN_PATH}"\n'
                for n, site in enumerate(sites)
            ),
            encoding="utf-8",
        )
        server = Server(folder)
        for site in sites:
            site.start()
        try:
            for workers, shared in ((1, False), (1, True), (2, True)):
                _measure(folder, portals, server.url if shared else None, workers)
        finally:
            server.stop()
            for site in sites:
                site.stop()


def _measure(folder: Path, portals: Path, redis: str | None, workers: int) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GONGKAI_", "SCRAPY_"))}
    environment |= {"PYTHONPATH": str(ROOT), "GONGKAI_LOOPBACK_DELAY": "0"}
    label = f"{workers} worker{'s' if workers > 1 else ''}{' through Redis' if redis else ' alone'}"
    cpu, began = _children(), time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "crawler", "--portals", str(portals), *(f"r{n}" for n in range(SITES)), "--db",
             str(folder / f"{label.replace(' ', '-')}-{number}.db"), *(["--redis", redis] if redis else [])],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for number in range(workers)
    ]  # fmt: skip
    captured = [json.loads(worker.communicate(timeout=600)[0])["captured"] for worker in running]
    took = time.perf_counter() - began
    each = (_children() - cpu) / sum(captured) * 1000
    print(
        f"  {label}: {captured} pages in {took:.1f} s, {each:.1f} ms of CPU a page, start and end included", flush=True
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
