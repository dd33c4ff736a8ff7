"""`/-/search?q=…`: prose, titles and agencies, and cells of the forms where the query is a number; `/-/search.json`.

Filters are `region` (the beginning of a GB/T 2260 code), `level` and `year`; `after` goes on where a page ended. What
is found and how is in `archive.searching`; here it gets a time limit, that of the desk's queries. Datasette loads this
file by its path, as it does `body.py`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import datasette as library
from datasette.database import Database
from datasette.plugins import pm
from datasette.utils import sqlite_timelimit
from datasette.utils.asgi import Request, Response

from archive import searching

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

LEVELS = ("national", "province", "city", "county", "town")
FIGURES = 50  # cells that a page lists
_CODE = re.compile(r"(?:\d\d){1,3}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_AFTER = re.compile(r"\d{1,12}")


class Refused(Exception):
    """What was asked for makes no sense; `str(error)` says what, in both languages."""


def _asked(request: Request) -> dict[str, Any]:
    asked = {name: (request.args.get(name) or "").strip() for name in ("q", "region", "level", "year", "after")}
    if asked["region"] and not _CODE.fullmatch(asked["region"]):
        raise Refused(
            "region 应为行政区划代码的开头两、四或六位 · region is the first two, four or six digits of a region code"
        )
    if asked["level"] and asked["level"] not in LEVELS:
        raise Refused(f"level 应为其中之一 · level is one of {', '.join(LEVELS)}")
    if asked["year"] and not _YEAR.fullmatch(asked["year"]):
        raise Refused("year 应为四位年份 · year has four digits")
    if asked["after"] and not _AFTER.fullmatch(asked["after"]):
        raise Refused("after 应为上一页所给的数 · after is the number that the page before gave")
    return asked


def _search(conn: sqlite3.Connection, asked: dict[str, Any], limit: int) -> dict[str, Any]:
    """The answer as `/-/search.json` gives it."""
    query = searching.parse(asked["q"])
    filters = {
        "region": asked["region"],
        "level": asked["level"],
        "year": int(asked["year"]) if asked["year"] else None,
    }
    after = int(asked["after"]) if asked["after"] else None
    answer: dict[str, Any] = {
        "query": asked, "shortened": query.shortened, "interrupted": False, "reports": [], "candidates": None,
        "after": None, "number": searching.number(asked["q"]), "cells": [],
    }  # fmt: skip
    try:
        with sqlite_timelimit(conn, limit):
            found = searching.find(conn, query, **filters, after=after)
            answer |= {"candidates": found.candidates, "after": found.after}
            answer["reports"] = [hit._asdict() | {"snippet": list(hit.snippet)} for hit in found.hits]
            if answer["number"] is not None and after is None:
                answer["cells"] = searching.figures(conn, answer["number"], **filters, limit=FIGURES)
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        answer["interrupted"] = True
    return answer


async def _answer(request: Request, datasette: Any) -> tuple[dict[str, Any], int]:
    databases = [db for name, db in datasette.databases.items() if not name.startswith("_")]
    database: Database | None = next((db for db in databases if db.name == "gongkai"), next(iter(databases), None))
    if database is None or not await datasette.permission_allowed(
        request.actor, "view-table", resource=(database.name, "section"), default=True
    ):
        return {"error": "此处不提供检索 · There is nothing to search here"}, 403
    try:
        asked = _asked(request)
    except Refused as error:
        return {"error": str(error)}, 400
    limit = datasette.setting("sql_time_limit_ms")
    return await database.execute_fn(lambda conn: _search(conn, asked, limit)), 200


async def as_json(request: Request, datasette: Any) -> Response:
    answer, status = await _answer(request, datasette)
    return Response.json(answer, status=status)


async def as_page(request: Request, datasette: Any) -> Response:
    answer, status = await _answer(request, datasette)
    paths = {pattern for routes in pm.hook.register_routes(datasette=datasette) for pattern, *_ in routes or ()}
    own = {name: any(pattern.startswith(f"^/-/{name}/") for pattern in paths) for name in ("report", "figure")}
    kept = {name: value for name, value in answer.get("query", {}).items() if value and name != "after"}
    context = answer | {
        "levels": LEVELS,
        "asked": {name: request.args.get(name) or "" for name in ("q", "region", "level", "year")},
        "report_path": datasette.urls.path("/-/report/" if own["report"] else "/gongkai/report/"),
        "figure_path": datasette.urls.path("/-/figure/") if own["figure"] else None,
        "json_path": datasette.urls.path("/-/search.json?" + urlencode(kept)),
        "next_path": datasette.urls.path("/-/search?" + urlencode(kept | {"after": answer.get("after") or ""})),
        "counted": searching.COUNTED,
    }
    page = await datasette.render_template("search.html", context, request=request, view_name="search")
    return Response.html(page, status=status)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/search$", as_page), (r"^/-/search\.json$", as_json)]
