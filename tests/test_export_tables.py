"""The archive as tables for R, Stata and pandas: the four facts, the labels, the version and the query to cite."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import exported
import frictionless
import pandas as pd
import pyarrow.parquet as pq
import pytest
from archive_samples import fetched
from click.testing import CliRunner, Result

import gongkai
from archive import export_tables, exporting
from archive.citing import edition
from archive.store import Store
from parsers import codebook

FORMATS = ("csv", "parquet", "dta", "datapackage")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported.made(tmp_path_factory.mktemp("archive") / "gongkai.db")


@pytest.fixture(scope="module")
def folders(db: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One export in each format, through the front door."""
    top = tmp_path_factory.mktemp("exports")
    for form in FORMATS:
        done = run("export", "--to", top / form, "--format", form, "--db", db)
        assert done.exit_code == 0, done.output
    return {form: top / form for form in FORMATS}


def read(folder: Path, form: str, table: str) -> list[dict[str, Any]]:
    """A table's rows as a reader of that format has them, with None for what is missing."""
    if form == "parquet":
        return list(pq.read_table(folder / f"{table}.parquet").to_pylist())
    if form == "dta":
        name = f"{table}_2017.dta" if table in ("figure", "finding") else f"{table}.dta"
        frame = pd.read_stata(folder / name)
        return [
            {str(key): None if pd.isna(value) or value == "" else value for key, value in row.items()}
            for row in frame.to_dict("records")
        ]
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("form", FORMATS)
def test_zero_blank_dash_and_absent_stay_four_facts(folders: dict[str, Path], db: Path, form: str) -> None:
    report = next(row for row in read(folders[form], form, "report") if row["url"] == exported.URL.format(1))
    figures = {
        str(row["indicator"]).partition(" ")[0]: row
        for row in read(folders[form], form, "figure")
        if float(row["report_id"]) == float(report["id"])
    }
    assert set(figures) == set(exported.STATES)
    for indicator, (raw, value, state) in exported.STATES.items():
        row = figures[indicator]
        assert row["state"] == state
        assert row["raw"] == raw
        assert (None if row["value"] is None else float(row["value"])) == value
    assert exported.ABSENT not in figures
    with Store.open(db, write=False) as store:
        known = store.conn.execute("SELECT 1 FROM indicator WHERE code = ?", (exported.ABSENT,)).fetchone()
    assert known, "the absent row is one that the form has"


