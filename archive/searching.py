"""Search in all prose, titles and agencies: the index, and what is found with it.

Chinese has no spaces and most of its words two characters, so the index holds, for each report, its distinct single
characters and its distinct pairs of neighbours; Latin words and numbers are whole. It is FTS5 with `detail=none` and
without content: some 2 KB a report. That says which reports hold all pairs of a word, not whether in a row; each
candidate is therefore looked at before it is shown, and a snippet is cut there. So a word of one, two or more
characters is found wherever it stands, and nothing else is shown.

A report's number in the index (`search_doc.doc`) begins with its year, the newest first, so that results come sorted
and a year is a range; places and levels are words of the index (`:r33`, `:r3308`, `:lcounty`). A row that changes gets
a new number: without content FTS5 cannot take a report out, so its old number stays without a report, and is never
given again. A rebuild numbers anew, by year, region and agency.
Trap: white space means nothing between Chinese characters, but punctuation and a new line part words.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from archive.derive import Derived

PAGE = 20  # hits a page
LOOKED_AT = 2000  # candidates that a page looks at before it says that there may be more
COUNTED = 1000  # candidates that are counted
AROUND = 40  # characters of a snippet on each side
WORDS, CHARACTERS = 8, 80  # of a query; the rest is left out, and that is said
_BLOCK = 1 << 24  # numbers a year
_LAST_YEAR = 9999
_UNIT = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?|[^\W_]|[^\w\s]|_|\n")
_RUN = re.compile(r"([a-z0-9]+(?:\.[0-9]+)?)|([^\W_a-z0-9]+)")
_BETWEEN = re.compile(r"(?<![a-z0-9])[^\S\n]+|[^\S\n]+(?![a-z0-9])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?")
_ZEROS = re.compile(r"(?<=\d\d)(?:00)+$")
_SPACE = r"[^\S\n]*"
_WIDE = tuple((mark, unicodedata.normalize("NFKC", mark)) for mark in "，：；（）！？％")  # else the slow part of NFKC


class Query(NamedTuple):
    """What is looked for: all of `patterns` in one report, with all of `tokens` in the index.

    `shortened` where the query was longer than is looked for.
    """

    tokens: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    shortened: bool


class Hit(NamedTuple):
    """A report with the words. `snippet` is text before, the match, text after; `section` its ordinal, None where it
    stands in the title or the agency's name."""

    report_id: int
    agency: str | None
    region: str | None
    level: str | None
    year: int | None
    title: str | None
    url: str
    section: int | None
    heading: str | None
    snippet: tuple[str, str, str]


class Found(NamedTuple):
    """`candidates` may hold the words, counted up to `COUNTED` (None on later pages); `after` goes on where this page
    ended, None at the end."""

    hits: list[Hit]
    candidates: int | None
    after: int | None


def tokens_of(texts: Iterable[str]) -> set[str]:
    """The words of the index in `texts`: Latin words and numbers, Chinese characters, and pairs of those."""
    made: set[str] = set()
    for text in texts:
        for word, run in _RUN.findall(_flat(text)):
            if word:
                made.add(word)
            else:
                made.update(run)
                made.update(map(add, run, run[1:]))
    return made


def _flat(text: str) -> str:
    """`text` in the characters that are compared, without the white space that means nothing."""
    for wide, narrow in _WIDE:
        text = text.replace(wide, narrow)
    return _BETWEEN.sub("", _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).lower()))


def _units(text: str) -> list[str]:
    return _UNIT.findall(_flat(text))


def _is_word(unit: str) -> bool:
    return unit[0].isascii() and unit[0].isalnum()


def places(region: str | None, level: str | None) -> list[str]:
    """A report's place and level as words of the index."""
    code = (region or "")[:6]
    return [f":r{code[:size]}" for size in (2, 4, 6) if len(code) >= size] + ([f":l{level}"] if level else [])


def words_of(derived: Derived, identity: int) -> str:
    """What a report is found by: the words of its title, its agency's name, headings and prose; its place and level."""
    p = derived.prefix
    title, agency, region, level = derived.conn.execute(
        f"SELECT r.title, r.agency_name, r.region, a.level FROM {p}report AS r"
        f" LEFT JOIN {p}agency AS a ON a.id = r.agency_id WHERE r.id = ?", (identity,)
    ).fetchone()  # fmt: skip
    sections = derived.conn.execute(f"SELECT heading, text FROM {p}section WHERE report_id = ?", (identity,))
    texts = [text for said in ((title, agency), *sections) for text in said if text]
    return " ".join([*sorted(tokens_of(texts)), *places(region, level)])


