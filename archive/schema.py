"""The archive's tables: names and columns are the contract of docs/design.md.

Evidence tables change only through a migration below: append one, never edit one that has been released. Derived
tables have no migrations, since a rebuild makes them anew; `DERIVED` is what they look like now, and the prefix lets
`reparse` build them beside the live ones. Columns beyond the contract: `digest` of `capture` and `body`, and
`entry.ordinal`. `reading.finished_at` is the capture's `fetched_at`, not a wall clock: a rebuild must give it again.

Traps: `figure_data.value` and its kin are `ANY`, because STRICT would turn an integer in a REAL column into a float; a
rename rewrites the foreign keys of the tables that refer to it, a drop does not; index names are global, so a shadow
table's index takes the one of two names that is free.
"""

from __future__ import annotations

import hashlib
import sqlite3

from archive import bodies, looking, sums
from archive.panel import PANEL
from archive.sqlite import Database, Migrations
from archive.views import VIEWS

APPLICATION_ID = 0x67676B31  # "ggk1"
SHADOW = "shadow_"

OUTCOMES = ("new", "changed", "unchanged", "gone", "blocked", "refused", "failed")
GOOD = ("new", "changed", "unchanged")
DECISIONS = ("fetched", "fresh", "not_a_report", "duplicate", "over_budget", "refused", "host_left_alone")
PAGE_KINDS = ("report", "blank_form", "other", "failed")

CAPTURE_ORDER = "fetched_at, outcome <> 'new', id"
"""Captures in the order of fetching. Times have whole seconds: within one, the first capture of a URL comes first."""


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"CHECK ({column} IN ({', '.join(repr(value) for value in values)}))"


migrations = Migrations("gongkai")


@migrations()
def evidence(db: Database) -> None:
    """Version 1."""
    for statement in (
        """CREATE TABLE portal (
  key TEXT PRIMARY KEY, name TEXT NOT NULL, region TEXT REFERENCES region(code), family TEXT NOT NULL, url TEXT NOT NULL
) STRICT""",
        """CREATE TABLE crawl (
  id TEXT PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT,
  outcome TEXT CHECK (outcome IN ('finished', 'interrupted')), version TEXT NOT NULL, arguments TEXT NOT NULL,
  captured INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0, gone INTEGER NOT NULL DEFAULT 0,
  blocked INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0
) STRICT""",
        """CREATE TABLE visit (
  crawl_id TEXT NOT NULL REFERENCES crawl(id), portal TEXT NOT NULL REFERENCES portal(key),
  declared INTEGER, found INTEGER NOT NULL, outcome TEXT NOT NULL, note TEXT,
  PRIMARY KEY (crawl_id, portal)
) STRICT""",
        """CREATE TABLE body (
  sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, media_type TEXT,
  encoding TEXT NOT NULL CHECK (encoding IN ('zstd', 'identity')), dictionary TEXT REFERENCES body(sha256),
  data BLOB NOT NULL
) STRICT""",
        f"""CREATE TABLE capture (
  id TEXT PRIMARY KEY, crawl_id TEXT NOT NULL REFERENCES crawl(id), portal TEXT REFERENCES portal(key),
  url TEXT NOT NULL, final_url TEXT, fetched_at TEXT NOT NULL,
  kind TEXT NOT NULL {_among("kind", ("listing", "report", "attachment", "robots"))}, status INTEGER,
  outcome TEXT NOT NULL {_among("outcome", OUTCOMES)}, headers TEXT NOT NULL, sha256 TEXT REFERENCES body(sha256),
  note TEXT, digest TEXT NOT NULL
) STRICT""",
        f"""CREATE TABLE entry (
  crawl_id TEXT NOT NULL REFERENCES crawl(id), portal TEXT NOT NULL REFERENCES portal(key), ordinal INTEGER NOT NULL,
  url TEXT NOT NULL, title TEXT, listed_date TEXT, listing_capture TEXT REFERENCES capture(id),
  decision TEXT NOT NULL {_among("decision", DECISIONS)},
  PRIMARY KEY (crawl_id, portal, ordinal)
) STRICT""",
        """CREATE TABLE fixity (
  id INTEGER PRIMARY KEY, checked_at TEXT NOT NULL, sha256 TEXT NOT NULL REFERENCES body(sha256),
  ok INTEGER NOT NULL CHECK (ok IN (0, 1))
) STRICT""",
        "CREATE INDEX capture_url ON capture(url, fetched_at)",
        "CREATE INDEX capture_crawl ON capture(crawl_id)",
        "CREATE INDEX capture_portal ON capture(portal, outcome)",
        "CREATE INDEX capture_sha256 ON capture(sha256)",
        "CREATE INDEX entry_url ON entry(url)",
        "CREATE INDEX entry_portal ON entry(portal)",
        "CREATE INDEX fixity_sha256 ON fixity(sha256, checked_at)",
        f"PRAGMA application_id = {APPLICATION_ID}",
        "PRAGMA user_version = 1",
    ):
        db.execute(statement)


