"""kill -9 at ten random moments of the demo's crawl, then the same command: nothing lost, nothing left (issue 2)."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import psutil
import pytest
from conftest import Crawls

from archive import canonical
from archive.store import Store
from crawler.replica.hanweb_jcms import HanwebJcmsSite

KILLS = 10
SEED = int(os.environ.get("GONGKAI_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def _dump(db: Path) -> list[str]:
    with Store.open(db, write=False) as store:
        return list(canonical.dump(store.conn))


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.timeout(400)
def test_ten_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}; repeat with GONGKAI_KILL_SEED={SEED}")  # noqa: T201
    rng = random.Random(SEED)
    with HanwebJcmsSite() as site:
        assert isinstance(site, HanwebJcmsSite)
        crawls = Crawls(site, tmp_path)
        began = time.monotonic()
        done = crawls.run()
        took = time.monotonic() - began
        assert done.stderr == ""
        undisturbed = _dump(crawls.db)
        reached = 0
        for kill in range(KILLS):
            crawls.db = tmp_path / f"killed-{kill}.db"
            crawl = crawls.start(delay="0")
            moment = rng.uniform(0.2, 1.0) * took
            time.sleep(moment)
            family = psutil.Process(crawl.pid).children(recursive=True) if crawl.poll() is None else []
            reached += crawl.poll() is None
            crawl.kill()
            crawl.communicate(timeout=30)
            end = time.monotonic() + 10
            while alive := [process for process in family if _alive(process)]:
                assert time.monotonic() < end, f"seed {SEED}, kill {kill}: outlived their parent: {alive}"
                time.sleep(0.02)
            again = crawls.run()
            assert again.stderr == "", f"seed {SEED}, killed after {moment:.2f} s"
            assert _dump(crawls.db) == undisturbed, f"seed {SEED}, killed after {moment:.2f} s"
            assert crawls.rows("PRAGMA integrity_check") == [("ok",)]
    assert reached >= KILLS // 2, f"seed {SEED}: only {reached} of {KILLS} kills met a running crawl"
