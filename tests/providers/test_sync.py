"""Taking over price lists, and when: due rows, backoff, lists that are too short, days for charts."""

import threading
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from django.db import connection

from providers.catalogue import load_catalogue
from providers.catalogue.due import ask_for_sync, sync_due
from providers.catalogue.lines import Mapped, map_lines
from providers.catalogue.pruning import prune_charts, prune_offers
from providers.catalogue.storing import store
from providers.contract import ListedOffer
from providers.models import CatalogueChange, CatalogueSync, CodeMap, Offer, OfferDay, ProviderHealth
from tests.providers.factories import make_offer, make_provider

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db

CODES = {"service": {"tg": "telegram", "wa": "whatsapp"}, "country": {"1": "us", "2": "uk"}, "operator": {}}


def line(service="tg", country="1", cost=100_000, count=10, **facts):
    return ListedOffer(service=service, country=country, cost_micros=cost, count=count, **facts)


@pytest.fixture
def provider():
    """With what its lists name in the catalogue."""
    provider = make_provider()
    for service in ("telegram", "whatsapp"):
        for country in ("us", "uk"):
            make_offer(provider, service=service, country=country)
    Offer.objects.all().delete()
    return provider


def take_over(provider, *lines, now=NOW, accept_short=False):
    return store(provider, map_lines(lines, CODES).offers, now, accept_short=accept_short)


def stock(provider):
    rows = Offer.objects.filter(provider=provider).order_by("service_id", "-country_id")
    return [(row.service_id, row.country_id, row.cost_micros, row.count) for row in rows]


# --- lines ---


@pytest.mark.parametrize(
    "facts",
    [
        {"cost": 0},
        {"cost": -1},
        {"cost": 1_000_000_001},
        {"kind": "gift"},
        {"kind": "rental", "duration_hours": -4},
        {"kind": "rental", "duration_hours": 100_001},
        {"upstream_ref": "r" * 201},
        {"upstream_ref": "a\x00b"},
        {"operator": "\ud800"},
        {"capabilities": ("sms", "telepathy")},
    ],
)
def test_b1_b2_u7_lines_that_cannot_be_are_left_out(facts):
    assert map_lines([line(**facts), line(country="2")], CODES).offers.keys() == {
        ("activation", "telegram", "uk", "any", "", 0)
    }


def test_counts_and_qualities_that_cannot_be_are_cut_to_what_can(provider):
    take_over(
        provider,
        line(count=-5, quality=7.0),
        line(country="2", count=10**12, physical_count=-1, quality=float("nan")),
    )

    rows = Offer.objects.order_by("country_id").values_list(
        "country_id", "count", "physical_count", "quality"
    )
    assert list(rows) == [("uk", 2_000_000_000, 0, None), ("us", 0, None, None)]


def test_unmapped_lines_are_counted_by_code_and_sold_by_nobody():
    found = map_lines([line("x"), line("x", "9"), line()], CODES)

    assert found == Mapped(
        {("activation", "telegram", "us", "any", "", 0): line()},
        {("service", "x"): 2, ("country", "9"): 1},
    )


def test_of_lines_that_sell_the_same_the_cheapest_counts(provider):
    take_over(provider, line(cost=300), line(cost=100), line(cost=200))

    assert stock(provider) == [("telegram", "us", 100, 10)]


def test_an_operator_keeps_its_own_word_for_orders(provider):
    codes = {**CODES, "operator": {"Op. 7": "t-mobile"}}
    lines = [line(operator="Op. 7"), line(operator="MTS"), line(operator="tele2"), line(operator="")]
    store(provider, map_lines(lines, codes).offers, NOW, accept_short=False)

    assert set(Offer.objects.values_list("operator", "upstream_operator")) == {
        ("t-mobile", "Op. 7"),
        ("mts", "MTS"),
        ("tele2", ""),
        ("any", ""),
    }


def test_terms_of_a_rental_are_offers_of_their_own(provider):
    rental = {"kind": "rental"}
    lines = [line(duration_hours=4, **rental), line(duration_hours=24, **rental), line(**rental), line()]
    take_over(provider, *lines)
    again = take_over(provider, *lines)

    assert set(Offer.objects.values_list("kind", "duration_hours")) == {
        ("rental", 4),
        ("rental", 24),
        ("rental", None),
        ("activation", None),
    }
    assert (again.written, again.vanished) == (0, 0)


