"""The plots of the dashboard, as data: `plots.toml` says what is asked and which column goes where.

A plot's query is a canned query too, so that each plot has a table, a CSV and a place to change its SQL. The picture is
drawn in the browser by Vega-Lite from `static/vendor`, from the query's JSON, under Datasette's own time limit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from archive.language import Words

FILE = Path(__file__).with_name("plots.toml")
PREFIX = "plot_"
MARKS = ("bar", "line", "point", "area", "rect")
Pair = Mapping[str, str]


class Plot(NamedTuple):
    """`x`, `y`, `color`, `column` are columns of the query's result; `labels` names them, `series` `color`'s values."""

    name: str
    title: Pair
    note: Pair
    mark: str
    x: str
    y: str
    color: str | None
    column: str | None
    labels: Mapping[str, Pair]
    series: Mapping[str, Pair]
    sql: str


@cache
def load() -> tuple[Plot, ...]:
    """The plots in the order of the file. A key that no plot has, or one that is missing, is a TypeError."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Plot(name, **{"color": None, "column": None, "series": {}, **plot}) for name, plot in data.items())


def queries() -> dict[str, dict[str, Any]]:
    """The plots' queries as Datasette's canned queries, described in both languages like those of `metadata.yml`."""
    return {
        PREFIX + plot.name: {
            "sql": plot.sql.strip(),
            "title": f"{plot.title['zh']} · {plot.title['en']}",
            "description": f"{plot.note['zh']} · {plot.note['en']}",
        }
        for plot in load()
    }


def drawn(plot: Plot, say: Words) -> dict[str, Any]:
    """What the browser needs to draw a plot, in one language."""
    return {
        "mark": plot.mark,
        "x": plot.x,
        "y": plot.y,
        "color": plot.color,
        "column": plot.column,
        "labels": {name: pair[say.language] for name, pair in plot.labels.items()},
        "series": {name: pair[say.language] for name, pair in plot.series.items()},
    }
