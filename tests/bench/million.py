"""A million reports, generated: what an archive weighs, how fast it is read again, and whether it still answers.

Pages are those of `_pages` (reconstructed), read by the real parser; each is kept with its figures, checks, claims and
prose, and in the place of its body a few bytes, so that the size of bodies is measured on `SAMPLE` whole pages and
multiplied. To parse a million pages takes hours: `DISTINCT` readings are made, and each is kept under many addresses,
agencies and years, its numbers multiplied; up to `BASE` reports the rows are the store's own (`Store.save_report`), one
transaction a page. Beyond, the rows of `BASE` reports are repeated under other ids, addresses and agencies, and the
indexes are made at the end: the state in which a reparse leaves an archive.
`GONGKAI_BENCH_MILLION="100000 1000000"` says how many; archives are kept in `.bench/` between runs.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import parsers
from archive import schema, searching, sums
from archive.derive import Capture, Derived
from archive.store import Store
from bench import _pages as pages
from bench.archive import CACHE, HEADERS

SIZES = tuple(int(number) for number in os.environ.get("GONGKAI_BENCH_MILLION", "10000 100000").split())
DISTINCT = 500  # real readings; each year and form is among them
SAMPLE = 500  # pages whose bodies are kept whole, to say what bodies weigh
READINGS = CACHE / "million-readings.pickle"
ARCHIVE = Path(__file__).parents[2] / "archive"
RUNS = 3
BASE = 100_000
SHIFT = 1 << 44  # between the ids of one repetition and the next; ids of reports and agencies have 48 bits
_IDS = {"report_id", "agency_id", "shown", "other_id", "report.id", "agency.id"}
_NAMES = {
    "capture_id",
    "from_capture",
    "to_capture",
    "capture.id",
    "capture.sha256",
    "body.sha256",
    "report.capture_id",
}
_URLS = {"capture.url", "capture.final_url", "report.url"}
_REPEATED = (
    "agency", "body", "capture", "reading", "report", "figure_data", "section", "claim", "check_data", "across_data",
    "finding_data", "twin", "panel_data", "listed", "duty", "looked_before", "prose", "prose_band", "alike",
    "search_doc",
)  # fmt: skip
A_YEAR = 100_000  # numbers of the search's index between one repetition and the next

PATIENCE = 30.0  # seconds that a probe may take: over the desk's limit, its time is what one wants to know
PROBES = {
    "one report, all figures": "SELECT * FROM figures WHERE report_id = :report",
    "one agency over the years": "SELECT * FROM panel WHERE agency_id = :agency ORDER BY year",
    "one province and year": "SELECT * FROM panel WHERE year = 2021 AND region LIKE '13%'",
    "one year, whole country": "SELECT count(*), sum(applications_received) FROM panel WHERE year = 2021",
    "all years, from panel_data": "SELECT year, sum(result_granted) / sum(results_total) FROM panel_data GROUP BY year",
    "all years, from panel": "SELECT year, sum(result_granted) / sum(results_total) FROM panel GROUP BY year",
    "one indicator, all years": "SELECT r.year, sum(f.value) FROM figure AS f JOIN report AS r ON r.id = f.report_id"
    " WHERE f.form = 'v2021' AND f.indicator = 'applications_received' AND f.col = 'total' GROUP BY r.year",
    "a number anywhere": "SELECT count(*) FROM figure WHERE form = 'v2021' AND indicator = 'applications_received'"
    " AND col = 'total' AND value = 3830",
    "failed checks, a page of them": "SELECT * FROM finding WHERE status = 'fail' LIMIT 1000",
    "failed checks, counted by name": "SELECT name, count(*) FROM finding WHERE status = 'fail' GROUP BY name",
    "coverage of a year": "SELECT count(*) FROM coverage WHERE year = 2021 AND NOT found",
    "pages gone": "SELECT count(*) FROM report WHERE gone_at IS NOT NULL",
}


def readings() -> list[dict[str, Any]]:
    """What the parser makes of the first pages: all forms, all years of `pages.YEARS`."""
    made = []
    for number in range(DISTINCT):
        page = pages.page(number)
        made.append(parsers.as_dict(parsers.parse(page.body, url=page.url, media_type="text/html")))
    return made


def varied(reading: dict[str, Any], number: int) -> dict[str, Any]:
    """The reading of page `number`: another agency, numbers that differ, sums that still hold."""
    portal = number // pages.A_PORTAL
    factor = 1 + number // DISTINCT % 7
    report = copy.copy(reading)
    name = f"{pages.county(portal % 1800)[1]}第{portal}局{number % pages.A_PORTAL // len(pages.YEARS)}"
    report["title"] = f"{name}{reading['year']}年政府信息公开工作年度报告"
    report["metadata"] = reading["metadata"] | {"agency": name, "region": pages.county(portal % 1800)[0]}
    report["figures"] = [
        figure | {"value": figure["value"] * factor, "raw": str(figure["value"] * factor)}
        if figure["value"]
        else figure
        for figure in reading["figures"]
    ]
    if number % 50 == 0:  # some do not add up
        report["findings"] = [
            *reading["findings"],
            {"kind": "check", "name": "v2021_applications_total", "at": "total", "strength": "exact", "status": "fail",
             "expected": number % 97, "found": number % 97 + 1, "cause": "source", "note": None},
        ]  # fmt: skip
    return report


def built(reports: int) -> tuple[Path, float]:
    """The archive of `reports` reports, and the seconds it took where it was made now (0 where it was there)."""
    path = CACHE / f"million-{reports}-{schema.LAYOUT[:8]}.db"
    if path.exists():
        return path, 0.0
    fresh = path.with_suffix(".part")
    for left in CACHE.glob(f"{fresh.name}*"):
        left.unlink()
    if reports > BASE:
        repeat(built(BASE)[0], fresh, reports // BASE)
        fresh.rename(path)
        return path, 0.0
    began = time.perf_counter()
    known = readings()
    with Store.open(fresh, create=True) as store:
        store.conn.execute("PRAGMA synchronous = OFF")  # a bench's file is made again, not mourned
        portals = -(-reports // pages.A_PORTAL)
        store.save_portals(
            (
                f"p{n}",
                f"{pages.county(n % 1800)[1]}人民政府",
                pages.county(n % 1800)[0],
                "plain",
                f"http://p{n}.example/",
            )
            for n in range(portals)
        )
        crawl = store.begin_crawl("a bench", "bench")
        for number in range(reports):
            portal, place = divmod(number, pages.A_PORTAL)
            url = f"http://p{portal}.example/art/{place}.html"
            day, second = divmod(number, 86_400)
            at = f"2026-01-{1 + day:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            body = f"<p>{number}".encode()
            capture = Capture("", crawl, f"p{portal}", url, url, at, "report", 200, "ok", HEADERS.format(number % 60),
                              None, None)  # fmt: skip
            kept = store.save_capture(capture, body, "text/html")
            store.save_report(kept, varied(known[number % DISTINCT], number))
            if number % 50_000 == 49_999:
                print(f"  {number + 1:,} in {time.perf_counter() - began:,.0f} s", flush=True)
        store.finish_crawl(crawl, "finished")
    fresh.rename(path)
    return path, time.perf_counter() - began


def repeat(base: Path, fresh: Path, times: int) -> None:
    """The rows of `base`, `times` times, as a new archive."""
    began = time.perf_counter()
    shutil.copyfile(base, fresh)
    conn = sqlite3.connect(fresh, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -1000000"):
        conn.execute(f"PRAGMA {pragma}")
    indexes = conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        conn.execute(f"DROP INDEX {name}")
    for name in sums.triggers():
        conn.execute(f"DROP TRIGGER {name}")
    conn.execute("ATTACH ? AS base", (f"file:{base}?mode=ro",))
    indexed = _indexed(base) if times > 1 else []
    for number in range(1, times):
        conn.execute("BEGIN")
        conn.executemany(
            "INSERT INTO search (rowid, words) VALUES (?, ?)", ((doc + number * A_YEAR, said) for doc, said in indexed)
        )
        for table in _REPEATED:
            columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")]
            changed = ", ".join(_again(table, column, number) for column in columns)
            conn.execute(f"INSERT INTO main.{table} SELECT {changed} FROM base.{table}")
        conn.execute("COMMIT")
        print(f"  {number + 1} times in {time.perf_counter() - began:,.0f} s", flush=True)
    for _, sql in indexes:
        conn.execute(sql)
    sums.fill(conn)
    for sql in sums.triggers().values():
        conn.execute(sql)
    print(f"  indexed in {time.perf_counter() - began:,.0f} s", flush=True)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.close()


def _indexed(base: Path) -> list[tuple[int, str]]:
    """What the index of the search holds of each report: it keeps no text, so that is made again."""
    with Store.open(base, write=False) as store:
        derived = Derived(store.db)
        rows = store.conn.execute(
            "SELECT doc, report_id FROM search_doc WHERE report_id IS NOT NULL ORDER BY doc"
        ).fetchall()
        return [(doc, searching.words_of(derived, report)) for doc, report in rows]


def _again(table: str, column: str, number: int) -> str:
    place = f"{table}.{column}"
    if column in _IDS or place in _IDS:
        return f"({column} + {number * SHIFT}) % {1 << 48}"
    if place == "finding_data.id":
        return f"(id + {number * SHIFT * 16}) % {1 << 52}"
    if place == "search_doc.doc":
        return f"doc + {number * A_YEAR}"
    if column in _NAMES or place in _NAMES:
        return f"'{number:x}' || substr({column}, 2) || '{number:x}'"
    if place in _URLS:
        return f"replace({column}, 'http://p', 'http://r{number}p')"
    if place in ("agency.name", "report.agency_name", "duty.name"):
        return f"{column} || '{number}'"
    return column


def body_bytes() -> float:
    """Bytes a stored body takes, measured on whole pages with their dictionary."""
    path = CACHE / "million-bodies.part"
    for left in CACHE.glob(f"{path.name}*"):
        left.unlink()
    with Store.open(path, create=True) as store:
        store.save_portals([("p0", "某县人民政府", pages.county(0)[0], "plain", "http://p0.example/")])
        crawl = store.begin_crawl("a bench", "bench")
        for number in range(SAMPLE):
            page = pages.page(number)
            at = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
            capture = Capture("", crawl, "p0", page.url, page.url, at, "report", 200, "ok", "[]", None, None)
            store.save_capture(capture, page.body, "text/html")
        total = store.conn.execute("SELECT sum(length(data)) FROM body").fetchone()[0]
    for left in CACHE.glob(f"{path.name}*"):
        left.unlink()
    return float(total) / SAMPLE


def questions() -> Iterator[tuple[str, str, list[str]]]:
    """The desk's canned queries: name, SQL, parameters."""
    text = (ARCHIVE / "metadata.yml").read_text(encoding="utf-8")
    for name, query in yaml.safe_load(text)["databases"]["gongkai"]["queries"].items():
        yield name, query["sql"], query.get("params", [])


