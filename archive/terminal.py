"""A reading, and rows of the archive, as text for a terminal.

What a page says may hold control characters that a terminal would obey; they are printed as `?`. Chinese is measured
in cells. Without a terminal a line is 160 cells wide.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

WIDTH = 160
WIDEST = 8  # columns; a row of more stands upright
_FINDINGS = {
    "fail": ("kind", "name", "at", "strength", "found", "expected", "cause", "note"),
    "notice": ("kind", "name", "at", "found", "expected", "note"),
}
_HEAD = ("index_number", "publisher", "written_on", "published_on", "document_number")


class Bar(Protocol):
    """What the packages call: how many are done, how many there are, and which one it was."""

    def __call__(self, done: int, total: int, what: str = "", /) -> None: ...


@contextmanager
def progress_bar(label: str) -> Iterator[Bar]:
    """A bar on a terminal's standard error; silent where there is no terminal."""
    what_column = TextColumn("{task.fields[what]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), what_column)
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None, what="")

        def show_progress(done: int, total: int, what: str = "", /) -> None:
            bar.update(task, completed=done, total=total or None, what=plain(what)[:24])

        yield show_progress


def plain(text: str) -> str:
    """`text` on one line, without any character that a terminal would obey."""
    return "".join(character if character.isprintable() or character == "\u3000" else "?" for character in text)


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(plain(line) + "\n")


def print_table(rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> None:
    """Print an aligned table: columns with a number in them to the right, None as nothing."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        numeric = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(Text(heading), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(table)


def status_row(portal: Mapping[str, Any]) -> dict[str, Any]:
    """A portal's row of `gongkai status`: what fits a line; the season in one cell, against the one before."""
    names = ("portal", "declared", "found", "outcome", "captured", "reports", "newest", "blocked", "failed", "late")
    row = {"portal": portal["portal"], "visited": (portal["visited"] or "")[:10]} | {
        name: portal[name] for name in names
    }
    season = portal["season"]
    return row | {"season": season and f"{season}: {portal['given']} ({season - 1}: {portal['before']})"}


def print_report(report: Mapping[str, Any]) -> None:
    """A reading (`parsers.as_dict`): its head, figures with their states, what failed, notices."""
    metadata = report["metadata"]
    head = {"kind": report["kind"], "agency": metadata["agency"], "region": metadata["region"], "year": report["year"]}
    head |= {"form": report["form"]} | {name: metadata[name] for name in _HEAD}
    head |= {"read as": ", ".join(filter(None, (report["media_type"], report["charset"])))}
    lines = [f"  {name:<15} {'-' if value is None else value}" for name, value in head.items()]
    print_lines([report["title"] or "(no title)", *lines])
    print_figures(report["figures"])
    counts = Counter(finding["status"] for finding in report["findings"] if finding["kind"] == "check")
    told = ", ".join(f"{counts[status]} {status}" for status in ("pass", "fail", "not_assessable"))
    print_lines([f"{len(report['figures'])} figures, {len(report['sections'])} sections; checks: {told}"])
    for status, keys in _FINDINGS.items():
        print_findings([finding for finding in report["findings"] if finding["status"] == status], keys)


def print_findings(findings: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """Print findings as a table, without the columns that are empty in all; nothing where there is none."""
    used = [key for key in keys if any(finding[key] is not None for finding in findings)]
    if findings:
        print_table([[finding[key] for key in used] for finding in findings], used)


def print_figures(figures: Iterable[Mapping[str, Any]]) -> None:
    """One table a run of rows with the same columns; rows of more than `WIDEST` columns stand upright."""
    rows: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {}
    for figure in figures:
        key = (figure["form"], figure["indicator"])
        rows.setdefault(key, (figure["label"], figure["unit"], {}))[2][figure["col"]] = mark(figure)
    runs: list[tuple[list[str], list[list[Any]]]] = []
    for label, unit, cells in rows.values():
        columns = list(cells)
        if not runs or runs[-1][0] != columns:
            runs.append((columns, []))
        runs[-1][1].append([label, *cells.values(), unit])
    for columns, run in runs:
        if len(columns) > WIDEST:
            upright = [
                [row[0], column, value, row[-1]]
                for row in run
                for column, value in zip(columns, row[1:-1], strict=True)
            ]
            print_table(upright, ("figure", "column", "value", "unit"))
        else:
            print_table(run, ("figure", *columns, "unit"))


def mark(figure: Mapping[str, Any]) -> Any:
    """A figure's value, or what stands in its place: (blank), (dash -), (text 无), (? 8040) for a number of no unit."""
    if figure["value"] is not None:
        return figure["value"]
    name = "?" if figure["state"] == "number" else figure["state"]
    return f"({name} {figure['raw'].strip()})" if figure["raw"].strip() else f"({name})"


def facts(counts: Mapping[str, Any]) -> str:
    """Counts on one line: `portals 3, reports 40, captures (new 40, gone 1)`; lists and texts are left to `--json`."""
    parts = []
    for name, value in counts.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping):
            parts.append(f"{label} ({facts(value) or 'none'})")
        elif isinstance(value, int | float):
            parts.append(f"{label} {value}")
    return ", ".join(parts)


def print_rebuilt(result: Mapping[str, Any]) -> None:
    """What a rebuild made (`Store.reparse`), then what differs from before: counts, cells, examples."""
    changes = result["changes"]
    print_lines([facts({name: value for name, value in result.items() if name != "changes"})])
    if changes is None:
        print_lines(["The tables before were of another layout or another set of pages: nothing to compare with."])
        return
    print_lines([f"changed from parser {', '.join(changes['parsers']) or 'none'}: {facts(changes)}"])
    if changes["cells"]:
        print_table(changes["cells"], ("form", "indicator", "col", "gained", "lost", "altered"))
        examples = changes["examples"]
        print_table([list(example.values()) for example in examples], list(examples[0]))


def print_diff(result: Mapping[str, Any]) -> None:
    """Two versions of a page (`comparing.diff`): figures, then labels, then prose."""
    sides = [f"{name} {result[name]['fetched_at']} ({result[name]['id']})" for name in ("before", "after")]
    print_lines([result["url"], *sides])
    figures = [
        [f["label"], f["indicator"], f["col"], *("absent" if side is None else mark(side) for side in
         (f["before"], f["after"]))] for f in result["figures"]
    ]  # fmt: skip
    print_lines([f"{len(figures)} figures differ, {result['same']} are the same"])
    if figures:
        print_table(figures, ("figure", "indicator", "col", "before", "after"))
    if result["metadata"]:
        print_table([list(row.values()) for row in result["metadata"]], ("label", "before", "after"))
    if result["prose"]:
        print_table([list(row.values()) for row in result["prose"]], ("section", "before", "after"))


def print_counts(counts: Mapping[str, Any]) -> None:
    """An archive's counts (`Store.counts`), one a line, a mapping's parts on the line of its name."""
    for name, value in counts.items():
        shown = facts(value) if isinstance(value, Mapping) else f"{value:,}"
        print_lines([f"  {name.replace('_', ' '):<12} {shown}"])
