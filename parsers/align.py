"""Rows of a page against the skeleton of a form: which figure each cell is.

Alignment follows labels, parents and order, never a row's position alone. A label that stands twice on the form
(被依法纠错数) is placed between its neighbours, and left out with a finding where these do not decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from parsers.cells import Entry, Reading, describe, quote, read_row, read_unlabelled, signal_unread, where
from parsers.columns import Columns, header_of, match_columns
from parsers.forms import Form, Table
from parsers.labels import core, distance, normalise, shorter_keys
from parsers.model import Figure
from parsers.tables import Index, Line, Segment, is_unit

#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
#: labels of no more characters say nothing without what stands beside them
_SHORT = 2
#: of fewer rows no copy of a form is told from a piece of it
_FEWEST_ROWS = 5
#: words that stand in number cells, and in no label
_NO_LABELS = frozenset(("无", "暂无", "没有", "不适用", "不涉及", "未统计", "无此项", "略"))


def read_segments(segments: Iterable[Segment], index: Index, year: int | None = None) -> Reading:
    """All figures in these segments. `year` only settles what the labels leave open, and that is noted."""
    reading = Reading()
    found = _without_blank_copies([segment for segment in segments if segment.lines], reading)
    chosen = _choose_forms(found, index, year, reading)
    tables: dict[tuple[str, str], tuple[Table, list[tuple[Segment, Columns]]]] = {}
    for segment, (table, columns) in zip(found, chosen, strict=True):
        if table is not None and _is_credible(segment, table, columns, reading):
            tables.setdefault((table.form, table.id), (table, []))[1].append((segment, columns))
    for table, parts in tables.values():
        _read_table(table, parts, reading)
    for place in reading.conflicts:
        reading.figures.pop(place, None)
    return reading


def _without_blank_copies(found: Sequence[Segment], reading: Reading) -> list[Segment]:
    """The segments without a copy of the form that holds no number at all, where all its rows stand elsewhere with some
    (the form printed as an annex to its own report)."""
    if all(any(line.numbers for line in segment.lines) for segment in found):
        return list(found)
    copies: list[tuple[list[Segment], set[tuple[str, str]]]] = [([], set())]
    for segment in found:
        hits = (line.spots[n].hit for line in segment.lines for n in line.texts)
        keys = {(segment.table_id, hit.key) for hit in hits if hit is not None and hit.rows} or {(segment.table_id, "")}
        if keys & copies[-1][1]:
            copies.append(([], set()))
        copies[-1][0].append(segment)
        copies[-1][1].update(keys)
    filled = [any(line.numbers for segment in segments for line in segment.lines) for segments, _ in copies]
    printed = {key for has_numbers, (_, keys) in zip(filled, copies, strict=True) if has_numbers for key in keys}
    kept: list[Segment] = []
    for has_numbers, (segments, keys) in zip(filled, copies, strict=True):
        if has_numbers or len(keys) < _FEWEST_ROWS or not keys <= printed:
            kept += segments
        elif any(spot.value.state != "text" for line in segments[0].lines for spot in line.spots):
            reading.note(
                "alignment", "blank_copy", segments[0].table_id, f"{where(segments[0].lines[0])} and what follows"
            )
    return kept


def _is_credible(segment: Segment, table: Table, columns: Columns, reading: Reading) -> bool:
    """Whether rows without a known header are the official table: three of its own rows say so, fewer do not."""
    if columns.bands and not columns.by_order:
        return True
    if columns.official and not columns.unknown and (columns.score >= 1 or not columns.by_order):
        return True
    keys = {hit.key for line in segment.lines for spot in line.spots if (hit := spot.hit) and hit.rows}
    rows = {n for key in keys for n in table.by_key.get(key, ()) if table.rows[n].extension is None}
    if len(rows) >= min(3, len(table.rows)) and (segment.header or len(rows) >= 3):
        return True
    if any(line.numbers for line in segment.lines):
        where_ = where(segment.lines[0])
        reading.note(
            "alignment", "doubtful_table", table.id, f"{where_}: {len(rows)} row(s) of the form under no known header"
        )
    return False


def _choose_forms(
    found: Sequence[Segment], index: Index, year: int | None, reading: Reading
) -> list[tuple[Table | None, Columns]]:
    """For each segment the generation whose labels fit best; ties go with the page's other tables."""
    ranked: list[list[tuple[float, Table, Columns]]] = []
    columns_before: dict[str, tuple[Segment, dict[str, Columns]]] = {}
    for segment in found:
        options = []
        by_form: dict[str, Columns] = {}
        before = columns_before.get(segment.table_id)
        inherit = (
            segment.borrowed
            and not segment.header
            and before is not None
            and len(before[0].grid.rows[0]) == len(segment.grid.rows[0])
        )
        header, bands = header_of(segment)
        tables = index.tables[segment.table_id]
        numbered, empty = _evidence(segment, tables) if len(tables) > 1 else (set(), set())
        for table in tables:
            if inherit and before is not None:
                columns = before[1][table.form]
            elif before is not None and segment.borrowed and not segment.header and before[1][table.form].official:
                columns = before[1][table.form]._replace(
                    bands=(), starts={}, unknown=(), aside=(), by_order=True, score=0.1
                )
            else:
                columns = match_columns(table, header, bands, year)
            by_form[table.form] = columns
            # labelled rows that this generation has: with numbers where the page prints one, else with or without
            rows = len(numbered & table.value_keys) + len(empty & table.by_key.keys())
            options.append((columns.score + rows, table, columns))
        if segment.header:
            columns_before[segment.table_id] = (segment, by_form)
        ranked.append(options)
    ranked = _together(found, ranked)
    decided = Counter(
        options[0][1].form for options in ranked if len(options) == 1 or options[0][0] > options[1][0] + 0.01
    )
    chosen: list[tuple[Table | None, Columns]] = []
    for segment, options in zip(found, ranked, strict=True):
        best = [option for option in options if option[0] > options[0][0] - 0.01]
        if len(best) > 1:
            best.sort(key=lambda option: -decided[option[1].form])
            if decided[best[0][1].form] == decided[best[1][1].form]:
                official = [o for o in best if year is not None and _official(index, o[1].form, year)]
                if not official:
                    reading.note(
                        "alignment",
                        "form_undetermined",
                        segment.table_id,
                        f"{where(segment.lines[0])}: the labels fit {', '.join(o[1].form for o in best)} alike",
                    )
                    chosen.append((None, best[0][2]))
                    continue
                best = official
                reading.note(
                    "alignment",
                    "form_by_year",
                    segment.table_id,
                    f"{where(segment.lines[0])}: several forms fit; {best[0][1].form} is official for {year}",
                )
        chosen.append((best[0][1], best[0][2]))
    return chosen


