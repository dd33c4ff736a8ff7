"""The front door: the `gongkai` command. Arguments in, one call into a package, text out.

Results go to standard output, everything else (progress, logs, errors) to standard error. The exit codes are those of
docs/design.md, "Contract: the front door"; `Door` is the one place where an exception of a package becomes a code and
a sentence. Packages are imported by the verb that needs them: Scrapy, Datasette and lxml each cost a start-up.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from archive import terminal
from archive.errors import ArchiveBusy, ArchiveError
from crawler.portals import PortalError, load
from crawler.settings import VERSION

if TYPE_CHECKING:
    from archive.store import Store

ROOT = Path(__file__).resolve().parent


def stop(code: int, text: str) -> NoReturn:
    """End with `code` after one line on standard error."""
    click.echo(f"gongkai: {text}", err=True)
    raise SystemExit(code)


class Door(click.Group):
    """Turns the packages' errors into a sentence and the contract's exit code; lists the verbs in the order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ArchiveBusy as error:
            stop(4, str(error))
        except (ArchiveError, sqlite3.DatabaseError) as error:
            stop(5, str(error))
        except PortalError as error:
            stop(2, str(error))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        except OSError as error:
            stop(5, str(error))


def default_db() -> str:
    """Where the archive is when nobody says: the crawler's own rule, so that `scrapy crawl` finds the same one."""
    from crawler.session import default_db as rule

    return str(rule())


with_db = click.option(
    "--db",
    type=click.Path(path_type=Path),
    default=default_db,
    show_default="archive/gongkai.db beside scrapy.cfg, or $GONGKAI_DB",
    help="The archive, one SQLite file.",
)
with_portals = click.option(
    "--portals",
    "portals_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file of portals, beside the shipped ones; may be repeated.",
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


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION)
def main() -> None:
    """gongkai (公开): an open archive of China's government information disclosure annual reports.

    It finds the reports on government portals, keeps the original bytes, reads every figure of the official form,
    checks the form's own arithmetic, and leaves one SQLite file that you query with Datasette.

    \b
    Begin with:
      gongkai demo            crawl small made-up portals on this machine, and look at what comes out
      gongkai serve           open the archive in a browser
      gongkai parse FILE      read one saved page, without an archive

    \b
    Exit codes, the first that applies:
      5  disk or database (a --db that is no gongkai archive is left untouched)
      4  another run holds the archive
      2  usage: an unknown option, file or portal
      1  finished, but someone must look; each verb's help says when
      0  clean
    """


@main.command()
@click.option(
    "--serve", "then_serve", is_flag=True, help="Open the archive when the crawl is done, as `gongkai serve`."
)
@with_db
@with_json
def demo(then_serve: bool, db: Path, as_json: bool) -> None:
    """Crawl made-up portals on this machine.

    Small replicas of government portals are started on loopback addresses and crawled for real, one page a second;
    one page carries the real figures of a real report. Then it says what was archived, and how to look at it.

    \b
    Exit codes: 0 the crawl found exactly what was planted; 1 it did not (each difference is named);
    2 the archive holds captures that the demo did not make, or a port is taken;
    4 another run holds the archive; 5 disk or database.
    """
    from archive import connection
    from crawler import run
    from crawler.replica import demo as planted
    from crawler.replica.serve import PORTALS, ReplicaError, running

    if connection.inspect(db) is not None:
        with opened(db) as store:
            if strangers := planted.strangers(store):
                stop(2, f"{db} holds {strangers} captures that the demo did not make. Give it another --db.")
    try:
        with running(), terminal.progress_bar("demo") as progress:
            summary = run.crawl(db, planted.keys(), [PORTALS], progress=progress)
    except ReplicaError as error:
        stop(2, str(error))
    with opened(db) as store:
        counts, differences = store.counts(), planted.differences(store)
    result = {"crawl": summary._asdict(), "archive": counts, "differences": differences}
    show(result, as_json, lambda: terminal.print_counts(counts))
    if summary.outcome == "interrupted":
        click.echo("gongkai: the demo was interrupted; the same command goes on where it was", err=True)
    for difference in differences:
        click.echo(f"gongkai: {difference}", err=True)
    click.echo(f"To look at it: gongkai serve --db {db}  (then http://127.0.0.1:8001/)", err=as_json)
    if then_serve:
        serve_desk(db, "127.0.0.1", 8001)
    raise SystemExit(1 if differences else 0)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--url", help="The page's address: it helps to tell the year and the agency.")
