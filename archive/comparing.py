"""`gongkai diff URL`: two versions of a page side by side, figures first.

Both are read anew from their bytes with the parser of this version, so that only the page can differ, never the
reading. Versions are captures with other bytes than the one before; furniture alone gives a version without any
difference here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from archive.derive import Capture
from archive.errors import ArchiveError
from archive.parsing import ParserPool
from archive.store import Store

_SENTENCE = re.compile(r"[^。！？；\n]*[。！？；\n]?")


class NotTwo(Exception):
    """There are no two versions to compare; `str(error)` says why."""


def diff(
    store: Store, pool: ParserPool, url: str, before: str | None = None, after: str | None = None
) -> dict[str, Any]:
    """What differs between the captures with ids `before` and `after` of `url`: by default its last two versions.

    `figures` has a row for each cell that differs (form, indicator, col, label, before, after, each None where the page
    lacks the cell), `same` counts the others; `metadata` rows of name, before, after; `prose` rows of heading, before,
    after with the sentences that only one of them has. NotTwo where there is no second version or no such capture.
    """
    history = store.history(url)
    told = [c for c in history if c.kind == "report"] or history  # a long article's first page is an attachment of it
    versions = [c for c in told if c.outcome in ("new", "changed") and c.sha256]
    if not versions:
        raise NotTwo(f"No page with the address {url} is in this archive. It must be as in the table capture.")
    pair = _chosen(versions, before, after)
    old, new = (_read(store, pool, capture) for capture in pair)
    keyed = [{(f["form"], f["indicator"], f["col"]): f for f in report["figures"]} for report in (old, new)]
    figures = [
        {"form": key[0], "indicator": key[1], "col": key[2], "label": (keyed[1].get(key) or keyed[0][key])["label"],
         "before": _shown(keyed[0].get(key)), "after": _shown(keyed[1].get(key))}
        for key in [*keyed[0], *(key for key in keyed[1] if key not in keyed[0])]
        if _compared(keyed[0].get(key)) != _compared(keyed[1].get(key))
    ]  # fmt: skip
    return {
        "url": pair[0].url,
        "before": pair[0]._asdict(),
        "after": pair[1]._asdict(),
        "figures": figures,
        "same": len(keyed[0].keys() | keyed[1].keys()) - len(figures),
        "metadata": [row for row in _metadata(old, new) if row["before"] != row["after"]],
        "prose": list(_prose(old, new)),
    }


def _chosen(versions: list[Capture], before: str | None, after: str | None) -> tuple[Capture, Capture]:
    by_id = {capture.id: capture for capture in versions}
    for wanted in (before, after):
        if wanted is not None and wanted not in by_id:
            listed = ", ".join(f"{c.id} ({c.fetched_at})" for c in versions)
            raise NotTwo(f"{wanted} is no version of this page; there are {listed}")
    new = by_id[after] if after else versions[-1]
    older = [capture for capture in versions[: versions.index(new)] if capture.sha256 != new.sha256]
    if before is None and not older:
        raise NotTwo(f"Only one version of this page is in the archive, of {new.fetched_at}")
    return (by_id[before] if before else older[-1]), new


def _read(store: Store, pool: ParserPool, capture: Capture) -> dict[str, Any]:
    if capture.sha256 is None:
        raise ArchiveError(f"capture {capture.id} has lost its body; run `gongkai verify`.")
    return pool.submit(store.body(capture.sha256), capture.url, store.media_type(capture.sha256)).result()


def _compared(figure: Mapping[str, Any] | None) -> Any:
    """What makes two figures differ: the value, else the words that stand in its place."""
    if figure is None:
        return None
    return ("value", figure["value"]) if figure["value"] is not None else ("raw", figure["raw"])


def _shown(figure: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if figure is None else {name: figure[name] for name in ("value", "raw", "state", "tbl", "row", "cell")}


def _metadata(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("kind", "title", "year", "form"):
        yield {"name": name, "before": old[name], "after": new[name]}
    for name in new["metadata"]:
        yield {"name": name, "before": old["metadata"].get(name), "after": new["metadata"][name]}


def _prose(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    texts = [{section["heading"]: section["text"] for section in report["sections"]} for report in (old, new)]
    for heading in [*texts[0], *(heading for heading in texts[1] if heading not in texts[0])]:
        before, after = texts[0].get(heading), texts[1].get(heading)
        if before == after:
            continue
        pieces = [_SENTENCE.findall(text or "") for text in (before, after)]
        matcher = difflib.SequenceMatcher(a=pieces[0], b=pieces[1], autojunk=False)
        changed = [code for code in matcher.get_opcodes() if code[0] != "equal"]
        yield {
            "heading": heading,
            "before": None if before is None else "".join("".join(pieces[0][a:b]) for _, a, b, _, _ in changed),
            "after": None if after is None else "".join("".join(pieces[1][a:b]) for _, _, _, a, b in changed),
        }
