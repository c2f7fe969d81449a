"""The sign of a service as an app-like tile: the brand's drawing from simple-icons, or a letter.

Only the one file that holds a drawing is read: importing the whole collection would cost each worker two
seconds and tens of megabytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

from django.http import Http404, HttpRequest, HttpResponse

from portal.brand import Colour, contrast

# Services whose canonical id is not the name of their drawing.
DRAWINGS = {
    "twitter": "x",
    "bookingcom": "bookingdotcom",
    "alibaba": "alibabadotcom",
    "mercado": "mercadopago",
}
LETTER_COLOURS = ("#b3261e", "#9a4d00", "#2e6b1f", "#00696b", "#1f5fbf", "#5b4bc4", "#8a3a9c", "#a12a63")
WHITE: Colour = (255, 255, 255)
INK = "#15181d"
GLYPH_CONTRAST = 1.9  # a drawing, not text; below it the drawing is dark instead of white
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
COLOUR = re.compile(r'def primary_color.*?return "(#[0-9A-Fa-f]{6})"', re.S)
PATH = re.compile(r'<path\s+d="([^"<>]+)"')
TILE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 44 44"><rect width="44" height="44" fill="{fill}"/>'
)
DRAWN = TILE + '<g transform="translate(11 11) scale(.9167)" fill="{ink}"><path d="{path}"/></g></svg>'
LETTERED = (
    TILE + '<text x="22" y="29" text-anchor="middle" font-family="system-ui,sans-serif" font-size="20"'
    ' font-weight="700" fill="#fff">{letter}</text></svg>'
)


def service_icon(request: HttpRequest, name: str) -> HttpResponse:
    """The tile of a service, by its icon slug or canonical id. Kept by browsers for a day."""
    if not NAME.fullmatch(name):
        raise Http404
    response = HttpResponse(tile(name), content_type="image/svg+xml")
    response["Cache-Control"] = "public, max-age=86400"
    return response


@lru_cache(maxsize=512)
def tile(name: str) -> str:
    """An SVG of 44 × 44 units."""
    drawing = _drawing(DRAWINGS.get(name, name))
    if drawing is None:
        return LETTERED.format(fill=_letter_fill(name), letter=name[0].upper())
    fill, path = drawing
    ink = "#fff" if contrast(_rgb(fill), WHITE) >= GLYPH_CONTRAST else INK
    return DRAWN.format(fill=fill, ink=ink, path=path)


def service_colour(name: str) -> tuple[Colour, Colour]:
    """The colours of a service's tile and of what stands on it."""
    drawing = _drawing(DRAWINGS.get(name, name))
    fill = _rgb(drawing[0] if drawing else _letter_fill(name))
    return fill, WHITE if contrast(fill, WHITE) >= GLYPH_CONTRAST else _rgb(INK)


def _letter_fill(name: str) -> str:
    return LETTER_COLOURS[crc32(name.encode()) % len(LETTER_COLOURS)]


def _rgb(fill: str) -> Colour:
    return int(fill[1:3], 16), int(fill[3:5], 16), int(fill[5:7], 16)


def _drawing(slug: str) -> tuple[str, str] | None:
    """Colour and path of a drawing of the collection, or None."""
    folder = _collection()
    file = folder / f"_{slug}.py" if folder and slug.isalnum() else None
    if file is None or not file.is_file():
        return None
    source = file.read_text(encoding="utf-8")
    colour, path = COLOUR.search(source), PATH.search(source)
    if not colour or not path:
        return None
    return colour[1], " ".join(path[1].split())


@lru_cache(maxsize=1)
def _collection() -> Path | None:
    spec = find_spec("simplepycons")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None