@with_json
def parse(file: Path, url: str | None, as_json: bool) -> None:
    """Read one saved page, without an archive.

    Prints what it is, its figures and where they are blank, the checks that fail, and what was not understood.

    FILE is a saved HTML page, or text with `|` tables.

    \b
    Exit codes: 0 a report; 1 something else, or unreadable (--json prints what there is all the same);
    2 no such file.

    \b
    Examples:
      gongkai parse page.html --url http://www.qj.gov.cn/art/2021/2/18/art_1229000000_1.html
      gongkai parse page.txt --json | python -m json.tool
    """
    import parsers
    from archive import importing

    try:
        body = file.read_bytes()
    except OSError as error:
        stop(2, f"{file} cannot be read: {error.strerror}")
    report = parsers.as_dict(parsers.parse(body, url=url, media_type=importing.media_type(file.name)))
    show(report, as_json, lambda: terminal.print_report(report))
    if problem := importing.unreadable(report):
        stop(1, f"{file}: {problem}.")
    if report["kind"] != "report":
        text = "the official form without a body's numbers" if report["kind"] == "blank_form" else "no annual report"
        stop(1, f"{file}: {text}.")


@main.command()
@with_portals
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--revisit", is_flag=True, help="Ask for every known page now, due or not.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N report pages in this run.")
@click.option("--redis", metavar="URL", help="Share the work with others through this Redis (redis://host:6379/0).")
@click.option(
    "--known",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="With --redis: an archive whose pages are not asked for again before they are due; may be repeated.",
)
@with_db
@with_json
def crawl(
    keys: tuple[str, ...],
    portals_files: tuple[Path, ...],
    revisit: bool,
    limit: int | None,
    redis: str | None,
    known: tuple[Path, ...],
    db: Path,
    as_json: bool,
) -> None:
    """Crawl portals: lists, new pages, pages due.

    KEY names portals (`gongkai portals list` shows them); none means all. A host is asked for one page a second at
    most, and robots.txt is obeyed. GONGKAI_CONTACT, an address where you can be reached, must be set before any host
    that is not this machine is asked. A run that was killed goes on where it was with the same command.

    With --redis, several machines share one run: the same command on each, an archive of its own for each, merged
    afterwards. The pace of a host holds over all of them.

    \b
    Exit codes, the first that applies: 5 disk or database; 4 another run holds the archive; 2 usage;
    3 blocked, robots.txt or refusals left the run without one report page; 1 finished, but someone must
    look (a portal without its reports, a short list, failed or unreadable pages, an interrupted run);
    0 clean, listed pages that are gone included.

    \b
    Examples:
      GONGKAI_CONTACT=you@example.org gongkai crawl quzhou-qujiang
      gongkai crawl --portals mine.toml my-county --limit 20 --db mine.db
    """
    from archive import connection
    from crawler import run

    if known and redis is None:
        stop(2, "--known is for workers that share a queue; without --redis the archive itself says what is known.")
    connection.inspect(db)
    with terminal.progress_bar("crawl") as progress:
        try:
            summary = run.crawl(db, keys, portals_files, revisit, limit, progress, redis=redis, known=known)
        except ModuleNotFoundError as error:
            stop(2, f"--redis needs {error.name}: pip install 'gongkai[redis]'.")
    result = summary._asdict()
    show(result, as_json, lambda: click.echo(f"{summary.crawl_id} {summary.outcome}: {terminal.facts(result)}"))
    for reason in summary.reasons:
        click.echo(f"gongkai: {terminal.plain(reason)}", err=True)
    raise SystemExit(summary.exit_code)


