"""The front door: the `gongkai` command. Arguments in, one call into a package, text out.

Results go to standard output, everything else (progress, logs, errors) to standard error. The exit codes are those of
docs/design.md, "Contract: the front door"; `Door` is the one place where an exception of a package becomes a code and
a sentence. Packages are imported by the verb that needs them: Scrapy, Datasette and lxml each cost a start-up.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import click

from archive import terminal, verbs
from archive.door import opened, show, stop, with_db, with_json
from archive.errors import ArchiveBusy, ArchiveError
from crawler.portals import PortalError, load
from crawler.settings import VERSION

ROOT = Path(__file__).resolve().parent


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


with_portals = click.option(
    "--portals",
    "portals_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="GONGKAI_PORTALS",
    help="A TOML file of portals, beside the shipped ones; may be repeated.",
)


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "obj": VERSION}


@click.group(cls=Door, context_settings=SETTINGS)
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


for verb in (verbs.reparse, verbs.verify, verbs.diff, verbs.merge, verbs.status, verbs.export, verbs.publish):
    main.add_command(verb)


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
