"""Who a report is from: full names out of short ones, and what level and kind of body a name stands for.

A page often prints a short name (district bureau) where its portal, its title or the region's code say which district.
The full name as people use it begins with the place as the portal's own name writes it: districts with their city,
counties and county-level cities without. Traps: a department of the city may publish on the district's portal, so a
name that begins with any place above is left alone; a town's name begins with no place that the codes know.
The words are data: `agencies.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Lookup = Callable[[str], Any]
"""`parsers.regions.lookup`: a code to an object with code, name, level, parent …, or None."""


class Portal(NamedTuple):
    """What the registry says about the portal that a page was fetched from."""

    name: str
    region: str | None


class Named(NamedTuple):
    """An agency's full name; `completed_from` says what completed it, None where the page itself was enough."""

    name: str
    completed_from: str | None


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("agencies.toml").read_text(encoding="utf-8"))


@cache
def _title_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in _words()["titles"]["patterns"])


def full_name(
    agency: str | None, *, titles: Sequence[str | None], publisher: str | None, portal: Portal | None,
    region: str | None, lookup: Lookup,
) -> Named | None:  # fmt: skip
    """The agency's full name from what the page says (`agency`), else its titles, else its publisher.

    `portal` and the GB/T 2260 code `region` (the page's own, else the portal's) complete a name that does not begin
    with its place. None where nothing names a body.
    """
    if agency:
        name, source = agency.strip(), None
    else:
        name, source = _candidate(titles, publisher)
        if not name:
            return None
    place = _place(portal, region, lookup)
    completed = _with_place(name, place, _places_above(region, lookup))
    if completed != name:
        source = " and ".join(
            part for part in (source, "the portal's place" if portal else "the region's code") if part
        )
    return Named(completed, source)


def kind_of(name: str) -> str:
    """government, department, office or other, by the ending of the full name."""
    endings = [(len(end), kind) for kind, ends in _words()["kinds"].items() for end in ends if name.endswith(end)]
    return max(endings)[1] if endings else "other"


def level_of(name: str, region_level: str | None) -> str | None:
    """town by the ending of the full name, else the level of its region; None where the region is unknown."""
    if name.endswith(tuple(_words()["towns"]["endings"])):
        return "town"
    return region_level


def _candidate(titles: Sequence[str | None], publisher: str | None) -> tuple[str, str | None]:
    for title in titles:
        for pattern in _title_patterns():
            if title and (match := pattern.search(re.sub(r"\s+", "", title))):
                return match["agency"], "the title"
    return (publisher or "").strip(), "the publisher"


def _place(portal: Portal | None, region: str | None, lookup: Lookup) -> str | None:
    found = lookup(region) if region else None
    name = found.name if found else None
    if portal and (not region or portal.region == region):
        if name and name in portal.name:
            return portal.name[: portal.name.index(name) + len(name)]
        for ending in _words()["places"]["government"]:
            if portal.name.endswith(ending) and len(portal.name) > len(ending):
                return portal.name.removesuffix(ending)
    return name


def _places_above(region: str | None, lookup: Lookup) -> list[str]:
    names: list[str] = []
    found = lookup(region) if region else None
    while found is not None:
        names.append(found.name)
        found = lookup(found.parent) if found.parent else None
    return names


def _with_place(name: str, place: str | None, known: list[str]) -> str:
    words = _words()["places"]
    if not place or name.startswith((place, *words["national"])):
        return name
    own, above = (known[0] if known else place), known[1:]
    if any(name.startswith(other) for other in above):
        return name
    if name.startswith(own):
        return place + name.removeprefix(own)
    first = next((word for word in words["generic"] if name.startswith(word)), None)
    if first is None:
        return place + name
    return place + name.removeprefix(first) if place.endswith(first) else name
