"""The archive's size, and its speed against raw sqlite3 and bare hashing, with 10,000 and 100,000 made-up reports.

Captures and archives are kept in `.bench/` between runs (100,000 reports: some 3 GB; captured in ten minutes on two
idle cores, read in fifteen). An archive is as a reparse leaves it; a crawl leaves one somewhat larger.
GONGKAI_BENCH_REPORTS="2000 10000" takes other numbers.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, repeat
from pathlib import Path

import zstandard

import parsers
from archive import bodies, connection, fixity, rebuild, schema, searching
from archive.derive import Capture, Derived
from archive.store import Store
from bench import _pages as pages
from parsers import VERSION

CACHE = Path(__file__).parents[2] / ".bench"
SIZES = tuple(int(number) for number in os.environ.get("GONGKAI_BENCH_REPORTS", "10000 100000").split())
STEP = 7  # between the pages of a sample: years repeat every ten pages, and with them the forms
HEADERS = (
    '[["Server", "nginx"], ["Date", "Mon, 18 Jan 2021 02:15:{0:02} GMT"], ["Content-Type", "text/html; charset=utf-8"],'
    ' ["Last-Modified", "Fri, 15 Jan 2021 01:{0:02}:00 GMT"], ["Etag", "W/\\"6001{0:x}-1f0b2\\""],'
    ' ["X-Frame-Options", "SAMEORIGIN"], ["Vary", "Accept-Encoding"], ["Connection", "keep-alive"]]'
)


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join([*parts, Path(pages.__file__).read_text(encoding="utf-8")]).encode()).hexdigest()[:8]


def built(reports: int) -> Path:
    """The archive of the first `reports` pages; made where it is not there yet, or of another layout or parser."""
    return _made(reports, f"archive-{reports}-{_digest(schema.LAYOUT, str(schema.VERSION), VERSION)}.db", _read_all)


def captured(reports: int) -> Path:
    """The same before anything was read: captures and entries only, as a crawl would have left them."""
    return _made(reports, f"captures-{reports}-{_digest(str(schema.VERSION))}.db", capture)


def _made(reports: int, name: str, make: Callable[[Path, int], None]) -> Path:
    CACHE.mkdir(exist_ok=True)
    path = CACHE / name
    if not path.exists():
        began = time.perf_counter()
        fresh = path.with_suffix(".part")
        for left in CACHE.glob(f"{fresh.name}*"):
            left.unlink()
        make(fresh, reports)
        fresh.rename(path)
        print(f"  built {path.name} in {time.perf_counter() - began:,.0f} s", flush=True)
    return path


def capture(path: Path, reports: int, version: int = 0) -> None:
    """Captures and entries of the first `reports` pages; the pages are made on all cores."""
    context = multiprocessing.get_context("spawn")
    with Store.open(path, create=True) as store, ProcessPoolExecutor(mp_context=context) as made:
        store.conn.execute("PRAGMA synchronous = OFF")  # a bench's file is made again, not mourned
        store.save_portals(
            (f"p{n}", f"{pages.county(n)[1]}人民政府", pages.county(n)[0], "plain", f"http://p{n}.example/")
            for n in range(-(-reports // pages.A_PORTAL))
        )
        crawl = store.begin_crawl("a bench", "bench")
        for first in range(0, reports, pages.A_PORTAL):
            numbers = range(first, min(first + pages.A_PORTAL, reports))
            lines = []
            for number, page in zip(numbers, made.map(pages.page, numbers, repeat(version), chunksize=10), strict=True):
                store.save_capture(fetched(crawl, page, number, version), page.body, "text/html")
                lines.append((page.portal, page.url, page.title, f"{page.year + 1}-01-18", None, "fetched"))
            store.save_entries(crawl, lines)
        store.finish_crawl(crawl, "finished")


def _read_all(path: Path, reports: int) -> None:
    shutil.copyfile(captured(reports), path)
    with Store.open(path) as store:
        store.reparse(os.cpu_count() or 1)


def fetched(crawl: str, page: pages.Page, number: int, version: int = 0) -> Capture:
    day, second = divmod(number, 86_400)
    at = f"2026-0{1 + version}-{18 + day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    headers = HEADERS.format(number % 60)
    return Capture("", crawl, page.portal, page.url, page.url, at, "report", 200, "ok", headers, None, None)


_PARTS = {
    "bodies": ("body", "sqlite_autoindex_body_1"),
    "captures": ("capture", "entry", "crawl", "visit", "fixity", "reading", "version"),
    "figures": ("figure_data", "figure_code"),
    "prose": ("section", "claim"),
    "checks": ("check_data", "check_code", "across_data", "finding_data"),
    "reports": ("report", "agency", "region", "twin", "panel_data", "revision", "duty", "listed"),
    "likeness": ("prose", "prose_band", "alike"),
}


def sizes(path: Path, reports: int) -> dict[str, float]:
    """Bytes a report by part, from `dbstat`; indexes but the bodies' own stand together."""
    parts: Counter[str] = Counter()
    with Store.open(path, write=False) as store:
        kinds = dict(store.conn.execute("SELECT name, type FROM sqlite_master"))
        for name, size in store.conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            found = [part for part, names in _PARTS.items() if name in names]
            kind = "indexes" if kinds.get(name) == "index" else "search" if "search" in name else "other"
            parts[found[0] if found else kind] += size
        assert parts.total() + store.conn.execute("PRAGMA freelist_count").fetchone()[0] * 4096 == path.stat().st_size
    return {part: size / reports for part, size in parts.most_common()}