def save(derived: Derived, identity: int) -> None:
    """Index the report `identity` as the tables under the prefix have it, in the place of what was said of it."""
    p = derived.prefix
    row = derived.conn.execute(f"SELECT year FROM {p}report WHERE id = ?", (identity,)).fetchone()
    forget(derived, identity)
    if row is None:
        return
    (year,) = row
    index(derived, _next(derived, year or 0), identity)


def index(derived: Derived, doc: int, identity: int) -> None:
    """Index a report that is not in the index yet under the number `doc`."""
    conn, p = derived.conn, derived.prefix
    conn.execute(f"INSERT INTO {p}search_doc VALUES (?, ?)", (doc, identity))
    conn.execute(f"INSERT INTO {p}search (rowid, words) VALUES (?, ?)", (doc, words_of(derived, identity)))


def _next(derived: Derived, year: int) -> int:
    """The number after the last of a year; 0 stands for none."""
    first = (_LAST_YEAR - year) * _BLOCK
    (last,) = derived.conn.execute(
        f"SELECT max(doc) FROM {derived.prefix}search_doc WHERE doc BETWEEN ? AND ?", (first, first + _BLOCK - 1)
    ).fetchone()
    return first if last is None else int(last) + 1


def forget(derived: Derived, identity: int) -> None:
    """Take a report out of what is found."""
    derived.conn.execute(f"UPDATE {derived.prefix}search_doc SET report_id = NULL WHERE report_id = ?", (identity,))


def missing(derived: Derived) -> list[tuple[int, int]]:
    """Reports that are not in the index, each after the number that a rebuild gives it, in the order of these."""
    p = derived.prefix
    rows = derived.conn.execute(
        f"SELECT id, coalesce(year, 0) FROM {p}report AS r"
        f" WHERE NOT EXISTS (SELECT 1 FROM {p}search_doc WHERE report_id = r.id)"
        " ORDER BY coalesce(year, 0) DESC, region, agency_name, id"
    ).fetchall()
    following = {year: _next(derived, year) for year in {year for _, year in rows}}
    numbered = []
    for identity, year in rows:
        numbered.append((following[year], identity))
        following[year] += 1
    return numbered


def parse(text: str) -> Query:
    """A query as the user typed it: words apart by white space must all be there, in any order, each as it stands."""
    words = text[:CHARACTERS].split()
    tokens: dict[str, None] = {}
    patterns: list[re.Pattern[str]] = []
    for word in words[:WORDS]:
        for phrase in _phrases(_units(word)):
            runs = [unit for unit in phrase if _is_word(unit)]
            pairs = [a + b for a, b in pairwise(phrase) if not (_is_word(a) or _is_word(b))]
            lone = [u for n, u in enumerate(phrase) if not _is_word(u) and not _in_pair(phrase, n)]
            tokens.update(dict.fromkeys([*runs, *pairs, *lone]))
            patterns.append(_pattern(phrase))
    return Query(tuple(tokens), tuple(patterns), len(text) > CHARACTERS or len(words) > WORDS)


def _phrases(units: list[str]) -> Iterator[list[str]]:
    phrase: list[str] = []
    for unit in [*units, "\n"]:
        if unit.isalnum() or _is_word(unit):
            phrase.append(unit)
        elif phrase:
            yield phrase
            phrase = []


def _in_pair(phrase: list[str], place: int) -> bool:
    around = phrase[max(place - 1, 0) : place] + phrase[place + 1 : place + 2]
    return any(not _is_word(unit) for unit in around)


def _pattern(phrase: list[str]) -> re.Pattern[str]:
    parts = []
    for unit in phrase:
        if _is_word(unit):
            spelled = ",?".join(unit) if unit.isdigit() else re.escape(unit)
            parts.append(rf"(?<![a-z0-9])(?<!\d[.,]){spelled}(?![a-z0-9])(?![.,]\d)")
        else:
            parts.append(re.escape(unit))
    return re.compile(_SPACE.join(parts), re.IGNORECASE)


