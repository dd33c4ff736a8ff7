"""Did a crawl find what the replicas planted: for `gongkai demo`, which exits 0 on nothing less.

The archive is compared, not the run, so that a demo that was killed and begun again is held to the same: pages count
by address over all crawls, lines of lists by the newest one. Lines that a first crawl fetches are `fresh` in a later.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import Any

from archive.store import Store
from crawler.replica.serve import PORTALS, planted


def keys() -> list[str]:
    """The replicas' keys as portals, in the order of `portals.toml`."""
    with PORTALS.open("rb") as file:
        return list(tomllib.load(file))


def strangers(store: Store) -> int:
    """How many captures of the archive are of no replica."""
    known = keys()
    marks = ", ".join("?" * len(known))
    found = store.conn.execute(f"SELECT count(*) FROM capture WHERE portal IS NULL OR portal NOT IN ({marks})", known)
    return int(found.fetchone()[0])


def differences(store: Store) -> list[str]:
    """Where the archive is not what the replicas planted, in sentences; empty where it is."""
    return [
        f"{key}: {name}: planted {wanted}, found {found.get(name)}"
        for key, expected in planted().items()
        for found in [_found(store, key)]
        for name, wanted in expected.items()
        if found.get(name) != wanted
    ]


def _found(store: Store, key: str) -> dict[str, Any]:
    """What the archive holds of one replica, under the names that `planted` uses."""
    (newest,) = store.conn.execute("SELECT max(crawl_id) FROM visit WHERE portal = ?", (key,)).fetchone()
    held = next((row for row in store.status() if row["portal"] == key), {})

    def counted(query: str, *values: str | None) -> dict[str, int]:
        return dict(store.conn.execute(query, values).fetchall())

    decisions = Counter[str]()
    lines = "SELECT decision, count(*) FROM entry WHERE portal = ? AND crawl_id = ? GROUP BY decision"
    for decision, number in counted(lines, key, newest).items():
        decisions["fetched" if decision == "fresh" else decision] += number
    return {
        "decisions": dict(decisions),
        "outcomes": counted(
            "SELECT outcome, count(DISTINCT url) FROM capture WHERE portal = ? AND kind = 'report'"
            " AND outcome <> 'unchanged' GROUP BY outcome",
            key,
        ),
        "findings": counted(
            "SELECT name, count(*) FROM finding WHERE portal = ? AND crawl_id = ? AND kind = 'listing' GROUP BY name",
            key,
            newest,
        ),
    } | {name: held.get(name) for name in ("reports", "declared", "found")}
