"""Which characters the bytes mean, decided on the bytes alone.

Traps: headers and metas that say UTF-8 over GBK bytes; GB2312 declared where GB18030 is used; a UTF-8 page cut in the
middle of a character, or with a stray byte pasted in, which strict UTF-8 refuses. The statistical guess of
`bs4.dammit` depends on which detector is installed, so only its byte-order-mark and declaration readers are used.
"""

from __future__ import annotations

import codecs

from bs4.dammit import EncodingDetector

_GB = {"gb2312", "gbk", "gb_2312-80", "gb_2312", "x-gbk", "cp936", "csgb2312", "chinese", "gb18030", "hz-gb-2312"}

#: what a page may declare besides; other names are Python's own transforms or a slip, and are not followed
_DECLARABLE = frozenset(
    "utf-8 utf-16 utf-16-le utf-16-be utf-32 ascii big5 big5hkscs cp950 iso8859-1 cp1252 euc_jp euc_kr".split()
)

#: these decode any bytes
_ANY_BYTES = frozenset(("iso8859-1", "cp1252"))
_WIDE = {b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}


def wide(body: bytes) -> str | None:
    """The codec of a page in UTF-16, by its mark or by the `<` that it begins with; None for any other."""
    if codec := _WIDE.get(body[:2]):
        return codec
    start = body[:64].lstrip(b" \t\r\n\0")[:3]
    if start[:1] == b"<" and start[1:2] == b"\0":
        return "utf-16be" if body[:1] == b"\0" else "utf-16le"
    return None


def decode(body: bytes, *, header_charset: str | None = None, is_html: bool = True) -> tuple[str, str, int]:
    """(text, charset, damaged places). Order: BOM, strict UTF-8, declared (gb2312 read as gb18030), gb18030.

    A character cut at the very end of the body is dropped and counted. Where no candidate decodes without error, the
    one with the fewest damaged places wins, the earlier on a tie.
    """
    data, bom = EncodingDetector.strip_byte_order_mark(body)  # type: ignore[no-untyped-call]
    if bom or (bom := wide(body)):
        return _lenient(data, bom)
    try:
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        text = decoder.decode(data, final=False)
        return text, "utf-8", 1 if decoder.getstate()[0] else 0
    except UnicodeDecodeError:
        pass
    candidates = []
    declared = EncodingDetector.find_declared_encoding(data, is_html=is_html, search_entire_document=False)
    for name in (declared, header_charset, "gb18030"):
        codec = _codec(name)
        if codec in _ANY_BYTES:  # what servers say unasked; no page of a portal is Latin
            continue
        if codec and codec not in candidates:
            candidates.append(codec)
    for codec in candidates:
        try:
            return data.decode(codec), codec, 0
        except UnicodeDecodeError:
            continue
    if "utf-8" not in candidates:
        candidates.insert(0, "utf-8")
    return min((_lenient(data, codec) for codec in candidates), key=lambda result: result[2])


def _codec(name: str | None) -> str | None:
    if not name:
        return None
    if name.lower() in _GB:
        return "gb18030"
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if found in _DECLARABLE else None


def _lenient(data: bytes, codec: str) -> tuple[str, str, int]:
    text = data.decode(codec, "replace")
    own = data.count("\ufffd".encode(codec, "ignore")) if codec.startswith("utf") else 0
    return text, codec, max(0, text.count("\ufffd") - own)
