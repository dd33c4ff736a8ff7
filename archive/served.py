"""What the desk's pages share: which of Datasette's databases is the archive, who may look, how an answer goes out."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from datasette.database import Database
from datasette.utils.asgi import Request, Response

from archive import citing, language

INERT = {
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
_FIGURE = re.compile(r"(\d{1,16})-(?:([a-z0-9]+)-)?([a-z0-9_]+)-([a-z0-9_]+)")


class FigureName(NamedTuple):
    """One cell of one report, as an address names it: `report-form-indicator-col`, or without the form."""

    report: int
    form: str | None
    indicator: str
    col: str

    @property
    def text(self) -> str:
        return "-".join(str(part) for part in self if part is not None)


def figure_name(text: str) -> FigureName | None:
    """The figure that an address names; None where it names none."""
    found = _FIGURE.fullmatch(text.strip())
    return FigureName(int(found[1]), found[2], found[3], found[4]) if found else None


def find_figure(conn: sqlite3.Connection, name: FigureName) -> sqlite3.Row | None:
    """The row of the view `figure`; the oldest form's, where a name without a form fits two."""
    form = "" if name.form is None else " AND form = ?"
    row: sqlite3.Row | None = conn.execute(
        f"SELECT * FROM figure WHERE report_id = ? AND indicator = ? AND col = ?{form} ORDER BY form LIMIT 1",
        [name.report, name.indicator, name.col, *([] if name.form is None else [name.form])],
    ).fetchone()
    return row


def archive_of(datasette: Any) -> Database | None:
    """The archive: `gongkai`, or the first database when a file of another name is served."""
    databases = [db for name, db in datasette.databases.items() if not name.startswith("_")]
    return next((db for db in databases if db.name == "gongkai"), databases[0] if databases else None)


async def may_see(datasette: Any, request: Request, database: Database, table: str) -> bool:
    """Whether the reader may see a table: the desk's own pages show no more than Datasette's."""
    allowed: bool = await datasette.permission_allowed(
        request.actor, "view-table", resource=(database.name, table), default=True
    )
    return allowed


async def page(datasette: Any, request: Request, template: str, values: dict[str, Any], status: int = 200) -> Response:
    """One of the desk's own pages, in the reader's language."""
    return Response.html(await datasette.render_template(template, values, request=request), status=status)


async def refusal(datasette: Any, request: Request, code: int, key: str, **values: Any) -> Response:
    """A page that says in the reader's language why there is nothing to show; `key` is one of `words.toml`.

    413 and 415 are about bytes that are there, named by the value `sha256`: the page leads to them.
    """
    say = language.Words(language.of_request(request))
    shown = {"notice": say(key, **values), "sha256": values.get("sha256") if code in (413, 415) else None}
    return await page(datasette, request, "notice.html", shown, code)


_editions: dict[tuple[str, tuple[int, ...]], citing.Edition] = {}


def state_of(database: Database) -> tuple[str, tuple[int, ...]]:
    """What changes when the archive's file, or the changes beside it, are written: its path and their times."""
    path = Path(str(database.path))
    parts = (path, path.with_name(path.name + "-wal"))
    return str(path), tuple(part.stat().st_mtime_ns if part.exists() else 0 for part in parts)


async def edition_of(database: Database) -> citing.Edition:
    """The archive's edition; computed again only after its file or the changes beside it were written."""
    key = state_of(database)
    if key not in _editions:
        found = await database.execute_fn(citing.edition)
        _editions.clear()
        _editions[key] = found
    return _editions[key]