def _together(
    found: Sequence[Segment], ranked: Sequence[list[tuple[float, Table, Columns]]]
) -> list[list[tuple[float, Table, Columns]]]:
    """The options of each segment, best first; the pieces of a table that was cut are judged by what all say."""
    pieces: list[list[int]] = []
    last: dict[str, int] = {}
    for n, segment in enumerate(found):
        if segment.borrowed and not segment.header and segment.table_id in last:
            pieces[last[segment.table_id]].append(n)
        else:
            last[segment.table_id] = len(pieces)
            pieces.append([n])
    judged: list[list[tuple[float, Table, Columns]]] = [[] for _ in found]
    for numbers in pieces:
        scores = [sum(ranked[n][k][0] for n in numbers) for k in range(len(ranked[numbers[0]]))]
        for n in numbers:
            options = [(score, *option[1:]) for score, option in zip(scores, ranked[n], strict=True)]
            judged[n] = sorted(options, key=lambda option: -option[0])
    return judged


def _official(index: Index, form_id: str, year: int) -> bool:
    form = next(form for form in index.forms if form.id == form_id)
    return form.first_year <= year and (form.last_year is None or year <= form.last_year)


def _evidence(segment: Segment, tables: Sequence[Table]) -> tuple[set[str], set[str]]:
    """The innermost labels of (rows with a number, rows with value cells but no number).

    A label that is a row of figures on one form and heads a group on another says nothing at the end of a table: what
    would stand below it may be lost.
    """
    numbered: set[str] = set()
    empty: set[str] = set()
    for line in segment.lines:
        spots = line.spots
        if len(spots) == len(line.texts):
            continue
        for n in reversed(line.texts):
            hit = spots[n].hit
            if hit is None and (_is_last(n, line) or is_unit(spots[n].cell.text)):
                continue  # what stands behind the figures, or their unit
            if hit is None or not hit.rows or spots[n].from_above or len(hit.key) <= _SHORT:
                break  # 其他 stands in every generation, in one place or another; so does the group of a row
            if (
                line is not segment.lines[-1]
                or len({hit.key in table.value_keys for table in tables if hit.key in table.by_key}) < 2
            ):
                (numbered if line.numbers else empty).add(hit.key)
            break
    return numbered, empty


def _is_last(number: int, line: Line) -> bool:
    """Whether nothing but text stands from this cell of the row to its end."""
    return all(spot.value.state == "text" for spot in line.spots[number:])


