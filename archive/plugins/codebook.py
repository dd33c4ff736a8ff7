"""`/-/codebook`: every form, indicator, column, check and finding, as docs/codebook.md has them.

It is made from the forms that read the pages (parsers.codebook), so it says what this code does. Datasette loads this
file by its path, as it does `body.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import datasette as library
from datasette.utils.asgi import Request, Response
from markdown_it import MarkdownIt

from parsers import codebook

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

_CODE_CELL = re.compile(r"<td><code>([a-z0-9_]+)</code></td>")


@cache
def body() -> str:
    """The codebook as HTML; the first row of a code can be linked to as #code."""
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(codebook.render())
    seen: set[str] = set()

    def anchored(found: re.Match[str]) -> str:
        code = found[1]
        if code in seen:
            return found[0]
        seen.add(code)
        return f'<td id="{code}"><code>{code}</code></td>'

    return _CODE_CELL.sub(anchored, str(html))


async def page(request: Request, datasette: Any) -> Response:
    shown = await datasette.render_template("codebook.html", {"codebook": body()}, request=request)
    return Response.html(shown)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/codebook$", page)]
