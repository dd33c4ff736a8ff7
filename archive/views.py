"""The views that readers start from: `figures`, `panel`, `coverage`, `findings`.

`PANEL` says which cells of which form make a column of `panel`. Two forms stand in one column only where the same
thing is counted, or where only the wording changed; where scope changed (2014's replies against 2019's results, its
refusals against 2019's) each has a column of its own. A sum is NULL as soon as one of its cells is not a number.
"""

from __future__ import annotations

from collections.abc import Iterable

_Cell = tuple[str, str]  # indicator, column


def _later(*cells: _Cell) -> dict[str, tuple[_Cell, ...]]:
    return {"v2021": cells, "v2019": cells}


def _total(*indicators: str) -> dict[str, tuple[_Cell, ...]]:
    return _later(*((indicator, "total") for indicator in indicators))


def _year(indicator: str) -> dict[str, tuple[_Cell, ...]]:
    return {"v2014": ((indicator, "year_total"),)}


def _cases(outcome: str) -> dict[str, tuple[_Cell, ...]]:
    return _later(("cases", f"litigation_direct_{outcome}"), ("cases", f"litigation_after_review_{outcome}"))


PANEL: dict[str, dict[str, tuple[_Cell, ...]]] = {
    "applications_received": _total("applications_received") | _year("applications_received"),
    "applications_from_natural_persons": _later(("applications_received", "natural_person")),
    "applications_carried_in": _total("applications_carried_in"),
    "applications_carried_out": _total("applications_carried_out"),
    "results_total": _total("results_total"),
    "replies_total": _year("replies_total"),
    "result_granted": _total("result_granted"),
    "result_agreed": _year("result_agreed"),
    "result_already_public": _year("result_already_public"),
    "result_partially_granted": _total("result_partially_granted") | _year("result_partially_granted"),
    "denied": _total(
        "denied_state_secret",
        "denied_prohibited_by_law",
        "denied_security_stability",
        "denied_third_party_rights",
        "denied_internal_affairs",
        "denied_deliberative_process",
        "denied_enforcement_file",
        "denied_administrative_inquiry",
    ),
    "refused_total": _year("refused_total"),
    "denied_state_secret": _total("denied_state_secret") | _year("denied_state_secret"),
    "denied_security_stability": _total("denied_security_stability") | _year("denied_security_stability"),
    "denied_prohibited_by_law": _total("denied_prohibited_by_law"),
    "denied_third_party_rights": _total("denied_third_party_rights"),
    "denied_internal_affairs": _total("denied_internal_affairs"),
    "denied_deliberative_process": _total("denied_deliberative_process"),
    "denied_enforcement_file": _total("denied_enforcement_file"),
    "denied_administrative_inquiry": _total("denied_administrative_inquiry"),
    "unable": _total("unable_not_held", "unable_requires_creation", "unable_still_unclear"),
    "not_processed": _total(
        "not_processed_petition",
        "not_processed_duplicate",
        "not_processed_publication",
        "not_processed_excessive",
        "not_processed_reissue",
    ),
    "other_disposition": {
        "v2021": (("other_no_correction", "total"), ("other_fee_unpaid", "total"), ("other_miscellaneous", "total")),
        "v2019": (("other_disposition", "total"),),
    },
    "review_total": _later(("cases", "review_total")) | _year("review_total"),
    "review_upheld": _later(("cases", "review_upheld")) | _year("review_upheld"),
    "review_corrected": _later(("cases", "review_corrected")) | _year("review_corrected"),
    "litigation_total": _cases("total") | _year("litigation_total"),
    "litigation_upheld": _cases("upheld") | _year("litigation_upheld"),
    "litigation_corrected": _cases("corrected") | _year("litigation_corrected"),
    "normative_documents_issued": {
        "v2021": (("normative_documents", "issued"),),
        "v2019": (("normative_documents", "newly_produced"),),
    }
    | _year("normative_documents_issued"),
    "normative_documents_in_force": {"v2021": (("normative_documents", "in_force"),)},
    "licensing_decisions": _later(("administrative_licensing", "decisions")),
    "penalty_decisions": _later(("administrative_penalty", "decisions")),
    "compulsion_decisions": _later(("administrative_compulsion", "decisions")),
    "proactive_items_disclosed": _year("proactive_items_disclosed"),
}


def _cell(form: str, cell: _Cell) -> str:
    return (
        f"(SELECT value FROM figure WHERE report_id = r.id AND form = '{form}'"
        f" AND indicator = '{cell[0]}' AND col = '{cell[1]}')"
    )


def _column(name: str, forms: dict[str, tuple[_Cell, ...]]) -> str:
    sums = [" + ".join(_cell(form, cell) for cell in cells) for form, cells in forms.items()]
    return f"{sums[0] if len(sums) == 1 else 'coalesce(' + ', '.join(sums) + ')'} AS {name}"


def _lines(parts: Iterable[str]) -> str:
    return ",\n  ".join(parts)


# An agency-year with several reports (twins on two portals) is represented by one: with a form before without,
# still online before gone, then the one seen first.
_PANEL = f"""
WITH ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY agency_id, year ORDER BY form IS NULL, gone_at IS NOT NULL, first_seen, id
  ) AS rank, count(*) OVER (PARTITION BY agency_id, year) AS reports
  FROM report WHERE agency_id IS NOT NULL AND year IS NOT NULL
)
SELECT
  {
    _lines(
        [
            "r.agency_id, a.name AS agency, a.region, g.name AS region_name, a.level, a.kind, r.year, r.form",
            "r.id AS report_id, r.url, r.reports",
            *(_column(name, forms) for name, forms in PANEL.items()),
        ]
    )
}
FROM ranked AS r
JOIN agency AS a ON a.id = r.agency_id
LEFT JOIN region AS g ON g.code = a.region
WHERE r.rank = 1"""

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

VIEWS: dict[str, str] = {"figures": _FIGURES, "panel": _PANEL, "coverage": _COVERAGE, "findings": _FINDINGS}
