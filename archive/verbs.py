"""The verbs of the `gongkai` command that need nothing but the archive; `gongkai.py` adds them to it.

Arguments in, one call into the package, text out. Exit codes are those of docs/design.md, "Contract: the front door".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from archive import terminal
from archive.door import opened, show, stop, with_db, with_json


@click.command()
@with_db
@with_json
def reparse(db: Path, as_json: bool) -> None:
    """Rebuild all that was read from the stored bytes.

    Every derived table is made anew with the parser of this version. Evidence is not touched, ids do not change, and
    readers see the old tables or the new, never a mixture. It says what changed: figures gained, lost and altered,
    checks that newly fail or pass. A run that was killed goes on where it was with the same command.

    \b
    Exit codes: 0 done; 1 a page could not be parsed; 4 another run holds the archive; 5 disk or database.
    """
    with opened(db, write=True, stale=True) as store, terminal.progress_bar("reparse") as progress:
        result = store.reparse(os.cpu_count() or 1, progress)
    show(result, as_json, lambda: terminal.print_rebuilt(result))
    if result["failed"]:
        stop(1, f"{result['failed']} pages could not be parsed; the table finding says which (kind parser).")


@click.command()
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Check the N bodies last checked longest ago.")
@with_db
@with_json
def verify(sample: int | None, db: Path, as_json: bool) -> None:
    """Recompute the hash of every stored body, and of every capture's own row.

    The result of each check of a body is kept in the table `fixity`.

    \b
    Exit codes: 0 intact; 1 a body is damaged (named, with the captures that hang on it);
    4 another run holds the archive; 5 disk or database.
    """
    with opened(db, write=True, stale=True) as store, terminal.progress_bar("verify") as progress:
        verified = store.verify(sample, progress, os.cpu_count() or 1)
    damaged = [d._asdict() | {"captures": [c._asdict() for c in d.captures]} for d in verified.damaged]
    result = {"checked": verified.checked, "damaged": damaged}
    show(result, as_json, lambda: click.echo(f"{verified.checked} bodies checked, {len(damaged)} damaged"))
    for damage in verified.damaged:
        hang = ", ".join(f"{capture.id} of {capture.url}" for capture in damage.captures) or "none"
        click.echo(f"gongkai: damaged: {damage.sha256 or 'capture'}: {damage.problem}; captures: {hang}", err=True)
    raise SystemExit(1 if damaged else 0)


@click.command()
@click.argument("url")
@click.option("--before", metavar="CAPTURE", help="The older version's capture; by default the last but one.")
@click.option("--after", metavar="CAPTURE", help="The newer version's capture; by default the last.")
@with_db
@with_json
def diff(url: str, before: str | None, after: str | None, db: Path, as_json: bool) -> None:
    """Two versions of a page side by side.

    First the figures that differ, then title and labels, then the sentences of the prose that only one of them has.

    \b
    Exit codes: 0 shown, differences or none; 2 no such page, or only one version of it; 5 no archive, disk or database.
    """
    from archive import comparing
    from archive.parsing import ParserPool

    with opened(db) as store, ParserPool(2) as pool:
        try:
            result = comparing.diff(store, pool, url, before, after)
        except comparing.NotTwo as error:
            stop(2, str(error))
    show(result, as_json, lambda: terminal.print_diff(result))


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="A.db B.db...")
@click.option("--into", "target", required=True, type=click.Path(path_type=Path), help="Made where nothing is.")
@with_json
def merge(sources: tuple[Path, ...], target: Path, as_json: bool) -> None:
    """Bring several archives together in one.

    Ids stay as they are; the order does not matter, nor does doing it twice. The sources are only read. Afterwards
    everything is read anew, as by `gongkai reparse`. A run that was killed goes on with the same command.

    \b
    Exit codes: 0 done; 1 a page could not be parsed; 2 no such archive; 4 another run holds the target;
    5 disk or database, a source that is damaged or no archive.
    """
    from archive import merging

    if missing := [str(source) for source in sources if not source.exists()]:
        stop(2, f"no such archive: {', '.join(missing)}")
    if target.resolve() in {source.resolve() for source in sources}:
        stop(2, f"{target} cannot be a source of itself; it keeps all that it has anyway")
    with opened(target, write=True, create=True, stale=True) as store, terminal.progress_bar("merge") as progress:
        result: dict[str, Any] = {"added": merging.merge(store, sources, progress)}
        result |= store.reparse(os.cpu_count() or 1, progress)
    show(result, as_json, lambda: terminal.print_rebuilt(result))
    if result["failed"]:
        stop(1, f"{result['failed']} pages could not be parsed; the table finding says which (kind parser).")


@click.command()
@with_db
@with_json
def status(db: Path, as_json: bool) -> None:
    """What the archive holds, portal by portal.

    Declared (by the list), found, captured, reports, newest, blocked, failed at its newest visit, and this season
    against the last: of how many bodies that gave a report for the year before there is one now, and how many are late.
    Then the archive as a whole.

    \b
    Exit codes: 0 well; 1 a portal that used to give reports gives none (each is named); a late one whose statutory date
    has not passed is well; 5 no archive, disk or database.
    """
    with opened(db) as store:
        portals, counts = store.status(), store.counts()

    def text() -> None:
        rows = [terminal.status_row(portal) for portal in portals]
        terminal.print_table([list(row.values()) for row in rows], list(rows[0]) if rows else ["portal"])
        click.echo(terminal.facts(counts))

    show({"portals": portals, "archive": counts}, as_json, text)
    alarms = [(portal["portal"], portal["alarm"]) for portal in portals if portal["alarm"]]
    for key, alarm in alarms:
        click.echo(f"gongkai: {key}: {alarm}", err=True)
    raise SystemExit(1 if alarms else 0)


@click.command()
@click.option("--to", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new or an empty folder.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "parquet", "dta", "datapackage", "warc")),
    required=True,
    help="csv; parquet; dta (Stata, with labels); datapackage (CSV described for machines, with the codebook);"
    " warc (the pages and all evidence).",
)
@click.option("--table", "names", multiple=True, metavar="NAME", help="Only this table; may be repeated.")
@with_db
@with_json
@click.pass_obj
def export(version: str, to: Path, form: str, names: tuple[str, ...], db: Path, as_json: bool) -> None:
    """Write the archive for R, Stata, pandas or a web archive.

    The folder also gets export.json, which names the archive's version and the query behind each file, and a README
    that says how to cite it. A crawl may go on meanwhile: everything is of one moment.

    \b
    Exit codes: 0 written; 2 the folder is not empty, no such table, or a library is missing;
    5 no archive, disk or database.

    \b
    Examples:
      gongkai export --to tables --format parquet
      gongkai export --to panel --format dta --table panel --table agency
    """
    from archive import exporting
    from parsers import codebook

    with opened(db) as store, terminal.progress_bar("export") as progress:
        try:
            done = exporting.export(
                store, to, form, version=version, codebook=codebook.render(), names=names, progress=progress
            )
        except exporting.ExportError as error:
            stop(2, str(error))
    result = done._asdict() | {"files": [file._asdict() for file in done.files]}
    size = sum(file.bytes for file in done.files)
    text = f"{len(done.files)} files, {size:,} bytes, in {to}; archive version {done.version}"
    show(result, as_json, lambda: click.echo(text))


@click.command()
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.db")
@click.option("--without-bodies", is_flag=True, help="Leave the pages' bytes out: a smaller file.")
@with_db
@with_json
def publish(out: Path, without_bodies: bool, db: Path, as_json: bool) -> None:
    """Make a compact, immutable copy to serve or hand on.

    A crawl may go on meanwhile. An earlier copy is replaced in one step. Beside it, OUT.inspect.json spares Datasette
    the counting: datasette --immutable OUT.db --inspect-file OUT.inspect.json

    \b
    Exit codes: 0 published; 2 OUT.db lies inside archive/, is the archive itself, or has no folder;
    5 no archive, something else lies at OUT.db, disk or database.
    """
    from archive import publishing

    with opened(db) as store:
        try:
            done = publishing.publish(store, out, bodies=not without_bodies)
        except publishing.PublishError as error:
            stop(2, str(error))
    text = f"{done.copy}: {done.bytes:,} bytes, archive version {done.version}"
    show(done._asdict(), as_json, lambda: click.echo(text))
