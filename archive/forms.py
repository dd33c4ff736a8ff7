"""The forms as rows of `form`, `indicator` and `form_column`, from the parsers' data."""

from __future__ import annotations

from typing import Any

from parsers.forms import load_all


def form_rows() -> dict[str, list[dict[str, Any]]]:
    """For each of the three tables its rows, in the order in which the tables refer to each other.

    Ordinals count from 1 in the form's own order. A column that two layouts of a table print under different labels
    has the label of the first.
    """
    forms: list[dict[str, Any]] = []
    indicators: list[dict[str, Any]] = []
    columns: dict[tuple[str, str, str], dict[str, Any]] = {}
    for form in load_all():
        forms.append(
            {
                "id": form.id,
                "name": form.name,
                "document": form.document,
                "first_year": form.first_year,
                "last_year": form.last_year,
            }
        )
        for table in form.tables:
            for ordinal, row in enumerate(table.rows, 1):
                indicators.append(
                    {
                        "form": form.id,
                        "code": row.code,
                        "tbl": table.id,
                        "ordinal": ordinal,
                        "parent": row.parent,
                        "label": row.label,
                        "label_en": row.label_en,
                        "unit": row.unit,
                        "kind": row.kind,
                    }
                )
            for column in table.columns:
                place = len(columns) + 1
                columns.setdefault(
                    (form.id, table.id, column.code),
                    {
                        "form": form.id,
                        "tbl": table.id,
                        "code": column.code,
                        "ordinal": place,
                        "label": column.label,
                        "label_en": column.label_en,
                        "unit": column.unit,
                    },
                )
    return {"form": forms, "indicator": indicators, "form_column": list(columns.values())}
