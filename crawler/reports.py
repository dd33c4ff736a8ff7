"""A report's page and what belongs to it: asked for, answered, kept; its attachments after it.

Each answer is a capture of its own. Of an article set over several pages each page is kept as an attachment, and then
the report's capture is made of all: its body is the joined page, its status NULL, since no server sent it so, and its
note names the captures it was joined from. Where a page is missing it is `failed`, is not read, and is asked for again.
An attachment is asked for once, again where it could not be had or with `--revisit`; the address it is linked by is the
capture's, the redirect's target its final one, the note names the report and the link's text. Traps: a web page where a
file is linked, with status 200; a list where an article was asked; a report that has not changed but whose attachments
were missed by a crawl that died.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy import Request, Spider
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import HtmlResponse, Response, TextResponse

from archive.addresses import canonical_url
from archive.bodies import digest
from archive.store import Capture
from crawler.articles import further_pages, join
from crawler.attachments import MOST, attachments
from crawler.captures import answer_verdict, answered, media_type_of, unanswered
from crawler.gate import HostLeftAlone, Interrupted, gate_for
from crawler.middlewares import Refused, foreign
from crawler.outcomes import Verdict
from crawler.pipelines import Page
from crawler.portals import Portal, host_key
from crawler.session import EntryRow, Session

SLOWEST = 10.0  # seconds between requests to a host that shows lists instead of articles
_WEB_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
# What Scrapy says of bytes that are not UTF-8 where nothing, or UTF-8, is declared; gb2312 is read as its superset.
_NOT_SAID = frozenset({"utf-8", "cp1252", "windows-1252", "latin-1", "iso-8859-1", "ascii", "gb2312", "gbk"})


@dataclass
class Article:
    """A report set over several pages, as far as they came: its listed address, its line, the pages to come."""

    url: str
    entry: EntryRow | None
    count: int
    left: list[str]
    pages: list[TextResponse] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)


class ReportSpider(Spider):
    """What a spider does with a report's address, however it came to know it."""

    session: Session
    portals: dict[str, Portal]
    revisit: bool
    list_pages: set[str]  # the hashes of this crawl's list pages

    def crawl_report(self, response: Response) -> Iterator[Request | Page]:
        """A report page's answer, whatever it is, to the pipeline; its attachments to the queue."""
        following = self._crawl_report(response)
        try:
            first = next(following)
        except Exception as error:  # ours: the log and the exit code say it; what came is kept
            capture = answered(response, self.session.crawl_id, "failed", f"our own {type(error).__name__}: {error}")
            yield Page(capture, response.body or None, media_type_of(response), response.meta["entry"])
            raise
        yield first
        yield from following

    def _crawl_report(self, response: Response) -> Iterator[Request | Page]:
        verdict = answer_verdict(response)
        portal, listed = self.portals[response.meta["portal"]], response.meta["listed"]
        if verdict.outcome == "blocked":
            gate_for(response.url).saw_challenge()
        if verdict.outcome == "unchanged":
            known = self.session.store.last_good(listed)
            sha256 = known.sha256 if known else None
            capture = answered(response, self.session.crawl_id, "unchanged", verdict.note, sha256)
            yield Page(capture, None, None, response.meta["entry"])
            yield from self._attached_before(portal, listed)
            return
        text = isinstance(response, TextResponse) and verdict.outcome == "ok"
        if isinstance(response, TextResponse) and text and self._is_a_list(response):
            gate = gate_for(response.url)
            gate.delay = min(gate.delay * 2, SLOWEST)  # so answer hosts that are asked too fast
            tries = response.meta.get("tries", 1)
            if tries <= self.settings.getint("RETRY_TIMES"):
                again = self._report_request(portal, listed, response.meta["entry"])
                again.meta["tries"] = tries + 1
                yield again
                return
            verdict = verdict._replace(outcome="failed", note="a list came in the place of the article")
        elif isinstance(response, TextResponse) and text and (left := further_pages(response)):
            article = Article(listed, response.meta["entry"], len(left) + 1, left)
            yield from self._article_page(article, response, verdict)
            return
        capture = answered(response, self.session.crawl_id, verdict.outcome, verdict.note)
        yield Page(capture, response.body or None, media_type_of(response), response.meta["entry"])
        if isinstance(response, TextResponse) and verdict.outcome == "ok":
            yield from self._attached(portal, redecoded(response), listed)

    def crawl_article_page(self, response: Response) -> Iterator[Request | Page]:
        """The second or a later page of an article."""
        verdict = answer_verdict(response)
        if verdict.outcome == "blocked":
            gate_for(response.url).saw_challenge()
        yield from self._article_page(response.meta["article"], response, verdict)

    def article_page_failed(self, failure: Any) -> Iterator[Request | Page]:
        """A page of an article without an answer: the report could not be had as a whole."""
        article: Article = failure.request.meta["article"]
        outcome, note = self._fate(failure.value)
        if outcome in ("failed", "refused"):
            yield Page(unanswered(failure.request.meta, self.session.crawl_id, outcome, note), None, None, None)
        decision = {"refused": "refused", "host_left_alone": "host_left_alone"}.get(outcome)
        if decision and article.entry is not None:
            self.session.save_entries([article.entry._replace(decision=decision)])
        if outcome != "interrupted":
            yield self._broken(article, f"page {len(article.pages) + 1} of {article.count}: {note}")

    def _article_page(self, article: Article, response: Response, verdict: Verdict) -> Iterator[Request | Page]:
        """Keep a page of an article as a capture of its own; then the next one, or the article as a whole."""
        number = len(article.pages) + 1
        note = "; ".join(part for part in (verdict.note, f"page {number} of {article.count} of {article.url}") if part)
        capture = answered(response, self.session.crawl_id, verdict.outcome, note)._replace(kind="attachment")
        yield Page(capture, response.body or None, media_type_of(response), None)
        if verdict.outcome != "ok" or not isinstance(response, TextResponse):
            yield self._broken(
                article, f"page {number} of {article.count}: {verdict.outcome}, {verdict.note or 'no text'}"
            )
            return
        page = redecoded(response)
        article.pages.append(page)
        article.captures.append(capture)
        yield from self._attached(self.portals[response.meta["portal"]], page, article.url)
        if article.left:
            url = article.left.pop(0)
            meta = {"portal": response.meta["portal"], "kind": "attachment", "listed": canonical_url(url)}
            yield Request(
                url, callback=self.crawl_article_page, errback=self.article_page_failed, dont_filter=True,
                meta=meta | {"entry": None, "article": article, "download_slot": host_key(url)},
            )  # fmt: skip
            return
        try:
            body = join(article.pages)
        except ValueError as error:
            yield self._broken(article, str(error))
            return
        yield Page(self._joined(article, "ok", "joined from the captures"), body, "text/html", article.entry)

    def _broken(self, article: Article, note: str) -> Page:
        """The report's capture where a page of its article could not be had: it failed, and is asked for again."""
        return Page(self._joined(article, "failed", f"{note}; captured before"), None, None, article.entry)

    def _joined(self, article: Article, outcome: str, note: str) -> Capture:
        """The capture of an article as a whole, later than its first page's: no server answered with it."""
        first, later = article.captures[0], datetime.now(UTC)
        soonest = datetime.strptime(first.fetched_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
        parts = " ".join(capture.id for capture in article.captures)
        return first._replace(
            id="", kind="report", url=article.url, fetched_at=max(later, soonest).strftime("%Y-%m-%dT%H:%M:%SZ"),
            status=None, outcome=outcome, headers="[]", note=f"{note} {parts}",
        )  # fmt: skip

    def is_article(self, response: TextResponse) -> bool:
        """Whether a page can be an article by the family's markup."""
        return True

    def _is_a_list(self, response: TextResponse) -> bool:
        """Whether a list's page came where an article was asked: a soft failure of some portals."""
        return digest(response.body) in self.list_pages or not self.is_article(redecoded(response))

    def crawl_attachment(self, response: Response) -> Iterator[Page]:
        """An attachment's answer; a web page where a file was linked is a failure."""
        verdict = answer_verdict(response)
        if verdict.outcome == "blocked":
            gate_for(response.url).saw_challenge()
        if verdict.outcome == "ok" and _WEB_PAGE.match(response.body):
            verdict = verdict._replace(outcome="failed", note="a web page came where a file is linked")
        note = "; ".join(part for part in (verdict.note, response.meta["note"]) if part)
        capture = answered(response, self.session.crawl_id, verdict.outcome, note)
        yield Page(capture, response.body or None, media_type_of(response), None)

    def attachment_failed(self, failure: Any) -> Iterator[Page]:
        """An attachment without an answer. Where its host is left alone or the crawl stops, the next crawl asks."""
        outcome, note = self._fate(failure.value)
        if outcome in ("failed", "refused"):
            note = f"{note}; {failure.request.meta['note']}"
            yield Page(unanswered(failure.request.meta, self.session.crawl_id, outcome, note), None, None, None)

    def report_failed(self, failure: Any) -> Iterator[Page]:
        """A report page without an answer: a capture that says so, or a changed decision on its line."""
        request, entry = failure.request, failure.request.meta["entry"]
        outcome, note = self._fate(failure.value)
        decision = {"refused": "refused", "host_left_alone": "host_left_alone"}.get(outcome)
        if decision and entry is not None:
            self.session.save_entries([entry._replace(decision=decision)])
        if outcome in ("failed", "refused"):
            yield Page(unanswered(request.meta, self.session.crawl_id, outcome, note), None, None, entry)

    def _report_request(self, portal: Portal, url: str, row: EntryRow | None) -> Request:
        meta = {"portal": portal.key, "kind": "report", "listed": url, "entry": row, "download_slot": host_key(url)}
        return Request(
            url,
            callback=self.crawl_report,
            errback=self.report_failed,
            headers=self.session.validators(url),
            meta=meta,
            dont_filter=True,
        )

    def _attached(self, portal: Portal, page: TextResponse, report: str) -> Iterator[Request]:
        """Requests for a report's attachments that the archive lacks; with `revisit`, for all of them."""
        found = attachments(page)
        if len(found) > MOST:
            note = f"{report} links {len(found)} files; {MOST} of them are fetched"
            self.session.save_finding(portal, "attachment_budget", expected=len(found), found=MOST, note=note)
        for url, text in found[:MOST]:
            listed = canonical_url(url)
            if not self.session.claim(listed) or (
                not self.revisit and self.session.store.last_good(listed, "attachment")
            ):
                continue
            note = f"attachment of {report}" + (f": {text}" if text else "")
            meta = {"portal": portal.key, "kind": "attachment", "listed": listed, "entry": None, "note": note}
            why = foreign(listed, portal)
            if why is not None:
                refused = unanswered(meta, self.session.crawl_id, "refused", f"{why}; {note}")
                self.session.save_capture(refused, None, None)
                continue
            yield Request(
                listed, callback=self.crawl_attachment, errback=self.attachment_failed, dont_filter=True,
                headers={"Referer": report}, meta=meta | {"download_slot": host_key(listed)},
            )  # fmt: skip

    def _attached_before(self, portal: Portal, report: str) -> Iterator[Request]:
        """The same from the page as it lies in the archive."""
        known = self.session.store.last_good(report)
        if known is not None and known.sha256 is not None:
            body = self.session.store.body(known.sha256)
            if "html" in (self.session.store.media_type(known.sha256) or "html"):
                page = HtmlResponse(known.final_url or report, body=body, encoding="utf-8")
                yield from self._attached(portal, redecoded(page), report)

    def _fate(self, error: BaseException) -> tuple[str, str]:
        if isinstance(error, Interrupted):
            return "interrupted", str(error)
        if isinstance(error, HostLeftAlone):
            return "host_left_alone", str(error)
        if isinstance(error, Refused):
            return "refused", str(error)
        if isinstance(error, DownloadCancelledError) or "DOWNLOAD_MAXSIZE" in str(error):
            size = self.settings.getint("DOWNLOAD_MAXSIZE") // 2**20
            return "refused", f"over {size} MB"
        return "failed", f"{type(error).__name__}: {error}"


def redecoded(response: TextResponse) -> TextResponse:
    """A list page with the charset its bytes have: GBK under a UTF-8 header occurs (domain: county sites)."""
    try:
        response.body.decode("utf-8")
    except UnicodeDecodeError:
        declared = response.encoding.lower().replace("_", "-")
        return response.replace(encoding="gb18030") if declared in _NOT_SAID else response
    if response.encoding.lower() == "utf-8":
        return response  # with the selector that it may have already: a page is parsed once
    return response.replace(encoding="utf-8")