@migrations()
def dictionaries(db: Database) -> None:
    """Version 2: the bodies that a damaged dictionary takes along are found without reading them all."""
    db.execute("CREATE INDEX body_dictionary ON body(dictionary) WHERE dictionary IS NOT NULL")
    db.execute("PRAGMA user_version = 2")


@migrations()
def body_digests(db: Database) -> None:
    """Version 3: `body.digest`, so that `verify` finds a changed byte anywhere in a body's row."""
    db.conn.create_function("row_digest", 6, bodies.row_digest, deterministic=True)
    db.execute("ALTER TABLE body ADD COLUMN digest TEXT")
    db.execute("UPDATE body SET digest = row_digest(sha256, size, media_type, encoding, dictionary, data)")
    db.execute("PRAGMA user_version = 3")


EVIDENCE = ("portal", "crawl", "visit", "body", "capture", "entry", "fixity")  # in the order of their references
FORMER = ("figure", "finding")  # derived tables of layouts before this one

VERSION = 3
"""The schema's version: the number of migrations, and the `user_version` that the last of them sets."""

# In the order of their references: a table refers to none below it. `{p}` is the prefix. Where a report has hundreds of
# rows, names are coded: `figure` and `finding` are views (archive.views) over `figure_data`, `check_data`,
# `across_data` and `finding_data`, which name their rows by `figure_code` and `check_code` (archive.coded).
DERIVED: dict[str, str] = {
    "layout": "(digest TEXT PRIMARY KEY) STRICT",
    "region": """(
  code TEXT PRIMARY KEY, name TEXT, level TEXT, parent TEXT REFERENCES {p}region(code),
  valid_from INTEGER, valid_to INTEGER, successor TEXT
) STRICT""",
    "agency": """(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT REFERENCES {p}region(code),
  level TEXT CHECK (level IN ('national', 'province', 'city', 'county', 'town')),
  kind TEXT CHECK (kind IN ('government', 'department', 'office', 'other'))
) STRICT""",
    "form": """(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT, first_year INTEGER, last_year INTEGER
) STRICT""",
    "indicator": """(
  form TEXT NOT NULL REFERENCES {p}form(id), code TEXT NOT NULL, tbl TEXT NOT NULL, ordinal INTEGER NOT NULL,
  parent TEXT, label TEXT NOT NULL, label_en TEXT, unit TEXT, kind TEXT NOT NULL,
  PRIMARY KEY (form, code)
) STRICT""",
    "form_column": """(
  form TEXT NOT NULL REFERENCES {p}form(id), tbl TEXT NOT NULL, code TEXT NOT NULL, ordinal INTEGER NOT NULL,
  label TEXT NOT NULL, label_en TEXT, unit TEXT,
  PRIMARY KEY (form, tbl, code)
) STRICT""",
    "reading": f"""(
  capture_id TEXT PRIMARY KEY REFERENCES capture(id), parser TEXT NOT NULL,
  page_kind TEXT NOT NULL {_among("page_kind", PAGE_KINDS)}, form TEXT, finished_at TEXT NOT NULL
) STRICT""",
    "report": """(
  id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, agency_id INTEGER REFERENCES {p}agency(id), agency_name TEXT,
  region TEXT REFERENCES {p}region(code), year INTEGER, title TEXT, form TEXT, index_number TEXT, publisher TEXT,
  written_on TEXT, published_on TEXT, openness TEXT, validity TEXT, document_number TEXT, registration TEXT,
  first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, gone_at TEXT,
  capture_id TEXT NOT NULL REFERENCES capture(id), parser TEXT NOT NULL
) STRICT""",
    "figure_code": """(
  code INTEGER PRIMARY KEY, form TEXT NOT NULL, indicator TEXT NOT NULL, col TEXT NOT NULL,
  UNIQUE (form, indicator, col)
) STRICT""",
    "figure_data": """(
  report_id INTEGER NOT NULL REFERENCES {p}report(id), code INTEGER NOT NULL REFERENCES {p}figure_code(code),
  value ANY, raw TEXT, state INTEGER NOT NULL, tbl INTEGER, row INTEGER NOT NULL, cell INTEGER NOT NULL,
  PRIMARY KEY (report_id, code)
) STRICT, WITHOUT ROWID""",
    "section": """(
  report_id INTEGER NOT NULL REFERENCES {p}report(id), ordinal INTEGER NOT NULL, heading TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (report_id, ordinal)
) STRICT""",
    "claim": """(
  report_id INTEGER NOT NULL REFERENCES {p}report(id), ordinal INTEGER NOT NULL, name TEXT NOT NULL,
  form TEXT NOT NULL, indicator TEXT NOT NULL, col TEXT NOT NULL, value ANY, raw TEXT NOT NULL,
  section INTEGER NOT NULL, start INTEGER NOT NULL,
  PRIMARY KEY (report_id, ordinal)
) STRICT, WITHOUT ROWID""",
    "check_code": """(
  code INTEGER PRIMARY KEY, key INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, at TEXT, strength TEXT,
  note TEXT, expected INTEGER, found INTEGER
) STRICT""",
    "check_data": """(
  report_id INTEGER PRIMARY KEY REFERENCES {p}report(id), passed TEXT NOT NULL, moot TEXT NOT NULL,
  checks_passed INTEGER NOT NULL, checks_moot INTEGER NOT NULL
) STRICT""",
    "across_data": """(
  report_id INTEGER PRIMARY KEY REFERENCES {p}report(id), passed TEXT NOT NULL, moot TEXT NOT NULL
) STRICT""",
    "finding_data": """(
  id INTEGER PRIMARY KEY, report_id INTEGER REFERENCES {p}report(id), capture_id TEXT REFERENCES capture(id),
  crawl_id TEXT REFERENCES crawl(id), portal TEXT REFERENCES portal(key), kind TEXT NOT NULL, name TEXT NOT NULL,
  at TEXT, strength TEXT, status TEXT NOT NULL CHECK (status IN ('pass', 'fail', 'not_assessable', 'notice')),
  expected ANY, found ANY, cause TEXT CHECK (cause IN ('source', 'parser', 'unknown')), note TEXT
) STRICT""",
    "revision": """(
  report_id INTEGER NOT NULL REFERENCES {p}report(id), from_capture TEXT NOT NULL REFERENCES capture(id),
  to_capture TEXT NOT NULL REFERENCES capture(id), form TEXT NOT NULL, indicator TEXT NOT NULL, col TEXT NOT NULL,
  before ANY, after ANY,
  PRIMARY KEY (report_id, from_capture, to_capture, form, indicator, col)
) STRICT, WITHOUT ROWID""",
    "version": """(
  capture_id TEXT PRIMARY KEY REFERENCES capture(id), report_id INTEGER NOT NULL REFERENCES {p}report(id),
  content TEXT NOT NULL
) STRICT""",
    "twin": """(
  report_id INTEGER PRIMARY KEY REFERENCES {p}report(id), shown INTEGER NOT NULL REFERENCES {p}report(id),
  relation TEXT NOT NULL CHECK (relation IN ('same', 'contradicts')), compared INTEGER NOT NULL,
  differing INTEGER NOT NULL
) STRICT""",
    "panel_data": f"""(
  agency_id INTEGER NOT NULL REFERENCES {{p}}agency(id), year INTEGER NOT NULL,
  report_id INTEGER NOT NULL REFERENCES {{p}}report(id), form TEXT, reports INTEGER NOT NULL,
  {", ".join(f"{name} ANY" for name in PANEL)},
  PRIMARY KEY (agency_id, year)
) STRICT, WITHOUT ROWID""",
    "listed": """(
  url TEXT PRIMARY KEY, portal TEXT NOT NULL REFERENCES portal(key), agency_id INTEGER, agency TEXT, region TEXT,
  year INTEGER
) STRICT, WITHOUT ROWID""",
    "duty": """(
  agency_id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT, level TEXT, kind TEXT, portal TEXT,
  first INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT""",
    "looked_before": looking.TABLE,
    **sums.TABLES,
    "prose": """(
  report_id INTEGER PRIMARY KEY REFERENCES {p}report(id), agency_id INTEGER NOT NULL, year INTEGER NOT NULL,
  sketch BLOB NOT NULL
) STRICT""",
    "prose_band": """(
  key INTEGER NOT NULL, report_id INTEGER NOT NULL REFERENCES {p}report(id),
  PRIMARY KEY (key, report_id)
) STRICT, WITHOUT ROWID""",
    "alike": """(
  report_id INTEGER NOT NULL REFERENCES {p}report(id),
  relation TEXT NOT NULL CHECK (relation IN ('year_before', 'same_year')),
  other_id INTEGER NOT NULL, percent INTEGER NOT NULL,
  PRIMARY KEY (report_id, relation)
) STRICT, WITHOUT ROWID""",
    "search_doc": """(
  doc INTEGER PRIMARY KEY, report_id INTEGER UNIQUE REFERENCES {p}report(id)
) STRICT""",
    "search": (
        "USING fts5(words, content='', detail=none, tokenize=\"unicode61 remove_diacritics 0 tokenchars ':.'\")"
    ),
}
VIRTUAL = ("search",)  # their contents lie in tables that SQLite makes and names (`search_data` …)

