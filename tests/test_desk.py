"""The desk: what Datasette shows of an archive, through its in-process client.

The first tests compare `archive/metadata.yml` with the schema that the archive really has.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasette.app import Datasette
from desk_archive import get

from archive import connection, desk

PAGE = "<html><script>alert(1)</script><p>公开</p></html>".encode() * 40
HASH = hashlib.sha256(PAGE).hexdigest()
URL = "http://127.0.0.1/art/1.html"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    """An archive with one report page, one report with two figures and three findings; not called gongkai.db."""
    from archive import bodies

    path = tmp_path / "other.db"
    connection.create(path)
    db = connection.connect(path, write=True)
    conn = db.conn
    encoding, data = bodies.compress(PAGE)
    conn.execute("insert into body values (?, ?, 'text/html', ?, null, ?, '')", (HASH, len(PAGE), encoding, data))
    conn.execute(
        "insert into crawl (id, started_at, version, arguments) values ('c', '2026-01-01T00:00:00Z', '0', 't')"
    )
    capture = {"crawl_id": "c", "url": URL, "final_url": URL, "kind": "report", "headers": "[]", "digest": "d"}
    good = {"id": "cap", "fetched_at": "2026-01-01T00:00:01Z", "status": 200, "outcome": "new", "sha256": HASH}
    gone = {"id": "old", "fetched_at": "2025-12-01T00:00:01Z", "status": 404, "outcome": "gone", "sha256": None}
    db.table("capture").insert_all([capture | good, capture | gone])
    conn.execute("insert into region (code, name, level) values ('330803', '衢江区', 'county')")
    conn.execute("insert into agency values (7, '衢州市衢江区民政局', '330803', 'county', 'department')")
    report = {
        "id": 9,
        "url": URL,
        "agency_id": 7,
        "agency_name": "衢州市衢江区民政局",
        "region": "330803",
        "year": 2020,
    }
    report |= {
        "title": "<b>t</b>",
        "form": "v2014",
        "first_seen": "x",
        "last_seen": "x",
        "capture_id": "cap",
        "parser": "0",
    }
    db.table("report").insert(report)
    for code, col, value in ((1, "quarter", 21), (2, "year_total", 163)):
        conn.execute("insert into figure_code values (?, 'v2014', 'proactive_items_disclosed', ?)", (code, col))
        conn.execute("insert into figure_data values (9, ?, ?, null, 0, 2, 6, 3)", (code, value))
    for number, status in enumerate(("pass", "notice", "fail")):
        conn.execute(
            "insert into finding_data (id, report_id, capture_id, kind, name, status)"
            " values (?, 9, 'cap', 'check', ?, ?)",
            (number, f"check_{number}", status),
        )
    db.close()
    yield path


def rows(datasette: Datasette, path: str) -> list[dict[str, Any]]:
    response = get(datasette, path)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def described() -> dict[str, Any]:
    metadata: dict[str, Any] = yaml.safe_load((desk.FOLDER / "metadata.yml").read_text(encoding="utf-8"))
    return metadata


def test_every_table_and_column_is_described_in_both_languages(archive: Path) -> None:
    conn = sqlite3.connect(archive)
    names = [name for (name,) in conn.execute("select name from sqlite_master where type in ('table', 'view')")]
    real = {
        name: {column for (column,) in conn.execute("select name from pragma_table_info(?)", (name,))}
        for name in names
        if not name.startswith("sqlite_")
    }
    conn.close()
    tables = described()["databases"]["gongkai"]["tables"]
    assert tables.pop("shadow_")["hidden"] is True
    assert {name: set(table["columns"]) for name, table in tables.items()} == real
    for name, table in tables.items():
        for column, text in {"(table)": table["description"], **table["columns"]}.items():
            assert CHINESE.search(text) and ENGLISH.search(text) and " · " in text, f"{name}.{column}: {text}"
        for setting in ("facets", "sort_desc", "label_column"):
            used = table.get(setting, [])
            assert set([used] if isinstance(used, str) else used) <= real[name], f"{name}: {setting}"


def test_the_archive_of_any_name_is_served_as_gongkai_with_titles_and_facets(archive: Path) -> None:
    datasette = desk.desk(archive)
    assert "公开 gongkai" in get(datasette, "/").text
    page = get(datasette, "/gongkai/report").text
    assert "报告所述年份，不是发布年份" in page
    assert all(f'data-column="{facet}"' in page or f"_facet={facet}" in page for facet in ("region", "year", "form"))
    facets = get(datasette, "/gongkai/report.json").json()["facet_results"]
    assert set(facets) == {"region", "year", "form"}
    assert "&lt;b&gt;t&lt;/b&gt;" in page and "<b>t</b>" not in page


def test_every_table_and_view_opens(archive: Path) -> None:
    datasette = desk.desk(archive)
    for name in described()["databases"]["gongkai"]["tables"].keys() - {"shadow_"}:
        assert get(datasette, f"/gongkai/{name}").status_code == 200, name


def test_a_page_asks_the_metadata_for_a_tables_rights_once(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasette, asked = desk.desk(archive), []
    merged = Datasette._table_permission_allows

    def counted(self: Datasette, database: str, table: str) -> Any:
        asked.append(table)
        return merged(self, database, table)

    datasette._metadata_local["databases"]["gongkai"]["tables"]["entry"]["allow"] = False
    monkeypatch.setattr(Datasette, "_table_permission_allows", counted)
    pages = [get(datasette, path) for path in ("/", "/", "/gongkai", "/gongkai")]
    assert {page.status_code for page in pages} == {200}
    assert {"panel", "entry"} <= set(asked) and len(asked) == len(set(asked))
    assert [get(datasette, f"/gongkai/{name}").status_code for name in ("entry", "entry", "visit")] == [403, 403, 200]
    monkeypatch.setattr(desk, "MOST_TABLES", 3)  # names that are none push others out, and change no answer
    for name in ("a", "b", "c", "d", "entry", "visit"):
        assert datasette._table_permission_allows("gongkai", name) == merged(datasette, "gongkai", name)


def test_limits_are_those_of_settings_json(archive: Path) -> None:
    shown = get(desk.desk(archive), "/-/settings.json").json()
    wanted = json.loads((desk.FOLDER / "settings.json").read_text())
    assert {name: shown[name] for name in wanted} == wanted
    assert shown["suggest_facets"] is False and shown["allow_download"] is False
    assert get(desk.desk(archive), "/gongkai.db").status_code == 403


def test_canned_queries_answer(archive: Path) -> None:
    datasette = desk.desk(archive)
    for name, query in described()["databases"]["gongkai"]["queries"].items():
        for text in (query["title"], query["description"]):
            assert CHINESE.search(text) and ENGLISH.search(text) and " · " in text, name
        assert set(query["params"]) == set(re.findall(r"(?<!:):(\w+)", query["sql"])), name
    base = "/gongkai/indicator_over_years.json?_shape=array"
    assert [
        (row["year"], row["col"], row["value"]) for row in rows(datasette, f"{base}&indicator=&column_code=&region=")
    ] == [
        (2020, "quarter", 21),
        (2020, "year_total", 163),
    ]
    assert len(rows(datasette, f"{base}&indicator=proactive_items_disclosed&column_code=quarter&region=33")) == 1
    assert rows(datasette, f"{base}&indicator=proactive_items_disclosed&column_code=quarter&region=11") == []
    found = rows(datasette, "/gongkai/report_findings.json?_shape=array&report=9")
    assert [row["status"] for row in found] == ["fail", "notice", "pass"]
    assert rows(datasette, "/gongkai/report_findings.json?_shape=array&report=8") == []
    history = rows(datasette, f"/gongkai/url_history.json?_shape=array&url={URL}")
    assert [(row["outcome"], row["sha256"]) for row in history] == [("new", HASH), ("gone", None)]
    assert f'href="/-/body/{HASH}"' in get(datasette, f"/gongkai/url_history?url={URL}").text


def test_the_body_is_an_inert_download(archive: Path) -> None:
    response = get(desk.desk(archive), f"/-/body/{HASH}")
    assert response.status_code == 200 and response.content == PAGE
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == f'attachment; filename="{HASH}.bin"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-robots-tag"].startswith("noindex")
    policy = response.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-" not in policy


@pytest.mark.parametrize("name", ["0" * 64, "zz", HASH[:-1], "..%2f..%2fetc%2fpasswd", "%22%0d%0aX: y"])
def test_an_unknown_body_is_404(archive: Path, name: str) -> None:
    response = get(desk.desk(archive), f"/-/body/{name}")
    assert response.status_code == 404
    assert "x" not in response.headers


def test_a_body_over_the_cap_is_413_and_a_damaged_one_500(archive: Path) -> None:
    conn = sqlite3.connect(archive)
    conn.execute("update body set data = substr(data, 1, length(data) - 1)")
    conn.commit()
    response = get(desk.desk(archive), f"/-/body/{HASH}")
    assert response.status_code == 500 and "gongkai verify" in response.text
    conn.execute("update body set size = 40000000")
    conn.commit()
    conn.close()
    response = get(desk.desk(archive), f"/-/body/{HASH}")
    assert response.status_code == 413 and "40000000" in response.text


def test_a_blob_is_a_link_to_the_original(archive: Path) -> None:
    page = get(desk.desk(archive), "/gongkai/body").text
    assert f'href="/-/body/{HASH}"' in page and "_blob_column" not in page


def test_the_folder_opens_in_plain_datasette(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("metadata.yml", "settings.json", "plugins", "templates"):
        (folder / name).symlink_to(desk.FOLDER / name)
    archive.rename(folder / "gongkai.db")
    datasette = Datasette(config_dir=folder)
    assert "报告所述年份" in get(datasette, "/gongkai/report").text
    assert get(datasette, f"/-/body/{HASH}").content == PAGE
    front = get(datasette, "/gongkai").text
    assert all(f"/gongkai/{name}" in front for name in described()["databases"]["gongkai"]["queries"])
    assert get(datasette, "/gongkai/q01_applications_by_province.json?region=&year=").status_code == 200
    assert get(datasette, "/-/search?q=公开").status_code == get(datasette, "/-/codebook").status_code == 200
