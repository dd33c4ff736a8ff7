"""The regions of China by GB/T 2260 code, as far back as reports go (end of 2007), and finding one in a name.

The table is `data/regions.csv`; its head names the sources and says how the years were set. Traps: a code is not for
ever (通州市 became 320612, 崇文区 ended in 2010), a code may change its name (襄樊市, now 襄阳市) or be given anew
(232701), and one name stands in many places (鼓楼区 in four cities), so `find` may return several regions. Counties
run directly by a province (仙桃市) or a municipality (北京市朝阳区) have no city between.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("data") / "regions.csv"
NATION = "000000"


class Region(NamedTuple):
    """One code. `level`: national, province, city, county; years inclusive, None: unknown start, still in force."""

    code: str
    name: str
    level: str
    parent: str | None
    valid_from: int | None
    valid_to: int | None
    successor: str | None

    def valid_in(self, year: int) -> bool:
        """Whether the code was in force for at least a part of `year`."""
        return (self.valid_from or year) <= year <= (self.valid_to or year)


class _Naming(NamedTuple):
    """A name that a region bears or bore; `loose` names are only read at the start of a text or after another."""

    region: Region
    until: int | None
    loose: bool

    def valid_in(self, year: int | None) -> bool:
        until = self.until or self.region.valid_to
        return until is None if year is None else self.region.valid_in(year) and year <= (until or year)


class _Table(NamedTuple):
    regions: dict[str, Region]
    under: dict[str, str]
    namings: dict[str, list[_Naming]]
    heads: dict[str, list[str]]
    names: dict[str, list[str]]


def regions() -> tuple[Region, ...]:
    """Every region of the table, in the order of the codes."""
    return tuple(_table().regions.values())


def lookup(code: str) -> Region | None:
    """The region of a six-digit code, also of one no longer in force; None where GB/T 2260 never had it since 2007."""
    return _table().regions.get(code)


def ancestors(code: str) -> tuple[Region, ...]:
    """The regions above a code, nearest first, without the nation; KeyError on an unknown code."""
    chain: list[Region] = []
    parent = _known(code).parent
    while parent is not None and parent != NATION:
        chain.append(_known(parent))
        parent = chain[-1].parent
    return tuple(chain)


def full_name(code: str) -> str:
    """The name with every name above it, as in 浙江省衢州市衢江区; KeyError on an unknown code."""
    return "".join(region.name for region in (*reversed(ancestors(code)), _known(code)))


def display_name(code: str) -> str:
    """The name as agencies print it before their own: 衢州市衢江区, 北京市朝阳区, but 龙游县, 义乌市, 仙桃市.

    Districts carry their city and the counties of a municipality carry that; all others stand alone.
    KeyError on an unknown code.
    """
    above = _table().under.get(code)
    return (_known(above).name if above else "") + _known(code).name


def names(code: str) -> tuple[str, ...]:
    """The full names that the region of a code bears or bore; KeyError on an unknown code."""
    _known(code)
    return tuple(name for name in _table().names[code] if len(name) > 2)


def find(text: str, within: str | None = None, *, year: int | None = None) -> list[Region]:
    """The regions that the name of an agency or a title names, the most specific first; empty where it names none.

    Counties are read by their full name only (autonomous ones also as 民和县), provinces and prefectures also without
    the generic word, but then, like names of two characters (城区), only at the start of the text or right after
    another region. A name in another region's area is read there (青岛市市北区), a name outside it is passed over.
    Where several regions bear the name all are returned; if any of them was in force in `year` (None: now) only those.
    `within` limits the answer to the region of that code and those below it; KeyError where it is unknown.
    """
    table = _table()
    if within is not None:
        _known(within)
    named: list[list[Region]] = []
    position = free = 0
    while position < len(text):
        for name in table.heads.get(text[position : position + 2], ()):
            if not text.startswith(name, position):
                continue
            namings = [each for each in table.namings[name] if position == free or not each.loose]
            namings = [each for each in namings if within is None or _inside(each.region.code, {within})]
            if named:
                context = {region.code for region in named[-1]}
                namings = [each for each in namings if _inside(each.region.code, context)]
            namings = [each for each in namings if each.valid_in(year)] or namings
            if namings:
                named.append([each.region for each in namings])
                position = free = position + len(name)
                break
        else:
            position += 1
    return _narrowed(named)


def _narrowed(named: list[list[Region]]) -> list[Region]:
    """Names in the order of the text, as one list from the last to the first, each only where the later ones lie."""
    answer: list[Region] = []
    for candidates in reversed(named):
        below = [{above.code for above in ancestors(region.code)} | {region.code} for region in answer]
        answer += [
            region
            for region in candidates
            if region not in answer and (not below or any(region.code in codes for codes in below))
        ]
    return answer


def _inside(code: str, areas: set[str]) -> bool:
    return code in areas or NATION in areas or any(region.code in areas for region in ancestors(code))


def _known(code: str) -> Region:
    region = _table().regions.get(code)
    if region is None:
        raise KeyError(f"no region of GB/T 2260 has the code {code!r} ({TABLE.name} lists those since 2007)")
    return region


@cache
def _table() -> _Table:
    table = _Table({}, {}, {}, {}, {})
    with TABLE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            _add(table, row)
    for name in table.namings:
        table.heads.setdefault(name[:2], []).append(name)
    for names in table.heads.values():
        names.sort(key=len, reverse=True)
    return table


def _add(table: _Table, row: dict[str, str]) -> None:
    code = row["code"]
    if code in table.regions:
        raise ValueError(f"{TABLE.name} has the code {code} twice")
    level = ("county", "city", "province", "national")[sum(code.endswith(zeros) for zeros in ("00", "0000", NATION))]
    years = _year(row["valid_from"]), _year(row["valid_to"])
    region = Region(code, row["name"], level, row["parent"] or None, *years, row["successor"] or None)
    table.regions[code] = region
    if row["under"]:
        table.under[code] = row["under"]
    if code == NATION:
        return
    names = [(region.name, None, len(region.name) == 2)]
    names += [(short, None, level != "county") for short in row["short"].split(";") if short]
    former = [entry.partition(":") for entry in row["former"].split(";") if entry]
    for name, until, loose in [*names, *((name, int(last), len(name) == 2) for name, _, last in former)]:
        table.namings.setdefault(name, []).append(_Naming(region, until, loose))
        table.names.setdefault(code, []).append(name)


def _year(text: str) -> int | None:
    return int(text) if text else None
