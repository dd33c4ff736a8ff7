"""Every identity of the forms holds on figures that obey it and fails on a planted error, with sides and cause."""

from __future__ import annotations

import pytest

from parsers.checks import Instance, compare, evaluate, identities, instances
from parsers.forms import Form, load_all
from parsers.model import Figure, State

FORMS = {form.id: form for form in load_all()}
Key = tuple[str, str]
INSTANCES = [(form.id, n) for form in FORMS.values() for n in range(len(instances(form)))]


def _figure(form: Form, key: Key, value: int | None, state: State = "number") -> Figure:
    money = any(
        (row.unit == "元" or column.unit == "元")
        for table in form.tables
        for row in table.rows
        for column in table.columns
        if (row.code, column.code) == key
    )
    raw = "" if value is None else str(value)
    return Figure(form.id, *key, key[0], value, raw, state, "元" if money else "件", 1, 1, 1)


def _holding(instance: Instance) -> dict[Key, int]:
    """Values under which the instance holds, every cell of it 1 where nothing else is asked."""
    values = {key: 1 for key, _ in (*instance.left, *instance.right)}
    if instance.zero_test:
        return values
    left, right = instance.left[0][0] if instance.left else None, instance.right
    total = sum(sign * values[key] for key, sign in right) + instance.constants[1] - instance.constants[0]
    if left is not None:
        rest = sum(sign * values[key] for key, sign in instance.left[1:])
        values[left] = total - rest
    return values


def _evaluated(form: Form, instance: Instance, figures: dict[Key, Figure], doubtful: set[Key] | None = None) -> object:
    found = [
        finding
        for finding in evaluate(form, figures, doubtful or set())
        if (finding.name, finding.at) == (instance.check.name, instance.at)
    ]
    assert len(found) == 1, f"{instance.check.name} at {instance.at} was evaluated {len(found)} times"
    return found[0]


@pytest.mark.parametrize(("form_id", "number"), INSTANCES)
def test_a_planted_error_fails_its_check(form_id: str, number: int) -> None:
    form = FORMS[form_id]
    instance = instances(form)[number]
    values = _holding(instance)
    if instance.check.extension:
        assert any(row.extension for table in form.tables for row in table.rows)
    figures = {key: _figure(form, key, value) for key, value in values.items()}
    good = _evaluated(form, instance, figures)
    assert (good.status, good.cause) == ("pass", None)  # type: ignore[attr-defined]
    assert compare(good.found, instance.op, good.expected) or instance.zero_test  # type: ignore[attr-defined]

    culprit = (instance.left or instance.right)[0][0]
    wrong = {"==": 1_000, "<=": 1_000, ">=": -1_000}[instance.op] if not instance.zero_test else -1
    figures[culprit] = _figure(form, culprit, values[culprit] + wrong)
    bad = _evaluated(form, instance, figures)
    assert (bad.status, bad.cause) == ("fail", "source")  # type: ignore[attr-defined]
    assert bad.found is not None and bad.expected is not None  # type: ignore[attr-defined]
    assert _evaluated(form, instance, figures, {culprit}).cause == "parser"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("form_id", "number"), INSTANCES)
def test_blank_absent_and_unreadable_cells_are_not_assessable(form_id: str, number: int) -> None:
    form = FORMS[form_id]
    instance = instances(form)[number]
    keys = [key for key, _ in (*instance.left, *instance.right)]
    blank = _evaluated(form, instance, {key: _figure(form, key, None, "blank") for key in keys})
    assert blank.status == "not_assessable" and "blank" in blank.note  # type: ignore[attr-defined]
    dashes = _evaluated(form, instance, {key: _figure(form, key, None, "dash") for key in keys})
    assert dashes.status == "not_assessable"  # type: ignore[attr-defined]
    figures = {key: _figure(form, key, 1) for key in keys}
    words = _evaluated(form, instance, figures | {keys[0]: _figure(form, keys[0], None, "text")})
    assert words.status == "not_assessable" and "not readable" in words.note  # type: ignore[attr-defined]
    if len(keys) > 2 and not instance.gate_all:
        del figures[keys[-1]]
        absent = _evaluated(form, instance, figures)
        assert absent.status == "not_assessable" and "absent" in absent.note  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_check_within_a_report_is_reached(form: Form) -> None:
    named = {identity.check.name for identity in identities(form) if identity.check.scope == "within_report"}
    figures = {
        (row.code, column.code): _figure(form, (row.code, column.code), 0)
        for table in form.tables
        for row in table.rows
        if row.is_value
        for column in table.columns
    }
    assert {finding.name for finding in evaluate(form, figures, set())} == named


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_negative_count_is_found_and_a_signed_column_may_be_negative(form: Form) -> None:
    for table in form.tables:
        for row in (row for row in table.rows if row.is_value):
            for column in table.columns:
                if (row.unit or column.unit) == "元" or column.unit == "元":
                    continue
                key = (row.code, column.code)
                found = evaluate(form, {key: _figure(form, key, -1)}, set())
                judged = [f.status for f in found if f.name == "counts_are_non_negative"]
                assert judged == ([] if column.signed else ["fail"])