@main.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--addresses",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Where the pages came from: columns file, url and, if known, fetched_at. Without it, addresses.csv in a"
    " folder that is imported.",
)
@with_db
@with_json
def import_(paths: tuple[Path, ...], addresses: Path | None, db: Path, as_json: bool) -> None:
    """Bring saved pages and web archives (WARC) into the archive.

    Every file is kept byte for byte, then read where it can be: HTML and plain text. PDF, Word and pictures are
    reported, and read by a later `gongkai reparse` once they can be. A page whose address nobody says has its hash for
    one (urn:sha256:). Pages of a WARC keep their addresses and times; one that `gongkai export` wrote gives the same
    evidence again.

    \b
    Exit codes: 0 everything was read; 1 an input could not be read (it is kept all the same);
    2 no such file, or a list of addresses that cannot be used; 4 another run holds the archive;
    5 disk or database.

    \b
    Examples:
      gongkai import saved/ report.html --db mine.db
      gongkai import crawl-00001.warc.gz --db mine.db
    """
    from archive import import_addresses, importing
    from crawler.outcomes import judge

    def judged(status: int, body: bytes, url: str, headers: list[tuple[str, str]]) -> tuple[str, str | None]:
        return judge(status, body, final_url=url, headers=headers)

    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        stop(2, f"no such file or folder: {', '.join(missing)}")
    with opened(db, write=True, create=True) as store, terminal.progress_bar("import") as progress:
        try:
            files = importing.import_paths(store, paths, VERSION, progress, judged, addresses)
        except import_addresses.AddressError as error:
            stop(2, str(error))
    counts = importing.counts(files)
    result = {"counts": counts, "files": [file._asdict() for file in files]}
    show(result, as_json, lambda: click.echo(terminal.facts(counts) if files else "no files found"))
    for file in files:
        if file.problem:
            click.echo(f"gongkai: {terminal.plain(file.path)}: {file.problem}.", err=True)
    raise SystemExit(1 if not files or any(file.problem for file in files) else 0)


@main.command()
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


@main.command()
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


@main.command()
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


@main.command()
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


@main.command()
@with_db
@with_json
def status(db: Path, as_json: bool) -> None:
    """What the archive holds, portal by portal.

    Declared (by the list), found, captured, reports, newest, blocked, failed; then the archive as a whole.

    \b
    Exit codes: 0 shown; 5 no archive, disk or database.
    """
    with opened(db) as store:
        portals, counts = store.status(), store.counts()

    def text() -> None:
        terminal.print_table([list(portal.values()) for portal in portals], list(portals[0]) if portals else ["portal"])
        click.echo(terminal.facts(counts))

    show({"portals": portals, "archive": counts}, as_json, text)


@main.command()
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
def export(to: Path, form: str, names: tuple[str, ...], db: Path, as_json: bool) -> None:
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
                store, to, form, version=VERSION, codebook=codebook.render(), names=names, progress=progress
            )
        except exporting.ExportError as error:
            stop(2, str(error))
    result = done._asdict() | {"files": [file._asdict() for file in done.files]}
    size = sum(file.bytes for file in done.files)
    text = f"{len(done.files)} files, {size:,} bytes, in {to}; archive version {done.version}"
    show(result, as_json, lambda: click.echo(text))


@main.command()
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.db")
@click.option("--without-bodies", is_flag=True, help="Leave the pages' bytes out: a much smaller file.")
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


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on: this machine's alone.")
@with_db
def serve(port: int, host: str, db: Path) -> None:
    """Open the archive in a browser.

    Datasette with the archive's descriptions, queries and limits. Read-only; it ends with Ctrl-C.
    `datasette archive/` opens the default archive the same way.

    \b
    Exit codes: 0 ended by you; 2 the port is taken; 5 no archive, disk or database.
    """
    opened(db).close()
    serve_desk(db, host, port)


def serve_desk(db: Path, host: str, port: int) -> None:
    """Serve until Ctrl-C; a usage error where the address cannot be listened on."""
    from archive import desk

    try:
        desk.serve(db, host, port, lambda address: click.echo(f"{db} is open at {address} (Ctrl-C ends it)"))
    except KeyboardInterrupt:
        return
    except OSError as error:
        stop(2, f"cannot listen on {host} port {port}: {error.strerror}. Another --port may be free.")


@main.group()
def portals() -> None:
    """The registry of portals."""


@portals.command("list")
@with_portals
@with_json
def list_portals(portals_files: tuple[Path, ...], as_json: bool) -> None:
    """Every portal: key, name, region, family, address.

    \b
    Exit codes: 0 listed; 2 a portals file that cannot be used (its line is named).
    """
    headings = ("key", "name", "region", "family", "url")
    rows = [[getattr(portal, name) for name in headings] for portal in load(portals_files).values()]
    result = {"portals": [dict(zip(headings, row, strict=True)) for row in rows]}
    show(result, as_json, lambda: terminal.print_table(rows, headings))


if __name__ == "__main__":
    main()
