"""CSV as RFC 4180 has it, UTF-8, one line a row; and the same as a Frictionless data package.

CSV knows no NULL: an empty field is one. Of a figure it is therefore `state` that says blank (`raw` may be empty) or
dash, and nothing but the missing row that says absent. Cells are written exactly as published, so one that begins with
`=` begins with `=`: import the files into a spreadsheet as text.
(specs.frictionlessdata.io, Data Package 1.0: tabular data package.)
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archive.citing import NAME, Edition
from archive.export_tables import NAMES, STATES, Column, Table, batches, described

_TYPES = {"i": "integer", "n": "number", "s": "string", "t": "datetime"}


def write(conn: sqlite3.Connection, table: Table, folder: Path, advance: Callable[[int], None]) -> list[Path]:
    """Write `table` to `<name>.csv` in `folder`; `advance` gets the number of rows of each batch."""
    path = folder / f"{table.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(column.name for column in table.columns)
        for rows in batches(conn, table.query):
            writer.writerows(rows)
            advance(len(rows))
    return [path]


def package(
    folder: Path, tables: tuple[Table, ...], found: Edition, files: Mapping[str, Mapping[str, Any]], codebook: str
) -> list[Path]:
    """Write `datapackage.json` and `codebook.md` beside the CSV files; `files` is the manifest's, by file name."""
    resources = [_resource(table, {t.name for t in tables}, files[f"{table.name}.csv"]) for table in tables]
    described_as = {
        "profile": "tabular-data-package",
        "name": "gongkai",
        "title": NAME,
        "version": found.version,
        "description": "Every figure resolves to a cell of a saved page. 0, blank, dash and absent are four facts: see"
        " figure.state; an absent row has no figure. Meanings of forms, indicators and columns: codebook.md.",
        "sources": [{"title": "Government portals of China; each page's address is in report.url and capture.url"}],
        "resources": resources,
    }
    path, book = folder / "datapackage.json", folder / "codebook.md"
    path.write_text(json.dumps(described_as, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    book.write_text(codebook, encoding="utf-8")
    return [path, book]


def _resource(table: Table, present: set[str], file: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(table, column) for column in table.columns],
        "missingValues": [""],
        "primaryKey": list(table.key),
    }
    links = [
        {"fields": list(own), "reference": {"resource": other, "fields": list(theirs)}}
        for own, (other, theirs) in table.references.items()
        if other in present
    ]
    if links:
        schema["foreignKeys"] = links
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": f"{table.name}.csv",
        "description": described().get(table.name, {}).get("description", table.name),
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": file["bytes"],
        "hash": f"sha256:{file['sha256']}",
        "query": file["query"],
        "schema": schema,
    }


def _field(table: Table, column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": _TYPES[column.type], "description": column.label}
    if (table.name, column.name) == ("figure", "state"):
        field["constraints"] = {"required": True, "enum": list(STATES)}
    elif column.name in table.key and table.name in NAMES[:-1]:
        field["constraints"] = {"required": True}
    return field
