"""What leaves the desk as a file: neutral CSV, the archive's version on every answer, no compressed blobs in JSON.

CSV of any table or query goes through `archive.csv_cells`. Answers about a database carry `gongkai-version`, and pages
a line to cite them by (`cite` in the templates; see `_footer.html`). The table `body` is asked for without its column
`data`: the bytes themselves are at /-/body/<sha256>. Datasette loads this file by its path, as it does `body.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

import datasette as library
from datasette.database import Database

from archive import citing
from archive.csv_cells import Neutraliser

Hook = TypeVar("Hook", bound=Callable[..., Any])
hookimpl: Callable[[Hook], Hook] = library.hookimpl
App = Callable[[Any, Any, Any], Awaitable[None]]

VERSION = b"gongkai-version"
_known: WeakKeyDictionary[Database, tuple[Any, citing.Edition]] = WeakKeyDictionary()


async def _edition(database: Database) -> citing.Edition | None:
    """The edition of the archive, computed again where the file has changed; None where it is none."""
    state = tuple(
        (path.stat().st_mtime_ns, path.stat().st_size)
        for path in (Path(database.path or ""), Path(f"{database.path}-wal"))
        if path.is_file()
    )
    known = _known.get(database)
    if known is None or known[0] != state:
        if not {"capture", "reading", "report"} <= set(await database.table_names()):
            return None
        known = _known[database] = (state, await database.execute_fn(citing.edition))
    return known[1]


def _database(datasette: Any, path: str) -> Database | None:
    name = path.strip("/").split("/")[0].split(".")[0]
    return datasette.databases.get(name) if name and not name.startswith(("-", "_")) else None


def _is_csv(scope: Any) -> bool:
    path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return str(path).endswith(".csv") or query.get("_format") == "csv"


def _without_blob(scope: Any) -> Any:
    """The same question to the table `body`, without its column `data`."""
    parts = scope["path"].strip("/").split("/")
    if len(parts) < 2 or parts[1].partition(".")[0] != "body":
        return scope
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not parts[-1].endswith((".json", ".csv")) and not {"json", "csv"} & {v for k, v in query if k == "_format"}:
        return scope  # on a page the blob is a link (body.py)
    if len(parts) == 3 and parts[2].endswith(".json"):
        parts = [parts[0], "body.json"]
        query = [("sha256", scope["path"].rsplit("/", 1)[1].removesuffix(".json")), *query]
    elif len(parts) > 2:
        return scope
    query = [(name, value) for name, value in query if (name, value) != ("_col", "data")]
    path = "/" + "/".join(parts)
    if ("_nocol", "data") not in query:
        query.append(("_nocol", "data"))
    return scope | {"path": path, "raw_path": path.encode(), "query_string": urlencode(query).encode("latin-1")}


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[App], App]:
    def wrap(app: App) -> App:
        async def carried(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            database = _database(datasette, scope["path"])
            edition = await _edition(database) if database is not None else None
            neutraliser: Neutraliser | None = None
            decoder = codecs.getincrementaldecoder("utf-8")()

            async def answer(event: Any) -> None:
                nonlocal neutraliser
                if event["type"] == "http.response.start":
                    headers = [tuple(pair) for pair in event["headers"]]
                    kind = dict(headers).get(b"content-type", b"")
                    if _is_csv(scope) and event["status"] == 200 and kind.startswith((b"text/plain", b"text/csv")):
                        neutraliser = Neutraliser()
                        headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
                    if edition is not None:
                        headers.append((VERSION, edition.version.encode()))
                    event = event | {"headers": headers}
                elif neutraliser is not None and event["type"] == "http.response.body":
                    last = not event.get("more_body")
                    text = neutraliser.feed(decoder.decode(event.get("body", b""), last))
                    if last:
                        text += neutraliser.finish()
                    event = event | {"body": text.encode()}
                await send(event)

            await app(_without_blob(scope), receive, answer)

        return carried

    return wrap


@hookimpl
def extra_template_vars(
    database: str | None, view_name: str, request: Any, datasette: Any
) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def variables() -> dict[str, Any]:
        archive = datasette.databases.get("gongkai") if view_name == "search" else None
        held = datasette.databases.get(database) if database else archive
        found = await _edition(held) if held is not None and request is not None else None
        if found is None:
            return {}
        asked = request.path + (f"?{request.query_string}" if request.query_string else "")
        return {"cite": f"{citing.citation(found, asked)} (accessed {datetime.now(UTC):%Y-%m-%d}, UTC)"}

    return variables
