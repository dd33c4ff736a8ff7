"""The front door with files: `parse` and `import`, with good input and bad.

The pages are made up here, but for the real figures' copy in tests/pages; nothing is fetched.
"""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import gongkai
from archive import bodies

NOTICE = "<html><head><title>停电通知</title></head><body><p>明日停电。</p></body></html>".encode()
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
RANDOM = random.Random(7).randbytes(100_000)  # so long that `<p ` stands in it
TITLE = "衢江区民政局2020年政府信息公开工作年度报告"
ROWS = (
    ("（一）主动公开政府信息数（不同渠道和方式公开相同信息计1条）", "条", "21", "163"),
    ("其中：主动公开规范性文件数", "条", "0", ""),
    ("制发规范性文件总数", "件", "—", "无"),
)
REPORT = f"""<html><head><meta charset="utf-8"><title>{TITLE}</title></head><body><h1>{TITLE}</h1>
<table><tr><td>索引号</td><td>330803-035/2021-46828</td><td>发布单位</td><td>区民政局</td></tr></table>
<p>本报告中所列数据的统计期限自2020年1月1日起至2020年12月31日止。</p><p>一、概述</p>
<p>截至2020年底，我局共主动公开信息数163条。</p><p>政府信息公开情况统计表</p>
<table><tr><td>统计指标</td><td>单位</td><td>当季数量</td><td>年度累计数</td></tr>
<tr><td>一、主动公开情况</td><td></td><td></td><td></td></tr>
{"".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)}
</table></body></html>"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])


def write(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def query(path: Path, sql: str) -> list[Any]:
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()


def test_parse_prints_a_report_with_the_states_of_its_cells(tmp_path: Path) -> None:
    done = run("parse", write(tmp_path, "page.html", REPORT.encode()))
    assert done.exit_code == 0, done.output
    for shown in ("衢州市衢江区民政局", "2020", "v2014", "(blank)", "(dash —)", "(text 无)", "quarter", "year_total"):
        assert shown in done.stdout
    assert any("主动公开政府信息数" in line and "21" in line and "163" in line for line in done.stdout.splitlines())


def test_parse_json_is_the_contracts_dictionary_and_nothing_else(tmp_path: Path) -> None:
    done = run("parse", write(tmp_path, "page.html", REPORT.encode()), "--json", "--url", "http://www.qj.gov.cn/1.html")
    report = json.loads(done.stdout)
    assert done.exit_code == 0 and report["kind"] == "report" and report["url"] == "http://www.qj.gov.cn/1.html"
    values = {(figure["indicator"], figure["col"]): figure["value"] for figure in report["figures"]}
    assert values[("proactive_items_disclosed", "year_total")] == 163
    assert values[("proactive_items_disclosed", "quarter")] == 21


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("empty.html", b"", "the file is empty"),
        ("random.bin", RANDOM, "neither text nor HTML"),
        ("random.html", RANDOM[:5000], "neither text nor HTML"),
        ("report.pdf", PDF, "a PDF is not yet readable"),
        ("notice.html", NOTICE, "no annual report"),
    ],
)
def test_parse_of_something_else_says_so_and_gives_its_json(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    path = write(tmp_path, name, body)
    done = run("parse", path)
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit) and said in done.stderr
    done = run("parse", path, "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["kind"] == "other" and said in done.stderr


def test_parse_of_nothing_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.html", tmp_path):
        done = run("parse", path)
        assert done.exit_code == 2 and str(path) in done.stderr and done.stdout == ""


def test_parse_of_a_huge_page_ends(tmp_path: Path) -> None:
    body = b"<html><body>" + b"<p>text of no interest</p>\n" * 770_000 + b"</body></html>"
    done = run("parse", write(tmp_path, "huge.html", body))
    assert len(body) > 20_000_000 and done.exit_code == 1 and "no annual report" in done.stderr


def test_a_hostile_title_does_not_reach_the_terminal(tmp_path: Path) -> None:
    done = run("parse", write(tmp_path, "x.html", b"<title>a\x1b]0;owned\x07b [bold]c</title><p>x</p>"))
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout and "[bold]c" in done.stdout


def test_import_keeps_everything_reads_what_it_can_and_names_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "deep").mkdir(parents=True)
    pages = {"a.html": REPORT.encode(), "b.html": NOTICE, "deep/c.pdf": PDF, "d.bin": RANDOM, "e.html": b""}
    for name, body in (pages | {"deep/copy": REPORT.encode(), ".hidden": b"x"}).items():
        write(folder, name, body)
    db = tmp_path / "new.db"
    done = run("import", folder, "--db", db, "--json")
    result = json.loads(done.stdout)
    assert done.exit_code == 1
    assert result["counts"] == {
        "files": 6, "new": 5, "already_there": 1, "reports": 1, "blank_forms": 0, "other": 4, "unreadable": 3,
    }  # fmt: skip
    for said in ("c.pdf: a PDF is not yet readable", "d.bin: neither text nor HTML", "e.html: the file is empty"):
        assert said in done.stderr
    kept = query(
        db, "select url, portal, kind, outcome, headers, media_type, size from capture join body using (sha256)"
    )
    assert {row[0] for row in kept} == {f"urn:sha256:{bodies.digest(body)}" for body in pages.values()}
    assert {row[1:5] for row in kept} == {(None, "report", "new", "[]")}
    assert query(db, "select count(*) from report") == [(1,)]
    assert query(db, "select value from figure where indicator = 'proactive_items_disclosed' order by col") == [
        (21,),
        (163,),
    ]
    assert query(db, "select count(*) from reading") == [(5,)]
    ((arguments, outcome),) = query(db, "select arguments, outcome from crawl")
    assert arguments.startswith("import") and outcome == "finished"


def test_importing_again_changes_nothing_but_the_evidence(tmp_path: Path) -> None:
    page, db = write(tmp_path, "a.html", REPORT.encode()), tmp_path / "new.db"
    assert run("import", page, "--db", db).exit_code == 0
    before = query(db, "select * from figure")
    done = run("import", page, "--db", db)
    assert done.exit_code == 0 and "already there 1" in done.stdout
    assert query(db, "select * from figure") == before
    assert [row for (row,) in query(db, "select outcome from capture order by fetched_at, outcome")] == [
        "new",
        "unchanged",
    ]


def test_import_of_nothing_is_said(tmp_path: Path) -> None:
    done = run("import", tmp_path / "none", "--db", tmp_path / "new.db")
    assert done.exit_code == 2 and "none" in done.stderr and not (tmp_path / "new.db").exists()
    (tmp_path / "empty").mkdir()
    done = run("import", tmp_path / "empty", "--db", tmp_path / "new.db")
    assert done.exit_code == 1 and "no files" in done.stdout