@pytest.mark.parametrize("form", FORMATS)
def test_every_export_names_the_version_and_the_query_behind_each_file(
    folders: dict[str, Path], db: Path, form: str
) -> None:
    about = json.loads((folders[form] / "export.json").read_text(encoding="utf-8"))
    conn = sqlite3.connect(db)
    assert about["archive"]["version"] == edition(conn).version
    assert about["archive"]["version"] in (folders[form] / "README.txt").read_text(encoding="utf-8")
    assert {path.name for path in folders[form].iterdir()} - {file["name"] for file in about["files"]} == {
        "README.txt", "export.json",
    }  # fmt: skip
    for file in about["files"]:
        path = folders[form] / file["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        if path.suffix in (".csv", ".parquet", ".dta"):
            rows = conn.execute(file["query"]).fetchall()
            assert len(rows) == file["rows"], path.name
    conn.close()


def test_each_format_says_its_version_in_the_file_where_it_can(folders: dict[str, Path], db: Path) -> None:
    with Store.open(db, write=False) as store:
        version = edition(store.conn).version
    schema = pq.read_schema(folders["parquet"] / "figure.parquet")
    assert schema.metadata[b"gongkai.version"].decode() == version
    query = schema.metadata[b"gongkai.query"].decode()
    assert query.startswith("SELECT report_id") and query in schema.metadata[b"gongkai.citation"].decode()
    assert "yuan" in schema.field("value").metadata[b"description"].decode()
    with pd.io.stata.StataReader(folders["dta"] / "figure_2017.dta", convert_categoricals=False) as stata:
        stata.read()
        assert version in stata.data_label
        labels, values = stata.variable_labels(), stata.value_labels()
    assert "一字不改" in labels["raw"]
    assert {str(text) for text in values["state"].values()} == {"number", "blank", "dash", "text"}
    assert any(text.startswith("applications_received ") for text in values["indicator"].values())
    package = json.loads((folders["datapackage"] / "datapackage.json").read_text(encoding="utf-8"))
    assert package["version"] == version
    assert all(resource["query"].startswith("SELECT ") for resource in package["resources"])


def test_parquet_has_types_and_the_archives_very_rows(folders: dict[str, Path], db: Path) -> None:
    with Store.open(db, write=False) as store:
        for table in export_tables.tables(store.conn):
            there = pq.read_table(folders["parquet"] / f"{table.name}.parquet")
            rows = store.conn.execute(table.query).fetchall()
            assert there.num_rows == len(rows)
            kept = [(place, column) for place, column in enumerate(table.columns) if column.type != "t"]
            names = [column.name for _, column in kept]
            # before and after of a revision are a number or a text: they leave as text
            wanted = [
                tuple(str(row[n]) if c.type == "s" and row[n] is not None else row[n] for n, c in kept) for row in rows
            ]
            assert [tuple(row[name] for name in names) for row in there.select(names).to_pylist()] == wanted
    report = pq.read_schema(folders["parquet"] / "report.parquet")
    assert str(report.field("id").type) == "int64"
    assert str(report.field("first_seen").type) == "timestamp[ms, tz=UTC]"


def test_stata_variables_are_labelled_and_ids_exact(folders: dict[str, Path], db: Path) -> None:
    with Store.open(db, write=False) as store:
        ids = {row[0] for row in store.conn.execute("SELECT id FROM report")}
    files = list(folders["dta"].glob("*.dta"))
    assert len(files) > 12
    for path in files:
        with pd.io.stata.StataReader(path, convert_categoricals=False) as stata:
            frame = stata.read()
            labels = stata.variable_labels()
        assert all(len(name) <= 32 for name in frame.columns)
        assert all(labels[name] for name in frame.columns), path.name
    assert {int(value) for value in pd.read_stata(folders["dta"] / "report.dta")["id"]} == ids
    first = pd.read_stata(folders["dta"] / "figure_2017.dta", convert_categoricals=False)
    codes = pd.read_stata(folders["dta"] / "indicator.dta", convert_categoricals=False)
    assert set(first["indicator"]) <= set(codes["code"]), "the numbers of codes are the same in every file"


def test_the_data_packages_own_validator_accepts_it_and_finds_what_is_wrong(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = folders["datapackage"]
    validated = frictionless.validate(str(folder / "datapackage.json"))
    assert validated.valid, validated.flatten(["message"])
    assert (folder / "codebook.md").read_text(encoding="utf-8") == codebook.render()
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "figure.csv").read_text(encoding="utf-8")
    (tmp_path / "figure.csv").write_text(text.replace(",dash,", ",dashed,", 1), encoding="utf-8", newline="")
    assert not frictionless.validate(str(tmp_path / "datapackage.json")).valid


def test_the_same_archive_gives_the_same_bytes(folders: dict[str, Path], db: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        assert run("export", "--to", tmp_path / form, "--format", form, "--db", db).exit_code == 0
        for path in folders[form].iterdir():
            assert path.read_bytes() == (tmp_path / form / path.name).read_bytes(), path.name


def test_only_the_tables_asked_for(db: Path, tmp_path: Path) -> None:
    done = run("export", "--to", tmp_path / "some", "--format", "csv", "--table", "panel", "--db", db, "--json")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    assert [file["name"] for file in result["files"]] == ["panel.csv"]
    assert result["files"][0]["query"].startswith("SELECT agency_id")


def test_what_cannot_be_exported_is_said_and_leaves_nothing(db: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    for arguments, words in (
        (("--to", tmp_path / "full", "--format", "csv"), "there already"),
        (("--to", tmp_path / "new", "--format", "csv", "--table", "figuer"), "figuer"),
        (("--to", tmp_path / "new", "--format", "excel"), "excel"),
    ):
        done = run("export", *arguments, "--db", db)
        assert done.exit_code == 2 and words in done.stderr, done.output
    assert run("export", "--to", tmp_path / "new", "--format", "csv", "--db", tmp_path / "none.db").exit_code == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert (tmp_path / "full" / "diary.txt").read_text() == "mine"


def test_a_missing_library_is_named(db: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None; import gongkai; sys.argv[1:] = "
        f"['export', '--to', {str(tmp_path / 'x')!r}, '--format', 'parquet', '--db', {str(db)!r}]; gongkai.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "gongkai[export]" in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_version_depends_on_the_evidence_alone(db: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(db.read_bytes())
    with Store.open(copy) as store:
        before = edition(store.conn)
        store.conn.execute("VACUUM")
        assert edition(store.conn) == before
        crawl = store.begin_crawl("another", "test", "2026-02-01T00:00:00Z")
        assert edition(store.conn) == before
        store.save_capture(fetched(crawl, "http://www.qj.example/more.html", 20), b"more", "text/html")
        after = edition(store.conn)
    assert after.version != before.version and after.captures == before.captures + 1


def test_every_column_of_the_exported_tables_leaves_or_is_left_out_by_name(db: Path) -> None:
    left_out = {"capture": {"headers", "digest"}}
    with Store.open(db, write=False) as store:
        for table in export_tables.tables(store.conn):
            has = {column[0] for column in store.conn.execute(f"SELECT * FROM {table.name} LIMIT 0").description}
            assert has - left_out.get(table.name, set()) == {column.name for column in table.columns}
            assert all(column.label != column.name for column in table.columns), table.name


def test_the_formats_of_the_front_door_are_those_of_the_package() -> None:
    choice = next(option for option in gongkai.main.commands["export"].params if option.name == "form")
    assert tuple(choice.type.choices) == exporting.FORMATS  # type: ignore[attr-defined]