# Table, columns, and the rows that are indexed where not all are.
INDEXES: dict[str, tuple[str, str, str | None]] = {
    "report_agency": ("report", "agency_id, year, first_seen, last_seen, gone_at, region", None),
    "report_region": ("report", "region, year", None),
    "report_year": ("report", "year", None),
    "report_capture": ("report", "capture_id", None),
    "agency_region": ("agency", "region", None),
    "figure_value": ("figure_data", "code, value", None),
    "claim_indicator": ("claim", "indicator, col", None),
    "check_name": ("check_code", "name, at", None),
    "finding_report": ("finding_data", "report_id", "report_id IS NOT NULL"),
    "finding_capture": ("finding_data", "capture_id", "report_id IS NULL"),
    "finding_name": ("finding_data", "kind, name, status", None),
    "finding_fail": (
        "finding_data",
        "report_id, kind, name, at, strength, found, expected, cause, status",
        "status = 'fail'",
    ),
    "finding_portal": ("finding_data", "portal, crawl_id", "crawl_id IS NOT NULL"),
    "revision_to": ("revision", "to_capture", None),
    "version_report": ("version", "report_id", None),
    "twin_shown": ("twin", "shown", None),
    # What a question of the whole country reads: a few columns of every row, not the rows.
    "panel_asked": (
        "panel_data",
        f"year, form, applications_received, {', '.join(n for n in PANEL if n.startswith('applications_from'))},"
        " replies_total, agency_id",
        None,
    ),
    "panel_granted": (
        "panel_data",
        "year, results_total, result_granted, result_partially_granted, unable, not_processed, agency_id",
        None,
    ),
    "panel_disputes": (
        "panel_data",
        "year, results_total, replies_total, review_total, review_corrected, review_pending, litigation_total,"
        " litigation_corrected, litigation_pending, agency_id",
        None,
    ),
    "panel_year": ("panel_data", "year", None),
    "panel_report": ("panel_data", "report_id", None),
    "listed_agency": ("listed", "agency_id, year", "agency_id IS NOT NULL"),
    "listed_portal": ("listed", "portal, year", "agency_id IS NULL"),
    "duty_name": ("duty", "name, region", None),
    "duty_portal": ("duty", "portal, first, last", None),
    "alike_other": ("alike", "other_id", None),
}

