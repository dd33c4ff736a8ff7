"""Whose prose is nearly the same: as the agency's own of the year before, or as another agency's of the same year.

Prose is compared without what all reports share or must change: the form's own headings and labels, digits,
punctuation, and the agency's own name. What is left is cut into overlapping pieces of five characters; the likeness of
two texts is the share of their pieces that both have (Jaccard), in percent, computed exactly where a sketch says that
it may be high. A sketch is the least hash of each of 64 classes of pieces (one-permutation hashing: Li, Owen and Zhang,
NeurIPS 2012); texts that agree in three classes that stand together meet in `prose_band`.

Within a year a text copied a hundred times would make ten thousand pairs. Each report therefore names one other: of
those like it whose id is lower, of another agency, the lowest. So every copy is named, by as many rows as there are
copies, and the result does not depend on the order of saving.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable
from functools import cache, reduce
from operator import eq, xor
from typing import TYPE_CHECKING

from parsers.forms import load_all

if TYPE_CHECKING:
    from archive.derive import Derived

LEAST = 70  # percent; what is less alike is not kept
SHORTEST = 30  # different pieces; a shorter text is compared with none
_PIECE = 5  # characters
_CLASSES, _BANDS, _ROWS = 64, 10, 6  # classes of pieces; bands of so many classes each
_MAYBE = 0.5  # share of equal classes from which the texts themselves are compared
_OTHER = re.compile(r"(?:[^\w\n]|[\d_])+")  # what is not compared; lines stay apart
_NUMERALS = "一二三四五六七八九十"
_TO_PLACE = re.compile(r"^.*[省市县区旗州盟]")
_NOTHING = 0xFFFF
_EMPTY = b"\xff\xff"


@cache
def _own_words() -> frozenset[str]:
    """What the forms themselves print: headings of sections, labels of rows and columns."""
    words = {heading for form in load_all() for heading in form.sections}
    for form in load_all():
        for table in form.tables:
            words.update(row.label for row in table.rows)
            words.update(column.label for column in table.columns)
    return frozenset(bare for word in words for bare in _bare(word))


def _bare(text: str) -> list[str]:
    """Each line without what is not compared and without its number."""
    return [line.lstrip(_NUMERALS) for line in _OTHER.sub("", text).split("\n")]


def pieces(texts: Iterable[str], agency: str | None) -> frozenset[bytes]:
    """The pieces of a report's prose, in UTF-8; empty where it is too short to say anything."""
    own = _own_words()
    text = "".join(line for line in _bare("\n".join(texts)) if line not in own)
    if agency:
        text = text.replace(agency, "")
        short = _TO_PLACE.sub("", agency)
        if len(short) >= 3:
            text = text.replace(short, "")
    coded = text.encode()
    if len(coded) == 3 * len(text):  # as Chinese is, nearly always
        found = frozenset([coded[n : n + 3 * _PIECE] for n in range(0, len(coded) - 3 * _PIECE + 1, 3)])
    else:
        found = frozenset([text[n : n + _PIECE].encode() for n in range(len(text) - _PIECE + 1)])
    return found if len(found) >= SHORTEST else frozenset()


def sketch(found: frozenset[bytes]) -> bytes:
    """Two bytes for each class of pieces, the least hash in it; then their number and the exclusive or of all hashes,
    which are the same for the same pieces."""
    least = [0xFFFFFFFF] * _CLASSES
    # a checksum is linear; the multiplication spreads it (Knuth, The Art of Computer Programming 6.4)
    hashes = [checksum * 2654435761 & 0xFFFFFFFF for checksum in map(zlib.crc32, found)]
    for hashed in hashes:  # the first six bits are the class, the next sixteen what is kept
        if hashed < least[hashed >> 26]:
            least[hashed >> 26] = hashed
    together = reduce(xor, hashes, 0)
    classes = b"".join([(hashed >> 10 & 0xFFFF).to_bytes(2, "big") for hashed in least])
    return classes + len(found).to_bytes(4, "big") + together.to_bytes(4, "big")


def _keys(year: int, drawn: bytes) -> list[int]:
    return sorted(
        zlib.crc32(b"%d %d " % (year, band) + part) << 4 | band
        for band in range(_BANDS)
        if (part := drawn[2 * _ROWS * band : 2 * _ROWS * (band + 1)]) != _EMPTY * _ROWS
    )


def _maybe(one: bytes, other: bytes) -> bool:
    mine, theirs = array("H", one[: 2 * _CLASSES]), array("H", other[: 2 * _CLASSES])
    same = sum(map(eq, mine, theirs))
    if same < _MAYBE * _CLASSES:
        return False
    empty = sum(a == b == _NOTHING for a, b in zip(mine, theirs, strict=True))
    return bool(same - empty >= _MAYBE * (_CLASSES - empty))


def alike(one: frozenset[bytes], other: frozenset[bytes]) -> int:
    """Percent of the pieces that both have."""
    return 100 * len(one & other) // len(one | other) if one and other else 0


