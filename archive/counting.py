"""What the page of a large view counts, answered from the sums that are kept (archive.sums).

Datasette 0.65 counts a table's rows and facets by queries of its own making. Over `finding` and `findings` they unpack
every finding, over `figure` and `figures` every cell: seconds where an archive is large, so its time limit cut them.
`Counted` is the database that answers those queries, while they filter by nothing but the four columns of
`finding_count`, from that table, and an unfiltered count of figures from `figure_data`; all others go to SQLite as they
are. Trap: the queries are known by their text (datasette/views/table.py, datasette/facets.py); where another Datasette
writes them otherwise they are slow again, never wrong.
"""

from __future__ import annotations

import re
from typing import Any

from datasette.database import Database

_SUMMED = "(SELECT status, kind, name, nullif(cause, '') AS cause, findings FROM finding_count)"
_COLUMN = r'["\[]?(?:status|kind|name|cause)["\]]?'
_TERM = rf"{_COLUMN} (?:(?:=|!=) :p\d+|is (?:not )?null)"
_WHERE = rf"(?: where (?P<where>{_TERM}(?: and {_TERM})*))?"
_COUNT = re.compile(rf"select count\(\*\) from findings?{_WHERE}")
_FACET = re.compile(
    rf"select (?P<column>{_COLUMN}) as value, count\(\*\) as count from"
    rf" \( select [\w ,*\"\[\]]+ from findings?{_WHERE} \)"
    rf" where (?P=column) is not null group by (?P=column) order by count desc, value limit (?P<limit>\d+)"
)
_FIGURES = re.compile(r"select count\(\*\) from figures?")


def from_sums(sql: str) -> str | None:
    """The query that gives what `sql` gives, from what is kept; None where there is none."""
    plain = " ".join(sql.split())
    if _FIGURES.fullmatch(plain):
        return "select count(*) from figure_data"
    if found := _COUNT.fullmatch(plain):
        return f'select coalesce(sum(findings), 0) as "count(*)" from {_SUMMED} where {found["where"] or "true"}'
    if found := _FACET.fullmatch(plain):
        column = found["column"]
        return (
            f"select {column} as value, sum(findings) as count from {_SUMMED} where {found['where'] or 'true'}"
            f" and {column} is not null group by {column} order by count desc, value limit {found['limit']}"
        )
    return None


class Counted(Database):  # type: ignore[misc]
    """An archive that is not counted anew for every page; an older one without the sums is."""

    _kept = False

    async def execute(self, sql: str, *args: Any, **options: Any) -> Any:
        if (other := from_sums(sql)) is not None:
            self._kept = self._kept or await self.table_exists("finding_count")
            sql = other if self._kept else sql
        return await super().execute(sql, *args, **options)