def answered(path: Path) -> Iterator[tuple[str, str]]:
    """Each probe's and each canned query's median milliseconds and rows, or why it came to no end within its limit."""
    limits = json.loads((ARCHIVE / "settings.json").read_text(encoding="utf-8"))
    limit, most = limits["sql_time_limit_ms"] / 1000, limits["max_returned_rows"]
    with Store.open(path, write=False) as store:
        report, agency, url, region = store.conn.execute("SELECT id, agency_id, url, region FROM report").fetchone()
        known = {"report": str(report), "agency": agency, "url": url}
        given = known | {"year": "2021", "region": region[:2]}
        for name, sql in PROBES.items():
            yield name, _timed(store.conn, sql, given, PATIENCE, most)
        for name, sql, parameters in questions():
            for place, said in (("", known), (", one province and year", given)):
                if not place or {"region", "year"} <= set(parameters):
                    values = {parameter: said.get(parameter, "") for parameter in parameters}
                    yield f"? {name}{place}", _timed(store.conn, sql, values, limit, most)


def _timed(conn: sqlite3.Connection, sql: str, values: dict[str, Any], limit: float, most: int) -> str:
    took, rows = [], 0
    for _ in range(RUNS):
        began = time.perf_counter()
        stop = began + limit

        def over(stop: float = stop) -> int:
            return int(time.perf_counter() > stop)

        conn.set_progress_handler(over, 1000)
        try:
            rows = len(conn.execute(sql, values).fetchmany(most + 1))
        except sqlite3.OperationalError as error:
            return f"over {limit * 1000:,.0f} ms ({error})"
        finally:
            conn.set_progress_handler(None, 0)
        took.append(time.perf_counter() - began)
    return f"{sorted(took)[RUNS // 2] * 1000:,.0f} ms, {rows:,} rows"


