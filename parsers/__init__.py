"""Pure functions of bytes: the same bytes and the same version give the same report.

`parse` reads one page, `as_dict` gives the reading as plain JSON values; that is the whole public surface. Nothing
here has a clock, a network, randomness or state that one page could leave for the next.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from parsers.align import forms_in, read_segments
from parsers.cells import Reading
from parsers.checks import Term, cells_of, evaluate
from parsers.flat import is_strung, read_flat
from parsers.forms import Form, Table, load_all
from parsers.identity import agency_of, kind_of, region_hint, title_of, year_of
from parsers.metadata import clean, filled_by, meta_tags, read_fields
from parsers.model import Claim, Document, Figure, Finding, Grid, Metadata, Report
from parsers.narrative import closing_lines, prose_length, read_claims, read_sections
from parsers.readers.encoding import wide
from parsers.readers.html import read_html
from parsers.readers.text import read_text
from parsers.tables import Index, segments
from parsers.values import plain

#: part of every reading: a new number means that the same bytes may read differently
VERSION = "3"

__all__ = ["VERSION", "as_dict", "parse"]

_SIGNATURES = (
    (b"%PDF", "application/pdf"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.-]+)", re.I)
_CONTROL = bytes({*range(32)} - {*b"\t\n\v\f\r"})
_MARKUP = re.compile(rb"<\s*(?:!doctype|html|head|body|table|div|p|meta|h[1-6]|tr|td|span)\b", re.I)


@cache
def _index() -> Index:
    return Index(load_all())


def parse(body: bytes, *, url: str | None = None, media_type: str | None = None) -> Report:
    """Read one page of a portal, or stored text.

    `media_type` is as the server sent it, parameters included; without it the bytes decide. Never raises on any bytes:
    what could not be read is a finding, and a body that is no text gives kind "other". Units, states and places of the
    figures are those of docs/design.md, "Contract".
    """
    return parse_with(body, _index(), url=url, media_type=media_type)


def parse_with(body: bytes, index: Index, *, url: str | None = None, media_type: str | None = None) -> Report:
    """`parse` with the labels of other forms than the shipped ones."""
    kind, header_charset = kind_of_bytes(body, media_type)
    if kind == "text/html":
        document = read_html(body, header_charset=header_charset)
    elif kind == "text/plain":
        document = read_text(body, header_charset=header_charset)
    else:
        note = "an empty body" if not body else f"{kind} is not yet readable; the bytes are kept as they are"
        name = "empty_body" if not body else "unreadable_media_type"
        return Report(
            "other", None, url, None, None, kind, None, VERSION, findings=(Finding("reading", name, note=note),)
        )
    return _read(document, index, url)


def kind_of_bytes(body: bytes, declared: str | None) -> tuple[str, str | None]:
    """(media type, charset of the header): how `parse` takes a body whose server said `declared`."""
    charset = _CHARSET.search(declared or "")
    return _media_type(body, declared), charset.group(1) if charset else None


def _media_type(body: bytes, declared: str | None) -> str:
    """What the bytes are; the server's word counts only where they do not say."""
    if not body.strip():
        return "application/octet-stream"
    if codec := wide(body):
        body = body[:262144].decode(codec, "ignore").encode()
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind in _SIGNATURES:
        if head.startswith(magic):
            return kind
    start = body[:65536]
    if (len(start) - len(start.translate(None, _CONTROL))) * 20 > len(start):
        return "application/octet-stream"  # `<p ` stands in most random bytes of this length
    if _MARKUP.search(start):
        return "text/html"
    said = (declared or "").split(";", 1)[0].strip().lower()
    if said in ("text/html", "application/xhtml+xml"):
        return "text/html"
    if start.count(0) > len(start) // 100:
        return "application/octet-stream"
    return "text/plain" if said in ("", "text/plain", "application/octet-stream") or said.startswith("text/") else said