def search_estimate(path: Path, reports: int) -> float:
    """Bytes a report of an index of all prose by pairs of characters (FTS5, contentless), where there is none yet."""
    with Store.open(path, write=False) as store, tempfile.TemporaryDirectory() as folder:
        other = sqlite3.connect(Path(folder) / "search.db")
        other.execute("CREATE VIRTUAL TABLE search USING fts5(text, content='', tokenize=\"unicode61\")")
        rows = store.conn.execute("SELECT rowid, text FROM section LIMIT 20000")
        counted = 0
        for rowid, text in rows:
            pairs = " ".join(a + b for a, b in pairwise(text))
            other.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (rowid, pairs))
            counted += len(text)
        other.execute("INSERT INTO search (search) VALUES ('optimize')")
        other.commit()
        size = sum(row[0] for row in other.execute("SELECT pgsize FROM dbstat WHERE name LIKE 'search%'"))
        other.close()
        whole = store.conn.execute("SELECT sum(length(text)) FROM section").fetchone()[0]
    return float(size / counted * whole / reports)


def bodies_against_warc() -> None:
    """Stored bytes of one portal's pages, first captures and re-captures, against WARC.gz (a gzip member a record)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        sums: list[tuple[int, int]] = []
        for version in (0, 1):
            warc = 0
            with Store.open(path, create=True) as store:
                store.save_portals([("p0", "井陉县人民政府", "130121", "plain", "http://p0.example/")])
                crawl = store.begin_crawl("a bench", "bench")
                for number in range(pages.A_PORTAL):
                    page = pages.page(number, version)
                    store.save_capture(fetched(crawl, page, number, version), page.body, "text/html")
                    warc += len(gzip.compress(_record(page), 9))
                stored = store.conn.execute("SELECT sum(length(data)) FROM body").fetchone()[0]
            sums.append((stored - sum(before for before, _ in sums), warc))
        for (ours, theirs), name, bound in zip(sums, ("first captures", "re-captures"), (2, 20), strict=True):
            print(f"  {name}: {ours / pages.A_PORTAL:,.0f} bytes a body, WARC.gz {theirs / pages.A_PORTAL:,.0f}:"
                  f" 1/{theirs / ours:.1f} (at most 1/{bound})", flush=True)  # fmt: skip


def _record(page: pages.Page) -> bytes:
    http = "HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in json.loads(HEADERS.format(1))) + "\r\n"
    block = http.encode() + page.body
    digest = hashlib.sha1(block).hexdigest()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{uuid.UUID(digest[:32])}>\r\n"
        f"WARC-Target-URI: {page.url}\r\nWARC-Date: 2026-01-18T00:00:00Z\r\nWARC-Payload-Digest: sha1:{digest}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


TABLES = ("figure_data", "section", "claim", "check_data", "across_data", "finding_data", "twin", "panel_data",
          "prose", "prose_band", "alike", "search_doc")  # fmt: skip


def speed(path: Path, reports: int) -> None:
    """Inserts, verify and reparse, each against the bare thing in the same run."""
    numbers = range(0, min(reports, 2800), STEP)
    sample = [pages.page(number) for number in numbers]
    read = [parsers.as_dict(parsers.parse(page.body, url=page.url)) for page in sample]
    (bare_parse, parse_work), (shared_parse, _) = (_bare_parse(n, len(sample)) for n in (1, os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.db"
        with Store.open(ours, create=True) as store:
            store.save_portals([(f"p{n}", "某县人民政府", "130121", "plain", "http://x.example/") for n in range(9)])
            crawl = store.begin_crawl("a bench", "bench")
            began = time.perf_counter()
            for number, (page, reading) in enumerate(zip(sample, read, strict=True)):
                capture = store.save_capture(fetched(crawl, page, number), page.body, "text/html")
                store.save_report(capture, reading)
            inserted = (time.perf_counter() - began) / len(sample)
        bare_kept, bare_read, insert_work = _bare_insert(ours, Path(folder) / "bare.db")
    bare_insert = bare_kept + bare_read
    print(f"  {reports:7,} reports: save {inserted * 1e3:.2f} ms a page, raw sqlite3 with the same rows, compression"
          f" and hashing {bare_insert * 1e3:.2f} ms: {inserted / bare_insert:.2f}", flush=True)  # fmt: skip
    with Store.open(path) as store:
        began = time.perf_counter()
        checked = store.verify(workers=1).checked
        verified = (time.perf_counter() - began) / checked
        began = time.perf_counter()
        store.verify(workers=os.cpu_count() or 1)
        parallel = (time.perf_counter() - began) / checked
        bare = _bare_hashing(store.conn)
    on_all, cores = 1 / parallel, os.cpu_count()
    print(f"  {reports:7,} reports: verify {1 / verified:,.0f} bodies/s on one core, {on_all:,.0f} on {cores};"
          f" bare reading and hashing {1 / bare:,.0f}: {verified / bare:.2f}", flush=True)  # fmt: skip
    copy = path.with_suffix(".reparse.db")
    shutil.copy(path, copy)
    told = json.loads(_apart("reparse", str(copy)).communicate()[0])
    for left in CACHE.glob(f"{copy.name}*"):
        left.unlink()
    cores = os.cpu_count() or 1
    wall, cpu = told["seconds"] / reports, told["cpu"] / reports
    alone, shared = (bare_parse + bare_read) / cores, shared_parse + bare_read / cores
    print(f"  {reports:7,} reports: reparse {wall * 1e3:.2f} ms a page on {cores} cores ({cpu * 1e3:.2f} of CPU, bare"
          f" parse and insert {(parse_work + insert_work) * 1e3:.2f}: {cpu / (parse_work + insert_work):.2f});"
          f" bare parse {bare_parse * 1e3:.2f} alone, {shared_parse * 1e3:.2f} a page with all cores at it, bare insert"
          f" {bare_read * 1e3:.2f}: {wall / alone:.2f} of the first divided by the cores, {wall / shared:.2f} of the"
          f" second (at most 1.3); MB resident {told['resident']} after a tenth, half and all,"
          f" at most {told['megabytes']:.0f}, of a worker {told['worker']:.0f}; -wal at most {told['wal']:.0f} MB,"
          f" largest index {told['index']:.0f} MB", flush=True)  # fmt: skip


def _apart(*arguments: str) -> subprocess.Popen[str]:
    """A process of its own for `_reparse` or `_parse`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.archive", *arguments], stdout=subprocess.PIPE, text=True,
        cwd=CACHE.parent, env=os.environ | {"PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(__file__).parents[1]}"},
    )  # fmt: skip