LAYOUT = hashlib.sha256(repr((DERIVED, INDEXES, sums.triggers())).encode()).hexdigest()[:16]
"""Digest of what the derived tables look like; an archive keeps the one it was built with in `layout`."""


def create_derived(conn: sqlite3.Connection, prefix: str = "") -> None:
    """Create the derived tables under `prefix`, without their secondary indexes; the live ones with their triggers."""
    for table, columns in DERIVED.items():
        kind = "VIRTUAL TABLE" if table in VIRTUAL else "TABLE"
        conn.execute(f"CREATE {kind} {prefix}{table} {columns.format(p=prefix)}")
    conn.execute(f"INSERT INTO {prefix}layout VALUES (?)", (LAYOUT,))
    if not prefix:
        _create_triggers(conn)


def _create_triggers(conn: sqlite3.Connection) -> None:
    for statement in sums.triggers().values():
        conn.execute(statement)


def create_indexes(conn: sqlite3.Connection, prefix: str = "", only: frozenset[str] | None = None) -> None:
    """Create the secondary indexes of the derived tables under `prefix`, by whichever of two names is free.

    `only` names those to create; an index that the table has already is left as it is.
    """
    for name, (table, columns, rows) in INDEXES.items():
        names = (name, f"{name}_2")
        owners = dict(
            conn.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND name IN (?, ?)", names)
        )
        if (only is not None and name not in only) or prefix + table in owners.values():
            continue
        where = f" WHERE {rows}" if rows else ""
        free = names[1] if names[0] in owners else names[0]
        conn.execute(f"CREATE INDEX {free} ON {prefix}{table}({columns}){where}")


