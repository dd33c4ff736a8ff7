"""`/-/page/<capture>`: the saved page as it looked, inert; with `?figure=…` the very cell is marked.

`/-/figure/<report-form-indicator-col>` leads to the page that a figure comes from, scrolled to its cell; the cells of
every table and query that name a figure link there. Datasette loads this file by its path, as it does `body.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import datasette as library
import markupsafe
from datasette.utils.asgi import Request, Response

import parsers
from archive import bodies, fixity, language, original, served

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

_CAPTURES = ("capture_id", "capture", "from_capture", "to_capture", "listing_capture")
_CELLS = ("raw", "value", "cell")


class _Saved(NamedTuple):
    """What the archive has of a capture, and of the figure that is asked for."""

    capture: dict[str, Any]
    size: int | None
    media_type: str | None
    body: bytes | None
    report: dict[str, Any] | None
    figure: dict[str, Any] | None
    current: bool


def _find(conn: sqlite3.Connection, identity: str, name: served.FigureName | None) -> _Saved | None:
    """None for an unknown capture. The body is None where it has none, the copy lacks it, or it is too large."""
    row = conn.execute("SELECT * FROM capture WHERE id = ?", [identity]).fetchone()
    if row is None:
        return None
    capture = dict(row)
    about = conn.execute("SELECT size, media_type FROM body WHERE sha256 = ?", [capture["sha256"]]).fetchone()
    report = conn.execute("SELECT * FROM report WHERE url = ?", [capture["url"]]).fetchone()
    figure = served.find_figure(conn, name) if name else None
    newest = None
    if figure is not None:
        newest = conn.execute(
            "SELECT c.url, c.sha256 FROM report r JOIN capture c ON c.id = r.capture_id WHERE r.id = ?",
            [figure["report_id"]],
        ).fetchone()
        if newest is None or newest["url"] != capture["url"]:
            figure = newest = None
    size = about["size"] if about else None
    return _Saved(
        capture,
        size,
        about["media_type"] if about else None,
        fixity.fetch(conn, capture["sha256"]) if size is not None and size <= original.LARGEST else None,
        dict(report) if report else None,
        dict(figure) if figure else None,
        newest is not None and newest["sha256"] == capture["sha256"],
    )


def _wanted(saved: _Saved) -> original.Wanted | None:
    """Where the figure stands in this capture: as the archive says, or read anew where the page was another then."""
    figure = saved.figure
    if figure is None or saved.body is None:
        return None
    if saved.current:
        return original.Wanted(figure["tbl"], figure["row"], figure["cell"], figure["raw"])
    key = (figure["form"], figure["indicator"], figure["col"])
    read = parsers.parse(saved.body, url=saved.capture["url"], media_type=saved.media_type)
    return next((original.Wanted(f.tbl, f.row, f.cell, f.raw) for f in read.figures if tuple(f[:3]) == key), None)


def _shown(saved: _Saved) -> tuple[original.Shown | None, original.Wanted | None]:
    """The inert page, None for bytes that are no page; and the place that was looked for."""
    if saved.body is None:
        return None, None
    kind, charset = parsers.kind_of_bytes(saved.body, saved.media_type)
    if kind not in ("text/html", "text/plain"):
        return None, None
    wanted = _wanted(saved)
    if kind == "text/html":
        address = saved.capture["final_url"] or saved.capture["url"]
        return original.inert_html(saved.body, address, charset, wanted), wanted
    return original.inert_text(saved.body, charset, wanted), wanted


async def saved_page(request: Request, datasette: Any) -> Response:
    """The page of a capture; 404 for an unknown one, 413 past a limit, 415 for other files, 500 for damaged bytes."""
    database = served.archive_of(datasette)
    identity = request.url_vars["capture"]
    if database is None or not await served.may_see(datasette, request, database, "body"):
        return await served.refusal(datasette, request, 403, "page.forbidden")
    asked = request.args.get("figure")
    name = served.figure_name(asked) if asked else None
    try:
        saved = await database.execute_fn(lambda conn: _find(conn, identity, name))
    except bodies.Damaged as error:
        return await served.refusal(datasette, request, 500, "page.damaged", error=str(error))
    if saved is None:
        return await served.refusal(datasette, request, 404, "page.unknown", capture=identity)
    if saved.size is None:
        key = "page.no_body" if saved.capture["sha256"] is None else "page.not_in_this_copy"
        return await served.refusal(datasette, request, 404, key, **saved.capture)
    if saved.body is None:
        return await served.refusal(
            datasette, request, 413, "page.too_large", size=f"{saved.size:,}", sha256=saved.capture["sha256"]
        )
    try:
        shown, wanted = await asyncio.to_thread(_shown, saved)
    except original.TooLarge as error:
        return await served.refusal(
            datasette, request, 413, "page.too_large", size=str(error), sha256=saved.capture["sha256"]
        )
    if shown is None:
        return await served.refusal(
            datasette, request, 415, "page.no_page", kind=saved.media_type or "?", sha256=saved.capture["sha256"]
        )
    say = language.Words(language.of_request(request))
    if not asked:
        word = None
    elif shown.marked is None or wanted is None:
        word = say("page.not_marked", figure=asked)
    elif shown.marked != wanted.raw:
        word = say("page.reads_otherwise", raw=wanted.raw, found=shown.marked)
    else:
        word = None
    values = {
        "shown": shown,
        "content": markupsafe.Markup(shown.body),
        "style": markupsafe.Markup(shown.style),
        "attributes": markupsafe.Markup(original.attributes(shown.attributes.items())),
        "mark": original.MARK,
        "archive": database.name,
        "wanted": wanted if shown.marked is not None else None,
        "warning": word,
        "capture": saved.capture,
        "report": saved.report,
        "figure": saved.figure,
    }
    text = await datasette.render_template("page.html", values, request=request)
    headers = served.INERT | {"Content-Security-Policy": original.POLICY, "Cache-Control": "no-store"}
    return Response(body=text, content_type="text/html; charset=utf-8", headers=headers)


async def figure(request: Request, datasette: Any) -> Response:
    """The saved page that a figure comes from, by a redirect; 404 where there is no such figure."""
    database = served.archive_of(datasette)
    name = served.figure_name(request.url_vars["figure"])
    if database is None or name is None:
        return await served.refusal(datasette, request, 404, "page.no_figure", figure=request.url_vars["figure"])

    def find(conn: sqlite3.Connection) -> str | None:
        if served.find_figure(conn, name) is None:
            return None
        row = conn.execute("SELECT capture_id FROM report WHERE id = ?", [name.report]).fetchone()
        return str(row[0]) if row else None

    capture = await database.execute_fn(find)
    if capture is None:
        return await served.refusal(datasette, request, 404, "page.no_figure", figure=name.text)
    path = datasette.urls.path(f"/-/page/{capture}?figure={name.text}#{original.MARK}")
    return Response.redirect(path)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/page/(?P<capture>[^/]+)$", saved_page), (r"^/-/figure/(?P<figure>[^/]+)$", figure)]


def _cell_of(row: Any) -> served.FigureName | None:
    names = set(row.keys())
    if not {"report_id", "indicator", "col"} <= names:
        return None
    report, form = row["report_id"], row["form"] if "form" in names else None
    text = "-".join(str(part) for part in (report, form, row["indicator"], row["col"]) if part is not None)
    return served.figure_name(text)


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, datasette: Any) -> markupsafe.Markup | None:
    """A figure's text, value and cell lead to the marked cell; a capture's id to the page as it was saved."""
    if column in _CELLS and (name := _cell_of(row)):
        text = "␣" if value is None or not str(value).strip() else value
        link = datasette.urls.path(f"/-/figure/{name.text}")
        label = "原网页中的单元格 · the cell in the saved page"
    elif column in _CAPTURES and isinstance(value, str) and value.isalnum():
        text, link = value, datasette.urls.path(f"/-/page/{value}")
        label = "所存网页 · the saved page"
    else:
        return None
    return markupsafe.Markup('<a href="{}" rel="nofollow" title="{}">{}</a>').format(link, label, text)
