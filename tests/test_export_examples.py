"""The examples run on a real export: the notebook as it stands, and the R script where R is."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import subprocess
from pathlib import Path

import nbformat
import pytest
from bench import _pages as pages
from click.testing import CliRunner
from nbclient import NotebookClient

import gongkai
import parsers
from archive.derive import Capture
from archive.store import Store

EXAMPLES = Path(gongkai.__file__).parent / "docs" / "examples"
AGENCIES = 3


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three agencies' reports of ten years, in all three forms."""
    path = tmp_path_factory.mktemp("archive") / "gongkai.db"
    with Store.open(path, create=True) as store:
        store.save_portals([("p0", f"{pages.county(0)[1]}人民政府", pages.county(0)[0], "plain", "http://p0.example/")])
        crawl = store.begin_crawl("a test", "test", "2026-01-01T00:00:00Z")
        for number in range(AGENCIES * len(pages.YEARS)):
            page = pages.page(number)
            at = f"2026-01-01T00:00:{number:02}Z"
            capture = Capture("", crawl, "p0", page.url, page.url, at, "report", 200, "ok", "[]", None, None)
            kept = store.save_capture(capture, page.body, "text/html")
            store.save_report(kept, parsers.as_dict(parsers.parse(page.body, url=page.url, media_type="text/html")))
        store.finish_crawl(crawl, "finished")
    return path


def export(db: Path, folder: Path, form: str) -> Path:
    done = CliRunner().invoke(gongkai.main, ["export", "--to", str(folder), "--format", form, "--db", str(db)])
    assert done.exit_code == 0, done.output
    return folder


def expected(db: Path) -> dict[tuple[str, int], tuple[int, int, float | None]]:
    """Form and year: applications, reports, and the grant rate, from the cells themselves."""
    conn = sqlite3.connect(db)
    cells = {
        (report, indicator): value
        for report, indicator, value in conn.execute(
            "SELECT report_id, indicator, value FROM figure WHERE col IN ('total', 'year_total')"
        )
    }
    sums: dict[tuple[str, int], list[int]] = {}
    for report, form, year in conn.execute("SELECT id, form, year FROM report"):
        granted, whole = ("result_agreed", "replies_total") if form == "v2014" else ("result_granted", "results_total")
        row = sums.setdefault((form, year), [0, 0, 0, 0])
        for place, value in enumerate((
            cells[report, "applications_received"], 1,
            cells[report, granted] + cells[report, "result_partially_granted"], cells[report, whole],
        )):  # fmt: skip
            row[place] += value
    conn.close()
    return {key: (row[0], row[1], row[2] / row[3] if row[3] else None) for key, row in sums.items()}


def test_the_notebook_runs_and_draws_what_the_cells_say(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(db, tmp_path / "export", "parquet")
    monkeypatch.setenv("GONGKAI_EXPORT", str(folder))
    notebook = nbformat.read(EXAMPLES / "applications.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    check = "series[['form', 'year', 'applications', 'reports', 'rate']].to_csv(EXPORT / 'series.csv', index=False)"
    notebook.cells.append(nbformat.v4.new_code_cell(check))  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    pictures = [
        base64.b64decode(output["data"]["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures and all(len(picture) > 10_000 for picture in pictures)
    assert (folder / "applications.png").stat().st_size > 10_000
    lines = (folder / "series.csv").read_text().splitlines()[1:]
    found = {}
    for line in lines:
        form, year, applications, reports, rate = line.split(",")
        found[form, int(year)] = (int(float(applications)), int(reports), float(rate) if rate else None)
    assert found.keys() == expected(db).keys() and {form for form, _ in found} == {"v2014", "v2019", "v2021"}
    for key, (received, number, share) in expected(db).items():
        assert found[key][:2] == (received, number)
        assert found[key][2] == pytest.approx(share)


def test_the_r_script_runs_and_gives_the_same_numbers(db: Path, tmp_path: Path) -> None:
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("no Rscript; Debian: apt-get install r-base-core")
    folder = export(db, tmp_path / "export", "csv")
    done = subprocess.run(
        [program, str(EXAMPLES / "applications.R"), str(folder), str(tmp_path / "out.pdf")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF") and (tmp_path / "out.pdf").stat().st_size > 3000
    rows = [
        line.split() for line in done.stdout.splitlines() if line.strip().startswith("v20") and len(line.split()) > 6
    ]
    found = {(row[0], int(row[1])): (int(row[2]), int(row[3]), float(row[6])) for row in rows}
    wanted = expected(db)
    assert found.keys() == wanted.keys()
    for key, (applications, reports, share) in wanted.items():
        assert found[key][:2] == (applications, reports) and found[key][2] == pytest.approx(share, abs=1e-4)
