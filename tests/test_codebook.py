"""The codebook is what the forms' data say, and names every finding that the code can make.

The names are collected from the source with `ast`: what is passed to `Finding(…)` and `save_finding(…)` as the name,
through functions that pass a parameter on, local variables and pairs in a document's `notes`; and the `name` of
dictionaries that also have a `kind`. A name that cannot be traced fails the test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from parsers import codebook
from parsers.forms import Form, load_all

ROOT = Path(__file__).parents[1]
SLUG = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Names(ast.NodeVisitor):
    """One pass over a module: the finding names in it, the functions that pass a name on, what could not be traced."""

    def __init__(self, makers: dict[str, int], path: str) -> None:
        self.makers = makers
        self.path = path
        self.names: set[str] = set()
        self.untraced: set[str] = set()
        self.functions: list[Function] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions.append(node)
        self.generic_visit(node)
        self.functions.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.functions.append(node)
        self.generic_visit(node)
        self.functions.pop()

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in self.makers:
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            position = self.makers[called]
            if "name" in keywords:
                self.trace(keywords["name"])
            elif position < len(node.args) and not any(isinstance(arg, ast.Starred) for arg in node.args):
                self.trace(node.args[position])
        if called == "append" and isinstance(node.func, ast.Attribute) and ends_with_notes(node.func.value):
            self.names.update(pairs(node))
        for keyword in node.keywords:
            if keyword.arg == "notes":
                self.names.update(pairs(keyword.value))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(ends_with_notes(target) for target in node.targets):
            self.names.update(pairs(node.value))
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        kind = node.values[keys.index("kind")] if "kind" in keys else None
        if "name" in keys and "status" in keys and isinstance(kind, ast.Constant):
            self.trace(node.values[keys.index("name")])
        self.generic_visit(node)

    def trace(self, value: ast.expr) -> None:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            self.names.add(value.value)
        elif isinstance(value, ast.IfExp):
            self.trace(value.body)
            self.trace(value.orelse)
        elif isinstance(value, ast.Attribute) and value.attr == "name":
            pass  # the name of a check or a claim, which the form's data hold
        elif isinstance(value, ast.Name) and self.functions:
            self.trace_variable(value.id, self.functions[-1])
        elif not (isinstance(value, ast.Constant) and value.value is None):
            self.untraced.add(f"{self.path}:{value.lineno}: {ast.unparse(value)}")

    def trace_variable(self, name: str, function: Function) -> None:
        parameters = [arg.arg for arg in (*function.args.args, *function.args.kwonlyargs) if arg.arg != "self"]
        if name in parameters:
            self.makers[function.name] = parameters.index(name)
            return
        found = [value for target, value in bindings(function) if target == name]
        if not found:
            self.untraced.add(f"{self.path}:{function.lineno}: {name} in {function.name}")
        for value in found:
            if value is not None:
                self.trace(value)


def bindings(function: Function) -> Iterator[tuple[str, ast.expr | None]]:
    """The values bound to names in a function; None for a loop over a document's `notes`, whose pairs are collected."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(one, ast.Name):
                            yield one.id, value
                elif isinstance(target, ast.Name):
                    yield target.id, node.value
        if isinstance(node, ast.For | ast.comprehension) and ends_with_notes(node.iter):
            for part in ast.walk(node.target):
                if isinstance(part, ast.Name):
                    yield part.id, None


def ends_with_notes(node: ast.expr) -> bool:
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == "notes"


def pairs(node: ast.AST) -> Iterator[str]:
    """The first members of the pairs of texts in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Tuple) and len(part.elts) == 2 and isinstance(part.elts[0], ast.Constant):
            first = part.elts[0].value
            if isinstance(first, str) and SLUG.fullmatch(first):
                yield first


def names_in_code() -> tuple[set[str], set[str]]:
    """The finding names of the three packages, and the places where one could not be traced."""
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in ("parsers", "crawler", "archive")
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    makers = {"Finding": 1, "save_finding": 1}
    while True:
        known = dict(makers)
        passes = [Names(makers, path) for path in trees]
        for names, tree in zip(passes, trees.values(), strict=True):
            names.visit(tree)
        if makers == known:
            return set().union(*(n.names for n in passes)), set().union(*(n.untraced for n in passes))


def test_the_codebook_is_up_to_date() -> None:
    kept = (ROOT / "docs" / "codebook.md").read_text(encoding="utf-8")
    assert kept == codebook.render(), "docs/codebook.md is stale: python -m parsers.codebook > docs/codebook.md"


def test_every_finding_in_the_code_is_described() -> None:
    names, untraced = names_in_code()
    assert not untraced, f"these finding names cannot be read from the source: {sorted(untraced)}"
    assert {"unknown_label", "count_mismatch", "parser_died", "unit_unknown", "encoding_damaged"} <= names
    described = codebook.findings()
    assert not names - set(described), f"not in parsers/data/findings.toml: {sorted(names - set(described))}"


def test_findings_are_described_in_both_languages() -> None:
    kinds = codebook.words()["finding_kinds"]
    for name, finding in codebook.findings().items():
        assert SLUG.fullmatch(name) or name.isalpha(), name
        assert finding["kind"] in kinds, name
        assert re.search(r"[\u4e00-\u9fff]", finding["zh"]) and re.search(r"[A-Za-z]{3}", finding["en"]), name


def labels(form: Form) -> Iterator[tuple[str, str, str]]:
    """Code, Chinese and English label of every row and column of a form."""
    for table in form.tables:
        yield from ((row.code, row.label, row.label_en) for row in table.rows)
        yield from ((column.code, column.label, column.label_en) for column in table.columns)


def test_every_code_of_the_forms_is_in_the_codebook() -> None:
    text = codebook.render()
    for form in load_all():
        chapter = text.partition(f"## {form.id} ")[2].partition("\n## ")[0]
        assert form.document in chapter and form.name in chapter and form.name_en in chapter
        for code, label, label_en in labels(form):
            # the one row without a label stands in a table without that column
            assert f"| `{code}` | {label} | {label_en} |" in chapter or (not label and f"| {label_en} |" in chapter), (
                code
            )
        for check in form.checks:
            assert f"| `{check.name}` | {check.label} | {check.label_en} |" in chapter


def test_labels_are_complete_in_both_languages() -> None:
    for form in load_all():
        assert form.name_en and all(table.title and table.title_en for table in form.tables)
        for code, _, label_en in labels(form):
            assert re.search(r"[A-Za-z]{3}", label_en), (form.id, code)
        for check in form.checks:
            assert re.search(r"[\u4e00-\u9fff]", check.label) and re.search(r"[A-Za-z]{3}", check.label_en), check.name


def test_the_same_code_has_the_same_english_everywhere() -> None:
    meanings: dict[str, set[str]] = {}
    for form in load_all():
        for code, _, label_en in labels(form):
            meanings.setdefault(code, set()).add(label_en)
    differing = {code for code, found in meanings.items() if len(found) > 1}
    assert differing == {"year_total"}, "year_total alone is printed under two headings, for two layouts"