def save(derived: Derived, identity: int, agency: tuple[int, str] | None, year: int | None, texts: list[str]) -> None:
    """Keep the sketch of a report that has an agency (id, name), a year and prose; `link` names those like it."""
    if agency is None or year is None or not (found := pieces(texts, agency[1])):
        return
    conn, p = derived.conn, derived.prefix
    drawn = sketch(found)
    conn.execute(f"INSERT INTO {p}prose VALUES (?, ?, ?, ?)", (identity, agency[0], year, drawn))
    conn.executemany(f"INSERT INTO {p}prose_band VALUES (?, ?)", [(key, identity) for key in _keys(year, drawn)])


def forget(derived: Derived, identity: int) -> None:
    """Take a report out; those that named it name another, if there is one."""
    conn, p = derived.conn, derived.prefix
    row = conn.execute(f"SELECT year, sketch FROM {p}prose WHERE report_id = ?", (identity,)).fetchone()
    conn.execute(f"DELETE FROM {p}alike WHERE report_id = ? OR relation = 'year_before' AND other_id = ?",
                 (identity, identity))  # fmt: skip
    if row is None:
        return
    conn.executemany(
        f"DELETE FROM {p}prose_band WHERE key = ? AND report_id = ?", [(key, identity) for key in _keys(*row)]
    )
    conn.execute(f"DELETE FROM {p}prose WHERE report_id = ?", (identity,))
    left = conn.execute(f"SELECT report_id FROM {p}alike WHERE other_id = ? ORDER BY 1", (identity,)).fetchall()
    conn.execute(f"DELETE FROM {p}alike WHERE other_id = ?", (identity,))
    for (other,) in left:
        link_earlier(derived, other)


def link(derived: Derived, identity: int, *, later: bool = True) -> None:
    """Name the report of the year that this one is like; with `later`, also have those after it name this one."""
    conn, p = derived.conn, derived.prefix
    row = conn.execute(f"SELECT agency_id, year, sketch FROM {p}prose WHERE report_id = ?", (identity,)).fetchone()
    if row is None:
        return
    agency, year, drawn = row
    keys = _keys(year, drawn)
    marks = ", ".join("?" * len(keys))
    candidates = conn.execute(
        f"SELECT q.report_id, q.sketch, a.other_id FROM {p}prose AS q"
        f" LEFT JOIN {p}alike AS a ON a.report_id = q.report_id AND a.relation = 'same_year'"
        f" WHERE q.report_id IN (SELECT report_id FROM {p}prose_band WHERE key IN ({marks}))"
        " AND q.agency_id <> ? AND q.year = ? AND (? OR q.report_id < ?) ORDER BY q.report_id",
        (*keys, agency, year, later, identity),
    ).fetchall()
    own: frozenset[bytes] | None = None
    named = False
    for other, theirs, names in candidates:
        wanted = (not named) if other < identity else later and (names is None or names > identity)
        if not wanted or not _maybe(drawn, theirs):
            if named and not later:
                break
            continue
        if drawn == theirs:
            percent = 100
        else:
            own = own if own is not None else _pieces_of(derived, identity)
            percent = alike(own, _pieces_of(derived, other))
        if percent < LEAST:
            continue
        first, second = sorted((identity, other))
        conn.execute(f"DELETE FROM {p}alike WHERE report_id = ? AND relation = 'same_year'", (second,))
        conn.execute(f"INSERT INTO {p}alike VALUES (?, 'same_year', ?, ?)", (second, first, percent))
        named = named or other < identity


def link_earlier(derived: Derived, identity: int) -> None:
    """`link` where all reports are linked one after the other: those after it name this one in their turn."""
    link(derived, identity, later=False)


def year_before(derived: Derived, this: int, following: int) -> None:
    """Say where an agency's report of the year after is like this one."""
    conn, p = derived.conn, derived.prefix
    drawn = dict(conn.execute(f"SELECT report_id, sketch FROM {p}prose WHERE report_id IN (?, ?)", (this, following)))
    if len(drawn) < 2 or not _maybe(drawn[this], drawn[following]):
        return
    same = drawn[this] == drawn[following]
    percent = 100 if same else alike(_pieces_of(derived, this), _pieces_of(derived, following))
    if percent >= LEAST:
        conn.execute(f"INSERT OR REPLACE INTO {p}alike VALUES (?, 'year_before', ?, ?)", (following, this, percent))


def forget_year_before(derived: Derived, identity: int) -> None:
    derived.conn.execute(
        f"DELETE FROM {derived.prefix}alike WHERE report_id = ? AND relation = 'year_before'", (identity,)
    )


def _pieces_of(derived: Derived, identity: int) -> frozenset[bytes]:
    p = derived.prefix
    (name,) = derived.conn.execute(f"SELECT agency_name FROM {p}report WHERE id = ?", (identity,)).fetchone()
    texts = derived.conn.execute(f"SELECT text FROM {p}section WHERE report_id = ? ORDER BY ordinal", (identity,))
    return pieces((row[0] for row in texts), name)
