"""Counts and facets of the large views: the same from the sums as from the rows, and said where the limit cut them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted
from desk_archive import asked, get, several

from archive import desk, language
from archive.counting import from_sums

PATHS = [
    "/gongkai/finding", "/gongkai/findings", "/gongkai/finding?status=fail", "/gongkai/finding?kind=check&_facet=name",
    "/gongkai/findings?kind__not=check&cause__isnull=1&_facet=name", "/gongkai/findings?cause__notnull=1&status=fail",
    "/gongkai/finding?status=nothing", "/gongkai/finding?_facet=name&_facet_size=2", "/gongkai/figure",
    "/gongkai/figures", "/gongkai/findings?_facet=name&_next=50", "/gongkai/finding?cause=",
]  # fmt: skip
OTHERS = [
    "/gongkai/finding?report_id=1", "/gongkai/findings?year=2020&status=pass",
    "/gongkai/figure?form=v2021", "/gongkai/finding?_where=name+in+(select+name+from+check_code)",
    "/gongkai/finding?name__contains=sum", "/gongkai/finding?cause__isblank=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return several(tmp_path_factory.mktemp("desk") / "pages.db")


def counted(path: Path, address: str, *, sums: bool = True) -> tuple[Any, set[str]]:
    """What a page's JSON counts, and the queries of SQLite that counted."""
    datasette = desk.desk(path)
    database, ran = datasette.databases["gongkai"], set()
    if not sums:
        database.__class__ = Database
    execute = Database.execute

    async def watched(self: Database, sql: str, *args: Any, **options: Any) -> Any:
        if "count(*)" in sql or "as count" in sql:
            ran.add(sql)
        return await execute(self, sql, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "execute", watched)
        patch.setitem(datasette._settings, "sql_time_limit_ms", 20_000)
        patch.setitem(datasette._settings, "facet_time_limit_ms", 20_000)
        page, mark = address.split("?")[0], "?" if "?" in address else ""
        found = get(datasette, f"{page}.json{mark}{address.partition('?')[2]}").json()
    facets = {
        name: [(row["value"], row["count"], row["selected"]) for row in facet["results"]] + [facet["truncated"]]
        for name, facet in found["facet_results"].items()
    }
    return (found["filtered_table_rows_count"], facets, [list(row) for row in found["rows"]]), ran


@pytest.mark.parametrize("address", PATHS)
def test_the_sums_say_what_the_rows_say(archive: Path, address: str) -> None:
    kept, ran = counted(archive, address)
    anew, ran_anew = counted(archive, address, sums=False)
    assert kept == anew and kept[0] is not None
    assert ran and not any(from_sums(sql) for sql in ran) and all(from_sums(sql) for sql in ran_anew)
    if "finding" in address:
        assert kept[1].keys() >= {"status", "kind", "cause"}


@pytest.mark.parametrize("address", OTHERS)
def test_other_filters_are_counted_from_the_rows(archive: Path, address: str) -> None:
    kept, ran = counted(archive, address)
    assert kept == counted(archive, address, sums=False)[0]
    assert ran and not any("finding_count" in sql or "figure_data" in sql for sql in ran)


def test_an_archive_without_sums_is_counted(archive: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.db"
    older.write_bytes(archive.read_bytes())
    number = asked(older, "select count(*) from finding")[0][0]
    assert number > 1000
    conn = sqlite3.connect(older)
    conn.executescript("drop table finding_count")
    conn.close()
    assert counted(older, "/gongkai/finding")[0][0] == number


def test_a_readers_own_count_keeps_its_column(archive: Path) -> None:
    answer = get(desk.desk(archive), "/gongkai.json?sql=select+count(*)+from+finding").json()
    assert answer["columns"] == ["count(*)"] and answer["rows"] == [
        [asked(archive, "select count(*) from finding")[0][0]]
    ]


def test_the_page_says_in_both_languages_what_the_limit_cut(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Database.execute

    async def slow(self: Database, sql: str, *args: Any, **options: Any) -> Any:
        if "count(*)" in sql:
            raise QueryInterrupted(TimeoutError("interrupted"), sql, {})
        return await execute(self, sql, *args, **options)

    whole = get(desk.desk(archive), "/gongkai/findings?year=2020").text
    monkeypatch.setattr(Database, "execute", slow)
    datasette: Datasette = desk.desk(archive)
    for spoken in language.LANGUAGES:
        say = language.Words(spoken)
        said = (say("table.facets_cut", columns="status, kind, cause"), say("table.count_cut"))
        cut = get(datasette, "/gongkai/findings?year=2020", {"cookie": f"{language.COOKIE}={spoken}"}).text
        assert all(text in cut and text not in whole for text in said) and "facets timed out" not in cut
    assert 'class="cut"' not in whole
