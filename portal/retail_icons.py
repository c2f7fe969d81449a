"""Pictures of countries (SVG) and services (PNG) at the addresses that retail clients know.

Drawn here, from no file: a country shows its flag as the reader's font has it over its ISO code, a service
its letter in the brand's colour. An id that nobody knows gets the general picture: no client shows a hole.
"""

from __future__ import annotations

import re
import struct
import zlib
from functools import lru_cache

from django.http import HttpRequest, HttpResponse

from portal.icons import NAME, service_colour

COUNTRY = re.compile(r"([a-z]{2})(_v)?")
ISO = {"uk": "GB"}
FLAG_A = 0x1F1E6  # regional indicator A
SIZE, CELL, GLYPH_COLUMNS, GLYPH_ROWS = 64, 5, 5, 7
UNKNOWN = "?"

FLAG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48" role="img"><title>{code}</title>'
    '<rect width="64" height="48" rx="4" fill="#eef1f5"/>'
    '<text x="32" y="27" text-anchor="middle" font-size="24">{flag}</text>'
    '<text x="32" y="43" text-anchor="middle" font-family="system-ui,sans-serif" font-size="13"'
    ' font-weight="700" fill="#15181d">{code}</text></svg>'
)
GLOBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48" role="img"><title>Country</title>'
    '<rect width="64" height="48" rx="4" fill="#eef1f5"/><g fill="none" stroke="#5b6472" stroke-width="2">'
    '<circle cx="32" cy="24" r="15"/><ellipse cx="32" cy="24" rx="6" ry="15"/><path d="M17 24h30"/></g></svg>'
)
# Five columns by seven rows; a row is one number whose bits are its dots.
GLYPHS = {
    "A": (14, 17, 17, 31, 17, 17, 17), "B": (30, 17, 17, 30, 17, 17, 30), "C": (14, 17, 16, 16, 16, 17, 14),
    "D": (30, 17, 17, 17, 17, 17, 30), "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 14), "H": (17, 17, 17, 31, 17, 17, 17), "I": (14, 4, 4, 4, 4, 4, 14),
    "J": (7, 2, 2, 2, 2, 18, 12), "K": (17, 18, 20, 24, 20, 18, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17), "N": (17, 25, 21, 19, 17, 17, 17), "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16), "Q": (14, 17, 17, 17, 21, 18, 13), "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30), "T": (31, 4, 4, 4, 4, 4, 4), "U": (17, 17, 17, 17, 17, 17, 14),
    "V": (17, 17, 17, 17, 17, 10, 4), "W": (17, 17, 17, 21, 21, 27, 17), "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 10, 4, 4, 4, 4), "Z": (31, 1, 2, 4, 8, 16, 31), "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31), "3": (30, 1, 1, 14, 1, 1, 30),
    "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14), "6": (14, 16, 30, 17, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14), "9": (14, 17, 17, 15, 1, 1, 14),
    UNKNOWN: (14, 17, 1, 6, 4, 0, 4),
}  # fmt: skip


def country_icon(request: HttpRequest, name: str) -> HttpResponse:
    """A country's flag and code, kept by browsers for good."""
    return _kept(HttpResponse(flag(name), content_type="image/svg+xml"))


def service_icon(request: HttpRequest, name: str) -> HttpResponse:
    """A service's letter on its colour, 64 × 64, kept by browsers for good."""
    return _kept(HttpResponse(letter(name), content_type="image/png"))


def _kept(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def flag(country_id: str) -> str:
    """SVG. Virtual countries (`us_v`) fly the flag of their country."""
    match = COUNTRY.fullmatch(country_id)
    if match is None:
        return GLOBE
    code = ISO.get(match[1], match[1].upper())
    return FLAG.format(code=code, flag="".join(f"&#{FLAG_A + ord(each) - 65};" for each in code))


@lru_cache(maxsize=1024)
def letter(service_id: str) -> bytes:
    """PNG with a palette of two colours: tile and letter."""
    known = NAME.fullmatch(service_id) is not None
    sign = service_id[0].upper() if known else UNKNOWN
    tile, ink = service_colour(service_id) if known else ((91, 100, 114), (255, 255, 255))
    return png(GLYPHS.get(sign, GLYPHS[UNKNOWN]), palette=bytes((*tile, *ink)))


def png(glyph: tuple[int, ...], *, palette: bytes) -> bytes:
    """A square of one bit per dot with the glyph in its middle."""
    left, top = (SIZE - GLYPH_COLUMNS * CELL) // 2, (SIZE - GLYPH_ROWS * CELL) // 2
    rows = []
    for y in range(SIZE):
        line = (y - top) // CELL
        dots = glyph[line] if 0 <= line < GLYPH_ROWS else 0
        bits = 0
        for x in range(SIZE):
            column = (x - left) // CELL
            is_ink = 0 <= column < GLYPH_COLUMNS and dots >> (GLYPH_COLUMNS - 1 - column) & 1
            bits = bits << 1 | is_ink
        rows.append(b"\0" + bits.to_bytes(SIZE // 8, "big"))
    head = struct.pack(">LLBBBBB", SIZE, SIZE, 1, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in [
            (b"IHDR", head),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(b"".join(rows))),
            (b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
