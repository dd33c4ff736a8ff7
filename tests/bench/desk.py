"""The desk against stock Datasette on the same file: home, table, facet, search, questions, report, saved page.

With 10,000 and 100,000 reports (GONGKAI_BENCH_REPORTS as in the bench of the archive; GONGKAI_BENCH_DESK names files to
use instead). Each address is asked one after the other, both servers in one run; p50 and p95 in ms. Stock Datasette has
neither our settings, plugins nor queries, so a question is asked there as SQL; it has no search page, and is timed on
`like` over the sections, which is what it can do; for a saved page it shows the row of the capture, for the dashboard
its home page.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import yaml

from archive import desk
from bench import archive as archives

ROUNDS = 15
SLOWEST = 60.0  # seconds for an answer of stock Datasette
BAR = {"question": 300, "search": 50}  # ms


def run() -> None:
    given = os.environ.get("GONGKAI_BENCH_DESK", "").split()
    for path in [Path(name) for name in given] or [archives.built(size) for size in archives.SIZES]:
        measure(path)


def measure(path: Path) -> None:
    """One archive, both servers."""
    conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    reports = conn.execute("SELECT count(*) FROM report").fetchone()[0]
    chosen = random.Random("desk").sample([row[0] for row in conn.execute("SELECT id FROM report LIMIT 5000")], ROUNDS)
    kept = [conn.execute("SELECT capture_id FROM report WHERE id = ?", (r,)).fetchone()[0] for r in chosen]
    words = _words(conn)
    conn.close()
    queries = yaml.safe_load((desk.FOLDER / "metadata.yml").read_text(encoding="utf-8"))["databases"]["gongkai"][
        "queries"
    ]
    ours = _Server([sys.executable, "-m", "gongkai", "serve", "--db", str(path), "--port", "0"])
    stock = _Server([sys.executable, "-m", "datasette", str(path), "--port", "8497"], "http://127.0.0.1:8497/")
    try:
        print(
            f"  {reports:,} reports: listening after {ours.began:.2f} s, stock {stock.began:.2f} s (at most 2)",
            flush=True,
        )
        name = path.stem
        pairs: list[tuple[str, list[str], list[str]]] = [
            ("home", ["/"], ["/"]),
            ("table", ["/gongkai/report"], [f"/{name}/report"]),
            ("panel", ["/gongkai/panel"], [f"/{name}/panel"]),
            ("facet", ["/gongkai/report?_facet=region&_facet=year"], [f"/{name}/report?_facet=region&_facet=year"]),
            ("report", [f"/gongkai/report/{r}" for r in chosen], [f"/{name}/report/{r}" for r in chosen]),
            ("original page", [f"/-/page/{c}" for c in kept], [f"/{name}/capture/{c}" for c in kept]),
            ("coverage", ["/gongkai/coverage"], [f"/{name}/coverage"]),
            ("findings", ["/gongkai/findings"], [f"/{name}/findings"]),
            ("dashboard", ["/-/dashboard"], ["/"]),
        ]
        for word in words:
            like = f"select report_id from section where text like '%{word}%' limit 20"
            plain = f"/{name}.json?" + urlencode({"sql": like})
            pairs.append((f"search {word}", ["/-/search.json?" + urlencode({"q": word})], [plain]))
        for question, query in queries.items():
            if question.startswith("q"):
                empty = dict.fromkeys(query["params"], "")
                if "report" in empty:
                    empty["report"] = str(chosen[0])
                plain = f"/{name}.json?" + urlencode({"sql": query["sql"]} | empty)
                pairs.append((f"question {question}", [f"/gongkai/{question}.json?{urlencode(empty)}"], [plain]))
        for what, here, there in pairs:
            mine, theirs = ours.ask(here), stock.ask(there, 3 if what.startswith("search") else 5)
            bar = next((limit for kind, limit in BAR.items() if what.startswith(kind)), None)
            over = f"; at most {bar} ms: OVER" if bar and mine[0] > bar else ""
            print(f"  {what:36} {_said(mine)}; stock {_said(theirs)}{over}", flush=True)
    finally:
        ours.end()
        stock.end()


def _words(conn: sqlite3.Connection) -> list[str]:
    """A common word, a rare one of two characters, one character, a long phrase that is everywhere, and none."""
    texts = [row[0] for row in conn.execute("SELECT text FROM section LIMIT 50")]
    lines = texts[0].split("\n")
    return ["信息公开", lines[0][:2], lines[0][0], "坚持公开为常态", "信访", "麒麟"]


def _said(times: tuple[float, float, int]) -> str:
    return f"p50 {times[0]:7.1f} p95 {times[1]:7.1f}" + (f" ({times[2]} refused)" if times[2] else "")


class _Server:
    """A server of its own process; `began` is how long it took to its first answer."""

    def __init__(self, command: list[str], address: str | None = None) -> None:
        start = time.perf_counter()
        # A file, since a pipe that nobody reads would stop the server.
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, text=True)
        self.address = address or self._told()
        while True:
            try:
                self._get("-/versions.json")
                break
            except OSError:
                if time.perf_counter() - start > SLOWEST or self.process.poll() is not None:
                    self.end()
                    raise
                time.sleep(0.02)
        self.began = time.perf_counter() - start

    def _told(self) -> str:
        while self.process.poll() is None:
            self.log.seek(0)
            for line in self.log:
                if "http://" in line and line.endswith("\n"):
                    return "http://" + line.split("http://", 1)[1].split()[0].rstrip(".,")
            time.sleep(0.02)
        raise OSError("the desk did not say where it listens")

    def _get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.address + path.lstrip("/"), timeout=SLOWEST) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.read()
            return error.code

    def ask(self, paths: list[str], rounds: int = ROUNDS) -> tuple[float, float, int]:
        """Median and 95th percentile in ms, and how many answers were no 200; one round before is not counted."""
        self._get(paths[0])
        times: list[float] = []
        refused = 0
        for turn in range(rounds):
            start = time.perf_counter()
            refused += self._get(paths[turn % len(paths)]) != 200
            times.append((time.perf_counter() - start) * 1e3)
        times.sort()
        return times[len(times) // 2], times[min(len(times) - 1, round(0.95 * len(times)))], refused

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
