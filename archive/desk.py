"""The archive in a browser: a Datasette (0.65) over one file, with what `archive/` says about it.

`datasette archive/` opens the default archive the same way. Here any file may be served, and it is always called
`gongkai`, since the descriptions, queries and links hang on a database's name. Datasette 0.65 has no lifespan: its
start-up hooks are called before the server starts. The socket is bound first, so that a port in use is an `OSError`
and not an exit inside uvicorn.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from datasette.app import Datasette
from datasette.utils import parse_metadata

from archive.counting import Counted

FOLDER = Path(__file__).resolve().parent
NAME = "gongkai"  # of the database, whatever the file is called
MOST_TABLES = 1_000  # whose `allow` blocks are kept


class Desk(Datasette):  # type: ignore[misc]
    """A Datasette whose metadata never changes while it serves, as `archive/metadata.yml` does not.

    For every table that a page names, Datasette 0.65 copies and merges all metadata to see its `allow` blocks; the
    desk's descriptions are long, and that was most of the time of a page with many links. Here it is done once a table.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._allows: dict[tuple[str, str], list[Any]] = {}

    def _table_permission_allows(self, database: str, table: str) -> list[Any]:
        key = (database, table)
        if key not in self._allows:
            found = super()._table_permission_allows(database, table)
            if len(self._allows) >= MOST_TABLES:  # the names in addresses are anybody's
                self._allows.clear()
            self._allows[key] = found
        return self._allows[key]


def desk(db: Path, *, immutable: bool = False) -> Datasette:
    """A Datasette over the archive `db`, read-only, with descriptions, queries, limits and plugins of `archive/`.

    An immutable archive is one that nobody changes while it is served, such as what `gongkai publish` wrote: SQLite
    then takes no locks, and tables are not counted but looked up in the `.inspect.json` beside it, where there is one.
    """
    inspected = db.with_suffix(".inspect.json")
    facts = json.loads(inspected.read_text(encoding="utf-8")) if immutable and inspected.is_file() else {}
    templates, static = FOLDER / "templates", FOLDER / "static"
    datasette = Desk(
        [],
        memory=True,
        metadata=parse_metadata((FOLDER / "metadata.yml").read_text(encoding="utf-8")),
        settings=json.loads((FOLDER / "settings.json").read_text(encoding="utf-8")),
        plugins_dir=str(FOLDER / "plugins"),
        template_dir=str(templates) if templates.is_dir() else None,
        static_mounts=[("static", str(static))] if static.is_dir() else None,
        inspect_data={NAME: next(iter(facts.values()))} if facts else None,
    )
    datasette.remove_database("_memory")
    datasette.add_database(Counted(datasette, path=str(db), is_mutable=not immutable), name=NAME)
    return datasette


def serve(db: Path, host: str, port: int, opened: Callable[[str], None], *, immutable: bool = False) -> None:
    """Serve `db` until SIGINT or SIGTERM; `opened` gets the address, once it listens. Port 0 takes any free one.

    `OSError` when the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        datasette = desk(db, immutable=immutable)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"

        async def run() -> None:
            await datasette.invoke_startup()
            server = uvicorn.Server(uvicorn.Config(datasette.app(), log_level="warning", lifespan="off"))
            opened(address)
            await server.serve(sockets=[listener])

        asyncio.run(run())
