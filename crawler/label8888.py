"""The parameters with which a column of 龙讯 (Lonsun) asks `/site/label/8888` for its lines, as its script says them.

`siteId`, `file` and `catId` are each site's own. Seen in public crawlers: a query string in one or several pieces, an
object with the same names; the label under a path (`/chuzhou/site/label/8888`). Traps: values that are the script's
variables; several calls on a page, of which one is the column's; the random `_`, which is left out.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from scrapy.http import TextResponse

ORGAN = re.compile(r"/public/column/(\d+)")
_LABEL = re.compile(r"""["'(]([^"'()\s?]*/site/label/8888)\b""")
_PAIR = re.compile(r"""\b(\w+)["']?\s*:\s*(?:'([^']*)'|"([^"]*)"|(\d+|true|false)\b)""")
_QUERY = re.compile(r"""[?&"'](\w+)=([^&"'\s<>]*)""")
_KEPT = frozenset({"action", "catId", "catIds", "cId", "dateFormat", "file", "fuzzySearch", "fromCode", "isDate",
                   "keyWords", "length", "organId", "pageSize", "result", "siteId", "sortType", "type"})  # fmt: skip


def read_label(response: TextResponse) -> tuple[str, dict[str, str]] | None:
    """The address and the parameters with which a column's script asks for its lines; None where it asks for none.

    Of several calls the one for the column's own `catId` counts; what a call leaves out, the column's address says.
    """
    text = html.unescape(response.text)
    calls = [call for call in text.split("/site/label/8888")[1:] if "publicInfoList" in call]
    calls = calls or ([text] if "publicInfoList" in text else [])
    asked = dict(parse_qsl(urlsplit(response.url).query))
    organ = ORGAN.search(response.url)
    forms = []
    for call in calls:
        pairs = [(name, unquote_plus(value)) for name, value in _QUERY.findall(call)]
        pairs += [(name, a or b or c) for name, a, b, c in _PAIR.findall(call)]
        forms.append({name: value for name, value in reversed(pairs) if name in _KEPT and value})
    if not forms:
        return None
    form = next((form for form in forms if form.get("catId", form.get("catIds")) == asked.get("catId")), forms[0])
    site = response.xpath("//meta[translate(@name, 'SITED', 'sited') = 'siteid']/@content").get()
    defaults = {
        "siteId": site or "",
        "organId": organ[1] if organ else "",
        "type": "4",
        "catId": asked.get("catId", ""),
    }
    defaults |= {"pageSize": "15", "action": "list", "isDate": "true", "dateFormat": "yyyy-MM-dd"}
    if not form.get("pageSize", "").isdigit():
        form.pop("pageSize", None)
    label = _LABEL.search(text)
    return (label[1] if label else "/site/label/8888"), defaults | form
