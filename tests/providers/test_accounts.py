"""Accounts at upstreams: options, the trial, opening, keys, pausing; the command and the admin."""

import io
import threading
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from portal.errors import ValidationError
from providers import health
from providers.catalogue import load_catalogue
from providers.contract import BadCredentials, BadOptions, Can, Option, Shape
from providers.models import CatalogueSync, Offer, Provider, ProviderHealth
from providers.registry import ADAPTERS, check_options
from providers.services.accounts import draft_provider, drain, open_provider, resume, rotate_key
from providers.trial import try_account
from tests.access.world import operator, sign_in
from tests.factories import MemberFactory, TenantFactory
from tests.providers.factories import make_provider, make_tenant
from tests.suppliers.faces import FACES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEEDED = {"onlinesim": {"rate": "0.0109", "prices": ["*=20"]}}
pytestmark = pytest.mark.django_db


# --- options ---


@pytest.mark.parametrize(
    ("shape", "typed", "value"),
    [
        (Shape.TEXT, " 0.0109 ", "0.0109"),
        (Shape.WHOLE, "12", 12),
        (Shape.WHOLES, "4, 24 ,168,", [4, 24, 168]),
        (Shape.WORDS, "retry, cancel", ["retry", "cancel"]),
    ],
)
def test_an_option_is_read_as_it_is_typed(shape, typed, value):
    option = Option("", shape)

    assert option.read(typed) == value
    assert option.objection(value) == ""
    assert option.read(option.write(value)) == value


@pytest.mark.parametrize(
    ("shape", "typed"),
    [(Shape.WHOLE, "1.5"), (Shape.WHOLE, "-1"), (Shape.WHOLES, "4, four"), (Shape.WHOLE, "٣")],
)
def test_b12_what_is_typed_wrong_is_objected_to(shape, typed):
    option = Option("", shape)

    assert "whole number" in option.objection(option.read(typed))


@pytest.mark.parametrize("value", [None, True, {}, [[]], 1.5, "x"])
def test_values_of_another_type_are_objected_to(value):
    assert Option("", Shape.WHOLES).objection(value)
    assert Option("", Shape.WORDS).objection(value)
    assert Option("", choices=("a", "b")).objection(value)


@pytest.mark.parametrize("protocol", sorted(ADAPTERS))
def test_every_protocol_says_what_its_options_are_for_and_refuses_others(protocol):
    options = ADAPTERS[protocol].options

    assert "without" in options
    assert all(option.help.endswith(".") for option in options.values())
    check_options(protocol, NEEDED.get(protocol, {}))
    with pytest.raises(BadOptions, match="colour: no such option"):
        check_options(protocol, {"colour": "red"})


# --- the trial ---


def test_a_trial_says_balance_offers_and_what_it_can(upstream):
    upstream.settings(balance_micros=12_340_000)

    trial = try_account(upstream.provider())

    assert trial.balance_micros == 12_340_000
    assert trial.sentence.startswith("Balance 12.34 USD, 12 ")
    assert " offers. It can: balance, " in trial.sentence
    assert Can.RETRY in trial.can
    assert not Offer.objects.exists()


@pytest.mark.parametrize(
    ("fault", "facts", "says"),
    [
        ("bad_key", {}, "does not accept the key"),
        ("banned", {}, "has banned the account"),
        ("no_balance", {}, "the account is empty"),
        ("throttled", {}, "asks to wait"),
        ("html", {}, "not in this protocol's words"),
        ("garbage", {"text": '{"error":"telephone"}'}, "not in this protocol's words"),
    ],
)
def test_a_trial_refuses_in_plain_words(upstream, fault, facts, says):
    upstream.fault("balance", fault, **facts)

    trial = try_account(upstream.provider())

    assert says in trial.refusal
    assert trial.sentence == trial.refusal
    assert not ProviderHealth.objects.exists()