def _read(document: Document, index: Index, url: str | None) -> Report:
    forms = tuple(index.forms)
    tags = meta_tags(document)
    grids = [block for block in document.blocks if isinstance(block, Grid) and not is_strung(block)]
    found = segments(grids, index)
    official = frozenset(segment.grid.tbl for segment in found if segment.lines and segment.grid.tbl is not None)
    fields = read_fields(document, official)
    title = title_of(document, tags, fields)
    published = clean("published_on", tags.get("published_on")) or clean("published_on", fields.get("published_on"))
    year = year_of(document, title, fields, url, published)
    reading = read_segments(found, index, year.value)
    used = read_flat(document, index, reading, year.value)
    prose = read_sections(document, forms, used)
    hint = region_hint(fields.get("index_number"), tags.get("site_code"), url)
    publisher = clean("publisher", fields.get("publisher")) or clean("publisher", tags.get("publisher"))
    agency = agency_of(
        publisher=publisher,
        title=title,
        filled=filled_by(document),
        closing=closing_lines(document) if document.main[1] else (),
        hint=hint,
        year=year.value,
    )
    figures = tuple(reading.figures.values())
    numbers = sum(figure.state == "number" for figure in figures)
    kind = kind_of(
        document,
        title=title,
        named=agency.name is not None,
        year=year.value,
        tables=len(reading.matched) + reading.unread,
        numbers=numbers + reading.unread,
        sections=prose.official,
        headings=len(prose.sections),
        prose=prose_length(prose.sections),
    )
    findings = [Finding("reading", name, note=note) for name, note in document.notes]
    findings += _form_findings(reading, forms, year.value, kind)
    findings += reading.findings
    if kind != "report":
        return Report(
            kind, title, url, None, None, document.media_type, document.charset, VERSION, findings=tuple(findings)
        )
    read_forms = forms_in(figures, forms)
    claims = read_claims(prose.sections, _claims_for(read_forms, forms, year.value))
    findings += [*year.findings, *agency.findings]
    if agency.name is None:
        findings.append(
            Finding("metadata", "agency_unknown", note="no label, title or signature on the page names a body")
        )
    if prose.contacts:
        findings.append(
            Finding(
                "prose",
                "contact_lines",
                found=prose.contacts,
                note="sentences with contact data left out of the sections",
            )
        )
    findings += _checks(reading, forms, read_forms)
    findings += _claim_checks(claims, reading, forms)
    if not figures and not reading.unread:
        findings.append(_no_table(document))
    return Report(
        kind=kind,
        title=title,
        url=url,
        form=read_forms[0] if len(read_forms) == 1 else "mixed" if read_forms else None,
        year=year.value,
        media_type=document.media_type,
        charset=document.charset,
        parser=VERSION,
        metadata=Metadata(
            index_number=clean("index_number", fields.get("index_number")),
            publisher=publisher,
            written_on=clean("written_on", fields.get("written_on")),
            published_on=published,
            openness=clean("openness", fields.get("openness")),
            validity=clean("validity", fields.get("validity")),
            document_number=clean("document_number", fields.get("document_number")),
            registration=clean("registration", fields.get("registration")),
            agency=agency.name,
            region=agency.region,
            level=agency.level,
            agency_kind=agency.kind,
        ),
        figures=figures,
        sections=prose.sections,
        claims=claims,
        findings=tuple(findings),
    )


def _form_findings(reading: Reading, forms: tuple[Form, ...], year: int | None, kind: str) -> list[Finding]:
    """Which table matched which form by how many rows; and a form used outside its official years."""
    findings = []
    for form in forms:
        matched = {table_id: codes for (form_id, table_id), codes in reading.matched.items() if form_id == form.id}
        for table in form.tables:
            codes = matched.get(table.id)
            if codes is not None:
                findings.append(_table_matched(table, frozenset(codes)))
            elif matched and not any(table_id == table.id for _, table_id in reading.matched):
                findings.append(
                    Finding(
                        "form",
                        "table_missing",
                        at=f"{form.id}.{table.id}",
                        note="the page has other tables of the form",
                    )
                )
    if kind == "report" and year is not None:
        for form in forms:
            if form.id in reading.forms and not (
                form.first_year <= year and (form.last_year is None or year <= form.last_year)
            ):
                period = f"{form.first_year}-{form.last_year or ''}"
                findings.append(
                    Finding(
                        "form", "form_outside_its_years", at=form.id, note=f"official for {period}, used for {year}"
                    )
                )
    return findings


