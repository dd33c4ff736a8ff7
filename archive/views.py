"""The views that readers start from: `figure` and `finding` with their names decoded, and what is joined from them.

A report's checks that pass or cannot be assessed are one row of JSON (archive.coded); `finding` unpacks it. Its arms
have a literal status each, so that a query for `status = 'fail'` never unpacks anything. The id of a coded finding is
the exclusive or of the report's id and the code's key: SQLite has no such operator, hence (a | b) - (a & b).
"""

from __future__ import annotations

from archive.panel import PANEL

_FIGURE = """
SELECT d.report_id, c.form, c.indicator, c.col, d.value, coalesce(d.raw, CAST(d.value AS TEXT), '') AS raw,
  CASE d.state WHEN 0 THEN 'number' WHEN 1 THEN 'blank' WHEN 2 THEN 'dash' ELSE 'text' END AS state,
  d.tbl, d.row, d.cell
FROM figure_data AS d JOIN figure_code AS c ON c.code = d.code"""


def _unpacked(table: str, column: str, status: str, p: str) -> str:
    return f"""
SELECT (d.report_id | k.key) - (d.report_id & k.key) AS id, d.report_id, r.capture_id, NULL AS crawl_id,
  NULL AS portal, k.kind, k.name, k.at, k.strength, '{status}' AS status,
  CASE j.type WHEN 'integer' THEN k.expected ELSE coalesce(json_extract(j.value, '$[2]'), k.expected) END AS expected,
  CASE j.type WHEN 'integer' THEN k.found ELSE json_extract(j.value, '$[1]') END AS found, NULL AS cause, k.note
FROM {p}{table} AS d JOIN {p}report AS r ON r.id = d.report_id JOIN json_each(d.{column}) AS j
JOIN {p}check_code AS k ON k.code = CASE j.type WHEN 'integer' THEN j.value ELSE json_extract(j.value, '$[0]') END"""


def finding_query(p: str = "") -> str:
    """The findings of the tables under prefix `p`, with the columns of the contract."""
    whole = f"""
SELECT id, report_id, capture_id, crawl_id, portal, kind, name, at, strength, status, expected, found, cause, note
FROM {p}finding_data"""
    arms = [
        _unpacked(table, column, status, p)
        for table in ("check_data", "across_data")
        for column, status in (("passed", "pass"), ("moot", "not_assessable"))
    ]
    return "\nUNION ALL".join((whole, *arms))


# Rates need all their cells as numbers, and a denominator over 0. `granted` is in full or in part; the two denominators
# are all results, and results without those that could not be provided or were not processed.
# A subquery is run where its column is asked for, a join always: facets count without the names.
_GRANTED = "1.0 * (d.result_granted + d.result_partially_granted)"
_PANEL = f"""
SELECT d.agency_id, a.name AS agency, a.region, (SELECT g.name FROM region AS g WHERE g.code = a.region) AS region_name,
  a.level, a.kind, d.year, d.form, d.report_id, (SELECT r.url FROM report AS r WHERE r.id = d.report_id) AS url,
  d.reports,
  (SELECT count(*) FROM twin AS t WHERE t.shown = d.report_id AND t.relation = 'contradicts') AS contradictions,
  (SELECT json_group_array(t.report_id) FROM twin AS t WHERE t.shown = d.report_id) AS others,
  {", ".join(f"d.{name}" for name in PANEL)},
  CASE WHEN d.results_total > 0 THEN {_GRANTED} / d.results_total END AS granted_rate,
  CASE WHEN d.results_total - d.unable - d.not_processed > 0
    THEN {_GRANTED} / (d.results_total - d.unable - d.not_processed) END AS granted_rate_of_decided
FROM panel_data AS d
JOIN agency AS a ON a.id = d.agency_id"""

_FIGURES = """
SELECT f.report_id, r.agency_name, r.region, g.name AS region_name, r.year, f.form, f.indicator, i.label, i.label_en,
  f.col, c.label AS col_label, c.label_en AS col_label_en, f.value, coalesce(i.unit, c.unit) AS unit, f.raw, f.state,
  f.tbl, f.row, f.cell, r.url, r.capture_id
FROM figure AS f
JOIN report AS r ON r.id = f.report_id
LEFT JOIN region AS g ON g.code = r.region
LEFT JOIN indicator AS i ON i.form = f.form AND i.code = f.indicator
LEFT JOIN form_column AS c ON c.form = f.form AND c.tbl = i.tbl AND c.code = f.col"""

_FINDINGS = """
SELECT f.id, f.kind, f.name, f.at, f.strength, f.status, f.expected, f.found, f.cause, f.note,
  r.agency_name, r.year, r.form, coalesce(r.title, r.url) AS report_title, coalesce(r.url, c.url) AS url,
  coalesce(f.portal, c.portal) AS portal, f.report_id, f.capture_id, f.crawl_id
FROM finding AS f
LEFT JOIN report AS r ON r.id = f.report_id
LEFT JOIN capture AS c ON c.id = f.capture_id"""

