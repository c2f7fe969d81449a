"""A tenant's colour stays readable whatever it is; icons and errors wear the portal's look."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.brand import BLACK, DARK_PAPER, LIGHT_PAPER, WHITE, contrast, ink_on, readable
from portal.icons import tile
from tests.factories import TenantFactory

colours = st.tuples(*[st.integers(0, 255)] * 3)


@given(colours)
def test_text_on_and_in_any_brand_colour_passes_aa(colour):
    assert contrast(colour, ink_on(colour)) >= 4.5
    assert contrast(readable(colour, on=LIGHT_PAPER, towards=BLACK), LIGHT_PAPER) >= 4.5
    assert contrast(readable(colour, on=DARK_PAPER, towards=WHITE), DARK_PAPER) >= 4.5


def tokens(section):
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6});", section))


def rgb(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    return tuple(int(digits[i : i + 2], 16) for i in (0, 2, 4))


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_colour_passes_aa_on_every_surface(dark, settings):
    light, night = (
        (settings.BASE_DIR / "static/css/tokens.css").read_text().split("@media (prefers-color-scheme: dark)")
    )
    named = tokens(light) | (tokens(night) if dark else {})
    for text in ("text", "text-2", "text-3", "brand-text"):
        for paper in ("bg", "surface", "surface-2"):
            assert contrast(rgb(named[text]), rgb(named[paper])) >= 4.5, (text, paper)
    for mood in ("good", "warn", "bad"):
        for paper in (f"{mood}-soft", "surface"):
            assert contrast(rgb(named[mood]), rgb(named[paper])) >= 4.5, (mood, paper)
    assert contrast(rgb(named["line-strong"]), rgb(named["surface"])) >= 3


@pytest.mark.django_db
def test_a_tenants_brand_overrides_only_brand_tokens(client):
    TenantFactory(slug="acme", brand_color="#FFD400")

    page = client.get("/", headers={"host": "acme.localhost"}).content.decode()
    sheet = client.get("/brand/ffd400.css", headers={"host": "acme.localhost"})

    assert '<link rel="stylesheet" href="/brand/ffd400.css">' in page
    assert {name.split("-")[0] for name in re.findall(r"--([\w-]+)", sheet.content.decode())} <= {
        "brand",
        "on",
    }
    assert "--on-brand:#000000" in sheet.content.decode()
    assert "immutable" in sheet["Cache-Control"]


def test_services_have_their_sign_or_a_letter():
    assert "<path d=" in tile("whatsapp")
    assert "<path d=" in tile("instagram")
    assert ">M</text>" in tile("microsoft")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/icons/..%2f..%2fetc.svg", "/icons/A.svg", "/brand/red.css", "/brand/ffffff/ab.svg"]
)
def test_odd_names_of_icons_and_colours_are_404(client, path):
    TenantFactory(slug="acme")

    assert client.get(path, headers={"host": "acme.localhost"}).status_code == 404


@pytest.mark.django_db
def test_nothing_in_a_page_is_inline(client):
    TenantFactory(slug="acme")

    answer = client.get("/accounts/login/", headers={"host": "acme.localhost"})

    page = answer.content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_missing_page_wears_the_tenants_look_and_names_the_request(client):
    TenantFactory(slug="acme", name="Acme Numbers")

    answer = client.get("/nowhere/", headers={"host": "acme.localhost", "accept": "text/html"})

    assert answer.status_code == 404
    assert "Acme Numbers" in answer.content.decode()
    assert answer["X-Request-Id"] in answer.content.decode()
