"""Crawls of several families in one process, killed with signal 9 at random moments and begun again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
from several import SeveralCrawls

from archive import canonical
from archive.store import Store
from crawler.replica import hanweb_jcms, trs_wcm

CHAIN = 3  # kills on one archive


class Killed(NamedTuple):
    """One kill: whether it met a running crawl, after how many seconds, reports archived by then, requests made."""

    met: bool
    moment: float
    archived: int
    asked: int


def dump(db: Path) -> list[str]:
    """The canonical dump of an archive."""
    with Store.open(db, write=False) as store:
        return list(canonical.dump(store.conn))


def kill_crawls(folder: Path, kills: int, chance: random.Random, years: tuple[int, ...]) -> Iterator[Killed]:
    """Crawl undisturbed once; then kill crawls, three in a row on one archive before it is crawled to the end.

    AssertionError where a worker outlives its parent, the dumps differ, the file is not whole, something is on stderr,
    or a report that was archived before the kill is asked for again.
    """
    with ExitStack() as stack:
        first = stack.enter_context(hanweb_jcms.HanwebJcmsSite(years=years))
        second = stack.enter_context(trs_wcm.TrsWcmSite())
        crawls = SeveralCrawls(
            {
                "jcms": (first, "hanweb-jcms", hanweb_jcms.COLUMN_PATH),
                "wcm": (second, "trs-wcm", trs_wcm.COLUMN_PATH),
            },
            folder,
        )
        began = time.monotonic()
        done = crawls.run()
        took = time.monotonic() - began
        _asked(crawls)
        assert done.stderr == ""
        undisturbed = dump(crawls.db)
        for kill in range(kills):
            turn = kill % CHAIN
            if turn == 0:
                crawls.db = folder / f"killed-{kill}.db"
            known, crawl = _archived(crawls), crawls.start(delay="0")
            moment = chance.uniform(0.2, 1.0 - 0.15 * turn) * took
            time.sleep(moment)
            met = crawl.poll() is None
            family = psutil.Process(crawl.pid).children(recursive=True) if met else []
            crawl.kill()
            crawl.communicate(timeout=30)
            _wait_for_the_end(family, kill)
            asked = _asked(crawls)
            assert known.isdisjoint(asked), f"kill {kill} after {moment:.2f} s: asked again: {known & set(asked)}"
            yield Killed(met, moment, len(known := _archived(crawls)), len(asked))
            if turn == CHAIN - 1 or kill == kills - 1:
                again = crawls.run()
                assert again.stderr == "", f"kill {kill} after {moment:.2f} s: {again.stderr}"
                asked = _asked(crawls)
                assert known.isdisjoint(asked), f"kill {kill} after {moment:.2f} s: asked again: {known & set(asked)}"
                assert dump(crawls.db) == undisturbed, f"kill {kill} after {moment:.2f} s"
                assert crawls.rows("PRAGMA integrity_check") == [("ok",)]


def _archived(crawls: SeveralCrawls) -> set[tuple[str, str]]:
    """Portal and path of every report that is in the archive."""
    if not crawls.db.exists():
        return set()
    good = "SELECT portal, url FROM capture WHERE kind = 'report' AND outcome = 'new'"
    return {(portal, urlsplit(url).path) for portal, url in crawls.rows(good)}


def _asked(crawls: SeveralCrawls) -> list[tuple[str, str]]:
    """Portal and path of every request since the last call, counted at the server."""
    asked = [(key, line.query.path) for key, (site, *_) in crawls.sites.items() for line in site.asked()]
    for site, *_ in crawls.sites.values():
        site.log.clear()
    return asked


def _wait_for_the_end(family: list[psutil.Process], kill: int) -> None:
    ends = time.monotonic() + 10
    while alive := [process for process in family if _alive(process)]:
        assert time.monotonic() < ends, f"kill {kill}: outlived their parent: {alive}"
        time.sleep(0.02)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
