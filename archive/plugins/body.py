"""`/-/body/<sha256>`: the original bytes of one body, as a download that nothing can run.

An archived page is hostile until shown otherwise: the answer is always `application/octet-stream`, an attachment with
a name of our own, never sniffed, never framed, in a CSP sandbox without any source, and not for search engines.
Datasette loads this file by its path (it is no module of the package `archive`), registers it once a process, and
opens the archive read-only. Blobs are compressed in the table, so a cell that would offer one leads here instead.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import datasette as library
import markupsafe
from datasette.database import Database
from datasette.utils.asgi import Request, Response

from archive import bodies, fixity

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl

LIMIT = 32 * 1024 * 1024  # bytes; the crawler keeps no larger body (docs/design.md, "Outcomes of a capture")
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SHA256 = re.compile(r"[0-9a-f]{64}")


def _archive(datasette: Any) -> Database | None:
    """The database with the bodies: `gongkai`, or the first one when a file of another name is served."""
    databases = [db for name, db in datasette.databases.items() if not name.startswith("_")]
    return next((db for db in databases if db.name == "gongkai"), databases[0] if databases else None)


def _refuse(status: int, text: str) -> Response:
    return Response.text(text + "\n", status=status, headers=HEADERS)


def _read(connection: sqlite3.Connection, sha256: str, limit: int) -> tuple[int, bytes | None]:
    """Size and bytes of a body, the bytes None over `limit`; KeyError for an unknown hash, Damaged for bad bytes."""
    row = connection.execute("select size from body where sha256 = ?", [sha256]).fetchone()
    if row is None:
        raise KeyError(sha256)
    return row[0], fixity.fetch(connection, sha256) if row[0] <= limit else None


async def body(request: Request, datasette: Any) -> Response:
    """The bytes of `sha256`; 404 for a hash that the archive has not, 413 over `LIMIT`, 500 when they are damaged."""
    sha256 = request.url_vars["sha256"].lower()
    database = _archive(datasette)
    if database is None or not SHA256.fullmatch(sha256):
        return _refuse(404, "No such body: an address here ends in the 64 hexadecimal digits of a SHA-256.")
    if not await datasette.permission_allowed(
        request.actor, "view-table", resource=(database.name, "body"), default=True
    ):
        return _refuse(403, "This archive does not show its bodies.")

    try:
        size, data = await database.execute_fn(lambda connection: _read(connection, sha256, LIMIT))
    except KeyError:
        return _refuse(404, f"No such body in this archive: {sha256}.")
    except bodies.Damaged as error:
        return _refuse(500, f"The stored bytes are damaged: {error}. Run `gongkai verify` for all that is.")
    if data is None:
        return _refuse(413, f"This body has {size} bytes; at most {LIMIT} are served. Query the file itself.")
    return Response(
        body=data,
        content_type="application/octet-stream",
        headers=HEADERS | {"Content-Disposition": f'attachment; filename="{sha256}.bin"'},
    )


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"^/-/body/(?P<sha256>[^/]+)$", body)]


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, datasette: Any) -> markupsafe.Markup | None:
    """A hash, and the compressed blob of `body`, become a link to the original bytes."""
    if isinstance(value, dict):  # a foreign key with its label
        value = value.get("value")
    if column == "sha256" and table in (None, "body", "capture") and isinstance(value, str) and SHA256.fullmatch(value):
        sha256, text = value, value
    elif column == "data" and table == "body" and isinstance(value, bytes):
        sha256, text = str(row["sha256"]), "原始字节 · original bytes"
    else:
        return None
    link = datasette.urls.path(f"/-/body/{sha256}")
    return markupsafe.Markup('<a href="{}" rel="nofollow noreferrer">{}</a>').format(link, text)
