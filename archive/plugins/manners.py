"""What goes with every answer: no search engine, nothing loaded from elsewhere, nobody's frame.

Robots are turned away in robots.txt and in a header: the pages of an archive are copies, and searches on it cost. To
let them in, put a robots.txt of your own in front (docs/publishing.md). The policy names no other host, so that a page
of the desk, whatever a saved title or cell holds, can load nothing; Datasette's own pages have scripts in them, hence
'unsafe-inline'. An answer that brings a stricter policy (a saved page, a body) keeps it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import datasette as library
from datasette import handle_exception
from datasette.utils.asgi import Response

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl
App = Callable[[Any, Any, Any], Awaitable[None]]

ROBOTS = "User-agent: *\nDisallow: /\n"
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self'"
    " data: blob:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"referrer-policy", b"same-origin"),
    (b"vary", b"Accept-Language, Cookie"),
)


async def robots() -> Response:
    return Response.text(ROBOTS)


@hookimpl
def startup(datasette: Any) -> None:
    """No traceback with every local variable for a page that is not found or a query that took too long.

    Datasette 0.65 prints one where rich is installed, which the command needs: three seconds of work and a thousand
    lines a refusal, with the SQL of whoever asked. What is its own fault (500) is still printed.
    """
    handle_exception.rich = None


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/robots\.txt$", robots)]


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[App], App]:
    def wrap(app: App) -> App:
        async def polite(scope: Any, receive: Any, send: Any) -> None:
            async def answer(event: Any) -> None:
                if event["type"] == "http.response.start":
                    given = {name.lower() for name, _ in event["headers"]}
                    more = [list(pair) for pair in _HEADERS if pair[0] not in given]
                    event = event | {"headers": [*event["headers"], *more]}
                await send(event)

            await app(scope, receive, answer)

        return polite

    return wrap
