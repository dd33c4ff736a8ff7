"""An archive for the tests of exports: every state of a figure, a page seen again, one that changed, one that went."""

from __future__ import annotations

from pathlib import Path

import archive_samples as samples
from archive_samples import begin, fetched, keep, page

from archive.store import Store

URL = "http://www.qj.example/art/{0}.html"
FACTS = {
    "applications_received": "0",
    "applications_in_person": " ",
    "applications_by_fax": "——",
    "replies_total": "无",
}
ABSENT = "applications_by_letter"
STATES = {
    "applications_received": ("0", 0, "number"),
    "applications_in_person": (" ", None, "blank"),
    "applications_by_fax": ("——", None, "dash"),
    "replies_total": ("无", None, "text"),
}


def made(path: Path) -> Path:
    """The archive at `path`, made by the store: three reports, a list, five kinds of outcome."""
    with Store.open(path, create=True) as store:
        crawl = begin(store, 1)
        listing = store.save_capture(
            fetched(crawl, "http://www.qj.example/col/index.html", 1, kind="listing",
                    headers='[["Content-Type", "text/html"], ["Content-Encoding", "gzip"], ["Content-Length", "7"]]'),
            "<ul>列表</ul>".encode(), "text/html",
        )  # fmt: skip
        store.save_capture(
            fetched(crawl, "http://www.qj.example/robots.txt", 1, kind="robots"), b"", "text/plain"
        )  # an empty body is a body
        for number in (1, 2, 3):
            title = f"第{number}局2017年政府信息公开工作年度报告"
            store.save_entries(
                crawl, [("quzhou-qujiang", URL.format(number), title, "2018-02-01", listing.id, "fetched")]
            )
            body = page(title=title, year=2017, figures=FACTS, text="=1+1，受理1件", claim=number == 1,
                        checks={"v2014_one": "pass", "v2014_two": "fail"},
                        metadata={"agency": f"衢州市衢江区第{number}局", "region": "330803"})  # fmt: skip
            kept = store.save_capture(fetched(crawl, URL.format(number), 1), body, "text/html")
            report = samples.parse(body, url=kept.url, media_type="text/html")
            for figure in report["figures"]:
                figure["state"] = STATES[figure["indicator"]][2]
            store.save_report(kept, report)
        store.save_visit(crawl, "quzhou-qujiang", 4, 3, "finished", None)
        store.save_finding(kind="listing", name="count_mismatch", crawl_id=crawl, portal="quzhou-qujiang", expected=4,
                           found=3)  # fmt: skip
        store.finish_crawl(crawl, "finished")
        later = begin(store, 9)
        store.save_capture(
            fetched(later, URL.format(1), 9, status=304, outcome="unchanged", final_url=None), None, None
        )
        agency = {"agency": "衢州市衢江区第2局", "region": "330803"}
        title = "第2局2017年政府信息公开工作年度报告"
        changed = page(title=title, year=2017, figures={"applications_received": "7"}, metadata=agency)
        keep(store, later, URL.format(2), 9, changed)
        store.save_capture(fetched(later, URL.format(3), 9, status=404, outcome="gone"), b"<h1>404</h1>", "text/html")
        for number, outcome, note in ((4, "failed", "timeout"), (5, "refused", "robots.txt does not allow this")):
            unanswered = fetched(later, URL.format(number), 9, status=None, outcome=outcome, final_url=None, note=note)
            store.save_capture(unanswered, None, None)
        blocked = fetched(later, URL.format(6), 9, status=412, outcome="blocked", portal=None,
                          headers='[["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]')  # fmt: skip
        store.save_capture(blocked, b"<script>$_ts</script>", "text/html")
        keep(store, later, "urn:sha256:" + "0" * 64, 9, page(title="2017年报", year=2017), status=None, final_url=None,
             portal=None)  # fmt: skip
        store.finish_crawl(later, "interrupted")
        store.verify()
    return path