def weights(path: Path, reports: int) -> dict[str, float]:
    """Bytes a report by table or index, from `dbstat`, the largest first."""
    with Store.open(path, write=False) as store:
        rows = store.conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
    return {name: size / reports for name, size in rows}


def rebuilt(path: Path, reports: int) -> tuple[float, float]:
    """Reports a second that a reparse on two cores writes, parsing aside, and its peak memory in MB."""
    READINGS.write_bytes(pickle.dumps(readings()))
    copied = path.with_suffix(".copy")
    shutil.copyfile(path, copied)
    code = (
        "import sys, time, resource; sys.path[:0] = sys.argv[1].split(); from pathlib import Path;"
        "from archive.store import Store; store = Store.open(Path(sys.argv[2])); began = time.perf_counter();"
        "store.reparse(2, parser='bench._reading'); took = time.perf_counter() - began;"
        "print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024); store.close()"
    )
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, f"{tests} {tests.parent}", str(copied)], capture_output=True, text=True, check=True
    )
    for left in CACHE.glob(f"{copied.name}*"):
        left.unlink()
    seconds, memory = map(float, done.stdout.split())
    return reports / seconds, memory


def parse_rate() -> float:
    """Pages a second that one core reads, on whole pages: what a reparse is bound by."""
    bodies = [pages.page(number) for number in random.Random(1).sample(range(DISTINCT), 60)]
    began = time.process_time()
    for page in bodies:
        parsers.parse(page.body, url=page.url, media_type="text/html")
    return len(bodies) / (time.process_time() - began)


