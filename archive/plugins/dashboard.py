"""`/-/dashboard`: what the archive holds in a few plots, each with its query; and a plot under any table or query.

`/-/plot/<name>.json` gives a plot's rows. They are asked for once in each state of the archive, with more time than a
reader's query has: a plot of a million reports is drawn, and cannot be made to cost anything twice. Datasette loads
this file by its path, as it does `body.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import datasette as library
from datasette.utils import sqlite_timelimit
from datasette.utils.asgi import Request, Response

from archive import language, plots, served

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

LIMIT = 20_000  # ms for a plot's query
MOST = 5_000  # rows of a plot
_rows: dict[tuple[str, str], tuple[Any, list[dict[str, Any]]]] = {}
_asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def rows(request: Request, datasette: Any) -> Response:
    """The rows of a plot; 404 for an unknown one, 503 where its query took over `LIMIT`."""
    database = served.archive_of(datasette)
    plot = next((plot for plot in plots.load() if plot.name == request.url_vars["plot"]), None)
    if database is None or plot is None or not await served.may_see(datasette, request, database, "panel"):
        return Response.json({"error": "no such plot"}, status=404)
    sql = plot.sql

    def ask(conn: sqlite3.Connection) -> list[dict[str, Any]]:
        with sqlite_timelimit(conn, LIMIT):
            return [dict(row) for row in conn.execute(sql).fetchmany(MOST)]

    key, state = (str(database.path), plot.name), served.state_of(database)
    async with _asking.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        if key not in _rows or _rows[key][0] != state:
            try:
                _rows[key] = (state, await database.execute_fn(ask))
            except sqlite3.OperationalError as error:
                if "interrupted" not in str(error):
                    raise
                return Response.json({"error": f"the query took over {LIMIT // 1000} s"}, status=503)
    return Response.json({"rows": _rows[key][1], "truncated": len(_rows[key][1]) == MOST})


async def dashboard(request: Request, datasette: Any) -> Response:
    """The plots; they are drawn in the browser, each from the JSON of its own query."""
    database = served.archive_of(datasette)
    if database is None or not await served.may_see(datasette, request, database, "panel"):
        return await served.refusal(datasette, request, 403, "dashboard.forbidden")
    say = language.Words(language.of_request(request))
    shown = [
        {
            "name": plot.name,
            "title": plot.title[say.language],
            "note": plot.note[say.language],
            "rows": datasette.urls.path(f"/-/plot/{plot.name}.json"),
            "query": datasette.urls.query(database.name, plots.PREFIX + plot.name),
            "spec": plots.drawn(plot, say),
        }
        for plot in plots.load()
    ]
    return await served.page(datasette, request, "dashboard.html", {"plots": shown})


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/dashboard$", dashboard), (r"^/-/plot/(?P<plot>[a-z_]+)\.json$", rows)]


@hookimpl
def canned_queries(datasette: Any, database: str) -> dict[str, dict[str, Any]]:
    archive = served.archive_of(datasette)
    return plots.queries() if archive is not None and archive.name == database else {}


@hookimpl
def extra_js_urls(view_name: str, datasette: Any) -> list[dict[str, Any]]:
    if view_name in ("table", "database", "query"):
        return [{"url": datasette.urls.path("/static/plots.js"), "module": True}]
    return []
