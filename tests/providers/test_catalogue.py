from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from providers.catalogue import load_catalogue, sync_offers
from providers.codes import learn_codes, scheme_of
from providers.contract import BadCredentials, CatalogueItem
from providers.models import CodeMap, Country, Offer, ProviderHealth, Service
from tests.providers.factories import make_provider

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_loading_twice_changes_nothing_and_keeps_what_the_operator_set():
    load_catalogue()
    counts = [model.objects.count() for model in (Service, Country, CodeMap)]
    Service.objects.filter(pk="netflix").update(prohibited=True, popular_rank=3, name="wrong")
    CodeMap.objects.filter(scheme="handler", code="nf").update(canonical_id="other", source="manual")

    load_catalogue()

    assert [model.objects.count() for model in (Service, Country, CodeMap)] == counts
    netflix = Service.objects.get(pk="netflix")
    assert (netflix.name, netflix.prohibited, netflix.popular_rank) == ("Netflix", True, 3)
    assert CodeMap.objects.get(scheme="handler", kind="service", code="nf").canonical_id == "other"


def test_the_catalogue_knows_the_codes_of_every_dialect():
    load_catalogue()
    codes = {
        (line.scheme, line.kind, line.code): line.canonical_id
        for line in CodeMap.objects.filter(canonical_id__in=["telegram", "uk", "us", "us_v"])
    }
    assert codes["handler", "service", "tg"] == codes["rentverify", "service", "tg"] == "telegram"
    assert (codes["handler", "country", "16"], codes["rentverify", "country", "england"]) == ("uk", "uk")
    assert (codes["ping", "country", "US"], codes["handler", "country", "12"]) == ("us", "us_v")
    assert Country.objects.get(pk="us_v").parent_id == "us"


def test_sync_fetches_prices_and_empties_what_vanished(upstream):
    load_catalogue()
    provider = upstream.provider()
    upstream.stock("telegram", "us", "economy", price_micros=77_000, count=5)

    first = sync_offers(provider, NOW)
    offer = Offer.objects.get(provider=provider, service="telegram", country="us", upstream_ref="economy")
    assert (first.vanished, first.unmapped) == (0, {})
    assert first.offers == Offer.objects.count() >= 60 * 60 * 3
    assert (offer.cost_micros, offer.count, offer.operator, offer.changed_at) == (77_000, 5, "any", NOW)

    Offer.objects.filter(pk=offer.pk).update(upstream_ref="old tier")
    second = sync_offers(provider, NOW + timedelta(hours=1))
    offer.refresh_from_db()
    assert (second.vanished, offer.count) == (1, 0)


@pytest.mark.parametrize("price", [0, -1, 1_000_000_001])
def test_u7_absurd_prices_are_not_offered(upstream, price):
    load_catalogue()
    upstream.stock("telegram", "us", "economy", price_micros=price)

    sync_offers(upstream.provider(), NOW)

    assert not Offer.objects.filter(service="telegram", country="us", upstream_ref="economy").exists()


def test_an_empty_or_failed_list_changes_nothing(upstream):
    load_catalogue()
    provider = upstream.provider()
    sync_offers(provider, NOW)
    stock = Offer.objects.filter(count__gt=0).count()

    upstream.fault("prices", "garbage", text='{"columns":[],"rows":[]}')
    assert sync_offers(provider, NOW + timedelta(hours=1)).is_refused
    upstream.fault("prices", "bad_key")
    with pytest.raises(BadCredentials):
        sync_offers(provider, NOW + timedelta(hours=1))

    assert Offer.objects.filter(count__gt=0).count() == stock
    assert ProviderHealth.objects.get(provider=provider).state == "bad_credentials"


def test_new_codes_are_learnt_by_name_and_never_guessed():
    load_catalogue()
    provider = make_provider()
    items = [
        CatalogueItem("service", "threads-1", "Threads"),
        CatalogueItem("country", "DEU", "germany"),
        CatalogueItem("service", "telegran", "Telegran"),
    ]

    assert learn_codes(provider, items) == 2
    assert set(CodeMap.objects.filter(scheme=scheme_of(provider)).values_list("code", "canonical_id")) == {
        ("threads-1", "instagram"),
        ("DEU", "de"),
    }


def test_the_command_asks_every_provider_and_names_the_failed(upstream, capsys):
    upstream.provider()
    make_provider(display_name="Away")

    with pytest.raises(CommandError, match="Away"):
        call_command("sync_providers")
    assert "offers, 0 vanished" in capsys.readouterr().out