@lru_cache(maxsize=1024)
def _table_matched(table: Table, codes: frozenset[str]) -> Finding:
    official = [row.code for row in table.rows if row.extension is None and row.kind != "group"]
    printed = {row.extension for row in table.rows if row.extension and row.code in codes}
    absent = [
        row.code
        for row in table.rows
        if row.is_value and (row.extension is None or row.extension in printed) and row.code not in codes
    ]
    return Finding(
        "form",
        "table_matched",
        at=f"{table.form}.{table.id}",
        expected=len(official),
        found=len(codes),
        note=f"rows without figures: {', '.join(absent)}" if absent else None,
    )


def _claims_for(read_forms: list[str], forms: tuple[Form, ...], year: int | None) -> tuple[Any, ...]:
    """The patterns of the forms that the report uses; of a report in prose only, those of its year's form."""
    wanted = read_forms or [
        form.id for form in forms if year is not None and form.first_year <= year and year <= (form.last_year or year)
    ]
    return next((form.claims for form in reversed(forms) if form.id in wanted), ())


def _checks(reading: Reading, forms: tuple[Form, ...], read_forms: list[str]) -> list[Finding]:
    findings: list[Finding] = []
    for form in forms:
        if form.id in read_forms:
            figures = {(i, c): figure for (f, i, c), figure in reading.figures.items() if f == form.id}
            doubtful = {(i, c) for f, i, c in reading.doubtful if f == form.id}
            findings += evaluate(form, figures, doubtful)
    return findings


def _claim_checks(claims: tuple[Claim, ...], reading: Reading, forms: tuple[Form, ...]) -> list[Finding]:
    """Each claim against its cell, or the cells that add up to it: a difference is a flag, never a correction."""
    parts = {(p.form, p.name): p.sum_of for form in forms for p in form.claims if p.sum_of}
    by_id = {form.id: form for form in forms}
    findings = []
    for claim in claims:
        columns = [
            (claim.form, *key)
            for column in parts.get((claim.form, claim.name)) or (claim.col,)
            for key in cells_of(Term(claim.indicator, column), "", "", by_id[claim.form])
        ]
        figures = [reading.figures.get(place) for place in columns]
        at = f"{claim.indicator}[{claim.col}]"
        values = [figure.value for figure in figures if figure is not None and figure.value is not None]
        if len(values) < len(columns):
            states = ["absent" if figure is None else figure.state for figure in figures]
            why = (
                f"the cell is {next(state for state in states if state != 'number')}"
                if set(states) != {"number"}
                else None
            )
            findings.append(
                Finding("claim", claim.name, at, "expected", "not_assessable", None, claim.value, None, why)
            )
            continue
        printed = sum(values)
        if printed == claim.value:
            findings.append(Finding("claim", claim.name, at, "expected", "pass", printed, claim.value))
        else:
            where = f"section {claim.section}: {claim.raw}"
            findings.append(
                Finding("claim", claim.name, at, "expected", "fail", printed, claim.value, "unknown", where)
            )
    return findings


def _no_table(document: Document) -> Finding:
    if document.attachments:
        return Finding(
            "form", "no_table", note=f"no table of any form; {len(document.attachments)} attachment(s) on the page"
        )
    if document.images:
        return Finding("form", "no_table", note=f"no table of any form; {document.images} picture(s) on the page")
    return Finding("form", "no_table", note="no table of any form on the page")


def as_dict(report: Report) -> dict[str, Any]:
    """The report as plain JSON values, every key always there (docs/design.md, "What gongkai parse --json prints")."""
    metadata = report.metadata
    return {
        "kind": report.kind,
        "title": report.title,
        "url": report.url,
        "form": report.form,
        "year": report.year,
        "media_type": report.media_type,
        "charset": report.charset,
        "parser": report.parser,
        "metadata": {name: getattr(metadata, name) for name in metadata.__dataclass_fields__},
        "figures": [_plain(Figure._fields, figure) for figure in report.figures],
        "sections": [section._asdict() for section in report.sections],
        "claims": [_plain(Claim._fields, claim) for claim in report.claims],
        "findings": [_plain(Finding._fields, finding) for finding in report.findings],
    }


def _plain(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    row = dict(zip(names, values, strict=True))
    if Decimal in map(type, values):
        row.update((name, plain(value)) for name, value in row.items() if type(value) is Decimal)
    return row