def find(
    conn: sqlite3.Connection, query: Query, *, region: str = "", level: str = "", year: int | None = None,
    after: int | None = None, limit: int = PAGE,
) -> Found:  # fmt: skip
    """Reports that hold the words, the newest year first.

    `region` is the beginning of a GB/T 2260 code (33, 3308 or 330803; pairs of 0 at its end are dropped), `level` one
    of the contract's, `after` what the page before gave. An empty query finds nothing.
    """
    if not query.tokens:
        return Found([], 0, None)
    code = _ZEROS.sub("", region)
    wanted = [*query.tokens, *([f":r{code}"] if code else []), *([f":l{level}"] if level else [])]
    match = " AND ".join('"{}"'.format(token.replace('"', '""')) for token in wanted)
    low, high = (0, (_LAST_YEAR + 1) * _BLOCK)
    if year is not None:
        low = (_LAST_YEAR - year) * _BLOCK
        high = low + _BLOCK - 1
    counted = None
    if after is None:
        (counted,) = conn.execute(
            "SELECT count(*) FROM (SELECT d.report_id FROM search AS s JOIN search_doc AS d ON d.doc = s.rowid"
            " WHERE search MATCH ? AND s.rowid BETWEEN ? AND ? AND d.report_id IS NOT NULL LIMIT ?)",
            (match, low, high, COUNTED),
        ).fetchone()
    else:
        low = max(low, after + 1)
    hits: list[Hit] = []
    last = None
    candidates = conn.execute(
        "SELECT s.rowid, d.report_id FROM search AS s JOIN search_doc AS d ON d.doc = s.rowid"
        " WHERE search MATCH ? AND s.rowid BETWEEN ? AND ? ORDER BY s.rowid", (match, low, high)
    )  # fmt: skip
    for number, (doc, identity) in enumerate(candidates):
        if len(hits) == limit or number == LOOKED_AT:
            return Found(hits, counted, last)
        last = doc
        if identity is not None and (hit := _look(conn, identity, query)):
            hits.append(hit)
    return Found(hits, counted, None)


def _look(conn: sqlite3.Connection, identity: int, query: Query) -> Hit | None:
    row = conn.execute(
        "SELECT r.id, r.agency_name, r.region, a.level, r.year, r.title, r.url FROM report AS r"
        " LEFT JOIN agency AS a ON a.id = r.agency_id WHERE r.id = ?", (identity,)
    ).fetchone()  # fmt: skip
    if row is None:
        return None
    parts: list[tuple[int | None, str | None, str]] = []
    for ordinal, heading, text in conn.execute(
        "SELECT ordinal, heading, text FROM section WHERE report_id = ? ORDER BY ordinal", (identity,)
    ):
        parts += [(ordinal, heading, text), (ordinal, heading, heading)]
    parts += [(None, None, row[5] or ""), (None, None, row[1] or "")]
    shown: tuple[int | None, str | None, tuple[str, str, str]] | None = None
    for pattern in query.patterns:
        found = next(((o, h, said) for o, h, text in parts if (said := _snippet(pattern, text))), None)
        if found is None:
            return None
        shown = shown or found
    if shown is None:
        return None
    return Hit._make((*row, *shown))


def _snippet(pattern: re.Pattern[str], text: str) -> tuple[str, str, str] | None:
    match = pattern.search(text)
    if match is None:
        text = unicodedata.normalize("NFKC", text)
        match = pattern.search(text)
    if match is None:
        return None
    start, end = max(match.start() - AROUND, 0), min(match.end() + AROUND, len(text))
    before, after = text[start : match.start()], text[match.end() : end]
    return ("…" if start else "") + before, match.group(), after + ("…" if end < len(text) else "")


def number(text: str) -> int | float | None:
    """The number that a query is, if it is nothing else: 3830, 3,830, 55.9."""
    bare = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).strip())
    if not _NUMBER.fullmatch(bare):
        return None
    return float(bare) if "." in bare else int(bare)


_FIGURES = """
SELECT r.id AS report_id, r.agency_name AS agency, r.region, a.level, r.year, c.form, c.indicator, i.label, i.label_en,
  c.col, k.label AS col_label, k.label_en AS col_label_en, d.value, coalesce(i.unit, k.unit) AS unit,
  coalesce(d.raw, CAST(d.value AS TEXT)) AS raw, d.tbl, d.row, d.cell, r.url
FROM figure_code AS c CROSS JOIN figure_data AS d ON d.code = c.code AND d.value = :value
JOIN report AS r ON r.id = d.report_id
LEFT JOIN agency AS a ON a.id = r.agency_id
LEFT JOIN indicator AS i ON i.form = c.form AND i.code = c.indicator
LEFT JOIN form_column AS k ON k.form = c.form AND k.tbl = i.tbl AND k.code = c.col
WHERE (:region = '' OR substr(r.region, 1, length(:region)) = :region) AND (:level = '' OR a.level = :level)
  AND (:year IS NULL OR r.year = :year)
LIMIT :limit"""


def figures(
    conn: sqlite3.Connection, value: float, *, region: str = "", level: str = "", year: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:  # fmt: skip
    """Cells of the forms whose value is `value`, with their place; filters as in `find`."""
    rows = conn.execute(
        _FIGURES,
        {"value": value, "region": _ZEROS.sub("", region), "level": level, "year": year, "limit": limit},
    )
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows]
