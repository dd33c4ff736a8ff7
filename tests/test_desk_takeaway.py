"""What leaves the desk: neutral CSV, the line to cite, the archive's version, the codebook, no compressed blobs."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from archive_samples import begin, keep, page
from desk_archive import ask
from hypothesis import given
from hypothesis import strategies as st

from archive import citing
from archive.csv_cells import Neutraliser, neutral
from archive.store import Store
from parsers.forms import load_all

EVIL = ["=1+1", "+SUM(A1)", "-2+3", "@x", "\t=1", "\r=1", '=HYPERLINK("http://x.example","y")', "＝1+1", 'a"b\n=c']


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "gongkai.db"
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        for number, title in enumerate(EVIL):
            keep(store, crawl, f"http://www.qj.example/{number}.html", 1, page(year=2021, title=title))
    yield path


def test_formulas_are_neutral_in_the_csv_of_tables_and_queries(archive: Path) -> None:
    wanted = sorted(neutral(title) for title in EVIL)
    assert all(title[0] == "'" for title in wanted if not title.startswith("a"))
    sql = urlencode({"sql": "select title, -5 as n, '-5.5' as text, '+86' as more from report order by id"})
    for address in ("/gongkai/report.csv?_size=max", "/gongkai/report.csv?_stream=on&_dl=1", f"/gongkai.csv?{sql}"):
        answer = ask(archive, address)
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert sorted(row["title"] for row in rows) == wanted, address
        assert answer.headers["content-type"].startswith(("text/plain", "text/csv"))
    assert {(row["n"], row["text"], row["more"]) for row in rows} == {("-5", "-5.5", "+86")}
    assert len(list(csv.DictReader(io.StringIO(ask(archive, "/gongkai/q11_disappeared.csv").text)))) == 1
    assert ask(archive, "/gongkai/report.json?_shape=array").json()[0]["title"] in EVIL  # JSON stays as it is


@given(st.lists(st.lists(st.text('=+-@\t\r\n",a1.', max_size=6), min_size=2, max_size=3)), st.integers(1, 9))
def test_rows_stay_rows_wherever_the_pieces_end(rows: list[list[str]], size: int) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    text, neutraliser = out.getvalue(), Neutraliser()
    pieces = [neutraliser.feed(text[n : n + size]) for n in range(0, len(text), size)]
    again = list(csv.reader(io.StringIO("".join(pieces) + neutraliser.finish(), newline="")))
    assert again == [[neutral(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("cell", ["-5", "+5", "-0.5", "-1e6", "5", "", "民政局", "a=b", "-.5"])
def test_numbers_and_plain_text_stay(cell: str) -> None:
    assert neutral(cell) == cell


def test_every_result_says_how_to_cite_it(archive: Path) -> None:
    with Store.open(archive, write=False) as store:
        version = citing.edition(store.conn).version
    for address in ("/gongkai/report?year=2021", "/gongkai/q11_disappeared?level=county", "/gongkai?sql=select+1"):
        answer = ask(archive, address)
        assert f"Version {version}" in answer.text and 'id="cite"' in answer.text, address
        assert answer.headers["gongkai-version"] == version
        assert address.split("?")[1] in answer.text.replace("&amp;", "&")
    assert f"Version {version}" in ask(archive, "/-/search?q=x").text
    for address in ("/gongkai/report.csv", "/gongkai/report.json"):
        assert ask(archive, address).headers["gongkai-version"] == version
    with Store.open(archive) as store:
        keep(store, begin(store, 2), "http://www.qj.example/more.html", 2, page(year=2022))
    assert ask(archive, "/gongkai/report.json").headers["gongkai-version"] != version


def test_the_codebook_is_in_the_browser(archive: Path) -> None:
    text = ask(archive, "/-/codebook").text
    for form in load_all():
        assert form.document in text
        assert all(f"<code>{row.code}</code>" in text for table in form.tables for row in table.rows if row.is_value)
    assert (
        '<td id="applications_received">' in text and "<script" not in text.split("<article")[1].split("</article")[0]
    )


def test_the_compressed_bytes_stay_out_of_what_is_given(archive: Path) -> None:
    sha = hashlib.sha256(page(year=2021, title=EVIL[0])).hexdigest()
    for address in (
        "/gongkai/body.json", "/gongkai/body.json?_shape=array", "/gongkai/body.csv", "/gongkai/body",
        "/gongkai/body.json?_col=data", f"/gongkai/body/{sha}.json",
    ):  # fmt: skip
        answer = ask(archive, address)
        assert answer.status_code == 200 and "$base64" not in answer.text, address
        assert "_blob_column" not in answer.text and sha in answer.text, address
    assert ask(archive, f"/gongkai/body/{sha}").status_code == 200
