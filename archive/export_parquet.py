"""Parquet for pandas, polars, DuckDB and R's arrow: typed, zstd, written in batches, so that memory stays flat.

The archive's version and the query stand in the file's own key-value metadata (`gongkai.version`, `gongkai.query`,
`gongkai.citation`), each column's meaning in its field's (`description`). `figure.state` is a column like any other,
and a NULL `value` says nothing without it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archive.citing import Edition, citation
from archive.export_tables import Column, Row, Table, batches

_TYPES = {"i": pa.int64(), "n": pa.float64(), "s": pa.string(), "t": pa.timestamp("ms", tz="UTC")}


def write(
    conn: sqlite3.Connection, table: Table, folder: Path, found: Edition, advance: Callable[[int], None]
) -> list[Path]:
    """Write `table` to `<name>.parquet` in `folder`; `advance` gets the number of rows of each batch."""
    path = folder / f"{table.name}.parquet"
    schema = pa.schema(
        [pa.field(c.name, _TYPES[c.type], metadata={"description": c.label}) for c in table.columns],
        metadata={
            "gongkai.version": found.version,
            "gongkai.query": table.query,
            "gongkai.citation": citation(found, table.query),
        },
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in batches(conn, table.query):
            writer.write_batch(_batch(rows, table.columns, schema))
            advance(len(rows))
    return [path]


def _batch(rows: list[Row], columns: Sequence[Column], schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        given: Any = values
        if column.type == "n":
            given = [None if value is None else float(value) for value in values]
        elif column.type == "s":
            given = [None if value is None else str(value) for value in values]
        if column.type == "t":
            arrays.append(pa.array(given, pa.string()).cast(_TYPES["t"]))
        else:
            arrays.append(pa.array(given, _TYPES[column.type]))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
