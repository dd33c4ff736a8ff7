"""Crawls of family replicas from their portals' TOML alone, several replicas of a family in one crawl, and the check
that the archive holds what each planted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from conftest import Crawls

from archive.store import Store
from crawler.replica.demo import _found
from crawler.replica.traps import FamilySite


class FamilyCrawls(Crawls):
    """Crawls of several replicas at once, each a portal under its key."""

    def __init__(self, sites: Mapping[str, FamilySite], folder: Path) -> None:
        self.sites = sites
        super().__init__(cast(Any, None), folder)

    def describe(self, **more: str) -> None:
        """Write the portals file: what a contributor would write, and nothing else; `more` are further settings."""
        tables = []
        for key, site in self.sites.items():
            settings = {"name": f"{site.place}人民政府", "region": site.region, "family": site.family}
            settings["url"] = f"{site.url}{site.column}"
            lines = [f'{name} = "{value}"' for name, value in settings.items()]
            tables.append("\n".join([f"[{key}]", *lines, *(f"{name} = {value}" for name, value in more.items())]))
        self.portals.write_text("\n\n".join(tables) + "\n", encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The command line of a crawl of all of them."""
        command = super().command(*arguments)
        at = command.index("replica")
        return [*command[:at], *self.sites, *command[at + 1 :]]

    def found(self, key: str) -> dict[str, Any]:
        """What the archive holds of one replica, under the names of its `planted`."""
        with Store.open(self.db, write=False) as store:
            return _found(store, key)


def crawl_and_check(
    sites: Mapping[str, FamilySite], folder: Path
) -> tuple[FamilyCrawls, subprocess.CompletedProcess[str]]:
    """Crawl the replicas in one run and compare the archive with what each planted; the crawl, for more questions."""
    with ExitStack() as stack:
        for site in sites.values():
            stack.enter_context(site)
        crawls = FamilyCrawls(sites, folder)
        done = crawls.run()
    assert done.stdout, done.stderr
    for key, site in sites.items():
        found, planted = crawls.found(key), site.planted()
        assert found == planted, f"{key}: found {found}, planted {planted}\n{done.stderr}"
        check_lines(crawls, key, site)
    return crawls, done


def check_lines(crawls: FamilyCrawls, key: str, site: FamilySite) -> None:
    """Every line has its row with its whole title and its date, its report its figures, its attachment a capture."""
    planted = {site.url + line.path: line for line in site.lines}
    listed = "SELECT url, title, listed_date FROM entry WHERE portal = ? AND decision <> 'duplicate'"
    rows = {url: (title, date) for url, title, date in crawls.rows(listed, (key,)) if url in planted}
    assert rows == {url: site.row_of(line) for url, line in planted.items()}
    counted = (
        "SELECT r.url, count(f.raw) FROM report r JOIN capture c ON c.id = r.capture_id"
        " LEFT JOIN figure f ON f.report_id = r.id WHERE c.portal = ? GROUP BY r.url"
    )
    figures = dict(crawls.rows(counted, (key,)))
    assert {url for url, count in figures.items() if count} == {
        url for url, line in planted.items() if line.fate in ("report", "gbk")
    }
    attached = "SELECT url, final_url, outcome FROM capture WHERE portal = ? AND kind = 'attachment'"
    assert crawls.rows(attached, (key,)) == [
        (site.url + site.download(line), site.url + site.file(line), "new")
        for line in site.lines
        if line.fate == "attached"
    ]
