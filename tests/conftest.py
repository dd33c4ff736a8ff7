"""Shared by the tests that crawl: replicas served from this process, and real crawls in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from archive.store import Store
from crawler.replica.hanweb_jcms import COLUMN_PATH, HanwebJcmsSite

pytest.register_assert_rewrite("families", "family_portals")
# the same examples in every run: what a search finds by chance belongs into a test of its own
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


class Crawls:
    """Crawls of one replica into one archive; Twisted's reactor starts once a process, so each has its own."""

    def __init__(self, site: HanwebJcmsSite, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.db = folder / "gongkai.db"
        self.portals = folder / "portals.toml"
        self.describe()

    def describe(self, **more: str) -> None:
        """Write the portals file; `more` are settings as TOML text."""
        settings = {
            "name": '"衢州市衢江区人民政府"',
            "region": '"330803"',
            "family": '"hanweb-jcms"',
            "url": f'"{self.site.url}{COLUMN_PATH}"',
            **more,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        self.portals.write_text("[replica]\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def environment(self, delay: str | None = "0") -> dict[str, str]:
        """The environment of a crawl: nothing of ours but the archive and, where given, the loopback delay."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGKAI_", "SCRAPY_"))}
        kept |= {"GONGKAI_DB": str(self.db), "PYTHONPATH": str(ROOT)}
        return kept if delay is None else kept | {"GONGKAI_LOOPBACK_DELAY": delay}

    def command(self, *arguments: str) -> list[str]:
        """The command line of a crawl of the replica."""
        return [sys.executable, "-m", "crawler", "replica", "--portals", str(self.portals), *arguments]

    def run(self, *arguments: str, delay: str | None = "0") -> subprocess.CompletedProcess[str]:
        """Crawl to the end. The log goes to stderr; an error in it is the test's to explain."""
        return self.process(self.command(*arguments), delay=delay)

    def process(
        self,
        command: Sequence[str],
        *,
        delay: str | None = "0",
        folder: Path = ROOT,
        before: Callable[[], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Another command to its end, in the crawl's environment; `before` is called in the process before it runs."""
        return subprocess.run(
            command,
            cwd=folder,
            env=self.environment(delay),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=before,
        )

    def start(self, *arguments: str, delay: str = "0") -> subprocess.Popen[str]:
        """Begin a crawl that the test ends."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment(delay),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """A query on the archive."""
        with Store.open(self.db, write=False) as store:
            return list(store.conn.execute(sql, parameters))

    def decisions(self) -> dict[str, int]:
        """Lines of the newest crawl's lists by decision."""
        newest = "(SELECT id FROM crawl ORDER BY rowid DESC LIMIT 1)"
        return dict(self.rows(f"SELECT decision, count(*) FROM entry WHERE crawl_id = {newest} GROUP BY decision"))

    def outcomes(self) -> dict[str, int]:
        """Report captures of all crawls by outcome."""
        return dict(self.rows("SELECT outcome, count(*) FROM capture WHERE kind = 'report' GROUP BY outcome"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Crawls]:
    """A replica with fourteen made-up reports and the real one, and crawls of it."""
    with HanwebJcmsSite(years=(2022,)) as site:
        assert isinstance(site, HanwebJcmsSite)
        yield Crawls(site, tmp_path)
