"""What holds on every page of the desk: its plots, its languages, its landmarks, and that nothing foreign is loaded.

The archive (desk_archive.several) holds real readings of pages of tests/pages.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import tomllib
from pathlib import Path

import pytest
from datasette.app import Datasette
from desk_archive import asked, get, parsed, report_of, several

from archive import desk, language, official, plots
from parsers.forms import load_all


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return several(tmp_path_factory.mktemp("desk") / "pages.db")


@pytest.fixture(scope="module")
def served_desk(archive: Path) -> Datasette:
    return desk.desk(archive)


@pytest.mark.parametrize("plot", plots.load(), ids=lambda plot: plot.name)
def test_every_plots_query_answers_with_the_columns_that_it_draws(
    archive: Path, served_desk: Datasette, plot: plots.Plot
) -> None:
    answer = get(served_desk, f"/gongkai/{plots.PREFIX}{plot.name}.json?_shape=objects").json()
    assert answer["ok"] and answer["rows"], plot.name
    drawn = {column for column in (plot.x, plot.y, plot.color, plot.column) if column}
    assert drawn <= set(answer["rows"][0]) and drawn <= set(plot.labels) and plot.mark in plots.MARKS
    for pair in (plot.title, plot.note, *plot.labels.values(), *plot.series.values()):
        assert set(pair) == {"zh", "en"} and all(pair.values())
    if plot.series and plot.color:
        coded = {row[plot.color] for row in answer["rows"]}
        assert coded - set(plot.series) <= {form.id for form in load_all()}, plot.name
    page = get(served_desk, "/-/dashboard").text
    assert f'data-rows="/-/plot/{plot.name}.json"' in page and f'href="/gongkai/{plots.PREFIX}{plot.name}"' in page
    assert get(served_desk, f"/-/plot/{plot.name}.json").json() == {"rows": answer["rows"], "truncated": False}


def test_a_plots_rows_are_asked_for_again_only_when_the_archive_has_changed(archive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(archive.read_bytes())
    datasette = desk.desk(copy)
    before = get(datasette, "/-/plot/reports.json").json()
    conn = sqlite3.connect(copy)
    conn.execute("pragma journal_mode = wal")
    conn.execute("update report set year = year")
    conn.execute("delete from panel_data where year = 2020")
    conn.commit()
    after = get(datasette, "/-/plot/reports.json").json()
    conn.close()
    assert {row["year"] for row in before["rows"]} - {row["year"] for row in after["rows"]} == {2020}
    assert get(datasette, "/-/plot/nothing.json").status_code == 404


def test_the_sums_of_the_plots_are_those_of_the_reports(archive: Path, served_desk: Datasette) -> None:
    rows = get(served_desk, "/gongkai/plot_outcomes.json?_shape=objects").json()["rows"]
    ((granted,),) = asked(archive, "select sum(value) from figure where indicator = 'result_granted' and col = 'total'")
    assert sum(row["cases"] or 0 for row in rows if row["outcome"] == "granted") == granted
    reports = get(served_desk, "/gongkai/plot_reports.json?_shape=objects").json()["rows"]
    assert sum(row["reports"] for row in reports) == asked(archive, "select count(*) from panel")[0][0]


def test_the_vendored_libraries_are_those_that_are_named() -> None:
    folder = desk.FOLDER / "static" / "vendor"
    named = tomllib.loads((folder / "versions.toml").read_text(encoding="utf-8"))
    licences = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    assert {path.name for path in folder.glob("*.js")} == set(named)
    for name, facts in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"], name
        assert f"== {facts['package']}-{facts['version']}\n" in licences


def test_no_template_script_or_style_names_another_host(served_desk: Datasette, archive: Path) -> None:
    files = [p for kind in ("templates/*", "static/*.*") for p in desk.FOLDER.glob(kind)]
    assert len(files) > 6
    for file in files:
        assert not re.search(
            r"""(?:<link[^>]+href|src|url|import)\s*[=(]?\s*["']?(?:https?:)?//""", file.read_text()
        ), file.name
    for path in (
        "/",
        "/gongkai",
        "/gongkai/report",
        "/-/dashboard",
        f"/-/report/{report_of(archive, 'dalu-2019.html')[0]}",
    ):
        page = parsed(get(served_desk, path).text)
        loaded = page.xpath(
            "//script/@src | //link[@rel!='alternate']/@href | //img/@src | //iframe/@src | //*/@srcset"
        )
        assert loaded and all(re.match(r"/(?!/)|data:,$", address) for address in loaded), path


def test_a_refused_query_or_page_prints_no_locals(served_desk: Datasette, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("/no/such/page", "/gongkai?sql=delete+from+report", "/gongkai?sql=select+no_such_column"):
        answer = get(served_desk, path)
        assert answer.status_code in (400, 404) and 'class="desk-nav"' in answer.text
    said = capfd.readouterr()
    assert "locals" not in said.out + said.err


def test_robots_and_loading_are_turned_away_in_every_answer(served_desk: Datasette) -> None:
    assert get(served_desk, "/robots.txt").text == "User-agent: *\nDisallow: /\n"
    for path in ("/", "/gongkai/report", "/gongkai/report.json", "/-/dashboard", "/static/desk.css", "/no/such/page"):
        headers = get(served_desk, path).headers
        assert "noindex" in headers["x-robots-tag"], path
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert headers["x-content-type-options"] == "nosniff" and "*" not in headers["content-security-policy"]


def test_the_language_is_the_readers(archive: Path, served_desk: Datasette) -> None:
    path = f"/-/report/{report_of(archive, 'dalu-2019.html')[0]}"

    def title(headers: dict[str, str]) -> tuple[str, str]:
        page = parsed(get(served_desk, path, headers).text)
        return page.get("lang"), page.xpath("string(//h2[@id='about'])")

    assert title({}) == title({"accept-language": "fr"}) == title({"accept-language": "zh-CN,en"}) == ("zh", "概况")
    assert title({"accept-language": "de, en-GB;q=0.8"}) == ("en", "About this report")
    assert title({"accept-language": "zh", "cookie": f"{language.COOKIE}=en"}) == ("en", "About this report")
    assert title({"cookie": f"{language.COOKIE}=x; a=b"}) == ("zh", "概况")
    answer = get(served_desk, f"/-/language/en?next={path}")
    assert answer.status_code == 302 and answer.headers["location"] == path
    assert (
        f"{language.COOKIE}=en" in answer.headers["set-cookie"] and "httponly" in answer.headers["set-cookie"].lower()
    )
    (switch,) = parsed(get(served_desk, path).text).xpath("//a[@class='desk-language']")
    assert switch.get("href").startswith("/-/language/en?next=") and switch.text_content() == "English"


@pytest.mark.parametrize(
    "path", ["//evil.example/", "https://evil.example", "/\\evil", "javascript:alert(1)", "", "/a\r\nX: y"]
)
def test_the_switch_leads_nowhere_else(path: str) -> None:
    assert language.local(path) == "/"


def test_datasettes_own_pages_speak_the_readers_language_only(served_desk: Datasette) -> None:
    english = {"cookie": f"{language.COOKIE}=en"}
    for path, zh, en in (
        ("/", "每一个数字都能回到", "Every number resolves"),
        ("/gongkai", "申请的办理结果", "Outcomes of applications"),
        ("/gongkai/report", "报告所述年份，不是发布年份", "The year reported on, not the year of publication"),
        ("/gongkai/plot_outcomes", "申请的办理结果", "Outcomes of applications"),
    ):
        chinese_page, english_page = get(served_desk, path).text, get(served_desk, path, english).text
        assert zh in chinese_page and en not in chinese_page, path
        assert en in english_page and zh not in english_page, path
    assert language.Words("en").part("一 · one") == "one" and language.Words("zh").part("一 · one") == "一"
    assert language.Words("en").part("only one") == "only one" and language.Words("zh").part("only one") == "only one"
    title = "公开 gongkai · 政府信息公开档案 · Reports of China"
    assert language.Words("en").part(title) == "公开 gongkai · Reports of China"  # its name is its name
    assert language.Words("zh").part(title) == "政府信息公开档案"


def test_every_word_of_the_desk_is_there_in_both_languages_and_used() -> None:
    words = language.words()
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for pattern in ("templates/*.html", "plugins/*.py", "*.py", "static/*.js")
        for path in desk.FOLDER.glob(pattern)
    )
    for key, pair in words.items():
        assert set(pair) == {"zh", "en"} and all(pair.values()), key
        assert sorted(re.findall(r"{\w+}", pair["zh"])) == sorted(re.findall(r"{\w+}", pair["en"])), key
        group, _, name = key.partition(".")
        built = group in ("header", "outcome", "plot") or name.split("_")[0] in ("state", "cause")
        assert built or re.search(rf"""["'`](?:{re.escape(key)}|{re.escape(name)})["'`]""", code), key
    headers = {
        header for form in load_all() for table in form.tables for c in table.columns for header in official._path(c)
    }
    assert headers == {key.partition(".")[2] for key in words if key.startswith("header.")}


def test_the_pages_have_landmarks_and_scoped_headers(archive: Path, served_desk: Datasette) -> None:
    for path in (f"/-/report/{report_of(archive, 'v2021-failing-sums.html')[0]}", "/-/dashboard", "/gongkai/report"):
        page = parsed(get(served_desk, path).text)
        assert page.get("lang") in ("zh", "en") and len(page.xpath("//main")) == 1 and page.xpath("//nav[@aria-label]")
        assert page.xpath("//body/a[1]/@href") == ["#content"] and page.xpath("//main[@id='content']")
        assert len(page.xpath("//h1")) == 1, path
        assert not page.xpath("//th[not(@scope)]") and not page.xpath("//img[not(@alt)]")
        labelled = page.xpath("//section/@aria-labelledby")
        assert all(page.xpath(f"//*[@id='{name}']") for name in labelled)
        identities = page.xpath("//@id")
        assert len(identities) == len(set(identities)), path


def test_the_folder_opens_in_plain_datasette_with_all_that_the_desk_adds(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("metadata.yml", "settings.json", "plugins", "templates", "static"):
        (folder / name).symlink_to(desk.FOLDER / name)
    (folder / "gongkai.db").write_bytes(archive.read_bytes())
    datasette = Datasette(config_dir=folder)
    report, capture = report_of(archive, "dalu-2019.html")
    for path in (f"/-/report/{report}", f"/-/page/{capture}", "/-/dashboard", "/static/plots.js", "/robots.txt"):
        assert get(datasette, path).status_code == 200, path
    assert 'class="desk-nav"' in get(datasette, "/gongkai/report").text
