"""A number that is replaced while its buyer looks at it: said, shown, and read out, without a click."""

import re

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import expect

from activations.services.exchanging import exchange_due
from tests.activations.exchanging import P90, Healing, seconds
from tests.pages.conftest import SWEEP

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

SIZES = {"narrow": {"width": 360, "height": 740}, "wide": {"width": 1280, "height": 860}}


def exchange_soon():
    try:
        exchange_due(timezone.now() + seconds(P90 + 5))
    finally:
        connections.close_all()


def test_a_replaced_number_is_told_where_it_is_looked_at(store, browsing, shot, other_upstream):
    healing = Healing(store, other_upstream)
    row = store.order()
    page = browsing.open("/numbers/")
    expect(page.get_by_text(row.formatted)).to_be_visible()

    SWEEP.submit(exchange_soon).result(60)

    expect(page.get_by_text("This number was replaced.")).to_be_visible()
    expect(page.get_by_text(healing.number(row).formatted)).to_be_visible()
    expect(page.get_by_text(row.formatted)).to_have_count(0)
    expect(page.locator("#announcer")).to_have_text(re.compile("your number was replaced by"))
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            shot(page, f"replaced-{size}-{scheme}")
            width = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert width <= 0
    assert page.complaints == []