def test_a_trial_of_what_is_not_there_says_so():
    lost = make_provider()
    lost.secret_encrypted = b"written with another key"

    assert "Nothing answers" in try_account(make_provider()).refusal
    assert "Enter it again" in try_account(lost).refusal
    assert "no such protocol" in try_account(make_provider(protocol="telegraph")).refusal
    assert "colour: no such option" in try_account(make_provider(options={"colour": "red"})).refusal


# --- opening ---

FACTS = {"protocol": "sandbox", "base_url": "http://127.0.0.1:9", "secret": "sandbox_secret_1", "name": "One"}


def test_an_opened_account_has_a_number_of_its_own_and_is_read_at_once():
    make_provider(public_no=41)

    provider = open_provider(draft_provider(**FACTS), now=NOW)

    assert (provider.public_no, provider.is_enabled, provider.secret) == (42, True, "sandbox_secret_1")
    assert ProviderHealth.objects.get(provider=provider).state == "ok"
    assert CatalogueSync.objects.get(provider=provider).next_sync_at == NOW


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("protocol", {"protocol": "telegraph"}),
        ("base_url", {"base_url": "ftp://host/"}),
        ("base_url", {"base_url": "https://"}),
        ("base_url", {"base_url": "https://user:pass@host/"}),
        ("base_url", {"base_url": "https://host/?key=1"}),
        ("base_url", {"base_url": "https://host:99999/"}),
        ("base_url", {"base_url": "https://ho st/"}),
        ("base_url", {"base_url": "https://" + "a" * 300}),
        ("secret", {"secret": ""}),
        ("secret", {"secret": "a b"}),
        ("secret", {"secret": "k\x00y"}),
        ("display_name", {"name": " "}),
        ("display_name", {"name": "x" * 81}),
        ("options.colour", {"options": {"colour": "red"}}),
        ("options.rate", {"protocol": "handler", "options": {"rate": "a lot"}}),
        ("options.rent_hours", {"protocol": "handler", "options": {"rent_hours": "4"}}),
    ],
)
def test_b12_a_wrong_account_is_refused_naming_the_field(field, facts):
    with pytest.raises(ValidationError) as refused:
        draft_provider(**{**FACTS, **facts})

    assert list(refused.value.details) == [field]
    assert "sandbox_secret_1" not in str(refused.value)


@pytest.mark.django_db(transaction=True)
def test_two_accounts_opened_at_once_have_two_numbers():
    start, numbers = threading.Barrier(4), []

    def run():
        try:
            start.wait()
            numbers.append(open_provider(draft_provider(**FACTS), now=NOW).public_no)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == [1, 2, 3, 4]


# --- keys, pauses ---


def test_u15_a_new_key_ends_the_blocks_that_the_old_one_earned(upstream, other_upstream):
    provider = upstream.provider()
    health.note_failure(provider.pk, BadCredentials("bad_key"), NOW)

    trial = rotate_key(provider=provider, secret=other_upstream.key, now=NOW)

    provider.refresh_from_db()
    assert (trial.refusal, provider.secret) == ("", other_upstream.key)
    assert ProviderHealth.objects.get(provider=provider).state == "ok"
    assert CatalogueSync.objects.get(provider=provider).asked == "sync"


def test_a_key_that_is_refused_is_not_stored_unless_somebody_insists(upstream):
    provider = upstream.provider()
    old = provider.secret
    refused = rotate_key(provider=provider, secret="not-a-key-of-the-sandbox", now=NOW)
    provider.refresh_from_db()
    assert ("does not accept" in refused.refusal, provider.secret) == (True, old)

    rotate_key(provider=provider, secret="not-a-key-of-the-sandbox", now=NOW, untried=True)

    provider.refresh_from_db()
    assert provider.secret == "not-a-key-of-the-sandbox"


