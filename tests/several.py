"""Crawls of several replicas in one process, each on a port of its own, of one family or more."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from conftest import Crawls

from crawler.replica.site import Site


class SeveralCrawls(Crawls):
    """Crawls of replicas: `sites` maps a portal's key to its site, its family and the path of its list."""

    def __init__(self, sites: Mapping[str, tuple[Site, str, str]], folder: Path) -> None:
        self.sites = sites
        super().__init__(cast(Any, next(iter(sites.values()))[0]), folder)

    def describe(self, **more: str) -> None:
        """Write the portals file; `more` is not used."""
        self.portals.write_text(
            "".join(
                f'[{key}]\nname = "衢州市衢江区人民政府"\nregion = "330803"\n'
                f'family = "{family}"\nurl = "{site.url}{path}"\n'
                for key, (site, family, path) in self.sites.items()
            ),
            encoding="utf-8",
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line of a crawl of all of them."""
        return [sys.executable, "-m", "crawler", *self.sites, "--portals", str(self.portals), *arguments]

    def visits(self) -> dict[str, str]:
        """Outcomes of the newest crawl's visits by portal."""
        newest = "(SELECT id FROM crawl ORDER BY rowid DESC LIMIT 1)"
        return dict(self.rows(f"SELECT portal, outcome FROM visit WHERE crawl_id = {newest}"))
