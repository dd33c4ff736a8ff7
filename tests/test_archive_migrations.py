"""Archives of former versions, kept in `tests/archives/`: they open, lose nothing, and read as before.

`v1.db.zst` was made by the code of 24 November 2026 that still had `figure` and `finding` as tables: two made-up
reports of two bodies, one of which changed, a page that is gone, a list that came short. `v2.db.zst` is the same,
brought to version 2 by the code of that day and not read again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import zstandard
from archive_samples import begin, keep, page
from click.testing import CliRunner

import gongkai
from archive import connection, schema
from archive.store import ArchiveError, Store

ARCHIVES = sorted((Path(__file__).parent / "archives").glob("*.db.zst"))
STABLE = "SELECT report_id, form, indicator, col, value, raw, state, tbl, row, cell FROM figure ORDER BY 1, 2, 3, 4"


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name)
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "former.db"
    path.write_bytes(zstandard.ZstdDecompressor().decompress(request.param.read_bytes()))
    return path


def evidence(path: Path) -> dict[str, list[tuple[object, ...]]]:
    conn = sqlite3.connect(path)
    found = {name: conn.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in schema.EVIDENCE}
    conn.close()
    return found


def shape(conn: sqlite3.Connection) -> set[tuple[str, str]]:
    """Names and text of the evidence tables and their indexes."""
    marks = ", ".join("?" * len(schema.EVIDENCE))
    return set(
        conn.execute(f"SELECT name, sql FROM sqlite_master WHERE tbl_name IN ({marks}) AND sql <> ''", schema.EVIDENCE)
    )


def test_there_is_an_archive_of_every_former_version() -> None:
    kept = {path.name.split(".")[0].split("-")[0] for path in ARCHIVES}
    assert kept >= {f"v{version}" for version in range(1, schema.VERSION)}
    assert all(path.stat().st_size < 60_000 for path in ARCHIVES)


def test_a_former_archive_is_brought_up_to_date_and_loses_nothing(former: Path, tmp_path: Path) -> None:
    before = evidence(former)
    assert len(before["capture"]) == 6 and len(before["body"]) == 3
    conn = sqlite3.connect(former)
    figures = conn.execute(STABLE).fetchall()
    revisions = conn.execute("SELECT * FROM revision").fetchall()
    listed = conn.execute("SELECT id FROM finding WHERE crawl_id IS NOT NULL ORDER BY id").fetchall()
    checks = "SELECT report_id, name, at, status, expected, found FROM finding WHERE kind = 'check' ORDER BY 1, 2, 3"
    checked = list(conn.execute(checks))
    conn.close()
    with Store.open(former, stale=True) as store:
        assert store.conn.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert store.verify().damaged == []
        result = store.reparse(1)
        assert result["changes"] is None and result["reports"] == 2
    after = evidence(former)
    assert all(row[-1] for row in after["body"])
    after["body"] = [row[: len(before["body"][0])] for row in after["body"]]
    assert {name: rows for name, rows in after.items() if name != "fixity"} == {
        name: rows for name, rows in before.items() if name != "fixity"
    }
    assert set(before["fixity"]) <= set(after["fixity"])
    with Store.open(tmp_path / "fresh.db", create=True) as fresh, Store.open(former) as store:
        assert shape(store.conn) == shape(fresh.conn)
        assert store.conn.execute(STABLE).fetchall() == figures
        assert store.conn.execute("SELECT * FROM revision").fetchall() == revisions
        kept = store.conn.execute("SELECT id FROM finding WHERE crawl_id IS NOT NULL ORDER BY id").fetchall()
        assert kept == listed
        again = store.conn.execute(checks).fetchall()
        assert [row for row in again if row[1] in {name for _, name, *_ in checked}] == checked
        keep(store, begin(store, 9), "http://www.qj.example/new.html", 9, page(year=2022))


def test_until_the_reparse_it_says_so(former: Path) -> None:
    for write in (False, True):
        with pytest.raises(ArchiveError, match="`gongkai reparse` makes them anew"):
            Store.open(former, write=write)
    run = CliRunner().invoke
    refused = run(gongkai.main, ["status", "--db", str(former)])
    assert refused.exit_code == 5 and "gongkai reparse" in refused.stderr
    assert run(gongkai.main, ["verify", "--db", str(former)]).exit_code == 0
    done = run(gongkai.main, ["reparse", "--db", str(former)])
    assert done.exit_code == 0 and "nothing to compare with" in done.stdout
    assert run(gongkai.main, ["status", "--db", str(former)]).exit_code == 0


def test_a_newer_archive_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection.create(path)
    conn = sqlite3.connect(path)
    conn.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    conn.close()
    before = path.read_bytes()
    for verb in ("status", "reparse", "verify"):
        done = CliRunner().invoke(gongkai.main, [verb, "--db", str(path)])
        assert done.exit_code == 5 and "Update gongkai to open it" in done.stderr
    assert path.read_bytes() == before


def test_another_layout_of_the_derived_tables_is_noticed_and_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        store.conn.execute("ALTER TABLE section ADD COLUMN words INTEGER")
        store.conn.execute("UPDATE layout SET digest = 'another'")
    with pytest.raises(ArchiveError, match="reparse"):
        Store.open(path)
    with Store.open(path, stale=True) as store:
        assert store.reparse(1)["changes"] is None
        assert "words" not in store.db.table("section").columns_dict
    Store.open(path).close()


def test_views_are_brought_up_to_date_by_themselves(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, create=True) as store:
        store.conn.execute("DROP VIEW figures")
        store.conn.execute("CREATE VIEW odd AS SELECT 1")
    with Store.open(path) as store:
        assert not schema.views_differ(store.conn)