def test_drain_and_resume():
    one, two = make_provider(), make_provider()
    health.note_failure(one.pk, BadCredentials("bad_key"), NOW)

    assert drain(provider_ids=[one.pk, two.pk], now=NOW) == 2
    rows = Provider.objects.order_by("pk").values_list("is_enabled", "draining_since")
    assert list(rows) == [(False, NOW), (False, NOW)]

    assert resume(provider_ids=[one.pk], now=NOW) == 1
    assert list(rows.all()) == [(True, None), (False, NOW)]
    assert ProviderHealth.objects.get(provider=one).state == "ok"
    assert CatalogueSync.objects.get(provider=one).asked == "sync"


# --- the command ---


def add(*arguments, protocol="sandbox", url="http://127.0.0.1:9"):
    call_command("add_provider", protocol, url, "--name", "Added", *arguments)


def test_the_command_tries_adds_and_reads(upstream, monkeypatch, capsys):
    load_catalogue()
    tenant = make_tenant()
    monkeypatch.setenv("ITS_KEY", upstream.key)
    monkeypatch.setenv("ITS_SEAL", "sealed")

    add(
        "--callback-secret-from-env",
        "ITS_SEAL",
        "--key-from-env",
        "ITS_KEY",
        "--tenant",
        tenant.slug,
        "--for-tests",
        "--test",
        "--sync",
        url=upstream.url,
    )

    provider = Provider.objects.get()
    printed = capsys.readouterr().out
    assert (provider.tenant, provider.serves_test, provider.serves_live) == (tenant, True, False)
    assert (provider.secret, provider.callback_secret) == (upstream.key, "sealed")
    assert "Balance " in printed
    assert f"Added Added as provider {provider.public_no}." in printed
    assert f"{Offer.objects.count()} offers." in printed
    assert upstream.key not in printed


@pytest.mark.parametrize("kind", FACES)
def test_the_command_adds_and_reads_every_kind_of_provider(make_supplier, kind, monkeypatch, capsys):
    """Each protocol, handler in each of its dialects: tried, read and selling."""
    load_catalogue()
    supplier = make_supplier(kind)
    monkeypatch.setenv("ITS_KEY", supplier.key)
    declared = ADAPTERS[supplier.speaks].options
    typed = [f"{name}={declared[name].write(value)}" for name, value in supplier.face.options.items()]

    add(
        "--key-from-env", "ITS_KEY", "--test", "--sync", *(f"--option={line}" for line in typed),
        protocol=supplier.speaks, url=supplier.url,
    )  # fmt: skip

    provider = Provider.objects.get()
    assert (provider.protocol, provider.options) == (supplier.speaks, dict(supplier.face.options))
    sold = Offer.objects.filter(provider=provider, service="telegram", country="us", count__gt=0)
    assert sold.exists(), capsys.readouterr().out


def test_the_command_takes_the_key_from_standard_input_and_options_as_typed(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("the-key\n"))

    add(
        "--key-from-stdin", "--option", "rate=0.0109", "--option", "rent_hours=4,24",
        "--option", "dialect=hero", protocol="handler",
    )  # fmt: skip

    provider = Provider.objects.get()
    assert provider.secret == "the-key"
    assert provider.options == {"rate": "0.0109", "rent_hours": [4, 24], "dialect": "hero"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--option", "colour=red"], "options.colour: no such option"),
        (["--option", "dialect=klingon"], "options.dialect: one of"),
        (["--option", "rent_hours=4,four"], "options.rent_hours: a list of whole numbers"),
        (["--option", "rate"], "write NAME=VALUE"),
        (["--option", "rate=1", "--option", "rate=2"], "each name once"),
        (["--tenant", "nobody"], "no reseller 'nobody'"),
        (["--test"], "Nothing was added. Nothing answers"),
    ],
)
def test_the_command_adds_nothing_that_is_refused(monkeypatch, arguments, says):
    monkeypatch.setenv("ITS_KEY", "the-key")

    with pytest.raises(CommandError, match=says):
        add("--key-from-env", "ITS_KEY", *arguments, protocol="handler")

    assert not Provider.objects.exists()


def test_the_command_wants_exactly_one_place_of_the_key(monkeypatch):
    with pytest.raises(CommandError, match="one of the arguments"):
        add()
    with pytest.raises(CommandError, match="not set"):
        add("--key-from-env", "NO_SUCH_VARIABLE")


