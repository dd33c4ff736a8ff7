"""`scrapy crawl`: what cannot be crawled, or where, is said in a sentence, and it ends as `gongkai crawl` does.

Within Scrapy an exception of a spider's constructor or of a pipeline's opening is a traceback and exit code 1, and all
else ends with 0.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from scrapy.commands import crawl
from scrapy.exceptions import UsageError

from archive.errors import ArchiveBusy, ArchiveError
from crawler import session as sessions
from crawler.portals import PortalError
from crawler.run import summarise
from crawler.tls import HostTLS


class Command(crawl.Command):
    """Scrapy's own, with the session opened first."""

    def run(self, args: list[str], opts: Namespace) -> None:
        """Check the portals and hold the archive, do what Scrapy does, then say what came of it."""
        if len(args) == 1 and self.crawler_process is not None and self.settings is not None:
            loader = self.crawler_process.spider_loader
            if args[0] not in loader.list():
                raise UsageError(f"no family is called {args[0]}; there are: {', '.join(sorted(loader.list()))}")
            try:
                spider: Any = loader.load(args[0])(**opts.spargs)
                HostTLS.from_files(None)
            except (PortalError, ValueError) as error:
                raise UsageError(str(error), print_help=False) from error
            path = Path(self.settings.get("GONGKAI_DB") or sessions.default_db())
            try:
                session = sessions.acquire(
                    path.resolve(), arguments=spider.arguments(), version=self.settings["VERSION"]
                )
                try:
                    super().run(args, opts)
                    if session.fatal is not None:
                        raise session.fatal
                    if self.exitcode:
                        session.problems.append("the spider could not be started; the log says why")
                    summary = summarise(session, [*spider.portals.values()])
                finally:
                    sessions.release()
            except (ArchiveBusy, ArchiveError) as error:
                sys.stderr.write(f"{error}\n")
                self.exitcode = 4 if isinstance(error, ArchiveBusy) else 5
                return
            self.exitcode = summary.exit_code
            sys.stderr.writelines(f"{reason}\n" for reason in summary.reasons)
            return
        super().run(args, opts)
