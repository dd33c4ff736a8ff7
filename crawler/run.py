"""A crawl as one call: families chosen by their portals, one process, one crawl id; and what cron needs to know.

Scrapy's reactor cannot be started twice in a process, so `crawl()` can be called once. `python -m crawler
KEY… --db FILE --portals FILE` prints the summary as JSON and exits with its code.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings

from archive.errors import ArchiveBusy, ArchiveError
from archive.health import health
from crawler import session as sessions
from crawler.base import require_contact
from crawler.portals import Portal, PortalError, choose, crawlable, load, without_spider
from crawler.session import Progress, Session
from crawler.tls import HostTLS

_log = logging.getLogger(__name__)


class Summary(NamedTuple):
    """What a crawl did. Counts are of report pages and attachments; `decisions` counts lines of lists.

    `reasons` says in sentences why `exit_code` is not 0.
    """

    crawl_id: str
    exit_code: int
    outcome: str
    portals: int
    found: int
    captured: int
    unchanged: int
    gone: int
    blocked: int
    refused: int
    failed: int
    decisions: dict[str, int]
    reasons: list[str]


def crawl(
    db: Path | None = None,
    keys: Sequence[str] = (),
    portals_files: Sequence[Path] = (),
    revisit: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    log_level: str = "WARNING",
    redis: str | None = None,
    known: Sequence[Path] = (),
) -> Summary:
    """Crawl the portals of `keys` (all where empty) into `db`, and say what came of it.

    With `redis`, the address of a Redis server, this is one of the workers that share a queue there; pages that the
    archives `known` have and that are not due are not asked for.
    Raises PortalError (exit code 2: an unknown key, a faulty file of portals or of TLS exceptions, no contact),
    ArchiveBusy (4) and ArchiveError (5). SIGTERM and SIGINT end it within ten seconds or so; the summary then says
    `interrupted`.
    """
    registry = load(portals_files)
    chosen = choose(registry, keys)
    if keys:
        chosen = crawlable(chosen)
    elif missing := without_spider(chosen):
        chosen = [portal for portal in chosen if portal.family not in missing]
        _log.warning("left out, since their families have no spider yet: %s", missing)
    require_contact(chosen)
    HostTLS.from_files(None)
    arguments = json.dumps({"portals": list(keys), "revisit": revisit, "limit": limit}, ensure_ascii=False)
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "crawler.settings")
    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    path = (db or sessions.default_db()).resolve()
    settings.set("GONGKAI_DB", str(path), priority="cmdline")
    settings.set("LOG_LEVEL", log_level, priority="cmdline")
    session = sessions.acquire(path, arguments=arguments, version=settings["VERSION"])
    run = None
    try:
        session.limit, session.progress = limit, progress
        if redis is not None:
            from crawler import shared_queue

            run = shared_queue.join(redis, session, {portal.family for portal in chosen}, known)
            settings.setdict(shared_queue.SETTINGS, priority="cmdline")
        process = AsyncCrawlerProcess(settings)
        for family in sorted({portal.family for portal in chosen}):
            process.crawl(
                family,
                portal=",".join(portal.key for portal in chosen if portal.family == family),
                portals=",".join(str(file) for file in portals_files),
                revisit="1" if revisit else "",
            )
        process.start()
        if process.bootstrap_failed:
            session.problems.append("a spider could not be started; the log says why")
        if session.fatal is not None:
            raise session.fatal
        return summarise(session, chosen)
    finally:
        if run is not None:
            run.leave()
        sessions.release()


def summarise(session: Session, portals: Sequence[Portal]) -> Summary:
    """The summary of a session whose crawlers are done, with the exit code of docs/design.md."""
    decisions = session.decisions()
    session.verify_sample()
    code, reasons = exit_code(session, decisions)
    found = session.store.conn.execute(
        "SELECT coalesce(sum(found), 0) FROM visit WHERE crawl_id = ?", (session.crawl_id,)
    ).fetchone()[0]
    counted = session.outcomes
    return Summary(
        crawl_id=session.crawl_id,
        exit_code=code,
        outcome="interrupted" if session.interrupted else "finished",
        portals=len(portals),
        found=int(found),
        captured=counted["new"] + counted["changed"],
        unchanged=counted["unchanged"],
        gone=counted["gone"],
        blocked=counted["blocked"],
        refused=counted["refused"],
        failed=counted["failed"],
        decisions=dict(sorted(decisions.items())),
        reasons=reasons,
    )


def exit_code(session: Session, decisions: Mapping[str, int]) -> tuple[int, list[str]]:
    """3, 1 or 0 (docs/design.md, "the front door") and the sentences that explain it; `decisions` counts lines."""
    counted = session.outcomes
    left = decisions.get("host_left_alone", 0)
    good = counted["new"] + counted["changed"] + counted["unchanged"] + decisions.get("fresh", 0)
    closed = {key: outcome for key, outcome in session.visits.items() if outcome in _CLOSED}
    reasons = [f"{key}: {_CLOSED[outcome]}" for key, outcome in sorted(closed.items())]
    reasons += [f"{key}: {_AMISS[outcome]}" for key, outcome in sorted(session.visits.items()) if outcome in _AMISS]
    reasons += [f"{key}: {note}" for key, note in sorted(session.short.items())]
    reasons += [f"{counted[outcome]} page(s) {outcome}" for outcome in ("failed", "blocked") if counted[outcome]]
    if left:
        reasons.append(f"{left} page(s) not asked for: their host was left alone")
    for key, state in sorted(health(session.store.conn, session.visits.keys()).items()):
        if state.alarm is not None and key not in closed and session.visits[key] not in _AMISS:
            reasons.append(f"{key}: {state.alarm}")
    for name, urls in sorted(session.unparsed.items()):
        reasons.append(f"{len(urls)} page(s) could not be parsed ({name}), {urls[0]} among them")
    reasons += session.problems
    if session.interrupted:
        reasons.append("the crawl was interrupted; the same command goes on where it was")
    if good == 0 and not session.interrupted and (closed or left or counted["blocked"] or counted["refused"]):
        return 3, reasons
    return (1 if reasons else 0), reasons


_CLOSED = {
    "blocked": "the list is behind a challenge",
    "refused": "the list may not be asked for (robots.txt or its address)",
    "host_left_alone": "the host was left alone after its challenges or at its own wish",
}
_AMISS = {
    "failed": "the list could not be had",
    "gone": "the list is gone",
    "empty": "the list has no entries",
    "incomplete": "the list breaks off, or a column inside it could not be had",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The module's command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m crawler", description="Crawl portals; print a JSON summary.")
    parser.add_argument("keys", nargs="*", help="portals' keys; all where none is given")
    parser.add_argument("--db", type=Path)
    parser.add_argument("--portals", type=Path, action="append", default=[])
    parser.add_argument("--revisit", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--log-level", default="WARNING")
    parser.add_argument("--redis")
    parser.add_argument("--known", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    try:
        summary = crawl(
            given.db, given.keys, given.portals, given.revisit, given.limit, log_level=given.log_level,
            redis=given.redis, known=given.known,
        )  # fmt: skip
    except PortalError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ArchiveBusy as error:
        sys.stderr.write(f"{error}\n")
        return 4
    except ArchiveError as error:
        sys.stderr.write(f"{error}\n")
        return 5
    sys.stdout.write(json.dumps(summary._asdict(), ensure_ascii=False) + "\n")
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main())
