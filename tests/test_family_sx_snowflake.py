"""The family `sx-snowflake` against its replica, from the portal's TOML alone."""

from __future__ import annotations

from pathlib import Path

from family_portals import crawl_and_check

from crawler.replica.sx_snowflake import SxSnowflakeSite


def test_lists_columns_and_every_decision(tmp_path: Path) -> None:
    site = SxSnowflakeSite()
    _, done = crawl_and_check({"snow": site}, tmp_path)
    assert done.returncode == 1, "a page was blocked"
