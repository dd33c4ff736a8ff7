"""The words of the desk in every template, the links above every page, and the switch between the languages.

Templates get `lang`, `say` (archive.language.Words) and `desk_links`: pages of the desk that are really there, since
each is a plugin of its own. `/-/language/<zh|en>?next=<path>` sets the cookie and goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import datasette as library
from datasette.plugins import pm
from datasette.utils.asgi import Request, Response

from archive import language

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

_PAGES = (("nav.reports", "/gongkai/report"), ("nav.panel", "/gongkai/panel"), ("nav.questions", "/gongkai#queries"))
_ROUTES = (("nav.search", "/-/search"), ("nav.dashboard", "/-/dashboard"), ("nav.codebook", "/-/codebook"))
_YEAR = 365 * 24 * 3600


def _links(datasette: Any) -> list[tuple[str, str]]:
    """(key of the label, path) of the pages above every page."""
    patterns = {pattern for routes in pm.hook.register_routes(datasette=datasette) for pattern, *_ in routes or ()}
    served = [(key, path) for key, path in _ROUTES if any(pattern.startswith(f"^{path}") for pattern in patterns)]
    return [(key, datasette.urls.path(path)) for key, path in (*_PAGES, *served)]


@hookimpl
def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    """What the page of an error gets, since Datasette asks no plugin for its variables."""
    env.globals |= {"lang": "zh", "say": language.Words("zh"), "desk_links": [], "other_language": "en"}
    env.globals["language_link"] = datasette.urls.path("/-/language/en")


@hookimpl
def extra_template_vars(request: Any, datasette: Any) -> dict[str, Any]:
    spoken = language.of_request(request)
    other = next(name for name in language.LANGUAGES if name != spoken)
    here = "/"
    if request is not None:
        here = request.path + (f"?{request.query_string}" if request.query_string else "")
    return {
        "lang": spoken,
        "say": language.Words(spoken),
        "desk_links": _links(datasette),
        "other_language": other,
        "language_link": datasette.urls.path(f"/-/language/{other}?" + urlencode({"next": here})),
    }


async def switch(request: Request) -> Response:
    """Remember the language and go back to a path of this desk."""
    response = Response.redirect(language.local(request.args.get("next") or "/"))
    spoken = request.url_vars["language"]
    if spoken in language.LANGUAGES:
        response.set_cookie(language.COOKIE, spoken, max_age=_YEAR, samesite="lax", httponly=True)
    return response


@hookimpl
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    return [(r"^/-/language/(?P<language>[a-z]+)$", switch)]