def _read_table(table: Table, parts: Sequence[tuple[Segment, Columns]], reading: Reading) -> None:
    entries: list[Entry] = []
    noted: set[str] = set()
    for segment, columns in parts:
        for band in columns.unknown:
            if not is_unit(band.path[-1]):
                reading.note(
                    "alignment",
                    "unknown_column",
                    table.id,
                    f"{where((segment.header or segment.lines)[0])} column {band.first + 1}: {quote(band.path[-1])}",
                )
        if columns.by_order and table.id not in noted and columns.official:
            noted.add(table.id)
            reading.note(
                "alignment",
                "header_order",
                table.id,
                f"{where(segment.lines[0])}: the header does not name every column; the official order was used",
            )
        reach = _reach(segment, columns)
        entries.extend(_entry(line, columns, table, segment, reach) for line in segment.lines)
    assigned = _assign(entries, table, reading)
    if table.unlabelled:
        read_unlabelled(table, entries, reading)
        return
    for entry, number in zip(entries, assigned, strict=True):
        if number is not None:
            read_row(table, table.rows[number], entry, reading)
            continue
        signal_unread(table, entry, reading)


def _reach(segment: Segment, columns: Columns) -> int:
    """The last grid column in which a row's cell may begin: the header's last, or where most rows have one more."""
    header = max((band.last for band in (*columns.bands, *columns.unknown)), default=0)
    header = max(
        [header, *(line.spots[-1].last for line in segment.header if line.spots and line.grid is segment.grid)]
    )
    last: dict[int, int] = {}
    for line in segment.lines:
        if line.spots:
            first = line.spots[-1].first
            last[first] = last.get(first, 0) + 1
    usual = max(last, key=lambda first: (last[first], -first), default=0)
    return max(header, usual) if last.get(usual, 0) * 2 > len(segment.lines) > 1 else header


def _entry(line: Line, columns: Columns, table: Table, segment: Segment, reach: int) -> Entry:
    """Find the cell that labels a row: the last text cell left of the numbers that begins in this row."""
    limit = columns.bands[0].first if columns.bands else 10_000
    leaf: int | None = None
    groups: set[str] = set()
    known: int | None = None
    spots, by_key = line.spots, table.by_key
    for n in line.texts:
        spot = spots[n]
        if not _may_label(spot.cell.text):
            continue
        hit = spot.hit
        labels = by_key.get(hit.key, ()) if hit is not None else ()
        if labels:
            known = n
        elif spot.first >= limit:
            continue
        if leaf is not None:
            groups.add(core(spots[leaf].cell.text))
        leaf = n
    if known is not None and leaf is not None and leaf < known:
        leaf = known
    if leaf is None or spots[leaf].from_above:
        if leaf is not None:
            groups.add(core(spots[leaf].cell.text))
        return _new(Entry, (line, columns, None, (), frozenset(groups), segment, reach))
    hit = spots[leaf].hit
    options = by_key.get(hit.key, ()) if hit else ()
    return _new(Entry, (line, columns, leaf, options, frozenset(groups), segment, reach))


@lru_cache(maxsize=8192)
def _may_label(text: str) -> bool:
    """Whether a text is neither a unit nor a word that stands in number cells."""
    return not is_unit(text) and normalise(text) not in _NO_LABELS


def _assign(entries: Sequence[Entry], table: Table, reading: Reading) -> list[int | None]:
    """For each entry the number of its row on the form, or None.

    Labels that the form has once are placed wherever they stand. A label it has several times is placed by its parent
    cell, else by the interval between its placed neighbours; if the page's order is not the form's, not at all.
    """
    placed: list[int | None] = [entry.options[0] if len(entry.options) == 1 else None for entry in entries]
    _drop_strangers(entries, placed, table)
    for n, entry in enumerate(entries):
        if len(entry.options) > 1 and entry.groups:
            by_parent = [k for k in entry.options if _parent_keys(table, k) & entry.groups]
            if len(by_parent) == 1:
                placed[n] = by_parent[0]
    runs = _runs(entries, placed)
    for start, end in runs:
        settled = [n for n in range(start, end) if placed[n] is not None]
        numbers = [placed[n] or 0 for n in settled]
        orderly = all(a <= b for a, b in pairwise(numbers))
        _place_repeats(entries, placed, table, start, end, orderly, reading)
        if orderly:
            _place_misspelt(entries, placed, table, start, end, reading)
    return placed