# --- the admin ---

PLACE = "/admin/providers/provider/"


@pytest.fixture
def shop():
    return TenantFactory(slug="acme")


@pytest.fixture
def staff(shop):
    return operator()


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_an_operator_adds_tries_and_stops_a_provider(staff, upstream):
    form = {
        "display_name": "From the form", "protocol": "sandbox", "base_url": upstream.url,
        "new_secret": upstream.key, "serves_live": "on", "priority": 5, "cancel_lock_seconds": 120,
        "life_seconds": 1200, "cancel_fee_micros": 0, "timeout_seconds": 8, "check_seconds": 5,
        "sync_seconds": 300, "option__sandbox__without": "retry, report", "option__handler__rate": "0.5",
    }  # fmt: skip

    assert staff.post(f"{PLACE}add/", form).status_code == 302
    provider = Provider.objects.get()
    assert (provider.secret, provider.options) == (upstream.key, {"without": ["retry", "report"]})
    assert CatalogueSync.objects.get().asked == "sync"

    place = f"{PLACE}{provider.pk}/"
    page = staff.get(f"{place}change/").content.decode()
    assert "retry, report" in page
    assert upstream.key not in page
    assert "Balance " in said(staff.post(f"{place}try_out/", {"_form_submitted": "on"}, follow=True))[0]
    staff.post(f"{place}drain/", {"_form_submitted": "on"})
    assert "draining" in staff.get(PLACE).content.decode()
    staff.post(f"{place}resume/", {"_form_submitted": "on"})
    staff.post(f"{place}pause/", {"_form_submitted": "on"})
    provider.refresh_from_db()
    assert (provider.is_enabled, provider.draining_since, provider.health.state) == (True, None, "paused")


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("base_url", {"base_url": "https://user:pass@host.example/"}),
        ("option__handler__dialect", {"option__handler__dialect": "klingon"}),
        ("option__handler__rent_hours", {"option__handler__rent_hours": "four"}),
    ],
)
def test_the_form_names_the_field_at_fault(staff, field, facts):
    form = {
        "display_name": "New", "protocol": "handler", "base_url": "https://host.example/", "new_secret": "x",
        "priority": 5, "cancel_lock_seconds": 120, "life_seconds": 1200, "cancel_fee_micros": 0,
        "timeout_seconds": 8, "check_seconds": 5, "sync_seconds": 300,
    }  # fmt: skip

    answer = staff.post(f"{PLACE}add/", {**form, **facts})

    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Provider.objects.exists()


def test_a_refused_key_is_told_and_the_old_one_stays(staff, upstream):
    provider = upstream.provider()

    answer = staff.post(
        f"{PLACE}{provider.pk}/new_key/", {"_form_submitted": "on", "secret": "not-a-key"}, follow=True
    )

    provider.refresh_from_db()
    assert provider.secret == upstream.key
    assert said(answer) == ["The provider does not accept the key. (bad_key)"]


def test_actions_on_many(staff):
    ids = [make_provider().pk for _ in range(3)]
    for action in ("pause_all", "drain_all", "resume_all"):
        staff.post(PLACE, {"_selected_action": ids, "action": action})

    assert Provider.objects.filter(is_enabled=True, draining_since=None).count() == 3


def test_t1_owners_change_their_own_accounts_alone(staff, shop, upstream):
    mine, pool = upstream.provider(tenant=shop), make_provider()
    browser = sign_in("acme.localhost", MemberFactory(tenant=shop, role="owner").user)

    codes = [
        browser.post(f"{PLACE}{one.pk}/pause/", {"_form_submitted": "on"}).status_code for one in (mine, pool)
    ]
    page = browser.get(f"{PLACE}{mine.pk}/change/").content.decode()

    assert codes == [302, 404]
    assert list(Provider.objects.filter(health__state="paused")) == [mine]
    assert "option__handler__rate" not in page
