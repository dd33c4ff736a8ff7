"""`/-/dashboard`: what the archive holds in a few plots, each with its query; and a plot under any table or query.

Datasette loads this file by its path, as it does `body.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import datasette as library
from datasette.utils.asgi import Request, Response

from archive import language, plots, served

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl


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
            "query": datasette.urls.query(database.name, plots.PREFIX + plot.name),
            "spec": plots.drawn(plot, say),
        }
        for plot in plots.load()
    ]
    return await served.page(datasette, request, "dashboard.html", {"plots": shown})


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/dashboard$", dashboard)]


@hookimpl
def canned_queries(datasette: Any, database: str) -> dict[str, dict[str, Any]]:
    archive = served.archive_of(datasette)
    return plots.queries() if archive is not None and archive.name == database else {}


@hookimpl
def extra_js_urls(view_name: str, datasette: Any) -> list[dict[str, Any]]:
    if view_name in ("table", "database", "query"):
        return [{"url": datasette.urls.path("/static/plots.js"), "module": True}]
    return []
