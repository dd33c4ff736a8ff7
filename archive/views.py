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
_GRANTED = "1.0 * (d.result_granted + d.result_partially_granted)"
_PANEL = f"""
SELECT d.agency_id, a.name AS agency, a.region, g.name AS region_name, a.level, a.kind, d.year, r.form,
  d.report_id, r.url, d.reports,
  (SELECT count(*) FROM twin AS t WHERE t.shown = d.report_id AND t.relation = 'contradicts') AS contradictions,
  (SELECT json_group_array(t.report_id) FROM twin AS t WHERE t.shown = d.report_id) AS others,
  {", ".join(f"d.{name}" for name in PANEL)},
  CASE WHEN d.results_total > 0 THEN {_GRANTED} / d.results_total END AS granted_rate,
  CASE WHEN d.results_total - d.unable - d.not_processed > 0
    THEN {_GRANTED} / (d.results_total - d.unable - d.not_processed) END AS granted_rate_of_decided
FROM panel_data AS d
JOIN report AS r ON r.id = d.report_id
JOIN agency AS a ON a.id = d.agency_id
LEFT JOIN region AS g ON g.code = a.region"""

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

# Due: every agency with a report, and each portal's own government, for every year between the first and the last
# that is known of it (of a government without any report: of its portal). The reason is the outcome of the newest
# capture of a listed page whose title names the agency and the year; `not_found` where no list named one.
_COVERAGE = """
WITH RECURSIVE known AS (
  SELECT a.id AS agency_id, a.name, a.region, min(r.year) AS first, max(r.year) AS last, min(c.portal) AS portal
  FROM report AS r JOIN agency AS a ON a.id = r.agency_id JOIN capture AS c ON c.id = r.capture_id
  WHERE r.year IS NOT NULL GROUP BY a.id
), own AS (
  SELECT NULL AS agency_id, p.name, p.region, min(r.year) AS first, max(r.year) AS last, p.key AS portal
  FROM portal AS p JOIN capture AS c ON c.portal = p.key JOIN report AS r ON r.capture_id = c.id
  WHERE r.year IS NOT NULL AND NOT EXISTS (SELECT 1 FROM known AS k WHERE k.name = p.name AND k.region IS p.region)
  GROUP BY p.key
), due AS (
  SELECT agency_id, name, region, first AS year, last, portal FROM known
  UNION ALL SELECT agency_id, name, region, first, last, portal FROM own
  UNION ALL SELECT agency_id, name, region, year + 1, last, portal FROM due WHERE year < last
)
SELECT d.agency_id, d.name AS agency, d.region, d.year, 1 AS due,
  EXISTS (SELECT 1 FROM report AS r WHERE r.agency_id = d.agency_id AND r.year = d.year) AS found,
  CASE WHEN EXISTS (SELECT 1 FROM report AS r WHERE r.agency_id = d.agency_id AND r.year = d.year) THEN NULL
    ELSE coalesce((
      SELECT CASE WHEN c.outcome IN ('new', 'changed', 'unchanged') THEN 'not_read' ELSE c.outcome END
      FROM entry AS e JOIN capture AS c ON c.url = e.url
      WHERE e.portal = d.portal AND instr(e.title, d.name) AND instr(e.title, CAST(d.year AS TEXT))
      ORDER BY c.fetched_at DESC LIMIT 1
    ), 'not_found') END AS reason,
  d.portal
FROM due AS d"""

VIEWS: dict[str, str] = {
    "figure": _FIGURE, "finding": finding_query(), "figures": _FIGURES, "panel": _PANEL, "coverage": _COVERAGE,
    "findings": _FINDINGS,
}  # fmt: skip
