"""The real report of Qujiang's civil affairs bureau for 2020: as stored text, as a page, and its seed (issue 2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from parsers import as_dict, parse
from parsers.checks import identities
from parsers.forms import load_all
from parsers.model import Report

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "tests" / "pages"
SEEDS = sorted((ROOT.parent / "shared" / "seed").glob("*.txt"))
NOWHERE: list[Path | None] = [None]
SOURCES: list[Path | None] = [PAGES / "qujiang-2020.txt", PAGES / "qujiang-2020.html", *(SEEDS or NOWHERE)]


def _read(source: Path | None) -> Report:
    if source is None:
        pytest.skip("the stored report outside the project is not here")
    return parse(source.read_bytes())


@pytest.fixture(params=SOURCES, ids=lambda source: source.name if source else "seed")
def report(request: pytest.FixtureRequest) -> Report:
    return _read(request.param)


def test_rows_and_figures(report: Report) -> None:
    matched = {finding.at: finding for finding in report.findings if finding.name == "table_matched"}
    assert matched["v2014.disclosure_statistics"].found == 84
    assert matched["v2014.disclosure_statistics"].expected == 65
    assert Counter(figure.state for figure in report.figures) == {"number": 150, "blank": 4}
    assert {figure.indicator for figure in report.figures if figure.state == "blank"} == {
        "result_redirected",
        "disclosure_staff_full_time",
    }
    values = {(figure.indicator, figure.col): figure.value for figure in report.figures}
    assert len(values) == len(report.figures) == 154
    assert values["proactive_items_disclosed", "quarter"] == 21
    assert values["proactive_items_disclosed", "year_total"] == 163
    assert values["disclosed_on_website", "year_total"] == 149
    assert values["review_other_circumstances", "year_total"] == 0
    assert values["litigation_corrected", "quarter"] == 0


def test_metadata(report: Report) -> None:
    assert (report.kind, report.form, report.year) == ("report", "v2014", 2020)
    found = as_dict(report)["metadata"]
    assert found == {
        "index_number": "330803-035/2021-46828",
        "publisher": "区民政局",
        "written_on": "2021-02-18",
        "published_on": None,
        "openness": "主动公开",
        "validity": None,
        "document_number": None,
        "registration": None,
        "agency": "衢州市衢江区民政局",
        "region": "330803",
        "level": "county",
        "agency_kind": "department",
    }
    assert len(report.sections) == 6


def test_every_check_is_evaluated_and_the_honest_failures_stand(report: Report) -> None:
    form = next(form for form in load_all() if form.id == "v2014")
    wanted = {identity.check.name for identity in identities(form) if identity.check.scope == "within_report"}
    assert {finding.name for finding in report.findings if finding.kind == "check"} == wanted
    failed = [(f.name, f.at, f.found, f.expected, f.cause) for f in report.findings if f.status == "fail"]
    assert ("v2014_channel_not_above_items", "quarter", 35, 21, "source") in failed
    assert ("narrative_normative_documents", "normative_documents_disclosed[year_total]", 120, 0, "unknown") in failed
    notices = {finding.name for finding in report.findings if finding.status == "notice"}
    assert {"form_outside_its_years", "number_in_heading"} <= notices


def test_the_three_read_alike() -> None:
    reports = [_read(source) for source in SOURCES if source is not None]
    figures = [{(f.indicator, f.col): (f.value, f.state) for f in report.figures} for report in reports]
    checks = [
        sorted({(f.name, f.at or "", f.status) for f in r.findings if f.kind in ("check", "claim")}) for r in reports
    ]
    assert all(each == figures[0] for each in figures)
    assert all(each == checks[0] for each in checks)


def test_the_text_has_no_title_line() -> None:
    assert parse((PAGES / "qujiang-2020.txt").read_bytes()).title is None


def test_the_same_bytes_give_the_same_report_in_any_process() -> None:
    code = (
        "import json, sys; from pathlib import Path; from parsers import as_dict, parse;"
        "print(json.dumps([as_dict(parse(Path(p).read_bytes())) for p in sys.argv[1:]], ensure_ascii=False))"
    )
    pages = [str(path) for path in sorted(PAGES.glob("*.html"))[:12]]
    seen = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, *pages],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        seen.add(done.stdout)
    here = json.dumps([as_dict(parse(Path(page).read_bytes())) for page in pages], ensure_ascii=False)
    assert seen == {here + "\n"}


@pytest.mark.parametrize("line", ["填表人：某甲", "联系人：某乙 电话：0570-0000000", "制表人某丙"])
def test_people_of_the_closing_rows_reach_no_finding(line: str) -> None:
    page = (PAGES / "qujiang-2020.html").read_text(encoding="utf-8")
    row = f"<tr><td>{line}</td><td>5550100</td><td>1</td><td>2</td></tr></table>"
    report = as_dict(parse(page.replace("</table>", row).encode()))
    assert len(report["figures"]) == 154
    said = json.dumps([report["findings"], report["sections"]], ensure_ascii=False)
    assert "某甲" not in said and "某乙" not in said and "某丙" not in said and "5550100" not in said
