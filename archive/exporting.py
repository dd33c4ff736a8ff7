"""`gongkai export`: a folder of files that others can read without gongkai, and a note of what they are.

Every folder holds `export.json` (the archive's version, and of each file its rows, bytes, SHA-256 and the query that
gives the same rows again) and `README.txt` (how to cite it, and the four facts). All files are of one moment of the
archive: one read transaction, while a crawl may go on. The folder appears under its name when it is complete; the same
archive gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from archive.citing import NAME, Edition, citation, edition
from archive.errors import explained, explained_files
from archive.export_tables import NAMES, Table, tables
from archive.store import Store

FORMATS = ("csv", "parquet", "dta", "datapackage", "warc")
MANIFEST = "export.json"

Progress = Callable[[int, int, str], None]  # rows done, 0, the table's or file's name


class ExportError(Exception):
    """The export cannot be made as asked (exit code 2); `str(error)` is a sentence that says what to do."""


class File(NamedTuple):
    name: str
    rows: int
    bytes: int
    sha256: str
    query: str | None


class Exported(NamedTuple):
    folder: str
    format: str
    version: str
    files: tuple[File, ...]


def export(
    store: Store, to: Path, format: str, *, version: str, codebook: str, names: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Exported:  # fmt: skip
    """Write the archive to the new folder `to`.

    `names` are the tables wanted (all where empty; a WARC holds all evidence); `version` is gongkai's, `codebook` the
    text of the data package's codebook. Raises ExportError where `to` is not empty, a table is unknown or a library is
    missing; ArchiveError where the disk or the archive is in the way.
    """
    if unknown := sorted(set(names) - set(NAMES)):
        raise ExportError(f"no such table: {', '.join(unknown)}. There are {', '.join(NAMES)}.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ExportError(f"{to} is there already. Give --to a folder that is new or empty.")
    part = to.resolve().parent / f".{to.resolve().name}.part"
    with explained_files(to):
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
    try:
        with explained(store.path), explained_files(to):
            store.conn.execute("BEGIN")
            try:
                found = edition(store.conn)
                files = _write(store, part, format, found, names, codebook, progress or _silent)
                _manifest(part, format, found, version, files)
            finally:
                store.conn.execute("ROLLBACK")
            if to.exists():
                to.rmdir()
            part.rename(to)
    finally:
        if part.exists():
            shutil.rmtree(part)
    return Exported(str(to), format, found.version, tuple(files))


def _write(
    store: Store, folder: Path, format: str, found: Edition, names: tuple[str, ...], codebook: str, progress: Progress
) -> list[File]:
    conn = store.conn
    chosen = tuple(table for table in tables(conn) if not names or table.name in names)
    files: list[File] = []
    done = 0

    def counted(name: str) -> Callable[[int], None]:
        counts[name] = 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            counts[name] += rows
            progress(done, 0, name)

        return advance

    counts: dict[str, int] = {}
    if format == "warc":
        from archive.export_warc import write as write_warc

        for path, records in write_warc(store, folder, found, counted("captures")):
            files.append(_file(path, records, None))
        return files
    for table in chosen:
        for name, query, paths in _table_files(conn, table, folder, format, found, counted):
            files += [_file(path, counts[name], query) for path in paths]
    if format == "datapackage":
        from archive import export_csv

        about = {file.name: file._asdict() for file in files}
        files += [_file(path, 0, None) for path in export_csv.package(folder, chosen, found, about, codebook)]
    return files


def _table_files(
    conn: sqlite3.Connection, table: Table, folder: Path, format: str, found: Edition,
    counted: Callable[[str], Callable[[int], None]],
) -> list[tuple[str, str, list[Path]]]:  # fmt: skip
    name = table.name
    try:
        if format in ("csv", "datapackage"):
            from archive import export_csv

            return [(name, table.query, export_csv.write(conn, table, folder, counted(name)))]
        if format == "parquet":
            from archive import export_parquet

            return [(name, table.query, export_parquet.write(conn, table, folder, found, counted(name)))]
        from archive import export_stata
    except ModuleNotFoundError as error:
        raise ExportError(f"--format {format} needs {error.name}: pip install 'gongkai[export]'.") from error
    labels = export_stata.codes(conn)
    return [
        (file, query, export_stata.write(conn, table, (file, query), folder, found, labels, counted(file)))
        for file, query in export_stata.parts(conn, table)
    ]


def _file(path: Path, rows: int, query: str | None) -> File:
    with path.open("rb") as file:
        return File(path.name, rows, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest(), query)


def _manifest(folder: Path, format: str, found: Edition, version: str, files: list[File]) -> None:
    about: dict[str, Any] = {
        "title": NAME,
        "archive": found._asdict(),
        "gongkai": version,
        "format": format,
        "files": [file._asdict() for file in files],
    }
    (folder / MANIFEST).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(README.format(cite=citation(found, "see export.json")), encoding="utf-8")


def _silent(done: int, total: int, what: str) -> None:
    return


README = """\
公开 gongkai · 政府信息公开工作年度报告档案 · Government information disclosure annual reports of China

引用 To cite:
  {cite}
  每个文件的查询语句、行数与 SHA-256 见 export.json。
  export.json has the query, the number of rows and the SHA-256 of each file.

四件不同的事 Four different facts, of every figure:
  0      state = number, value = 0
  空白   state = blank: 单元格只有空白 nothing but white space in the cell
  横线   state = dash: 单元格只有横线 only dashes in the cell
  缺行   figure 中没有这一行 no such row in `figure`: 网页没有这一格 the page lacks the cell
  （另有 state = text：写了文字，如“无”。 And state = text: words such as 无.）

panel 中的空值只表示“没有可用的数字”；是哪一种，请查 figure.state。
An empty value in `panel` says only that there is no usable number; which of the facts it is, `figure.state` says.
"""