def layout_of(conn: sqlite3.Connection, prefix: str = "") -> str | None:
    """The layout that the derived tables under `prefix` were built with; None where there are none that say so."""
    known = conn.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (f"{prefix}layout",))
    if known.fetchone() is None:
        return None
    row = conn.execute(f"SELECT digest FROM {prefix}layout").fetchone()
    return None if row is None else str(row[0])


def create_views(conn: sqlite3.Connection) -> None:
    """Put the views as this code has them in the place of those that are there."""
    drop_views(conn)
    for name, query in VIEWS.items():
        conn.execute(f"CREATE VIEW {name} AS {query}")


def drop_views(conn: sqlite3.Connection) -> None:
    for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        conn.execute(f"DROP VIEW {name}")


def views_differ(conn: sqlite3.Connection) -> bool:
    """Whether the views are not those of this code."""
    there = dict(conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    return there != {name: f"CREATE VIEW {name} AS {query}" for name, query in VIEWS.items()}


def drop_shadows(conn: sqlite3.Connection) -> None:
    """Remove what an interrupted rebuild left behind, whatever its layout; in the caller's transaction.

    Foreign keys must be off on this connection: they would have every row of a table looked for in the others.
    """
    for (name,) in conn.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ?"
        " ORDER BY sql NOT LIKE 'CREATE VIRTUAL%'", (len(SHADOW), SHADOW)
    ).fetchall():  # fmt: skip
        conn.execute(f"DROP TABLE IF EXISTS {name}")


def swap(conn: sqlite3.Connection) -> None:
    """Put the shadow tables in the place of the live ones, inside the caller's transaction.

    The live ones may be of another layout. Foreign keys must be off on this connection (SQLite ignores that pragma
    within a transaction); they are checked here, and a row that refers to nothing raises IntegrityError.
    """
    drop_views(conn)
    for table in (*reversed(DERIVED), *FORMER):  # and their triggers with them
        conn.execute(f"DROP TABLE IF EXISTS {table}")
    for table in DERIVED:
        conn.execute(f"ALTER TABLE {SHADOW}{table} RENAME TO {table}")
    _create_triggers(conn)
    create_views(conn)
    if orphan := conn.execute("PRAGMA foreign_key_check").fetchone():
        raise sqlite3.IntegrityError(f"rebuilt table {orphan[0]!r} refers to a row of {orphan[2]!r} that is not there")
