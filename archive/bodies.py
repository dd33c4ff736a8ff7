"""Bytes of a body to and from the form in which they are stored.

A zstd frame is taken as raw content of a dictionary body, never "auto": the automatic type fails on a body that begins
with zstd's dictionary magic. `max_output_size` of python-zstandard is ignored when a frame states its size, so the
stated size is read and compared with the cap before anything is decompressed; a frame that states none is refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import zstandard

Dictionary = zstandard.ZstdCompressionDict

LEVEL = 3
LARGEST = 64 * 1024 * 1024  # bytes; the crawler stops at 32 MB, a folder of imported files may hold more


class Damaged(Exception):
    """Stored bytes do not give back what their hash promises; `str(error)` says how."""


class Encoded(NamedTuple):
    encoding: str
    data: bytes


def digest(body: bytes) -> str:
    """SHA-256 of a body as received, in hex: the name under which it is stored."""
    return hashlib.sha256(body).hexdigest()


def row_digest(
    sha256: str, size: int, media_type: str | None, encoding: str, dictionary: str | None, data: bytes
) -> str:
    """First 16 hex digits of sha256 over a body's row as it is stored, the last column by its hash.

    A frame has bits that decompression passes over (zstd's unused header bit, the last weights of a Huffman table):
    the body's own hash still holds when one of them flips, this one does not.
    """
    row = [sha256, size, media_type, encoding, dictionary, digest(data)]
    return hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()[:16]


def prepared(dictionary: bytes) -> Dictionary:
    """A body as dictionary, for more than one use."""
    return zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def compress(body: bytes, dictionary: bytes | Dictionary | None = None) -> Encoded:
    """Encode `body`: a zstd frame with checksum and size, or the bytes themselves (`identity`) where not smaller.

    Raises ValueError for a body over `LARGEST`, and Damaged if the frame does not read back byte for byte.
    """
    if len(body) > LARGEST:
        raise ValueError(f"a body of {len(body):,} bytes is over the {LARGEST:,} bytes that an archive takes")
    compressor = zstandard.ZstdCompressor(
        level=LEVEL, dict_data=_raw(dictionary), write_checksum=True, write_content_size=True
    )
    frame = compressor.compress(body)
    if len(frame) >= len(body):
        return Encoded("identity", body)
    if decompress("zstd", frame, dictionary) != body:
        raise Damaged("the compressed body does not read back")
    return Encoded("zstd", frame)


def decompress(encoding: str, data: bytes, dictionary: bytes | Dictionary | None = None, cap: int = LARGEST) -> bytes:
    """Give back the body. Raises Damaged where the frame is broken, states no size, or states one over `cap` bytes."""
    if encoding == "identity":
        return data
    if encoding != "zstd":
        raise Damaged(f"unknown encoding {encoding!r}")
    try:
        size = zstandard.frame_content_size(data)
        if size < 0:
            raise Damaged("the zstd frame states no size")
        if size > cap:
            raise Damaged(f"the zstd frame states {size:,} bytes, over the cap of {cap:,}")
        if size == 0:
            return b""
        return zstandard.ZstdDecompressor(dict_data=_raw(dictionary)).decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"the zstd frame cannot be read: {error}") from error


def restore(sha256: str, encoding: str, data: bytes, dictionary: bytes | Dictionary | None = None) -> bytes:
    """`decompress`, and compare with the hash; raises Damaged where they differ."""
    body = decompress(encoding, data, dictionary)
    if (found := digest(body)) != sha256:
        raise Damaged(f"the bytes have the hash {found}")
    return body


def _raw(dictionary: bytes | Dictionary | None) -> Dictionary | None:
    return prepared(dictionary) if isinstance(dictionary, bytes) else dictionary
