"""`/-/report/<id>`: a report as people know it, with what the archive knows of it.

Ids of reports in every table and query lead there. Datasette loads this file by its path, as it does `body.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import datasette as library
import markupsafe
from datasette.utils.asgi import Request, Response

from archive import citing, original, report_page, served

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

_IDS = ("report_id", "shown", "report")


async def report(request: Request, datasette: Any) -> Response:
    """The page of a report; 404 for an id that is none."""
    database = served.archive_of(datasette)
    identity = request.url_vars["report"]
    if database is None or not await served.may_see(datasette, request, database, "report"):
        return await served.refusal(datasette, request, 403, "report.forbidden")
    found = None
    if identity.isascii() and identity.isdigit() and len(identity) < 17:
        found = await database.execute_fn(lambda conn: report_page.gather(conn, int(identity)))
    if found is None:
        return await served.refusal(datasette, request, 404, "report.unknown", report=identity)
    version = (await served.edition_of(database)).version
    values = {
        "page": found,
        "report": found.report,
        "METADATA": report_page.METADATA,
        "mark": original.MARK,
        "archive": database.name,
        "version": version,
        "archive_name": citing.NAME,
    }
    return await served.page(datasette, request, "report.html", values)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/report/(?P<report>[^/]+)$", report)]


@hookimpl
def render_cell(
    row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any
) -> markupsafe.Markup | None:
    """A report's id leads to its page; so does its title in the table `report`, where Datasette shows no id."""
    if column == "title" and table == "report" and "id" in row.keys():  # noqa: SIM118, a row of SQLite iterates values
        link = datasette.urls.path(f"/-/report/{row['id']}")
        return markupsafe.Markup('<a href="{}" rel="nofollow">{}</a>').format(link, str(value or "—")[:400])
    if column in _IDS or (column == "id" and table == "report"):
        plain = value.get("value") if isinstance(value, dict) else value
        label = value.get("label") if isinstance(value, dict) else None
        if isinstance(plain, int) and not isinstance(plain, bool):
            link = datasette.urls.path(f"/-/report/{plain}")
            text = f"{label} {plain}" if label else plain
            return markupsafe.Markup('<a href="{}" rel="nofollow" title="{}">{}</a>').format(
                link, "报告 · the report's page", text
            )
    return None