def _bare_parse(processes: int, count: int) -> tuple[float, float]:
    """Seconds and CPU seconds a page when so many processes do nothing but parse; the first divided by their number."""
    running = [_apart("parse", str(count)) for _ in range(processes)]
    told = [tuple(map(float, process.communicate()[0].split())) for process in running]
    return sum(wall for wall, _ in told) / processes**2, sum(work for _, work in told) / processes


def _parse(count: int) -> None:
    sample = [pages.page(number) for number in range(0, STEP * count, STEP)]
    for page in sample[:20]:
        parsers.parse(page.body, url=page.url)
    began, worked = time.perf_counter(), time.process_time()
    for page in sample:
        parsers.parse(page.body, url=page.url)
    print((time.perf_counter() - began) / count, (time.process_time() - worked) / count)


def _bare_insert(source: Path, target: Path) -> tuple[float, float, float]:
    """Seconds a page to hash, compress and insert the pages of `source`, a transaction for each; to insert what was
    read from them, in the way that costs least: so many reports a transaction as a rebuild takes, in the order of the
    tables, synced as a rebuild's, the search in the order of its numbers, the indexes at the end. And the CPU seconds
    of the second."""
    with Store.open(source, write=False) as store:
        reports = store.conn.execute(
            "SELECT r.id, c.sha256 FROM report AS r JOIN capture AS c ON c.id = r.capture_id ORDER BY c.rowid"
        ).fetchall()
        names = ("agency", "figure_code", "check_code", "body", "capture", "reading", "report", *TABLES)
        kept = {name: store.conn.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        derived = Derived(store.db)
        documents = store.conn.execute("SELECT doc, report_id FROM search_doc ORDER BY doc").fetchall()
        words = [(doc, searching.words_of(derived, report)) for doc, report in documents]
        found = [store.body(sha256) for _, sha256 in reports]
    connection.create(target)
    conn = connection.connect(target, write=True).conn
    conn.execute("PRAGMA foreign_keys = OFF")
    statements = {
        name: f"INSERT OR IGNORE INTO {name} VALUES ({', '.join('?' * len(rows[0]))})"
        for name, rows in kept.items() if rows
    }  # fmt: skip
    by_sha = {row[0]: row for row in kept.pop("body")}
    captures = kept.pop("capture")
    dictionary: bytes | None = None
    began = time.perf_counter()
    for place, (_, sha256) in enumerate(reports):
        assert bodies.digest(found[place]) == sha256
        bodies.compress(found[place], dictionary)
        dictionary = dictionary or found[place]
        conn.execute("BEGIN")
        conn.execute(statements["body"], by_sha[sha256])
        conn.execute(statements["capture"], captures[place])
        conn.execute("COMMIT")
    between = time.perf_counter()
    for name in schema.INDEXES:
        conn.execute(f"DROP INDEX {name}")
    batches: list[dict[str, list[tuple[object, ...]]]] = []
    numbers = {report: place // rebuild.BATCH for place, report in enumerate(sorted(report for report, _ in reports))}
    for _ in range(max(numbers.values()) + 1):
        batches.append({})
    held = {name: [row[1] for row in _columns(conn, name)].index("report_id") for name in TABLES}
    for name, rows in kept.items():
        for row in rows:
            batch = numbers[row[held[name]]] if name in held else numbers[row[0]] if name == "report" else 0
            batches[batch].setdefault(name, []).append(row)
    conn.execute("PRAGMA synchronous = NORMAL")
    started, worked = time.perf_counter(), time.process_time()
    for rows_of in batches:
        conn.execute("BEGIN")
        for name, rows in rows_of.items():
            conn.executemany(statements[name], rows)
        conn.execute("COMMIT")
    for first in range(0, len(words), rebuild.BATCH):
        conn.execute("BEGIN")
        conn.executemany("INSERT INTO search (rowid, words) VALUES (?, ?)", words[first : first + rebuild.BATCH])
        conn.execute("COMMIT")
    schema.create_indexes(conn)
    count = len(reports)
    spent, work = (time.perf_counter() - started) / count, (time.process_time() - worked) / count
    assert conn.execute("SELECT count(*) FROM figure_data").fetchone()[0] == len(kept["figure_data"])
    conn.close()
    return (between - began) / count, spent, work


def _columns(conn: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return conn.execute(f"PRAGMA table_info({table})").fetchall()


def _bare_hashing(conn: sqlite3.Connection) -> float:
    """Seconds a body to read, decompress and hash, each dictionary made once."""
    dictionaries: dict[str | None, zstandard.ZstdDecompressor] = {None: zstandard.ZstdDecompressor()}
    query = "SELECT dictionary FROM body WHERE dictionary IS NOT NULL GROUP BY dictionary"
    for (name,) in conn.execute(query).fetchall():
        raw = fixity.fetch(conn, name)
        prepared = zstandard.ZstdCompressionDict(raw, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        dictionaries[name] = zstandard.ZstdDecompressor(dict_data=prepared)
    began = time.perf_counter()
    count = 0
    for sha256, encoding, name, data in conn.execute("SELECT sha256, encoding, dictionary, data FROM body"):
        body = data if encoding == "identity" else dictionaries[name].decompress(data)
        assert hashlib.sha256(body).hexdigest() == sha256
        count += 1
    return (time.perf_counter() - began) / count


def _reparse(path: Path) -> None:
    """In a process of its own: reparse, then seconds, peak memory and the largest -wal as JSON."""
    wal, largest = Path(f"{path}-wal"), 0
    resident: dict[int, float] = {}

    def look(done: int, total: int) -> None:
        nonlocal largest
        if done % rebuild.BATCH == 0:
            largest = max(largest, wal.stat().st_size)
        if done in (total // 10, total // 2, total):
            pages_held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            resident[done] = pages_held * resource.getpagesize() / 2**20

    began = time.perf_counter()
    with Store.open(path) as store:
        result = store.reparse(os.cpu_count() or 1, look)
        seconds = time.perf_counter() - began
        largest = max(largest, wal.stat().st_size)
        assert not any(result["changes"]["figures"].values()), result["changes"]
        kinds = "SELECT max(size) FROM (SELECT sum(pgsize) AS size FROM dbstat WHERE name IN (%s) GROUP BY name)"
        names = [row[0] for row in store.conn.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
        index = store.conn.execute(kinds % ", ".join("?" * len(names)), names).fetchone()[0]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    told = {
        "seconds": seconds, "cpu": sum(u.ru_utime + u.ru_stime for u in used), "megabytes": used[0].ru_maxrss / 1024,
        "wal": largest / 2**20, "index": index / 2**20, "worker": used[1].ru_maxrss / 1024,
        "resident": [round(megabytes) for megabytes in resident.values()],
    }  # fmt: skip
    print(json.dumps(told))


def run() -> None:
    bodies_against_warc()
    a_report = []
    for reports in SIZES:
        path = built(reports)
        found = sizes(path, reports)
        if "search" not in found:
            found["search (estimated)"] = search_estimate(path, reports)
        told = ", ".join(f"{part} {size / 1024:.1f}" for part, size in found.items())
        a_report.append(sum(found.values()))
        print(f"  {reports:7,} reports: {a_report[-1] / 1024:.1f} KB a report (at most 32): {told}", flush=True)
    print(f"  growth of bytes a report from {SIZES[0]:,} to {SIZES[-1]:,} reports: {a_report[-1] / a_report[0]:.2f}")
    for reports in SIZES:
        speed(built(reports), reports)


if __name__ == "__main__":
    if sys.argv[1] == "parse":
        _parse(int(sys.argv[2]))
    else:
        _reparse(Path(sys.argv[2]))
