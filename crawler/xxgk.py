"""The fields with which a column of 大汉's disclosure module asks `/module/xxgk/search.jsp` for its lines.

They stand in the column's script in any of these forms, seen in public crawlers: a call
`loadDynamic('/module/xxgk/search.jsp?infotypeId='+a+'…&area=<code>', 'div<COL>', '<infotypeId>', …, …, '<jdid>', …)`,
an object or a query string with their names, hidden inputs; and in the column's address (`number`, `vc_xxgkarea`).
Trap: parts of the call are put together by the script, so a value may be a variable and then says nothing.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlsplit

from scrapy.http import TextResponse

FIELDS = ("infotypeId", "jdid", "area", "divid", "standardXxgk", "isAllList", "texttype", "sortfield")
_CALL = re.compile(r"loadDynamic\((.*?)\)\s*;", re.DOTALL)
_ARGUMENT = re.compile(r"""'([^']*)'\s*(?=,|$)|"([^"]*)"\s*(?=,|$)""")


def read_form(response: TextResponse) -> dict[str, str] | None:
    """The fields with which a column's script asks search.jsp; None where it does not."""
    text = html.unescape(response.text)
    if "search.jsp" not in text:
        return None
    form = {}
    for name in FIELDS:
        quoted = rf"""\b{name}["']?\s*:\s*(?:["']([^"']*)["']|(\d\w*))"""
        said = [a or b for a, b in re.findall(quoted, text)]
        said += re.findall(rf"""\b{name}\s*=\s*["']?([^"'&;\s)}}+]*)""", text)
        said += response.xpath("//input[@name=$name or @id=$name]/@value", name=name).getall()
        form[name] = next((value.rstrip(",") for value in said if value.rstrip(",")), "")
    for call in _CALL.findall(text):
        arguments = [a or b for a, b in _ARGUMENT.findall(call)]
        at = next((n for n, value in enumerate(arguments) if re.fullmatch(r"div\w+", value)), None)
        if at is not None:
            form["divid"] = arguments[at]
            given = arguments[at + 1 :]
            form["infotypeId"] = form["infotypeId"] or (given[0] if given else "")
            form["jdid"] = form["jdid"] or (given[3] if len(given) > 3 else "")
    query = dict(parse_qsl(urlsplit(response.url).query))
    column = re.search(r"/col/col(\d+)/", response.url)
    form["infotypeId"] = query.get("number") or form["infotypeId"]
    form["area"] = query.get("vc_xxgkarea") or query.get("area") or form["area"]
    form["divid"] = form["divid"] or (f"div{column[1]}" if column else "")
    form["sortfield"] = form["sortfield"] or ",createdatetime:0,orderid:0"
    return form
