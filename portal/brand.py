"""A tenant's look: its colour made readable in light and dark, its stylesheet and its icon.

All of it follows from the colour and the name's first letter, so the addresses carry those and caches may
keep the answers for good.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

Colour = tuple[int, int, int]

PLAIN = "#2557d6"
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# The dimmest light surface and the brightest dark one (tokens.css) that brand-coloured text stands on.
LIGHT_PAPER: Colour = (231, 234, 240)
DARK_PAPER: Colour = (42, 49, 62)
READABLE = 4.6  # WCAG AA asks for 4.5
ROBOTS = "User-agent: *\nAllow: /$\nAllow: /api/docs/\nAllow: /static/\nDisallow: /\n"
KEEP = "public, max-age=31536000, immutable"

SHEET = """:root{{--brand:{brand};--on-brand:{on_brand};--brand-text:{light_text}}}
@media (prefers-color-scheme:dark){{:root{{--brand-text:{dark_text}}}}}
"""
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9"'
    ' fill="{brand}"/><text x="16" y="22.5" text-anchor="middle" font-family="system-ui,sans-serif"'
    ' font-size="18" font-weight="700" fill="{on_brand}">{letter}</text></svg>'
)


@dataclass(frozen=True, slots=True)
class Brand:
    """What the templates show of a tenant."""

    name: str
    color: str
    letter: str
    support_email: str = ""
    signup_open: bool = False
    is_test: bool = False

    @property
    def css_url(self) -> str:
        return reverse("brand_css", args=[self.color[1:]])

    @property
    def icon_url(self) -> str:
        return reverse("brand_icon", args=[self.color[1:], self.letter])


def brand_of(tenant: Any) -> Brand:
    """The tenant's brand, or the portal's own where there is no tenant."""
    if tenant is None:
        return Brand(name="Portal", color=PLAIN, letter="p")
    first = next((c for c in tenant.name.lower() if c.isascii() and c.isalnum()), "p")
    return Brand(
        name=tenant.name,
        color=tenant.brand_color.lower(),
        letter=first,
        support_email=tenant.support_email,
        signup_open=tenant.signup_open,
        is_test=tenant.is_test,
    )


def brand_css(request: HttpRequest, colour: str) -> HttpResponse:
    """The stylesheet that overrides the brand tokens."""
    brand = _parse(colour)
    sheet = SHEET.format(
        brand=_hex(brand),
        on_brand=_hex(ink_on(brand)),
        light_text=_hex(readable(brand, on=LIGHT_PAPER, towards=BLACK)),
        dark_text=_hex(readable(brand, on=DARK_PAPER, towards=WHITE)),
    )
    return _kept(sheet, "text/css; charset=utf-8")


def brand_icon(request: HttpRequest, colour: str, letter: str) -> HttpResponse:
    """The browser tab's icon: the letter on the colour."""
    if len(letter) != 1:
        raise Http404
    brand = _parse(colour)
    icon = ICON.format(brand=_hex(brand), on_brand=_hex(ink_on(brand)), letter=letter.upper())
    return _kept(icon, "image/svg+xml")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look that were told of no icon (a text answer, an admin page)."""
    return redirect(brand_of(getattr(request, "tenant", None)).icon_url)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Asks search engines to read only the front page and the description of the API."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: Colour) -> Colour:
    """White where it is readable, otherwise black (which then is)."""
    return WHITE if contrast(colour, WHITE) >= READABLE else BLACK


def readable(colour: Colour, *, on: Colour, towards: Colour) -> Colour:
    """The colour, moved as little as needed towards black or white until text in it is readable on `on`."""
    for step in range(21):
        share = step / 20
        r, g, b = (round(c + (t - c) * share) for c, t in zip(colour, towards, strict=True))
        if contrast((r, g, b), on) >= READABLE:
            return (r, g, b)
    return towards


def _luminance(colour: Colour) -> float:
    r, g, b = (c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _parse(colour: str) -> Colour:
    if not re.fullmatch(r"[0-9a-f]{6}", colour):
        raise Http404
    return int(colour[:2], 16), int(colour[2:4], 16), int(colour[4:], 16)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _kept(body: str, kind: str) -> HttpResponse:
    response = HttpResponse(body, content_type=kind)
    response["Cache-Control"] = KEEP
    return response