def run() -> None:
    CACHE.mkdir(exist_ok=True)
    body, rate = body_bytes(), parse_rate()
    print(f"  a body {body:,.0f} bytes stored; one core parses {rate:.0f} pages/s", flush=True)
    table: dict[str, dict[int, str]] = {}
    for reports in SIZES:
        path, seconds = built(reports)
        size = path.stat().st_size
        told = {
            "file without bodies, GB": f"{size / 1e9:.2f}",
            "file with bodies, GB (extrapolated)": f"{(size + body * reports) / 1e9:.2f}",
            "bytes a report without bodies": f"{size / reports:,.0f}",
            "written, reports/s": f"{reports / seconds:.0f}" if seconds else "-",
            "reparse on 2 cores, hours (extrapolated)": f"{reports / rate / 2 / 3600:.2f}",
        }
        if reports <= BASE:
            written, memory = rebuilt(path, reports)
            told["reparse without parsing, reports/s"] = f"{written:.0f}"
            told["peak memory of that, MB"] = f"{memory:.0f}"
        for name, weight in list(weights(path, reports).items())[:14]:
            told[f"{name}, bytes a report"] = f"{weight:,.0f}"
        told |= dict(answered(path))
        told["peak memory, MB"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"
        for name, value in told.items():
            table.setdefault(name, {})[reports] = value
    print(f"  | | {' | '.join(f'{reports:,}' for reports in SIZES)} |")
    print(f"  |---|{'---|' * len(SIZES)}")
    for name, values in table.items():
        print(f"  | {name} | {' | '.join(values.get(reports, '') for reports in SIZES)} |")
