"""Words that nobody has mapped: queued, suggested for, decided about; never guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.prices import Rules
from portal.errors import ValidationError
from providers.catalogue import load_catalogue, sync_offers
from providers.catalogue.queue import queue_words
from providers.codes import schemes_of
from providers.contract import CatalogueItem
from providers.models import CatalogueSync, CodeMap, Offer, Service, UnmappedCode
from providers.queries import names_to_suggest
from providers.router import find_route
from providers.services.mapping import create_services, ignore_words, map_words
from providers.suggestions import Names
from tests.access.world import operator, sign_in
from tests.factories import MemberFactory, ProviderFactory, TenantFactory
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
pytestmark = pytest.mark.django_db


def queue(provider, words, *, items=(), now=NOW):
    return queue_words(provider, words, items, schemes=schemes_of(provider), now=now)


def queued(provider):
    rows = UnmappedCode.objects.filter(provider=provider).order_by("kind", "code")
    return [(row.kind, row.code, row.name, row.lines) for row in rows]


def word(provider, code, *, kind="service", name="", lines=1, **facts):
    return UnmappedCode.objects.create(
        provider=provider, kind=kind, code=code, name=name, lines=lines, **facts
    )


def forget_telegram():
    """Its map leads nowhere, and its name is another one here."""
    CodeMap.objects.filter(scheme="sandbox", code="telegram").update(canonical_id="gone")
    Service.objects.filter(pk="telegram").update(name="Paper plane")


# --- the queue ---


def test_words_are_queued_with_the_upstreams_names_and_told_once():
    provider = make_provider()
    items = [CatalogueItem("service", "zz", "Zz\x00 Top"), CatalogueItem("country", "zz", "Zzland")]

    first = queue(
        provider, {("service", "zz"): 3, ("country", "zz"): 2, ("service", "b\x00d"): 9}, items=items
    )
    again = queue(provider, {("service", "zz"): 5, ("country", "zz"): 2}, items=items, now=LATER)

    assert (first, again) == ([("country", "zz"), ("service", "zz")], [])
    assert queued(provider) == [("country", "zz", "Zzland", 2), ("service", "zz", "Zz Top", 5)]
    assert UnmappedCode.objects.get(kind="country").seen_at == NOW


def test_a_word_that_left_the_list_stays_with_the_decision_about_it():
    provider = make_provider()
    queue(provider, {("service", "zz"): 3})
    ignore_words(ids=[UnmappedCode.objects.get().pk])

    assert queue(provider, {}) == []
    assert queued(provider) == [("service", "zz", "", 0)]
    assert queue(provider, {("service", "zz"): 4}) == []
    assert UnmappedCode.objects.get().is_ignored


def test_a_word_that_somebody_mapped_elsewhere_leaves_the_queue():
    load_catalogue()
    provider, other = make_provider(), make_provider()
    for one in (provider, other):
        queue(one, {("service", "zz"): 3})
    CodeMap.objects.create(scheme="sandbox", kind="service", code="zz", canonical_id="telegram")

    queue(provider, {})

    assert (queued(provider), queued(other)) == ([], [("service", "zz", "", 3)])


def test_a_list_without_news_writes_nothing_in_the_queue():
    provider = make_provider()
    words = {("service", f"w{number}"): number for number in range(300)}
    queue(provider, words)
    before = set(UnmappedCode.objects.values_list("seen_at", flat=True))

    queue(provider, words, now=LATER)

    assert set(UnmappedCode.objects.values_list("seen_at", flat=True)) == before == {NOW}


def test_a_sync_queues_what_it_cannot_sell(upstream):
    load_catalogue()
    forget_telegram()
    provider = upstream.provider()

    synced = sync_offers(provider, NOW)

    assert [(one.kind, one.code) for one in synced.new_words] == [("service", "telegram")]
    assert [row[:3] for row in queued(provider)] == [("service", "telegram", "Telegram")]
    assert not Offer.objects.filter(service="telegram").exists()


# --- suggestions ---


@pytest.fixture(scope="module")
def names():
    """The shipped services, without a database."""
    from providers import canonical  # noqa: PLC0415

    return Names([(one.id, [one.name, *one.name.split(" / ")]) for one in canonical.services()])


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("telegran", "telegram"),
        ("WhatsApp Business", "whatsapp"),
        ("Instagram+Threads", "instagram"),
        ("OpenAI (ChatGPT)", "openai"),
        ("Nétflix", "netflix"),
    ],
)
def test_the_likest_name_comes_first(names, said, meant):
    assert names.like(said)[0].id == meant


def test_what_looks_like_nothing_has_no_suggestion(names):
    assert names.like("", "qx9") == names.like("…") == []


def test_the_same_word_in_other_letters_is_wholly_alike(names):
    assert names.like("TELEGRAM")[0].likeness == 1.0


# --- decisions ---


def test_a_mapped_word_is_sold_with_the_next_list_which_is_asked_for(upstream):
    load_catalogue()
    forget_telegram()
    provider = upstream.provider()
    sync_offers(provider, NOW)

    assert map_words(words=[(UnmappedCode.objects.get(), "whatsapp")], now=NOW) == 1

    assert not UnmappedCode.objects.exists()
    assert CatalogueSync.objects.get(provider=provider).asked == "sync"
    sync_offers(provider, LATER)
    assert Offer.objects.filter(service="whatsapp", upstream_service="telegram").exists()
    assert not UnmappedCode.objects.exists()


def test_a_map_holds_for_the_account_or_for_all_of_its_protocol():
    load_catalogue()
    one, two, other = make_provider(), make_provider(), make_provider(protocol="handler")
    for provider in (one, two, other):
        word(provider, "zz")
        word(provider, "yy")

    map_words(words=[(UnmappedCode.objects.get(provider=one, code="zz"), "telegram")], now=NOW)
    assert [len(queued(provider)) for provider in (one, two, other)] == [1, 2, 2]

    yy = UnmappedCode.objects.get(provider=one, code="yy")
    assert map_words(words=[(yy, "whatsapp")], now=NOW, for_protocol=True) == 2

    assert [queued(provider) for provider in (one, two)] == [[], [("service", "zz", "", 1)]]
    assert len(queued(other)) == 2
    manual = CodeMap.objects.filter(source="manual").values_list("scheme", "code", "canonical_id")
    assert set(manual) == {(f"provider:{one.public_no}", "zz", "telegram"), ("sandbox", "yy", "whatsapp")}


@pytest.mark.parametrize(
    ("kind", "canonical_id"),
    [
        ("service", "us"),
        ("country", "telegram"),
        ("service", "nothing"),
        ("operator", "x" * 31),
        ("operator", "a\x00"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_mapped(kind, canonical_id):
    load_catalogue()
    provider = make_provider()
    words = [(word(provider, "fine"), "telegram"), (word(provider, "zz", kind=kind), canonical_id)]
    before = CodeMap.objects.count()

    with pytest.raises(ValidationError) as refused:
        map_words(words=words, now=NOW)

    assert list(refused.value.details) == ["canonical_id"]
    assert (CodeMap.objects.count(), UnmappedCode.objects.count()) == (before, 2)


def test_an_order_names_a_mapped_operator_in_the_upstreams_own_word():
    provider, tenant = make_provider(), make_tenant()
    make_offer(provider, operator="t-mobile", upstream_operator="Op. 7")

    route = find_route(
        tenant_id=tenant.pk, is_test=False, wish=Wish(operator="t-mobile"), rules=Rules(), now=NOW
    )

    assert (route.candidates[0].operator, route.candidates[0].upstream_operator) == ("t-mobile", "Op. 7")


def test_a_service_is_made_of_a_word_once_for_each_name():
    load_catalogue()
    one, two = make_provider(), make_provider()
    words = [
        word(one, "brand1", name="Brand New!"),
        word(two, "77", name="brand new!"),
        word(one, "жж", name="Жираф"),
        word(one, "tg2", name="Telegram"),
        word(one, "zz", kind="country", name="Zzland"),
        word(two, "full", name="Full"),
    ]

    created = create_services(words=words, now=NOW)

    assert (created.services, list(created.left)) == (3, ["Telegram", "Zzland"])
    made = Service.objects.filter(pk__in=CodeMap.objects.filter(source="manual").values("canonical_id"))
    assert set(made.values_list("id", "name")) == {
        ("brand-new", "Brand New!"), ("service", "Жираф"), ("full-2", "Full"),
    }  # fmt: skip
    assert CodeMap.objects.get(scheme=f"provider:{two.public_no}", code="77").canonical_id == "brand-new"
    assert UnmappedCode.objects.count() == 2


def test_ten_thousand_words_are_decided_in_a_few_statements():
    provider = make_provider()
    queue(provider, {("service", f"w{number}"): 1 for number in range(10_000)})
    ids = list(UnmappedCode.objects.values_list("pk", flat=True))

    with CaptureQueriesContext(connection) as spent:
        assert ignore_words(ids=ids) == 10_000
        created = create_services(words=list(UnmappedCode.objects.select_related("provider")), now=NOW)

    assert (created.services, UnmappedCode.objects.count()) == (10_000, 0)
    assert len(spent) < 30


# --- the admin ---

PLACE = "/admin/providers/unmappedcode/"


@pytest.fixture
def shop():
    return TenantFactory(slug="acme")


@pytest.fixture
def staff(shop):
    load_catalogue()
    return operator()


def test_the_queue_shows_words_with_suggestions_and_costs_few_queries(staff):
    provider = ProviderFactory()
    for number in range(200):
        word(provider, f"telegran{number}", name=f"Telegran {number}", lines=number)
    word(provider, "decided", is_ignored=True)

    staff.get(PLACE)
    with CaptureQueriesContext(connection) as spent:
        page = staff.get(PLACE).content.decode()

    assert "telegran199 · Telegran 199" in page
    assert "decided" not in page
    assert "/mean/telegram/" in page
    assert len(spent) <= 12
    assert "decided" in staff.get(PLACE + "?state=ignored").content.decode()


def test_one_click_maps_a_word(staff):
    found = word(ProviderFactory(), "telegran")

    assert staff.get(f"{PLACE}{found.pk}/mean/telegram/").status_code == 405
    assert staff.post(f"{PLACE}{found.pk}/mean/nothing/").status_code == 302
    assert UnmappedCode.objects.exists()
    assert staff.post(f"{PLACE}{found.pk}/mean/telegram/").status_code == 302

    assert not UnmappedCode.objects.exists()
    assert CodeMap.objects.get(code="telegran").canonical_id == "telegram"


def test_the_dialog_offers_what_looks_alike_first_and_takes_only_what_exists(staff):
    found = word(ProviderFactory(), "telegran")
    place = f"{PLACE}{found.pk}/map_to/"

    assert "Looks alike" in staff.get(place).content.decode()
    staff.post(place, {"_form_submitted": "on", "canonical_id": "nothing"})
    assert UnmappedCode.objects.exists()
    staff.post(place, {"_form_submitted": "on", "canonical_id": "telegram", "for_protocol": "on"})

    assert CodeMap.objects.get(code="telegran").scheme == "sandbox"


def test_bulk_actions_decide_for_every_word_that_is_chosen(staff):
    provider = ProviderFactory()
    like, unlike = word(provider, "telegran"), word(provider, "qx9")
    everything = {"_selected_action": [like.pk, unlike.pk], "action": "map_to_suggestion"}

    staff.post(PLACE, everything)
    assert [one.code for one in UnmappedCode.objects.all()] == ["qx9"]
    staff.post(PLACE, {**everything, "action": "ignore"})
    assert UnmappedCode.objects.get().is_ignored
    staff.post(PLACE + "?state=all", {**everything, "action": "unignore"})
    assert not UnmappedCode.objects.get().is_ignored
    staff.post(PLACE, {**everything, "action": "create_service"})

    assert Service.objects.filter(pk="qx9").exists()


def test_suggestions_are_taken_for_no_more_words_than_a_page_shows(staff):
    provider = ProviderFactory()
    for number in range(60):
        word(provider, f"telegran{number}")

    first = [UnmappedCode.objects.first().pk]
    staff.post(PLACE, {"_selected_action": first, "select_across": "1", "action": "map_to_suggestion"})

    assert UnmappedCode.objects.count() == 60


def test_t1_members_decide_for_their_own_accounts_alone(staff, shop):
    mine = word(ProviderFactory(tenant=shop), "mine")
    theirs = word(ProviderFactory(tenant=TenantFactory()), "theirs")
    pool = word(ProviderFactory(), "pool")
    browser = sign_in("acme.localhost", MemberFactory(tenant=shop, role="manager").user)

    codes = [browser.post(f"{PLACE}{one.pk}/mean/telegram/").status_code for one in (mine, theirs, pool)]
    browser.post(
        f"{PLACE}{pool.pk}/map_to/",
        {"_form_submitted": "on", "canonical_id": "telegram", "for_protocol": "on"},
    )

    assert codes == [302, 404, 404]
    assert {one.code for one in UnmappedCode.objects.all()} == {"theirs", "pool"}


def test_a_code_map_that_leads_nowhere_is_refused(staff):
    form = {
        "scheme": "handler",
        "kind": "service",
        "code": "zz",
        "canonical_id": "nothing",
        "source": "manual",
    }

    answer = staff.post("/admin/providers/codemap/add/", form)

    assert "There is no service" in answer.content.decode()
    assert (
        staff.post("/admin/providers/codemap/add/", {**form, "canonical_id": "telegram"}).status_code == 302
    )


def test_words_for_suggestions_are_read_per_kind():
    load_catalogue()
    CodeMap.objects.create(scheme="handler", kind="operator", code="1", canonical_id="mts")

    assert names_to_suggest("operator") == [("mts", ["mts"])]
    countries = dict(names_to_suggest("country"))
    assert countries["us"][0] == "United States"
    assert "england" in countries["uk"]
    assert any(one == "instagram" and "Threads" in names for one, names in names_to_suggest("service"))
