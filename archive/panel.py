"""Which cells of which form make a column of `panel`, and the columns of one report.

Two forms stand in one column only where the same thing is counted, or where only the wording changed; where scope
changed (2014's replies against 2019's results, its refusals against 2019's) each has a column of its own. A sum is
NULL as soon as one of its cells is not a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    "applications_from_enterprises": _later(("applications_received", "commercial_enterprise")),
    "applications_from_research": _later(("applications_received", "research_institution")),
    "applications_from_public_interest": _later(("applications_received", "public_interest_organization")),
    "applications_from_legal_services": _later(("applications_received", "legal_service_organization")),
    "applications_from_others": _later(("applications_received", "other_organization")),
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
    "review_other": _later(("cases", "review_other")) | _year("review_other_circumstances"),
    "review_pending": _later(("cases", "review_pending")),
    "litigation_total": _cases("total") | _year("litigation_total"),
    "litigation_upheld": _cases("upheld") | _year("litigation_upheld"),
    "litigation_corrected": _cases("corrected") | _year("litigation_corrected"),
    "litigation_other": _cases("other") | _year("litigation_other_circumstances"),
    "litigation_pending": _cases("pending"),
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


def columns_of(values: Mapping[tuple[str, str, str], Any]) -> dict[str, Any]:
    """The panel's columns from the values of a report's cells (form, indicator, col); None where not published."""
    return {name: _column(forms, values) for name, forms in PANEL.items()}


def _column(forms: Mapping[str, tuple[_Cell, ...]], values: Mapping[tuple[str, str, str], Any]) -> Any:
    for form, cells in forms.items():
        found = [values.get((form, *cell)) for cell in cells]
        if all(value is not None for value in found):
            return sum(found)
    return None