def _drop_strangers(entries: Sequence[Entry], placed: list[int | None], table: Table) -> None:
    """Take back rows that their label alone cannot place.

    A row that only some provinces print stands beside another one of theirs; a label of two characters (其他, 总计)
    stands under its parent, or next to the row that the form has before or after it.
    """
    size = table.extensions
    known = [n for n, number in enumerate(placed) if number is not None]
    numbers = [placed[n] or 0 for n in known]
    own = [table.rows[number].extension for number in numbers]
    extended = any(own)
    for k, n in enumerate(known):
        extension = own[k] if extended else None
        if extension and size[extension] > 1 and extension not in (*own[max(0, k - 1) : k], *own[k + 1 : k + 2]):
            placed[n] = None
        leaf = entries[n].leaf
        hit = entries[n].line.spots[leaf].hit if leaf is not None else None
        if hit is None or len(hit.key) > _SHORT or _parent_keys(table, numbers[k]) & entries[n].groups:
            continue
        before = numbers[k - 1] if k else -1
        after = numbers[k + 1] if k + 1 < len(known) else len(table.rows)
        if not (_adjoin(table, before, numbers[k]) or _adjoin(table, numbers[k], after)):
            placed[n] = None


@lru_cache(maxsize=4096)
def _adjoin(table: Table, above: int, below: int) -> bool:
    """Whether the form has no row with numbers between these two, but for rows that only some provinces print."""
    return above < below and not any(row.is_value and not row.extension for row in table.rows[above + 1 : below])


@lru_cache(maxsize=4096)
def _parent_keys(table: Table, number: int) -> frozenset[str]:
    parent = next((row for row in table.rows if row.code == table.rows[number].parent), None)
    return frozenset(parent.keys) if parent else frozenset()


def _runs(entries: Sequence[Entry], placed: Sequence[int | None]) -> list[tuple[int, int]]:
    """Stretches that can be one copy of the table: a new one begins where another grid repeats a placed row."""
    runs: list[tuple[int, int]] = []
    start = 0
    seen: set[int] = set()
    segment: Segment | None = None
    for n, entry in enumerate(entries):
        if entry.segment is not segment:
            ahead = {placed[k] for k in range(n, len(entries)) if entries[k].segment is entry.segment} - {None}
            if n > start and ahead & seen:
                runs.append((start, n))
                start, seen = n, set()
            segment = entry.segment
        if (number := placed[n]) is not None:
            seen.add(number)
    runs.append((start, len(entries)))
    return runs


def _place_repeats(
    entries: Sequence[Entry],
    placed: list[int | None],
    table: Table,
    start: int,
    end: int,
    orderly: bool,
    reading: Reading,
) -> None:
    """Place labels that the form has several times, an interval between placed neighbours at a time."""
    n = start
    while n < end:
        if placed[n] is not None or len(entries[n].options) < 2:
            n += 1
            continue
        before = max((placed[k] or 0 for k in range(start, n) if placed[k] is not None), default=-1)
        stop = next((k for k in range(n, end) if placed[k] is not None), end)
        after = placed[stop] if stop < end else len(table.rows)
        assert after is not None
        group = [k for k in range(n, stop) if len(entries[k].options) > 1 and placed[k] is None]
        for options in dict.fromkeys(entries[k].options for k in group):
            rows = [k for k in group if entries[k].options == options]
            free = [number for number in options if before < number < after]
            if orderly and len(rows) == len(free):
                for k, number in zip(rows, free, strict=True):
                    placed[k] = number
            else:
                for k in rows:
                    reading.note(
                        "alignment", "doubtful_alignment", table.id, describe(entries[k], "stands twice on the form")
                    )
                    placed[k] = -1
        n = stop
    for k in range(start, end):
        if placed[k] == -1:
            placed[k] = None


def _place_misspelt(
    entries: Sequence[Entry], placed: list[int | None], table: Table, start: int, end: int, reading: Reading
) -> None:
    """A label nobody knows passes as the one free row between its neighbours that it misspells."""
    taken = {number for number in placed if number is not None}
    for n in range(start, end):
        entry = entries[n]
        if placed[n] is not None or entry.options or entry.leaf is None:
            continue
        text = entry.line.spots[entry.leaf].cell.text
        before = max((placed[k] or 0 for k in range(start, n) if placed[k] is not None), default=-1)
        after = min((placed[k] or 0 for k in range(n, end) if placed[k] is not None), default=len(table.rows))
        near = []
        for number, row in enumerate(table.rows):
            edits = [
                d for key in (core(text), *shorter_keys(text)) for known in row.keys if (d := distance(key, known))
            ]
            if edits and number not in taken:
                near.append((min(edits), number))
        if len(near) == 1 and before < near[0][1] < after:
            placed[n] = near[0][1]
            taken.add(near[0][1])
            reading.note(
                "alignment", "label_misspelt", table.rows[near[0][1]].code, describe(entry, "read as a misspelling")
            )


def forms_in(figures: Iterable[Figure], forms: Sequence[Form]) -> list[str]:
    """Ids of the forms that have figures here, oldest first."""
    present = {figure.form for figure in figures}
    return [form.id for form in forms if form.id in present]