# --- storing ---


def versions():
    """Where each row lies and who locked it last: an update moves it, a lock marks it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, ctid::text, xmin::text, xmax::text FROM providers_offer ORDER BY id")
        return cursor.fetchall()


def test_a_list_without_news_neither_writes_nor_locks_a_row(provider):
    lines = [
        line(),
        line(country="2", quality=0.5),
        line("wa", physical_count=3, capabilities=("sms", "voice")),
    ]
    take_over(provider, *lines)
    before = versions()
    CatalogueChange.objects.all().delete()

    assert take_over(provider, *lines, now=NOW + timedelta(hours=1)).written == 0

    assert versions() == before
    assert not CatalogueChange.objects.exists()
    assert CatalogueSync.objects.get().synced_at == NOW + timedelta(hours=1)


def test_only_what_differs_is_written_and_price_lists_are_told(provider):
    take_over(provider, line(), line(country="2"), line("wa"))
    CatalogueChange.objects.all().delete()

    done = take_over(provider, line(cost=90_000), line(country="2"), now=NOW + timedelta(hours=1))

    assert (done.written, done.vanished) == (1, 1)
    assert stock(provider) == [
        ("telegram", "us", 90_000, 10),
        ("telegram", "uk", 100_000, 10),
        ("whatsapp", "us", 100_000, 0),
    ]
    assert [change.topic for change in CatalogueChange.objects.all()] == ["prices"]


def test_another_providers_offers_stay(provider):
    other = make_offer(make_provider())

    take_over(provider, line())

    other.refresh_from_db()
    assert other.count == 10


def test_a_list_that_shrinks_to_less_than_a_tenth_changes_nothing(provider):
    refs = [line(upstream_ref=str(number)) for number in range(20)]
    take_over(provider, *refs)

    refused = take_over(provider, refs[0], now=NOW + timedelta(hours=1))
    empty = take_over(provider, now=NOW + timedelta(hours=2))

    assert (refused.is_refused, refused.before, empty.is_refused) == (True, 20, True)
    assert Offer.objects.filter(count__gt=0).count() == 20
    assert CatalogueSync.objects.get().synced_at == NOW

    taken = take_over(provider, refs[0], now=NOW + timedelta(hours=3), accept_short=True)
    assert (taken.is_refused, taken.vanished) == (False, 19)
    assert not take_over(provider, *refs[:2], now=NOW + timedelta(hours=4)).is_refused


def test_offers_from_before_there_were_rows_protect_against_a_short_list_too(provider):
    for number in range(20):
        make_offer(provider, upstream_ref=str(number))

    assert take_over(provider, line()).is_refused


def test_an_older_list_does_not_replace_a_newer_one(provider):
    take_over(provider, line(cost=90_000), now=NOW)

    take_over(provider, line(cost=80_000), now=NOW - timedelta(minutes=1))

    assert stock(provider) == [("telegram", "us", 90_000, 10)]


@pytest.mark.django_db(transaction=True)
def test_o4_two_lists_at_once_are_written_one_after_the_other(provider):
    lists = [[line(upstream_ref=str(n), cost=cost + n) for n in range(500)] for cost in (1_000, 2_000)]
    start, errors = threading.Barrier(2), []

    def run(lines, now):
        try:
            start.wait()
            for _ in range(3):
                take_over(provider, *lines, now=now)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=[lines, NOW + timedelta(seconds=place)])
        for place, lines in enumerate(lists)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert {row[2] for row in stock(provider)} == {2_000 + n for n in range(500)}


# --- days for charts ---


def days():
    rows = OfferDay.objects.order_by("day", "offer__country_id")
    return [(row.day.day, row.low_micros, row.high_micros, row.cost_micros, row.count) for row in rows]


def test_a_day_has_a_point_when_the_price_changed_or_the_stock_about_doubled_or_halved(provider):
    for hour, cost, count in [
        (0, 100, 100), (1, 300, 100), (2, 200, 101), (24, 200, 102), (25, 200, 99), (48, 200, 30),
        (49, 200, 0),
    ]:  # fmt: skip
        take_over(provider, line(cost=cost, count=count), now=NOW + timedelta(hours=hour))

    assert days() == [(1, 100, 300, 200, 101), (3, 200, 200, 200, 0)]


def test_what_vanished_has_a_point_without_stock(provider):
    take_over(provider, line(), line(country="2"))

    take_over(provider, line(country="2"), now=NOW + timedelta(days=1))

    assert days() == [(1, 100_000, 100_000, 100_000, 10)] * 2 + [(2, 100_000, 100_000, 100_000, 0)]


def test_old_points_are_forgotten(provider):
    take_over(provider, line())
    offer = Offer.objects.get()
    for age in (89, 91, 200):
        OfferDay.objects.create(
            offer=offer,
            day=NOW.date() - timedelta(days=age),
            low_micros=1,
            high_micros=1,
            cost_micros=1,
            count=1,
        )

    assert prune_charts(today=NOW.date()) == 2
    assert min(OfferDay.objects.values_list("day", flat=True)) == date(2025, 12, 2)


def test_lines_that_live_on_under_another_price_id_are_forgotten_after_a_week(provider):
    take_over(provider, line(upstream_ref="monday"), line(country="2", upstream_ref="gone"))
    take_over(provider, line(upstream_ref="tuesday"), now=NOW + timedelta(days=1))
    refs = Offer.objects.order_by("upstream_ref").values_list("upstream_ref", flat=True)

    assert prune_offers(now=NOW + timedelta(days=7)) == 0
    assert prune_offers(now=NOW + timedelta(days=9)) == 1

    assert list(refs) == ["gone", "tuesday"]
    assert not OfferDay.objects.exclude(offer__in=Offer.objects.all()).exists()


# --- when ---


class Clock:
    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def turn(self, **time):
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


def seconds_ahead(provider, clock):
    return (CatalogueSync.objects.get(provider=provider).next_sync_at - clock.now).total_seconds()


def test_a_new_provider_is_read_at_once_and_then_after_its_interval(upstream, clock):
    load_catalogue()
    provider = upstream.provider(sync_seconds=1_000)

    assert sync_due(clock) == 1
    assert Offer.objects.filter(provider=provider).count() > 1_000
    assert 900 <= seconds_ahead(provider, clock) <= 1_100

    assert sync_due(clock) == 0
    clock.turn(seconds=1_101)
    assert sync_due(clock) == 1
    assert upstream.calls["prices"] == 2


def test_a_failure_is_tried_again_later_and_later_until_an_hour(clock):
    provider = make_provider(sync_seconds=300)
    waits = []
    for _ in range(9):
        assert sync_due(clock) == 1
        waits.append(seconds_ahead(provider, clock))
        clock.turn(seconds=waits[-1])

    expected = [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    assert all(0.75 * mean <= wait <= 1.25 * mean for wait, mean in zip(waits, expected, strict=True))
    row = CatalogueSync.objects.get()
    assert (row.tries, row.trouble, row.synced_at) == (9, "unreachable", None)


def test_u12_the_upstreams_own_time_is_kept(upstream, clock):
    provider = upstream.provider(sync_seconds=300)
    until = NOW + timedelta(hours=5)
    upstream.fault("*", "throttled", times=-1, until=until.timestamp())

    sync_due(clock)

    assert CatalogueSync.objects.get(provider=provider).next_sync_at == until


def test_success_ends_the_trouble(upstream, clock):
    load_catalogue()
    upstream.provider(sync_seconds=300)
    upstream.fault("prices", "html")
    sync_due(clock)
    assert CatalogueSync.objects.get().trouble == "outcome_unknown"

    clock.turn(hours=1)
    sync_due(clock)

    row = CatalogueSync.objects.get()
    assert (row.tries, row.trouble, row.offers) == (0, "", Offer.objects.count())


def test_o7_one_providers_mistake_stops_no_other(upstream, clock):
    load_catalogue()
    # What no form lets through and no adapter expects: the adapter fails in a way that nobody foresaw.
    broken = make_provider(sync_seconds=300, protocol="handler", options=["no", "object"])
    lost = make_provider(sync_seconds=300)
    lost.secret_encrypted = b"written with another key"
    lost.save()
    unknown = make_provider(sync_seconds=300, protocol="telegraph")
    fine = upstream.provider(sync_seconds=300)

    assert sync_due(clock) == 4

    troubles = dict(CatalogueSync.objects.values_list("provider_id", "trouble"))
    assert troubles[broken.pk].startswith("error: ")
    assert troubles == {
        broken.pk: troubles[broken.pk],
        lost.pk: "secret_unreadable",
        unknown.pk: "no_price_list",
        fine.pk: "",
    }


def test_a_short_list_is_named_and_accepted_when_somebody_says_so(upstream, clock):
    load_catalogue()
    provider = upstream.provider(sync_seconds=300)
    sync_due(clock)
    short = orjson.dumps({"rows": [["telegram", "us", "any", "economy", 50_000, 3, 0.5]]}).decode()
    upstream.fault("prices", "garbage", times=-1, text=short)
    upstream.fault("rental_prices", "garbage", times=-1, text='{"rows": []}')

    clock.turn(hours=1)
    sync_due(clock)
    assert CatalogueSync.objects.get().trouble == "too_short"
    assert Offer.objects.filter(count__gt=0).count() > 1_000

    ask_for_sync([provider.pk], now=clock.now, accept_short=True)
    sync_due(clock)
    row = CatalogueSync.objects.get()
    assert (row.trouble, row.asked, row.offers) == ("", "", 1)
    assert Offer.objects.filter(count__gt=0).count() == 1


def test_paused_providers_are_read_only_when_asked(upstream, clock):
    load_catalogue()
    provider = upstream.provider(sync_seconds=300, is_enabled=False)
    assert sync_due(clock) == 0

    ask_for_sync([provider.pk], now=clock.now)

    assert sync_due(clock) == 1
    clock.turn(hours=1)
    assert sync_due(clock) == 0


def test_without_an_interval_it_is_read_only_when_asked(upstream, clock):
    load_catalogue()
    provider = upstream.provider()
    assert sync_due(clock) == 0

    ask_for_sync([provider.pk], now=clock.now)
    sync_due(clock)

    assert CatalogueSync.objects.get().next_sync_at is None


def test_who_asks_while_it_is_read_is_heard(upstream, clock):
    """The clock is looked at between the calls: the moment in which somebody presses the button."""
    load_catalogue()
    provider = upstream.provider(sync_seconds=300)
    presses = iter([False, False, True])  # when opened, when claimed, after the first answer

    def pressing():
        if next(presses, False):
            ask_for_sync([provider.pk], now=clock.now)
        return clock.now

    sync_due(pressing)

    assert upstream.calls["prices"] == 2
    row = CatalogueSync.objects.get()
    assert (row.asked, row.next_sync_at > clock.now) == ("", True)


@pytest.mark.django_db(transaction=True)
def test_o3_two_sweeps_read_a_list_once(upstream, clock):
    load_catalogue()
    upstream.provider(sync_seconds=300)
    upstream.settings(delay_ms=200)
    start, counts = threading.Barrier(2), []

    def run():
        try:
            start.wait()
            counts.append(sync_due(clock))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == [0, 1]
    assert upstream.calls["prices"] == 1


def test_o1_the_row_of_a_killed_sweep_comes_due_again(upstream, clock):
    """A claim is a time: nothing else says that somebody is at work."""
    load_catalogue()
    provider = upstream.provider(sync_seconds=300)
    CatalogueSync.objects.create(provider=provider, next_sync_at=clock.now + timedelta(minutes=1))

    assert sync_due(clock) == 0
    clock.turn(seconds=60)

    assert sync_due(clock) == 1


def test_codes_learnt_before_are_used(upstream, clock):
    load_catalogue()
    provider = upstream.provider(sync_seconds=300)
    CodeMap.objects.filter(scheme="sandbox", code="telegram").delete()
    sync_due(clock)
    assert CodeMap.objects.get(scheme=f"provider:{provider.public_no}").canonical_id == "telegram"
    assert ProviderHealth.objects.filter(provider=provider).exclude(state="ok").count() == 0