# Due: archive.duty. A portal's own government is due between the portal's first and last year too; where no report and
# no list names it, it has no agency_id. A report counts as found unless its page has pictures for tables. Where there
# is none, the reason is what became last of a page that a list names for it: for an own government also a page whose
# title names nobody. Whether there is a report with tables is read from `panel_data`; all else that is said of a report
# or a list is a subquery, run where it is asked for and where there is none.
_COVERAGE = """
WITH RECURSIVE span AS (
  SELECT portal, min(first) AS first, max(last) AS last FROM duty GROUP BY portal
), own AS (
  SELECT p.name, p.region, min(p.key) AS portal, min(s.first) AS first, max(s.last) AS last
  FROM portal AS p JOIN span AS s ON s.portal = p.key GROUP BY p.name, p.region
), body AS (
  SELECT d.agency_id, d.name, d.region, d.level, d.kind, coalesce(o.portal, d.portal) AS portal,
    o.portal IS NOT NULL AS own, min(d.first, coalesce(o.first, d.first)) AS first,
    max(d.last, coalesce(o.last, d.last)) AS last
  FROM duty AS d LEFT JOIN own AS o ON o.name = d.name AND o.region IS d.region
  UNION ALL SELECT NULL, o.name, o.region, g.level, 'government', o.portal, 1, o.first, o.last
  FROM own AS o LEFT JOIN region AS g ON g.code = o.region
  WHERE NOT EXISTS (SELECT 1 FROM duty AS d WHERE d.name = o.name AND d.region IS o.region)
), year AS (
  SELECT (SELECT min(first) FROM duty) AS year, (SELECT max(last) FROM duty) AS last
  UNION ALL SELECT year + 1, last FROM year WHERE year < last
)
SELECT b.agency_id, b.name AS agency, b.region, (SELECT g.name FROM region AS g WHERE g.code = b.region) AS region_name,
  b.level, b.kind, y.year, 1 AS due,
  CASE WHEN d.form IS NOT NULL THEN 1
    ELSE coalesce((SELECT r.form IS NOT NULL OR {pictures} IS NULL FROM {shown}), 0) END AS found,
  CASE WHEN d.form IS NOT NULL THEN NULL
    WHEN EXISTS (SELECT 1 FROM {shown}) THEN (SELECT CASE WHEN r.form IS NULL THEN {pictures} END FROM {shown})
    ELSE coalesce(
      (SELECT iif(c.outcome IN ('new', 'changed', 'unchanged'), 'not_readable', c.outcome)
        FROM {listed} JOIN capture AS c ON c.url = l.url AND c.kind IN ('report', 'attachment')
        ORDER BY c.fetched_at DESC, c.id LIMIT 1),
      (SELECT 'not_fetched' FROM {listed}), 'not_found') END AS reason,
  b.portal, coalesce(d.report_id, (SELECT r.id FROM {shown})) AS report_id,
  coalesce((SELECT r.url FROM {shown}), (SELECT l.url FROM {listed} ORDER BY 1 LIMIT 1)) AS url
FROM body AS b JOIN year AS y ON y.year BETWEEN b.first AND b.last
LEFT JOIN panel_data AS d ON d.agency_id = b.agency_id AND d.year = y.year""".format(
    shown="(SELECT s.id, s.form, s.url FROM report AS s WHERE s.agency_id = b.agency_id AND s.year = y.year"
    " ORDER BY s.form IS NULL, s.gone_at IS NOT NULL, s.id LIMIT 1) AS r",
    pictures="(SELECT 'image_only' FROM finding_data AS f WHERE f.report_id = r.id AND f.kind = 'form'"
    " AND f.name = 'no_table' AND f.note LIKE '%picture(s)%')",
    listed="(SELECT url FROM listed WHERE agency_id = b.agency_id AND year = y.year UNION ALL"
    " SELECT url FROM listed WHERE b.own AND portal = b.portal AND year = y.year AND agency_id IS NULL) AS l",
)

# Which cells make which column of `panel`: a number there is their sum.
_PANEL_CELLS = "SELECT column1 AS name, column2 AS form, column3 AS indicator, column4 AS col FROM (VALUES " + (
    ", ".join(
        f"('{name}', '{form}', '{indicator}', '{col}')"
        for name, forms in PANEL.items()
        for form, cells in forms.items()
        for indicator, col in cells
    )
    + ")"
)

_REVISIONS = """
SELECT r.agency_name, r.region, r.year, v.form, v.indicator, i.label, i.label_en, v.col, c.label AS col_label,
  c.label_en AS col_label_en, v.before, v.after, coalesce(i.unit, c.unit) AS unit, a.fetched_at AS seen_before,
  b.fetched_at AS seen_after, r.url, v.report_id, v.from_capture, v.to_capture
FROM revision AS v
JOIN report AS r ON r.id = v.report_id
JOIN capture AS a ON a.id = v.from_capture
JOIN capture AS b ON b.id = v.to_capture
LEFT JOIN indicator AS i ON i.form = v.form AND i.code = v.indicator
LEFT JOIN form_column AS c ON c.form = v.form AND c.tbl = i.tbl AND c.code = v.col"""

VIEWS: dict[str, str] = {
    "figure": _FIGURE, "finding": finding_query(), "figures": _FIGURES, "panel": _PANEL, "coverage": _COVERAGE,
    "findings": _FINDINGS, "revisions": _REVISIONS, "panel_cells": _PANEL_CELLS,
}  # fmt: skip
