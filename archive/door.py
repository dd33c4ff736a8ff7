"""What every verb of the `gongkai` command shares: where the archive is, how a result is shown, how a verb ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from archive.store import Store


FOLDER = Path(__file__).resolve().parent


def stop(code: int, text: str) -> NoReturn:
    """End with `code` after one line on standard error."""
    click.echo(f"gongkai: {text}", err=True)
    raise SystemExit(code)


def default_db() -> str:
    """`GONGKAI_DB`, else `archive/gongkai.db` beside `scrapy.cfg`, whatever folder the command runs in.

    A package that pip installed has no `scrapy.cfg`, and pip removes its folder: then `gongkai.db` where the command
    runs.
    """
    return os.environ.get("GONGKAI_DB") or str(FOLDER / "gongkai.db" if checked_out() else Path("gongkai.db"))


def checked_out() -> bool:
    """Whether this is a checkout, and not a package that pip installed."""
    return (FOLDER.parent / "scrapy.cfg").is_file()


with_db = click.option(
    "--db",
    type=click.Path(path_type=Path),
    default=default_db,
    show_default="archive/gongkai.db beside scrapy.cfg, where there is one, else gongkai.db here; or $GONGKAI_DB",
    help="The archive, one SQLite file.",
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")


def opened(db: Path, *, write: bool = False, create: bool = False, stale: bool = False) -> Store:
    """The archive at `db`; ArchiveError, with how to get one, where none is."""
    from archive.store import Store

    return Store.open(db, write=write, create=create, stale=stale)


def show(result: dict[str, Any], as_json: bool, text: Callable[[], None]) -> None:
    """The result of a verb on standard output: as one JSON object, or as text for people."""
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        text()
