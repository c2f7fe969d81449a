"""Who is told that a provider's state changed: once, by mail and webhook, and not of every flap."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from accounts.models import Member
from accounts.services import create_operator
from providers.alerts import note_drained, note_words
from providers.contract import BadCredentials, Banned, OutOfFunds, Unreachable
from providers.health import note_failure, note_success, pause, resume
from providers.services.alerting import tell_due
from tests.factories import MemberFactory, ProviderFactory, TenantFactory
from webhooks.models import Event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def after(**time):
    return NOW + timedelta(**time)


@pytest.fixture
def operator():
    return create_operator(email="op@example.com", password="correct-horse-battery").email


@pytest.fixture
def tenant(operator):
    tenant = TenantFactory(slug="acme", host="acme.localhost", twin=True)
    MemberFactory(tenant=tenant, role=Member.Role.OWNER, user__email="owner@acme.example")
    MemberFactory(tenant=tenant, role=Member.Role.MANAGER, user__email="manager@acme.example")
    MemberFactory(tenant=TenantFactory(), role=Member.Role.OWNER, user__email="stranger@example.com")
    return tenant


@pytest.fixture
def pool(tenant):
    return ProviderFactory(tenant=None, display_name="Up\nstream", public_no=3)


@pytest.fixture
def own(tenant):
    return ProviderFactory(tenant=tenant, display_name="Own", public_no=4)


def told():
    """Subject and readers of each mail since the last call."""
    found = [(one.subject, one.bcc) for one in mail.outbox]
    mail.outbox.clear()
    return found


def trip(provider, at):
    for _ in range(5):
        note_failure(provider.pk, Unreachable(), at)


@pytest.mark.parametrize("error", [OutOfFunds(), BadCredentials(), Banned()])
def test_u6_operators_are_told_once_of_each_change_and_not_of_each_failure(pool, operator, error):
    for second in range(3):
        note_failure(pool.pk, error, after(seconds=second))
        tell_due(now=after(seconds=second))
    tell_due(now=after(hours=1))

    assert told() == [(f"Provider 3 (Up stream): {error.code.replace('_', ' ')}", [operator])]
    assert not Event.objects.exists(), "whose accounts the pool has is nobody's business"


def test_owners_are_told_of_their_own_account_and_their_webhooks_too(own, tenant, operator):
    note_failure(own.pk, OutOfFunds(), NOW)
    assert tell_due(now=NOW) == 1

    body = mail.outbox[1].body
    assert "https://acme.localhost/admin/providers/provider/" in body
    assert told() == [("Provider 4 (Own): out of funds", [operator]),
                      ("Provider 4 (Own): out of funds", ["owner@acme.example"])]  # fmt: skip
    [event] = Event.objects.all()
    assert (event.tenant_id, event.type) == (tenant.pk, "provider.state_changed")
    assert event.payload == {
        "provider": 4, "before": "ok", "state": "out_of_funds", "reason": "out_of_funds",
    }  # fmt: skip


def test_an_account_of_the_test_twin_is_told_to_the_resellers_owners(tenant, operator):
    note_failure(ProviderFactory(tenant=tenant.test_tenant).pk, OutOfFunds(), NOW)
    tell_due(now=NOW)

    assert [readers for _, readers in told()] == [[operator], ["owner@acme.example"]]
    assert Event.objects.get().tenant == tenant.test_tenant


def test_that_it_sells_again_is_told(pool):
    note_failure(pool.pk, OutOfFunds(), NOW)
    tell_due(now=NOW)
    resume(pool.pk, now=after(hours=1))
    tell_due(now=after(hours=1))

    assert [subject for subject, _ in told()] == [
        "Provider 3 (Up stream): out of funds", "Provider 3 (Up stream): ok",
    ]  # fmt: skip


def test_u12_a_breaker_that_closes_within_a_minute_is_nobodys_business(pool):
    trip(pool, NOW)
    tell_due(now=after(seconds=59))
    note_success(pool.pk, now=after(seconds=59))
    tell_due(now=after(minutes=10))
    assert told() == []

    trip(pool, after(minutes=20))
    tell_due(now=after(minutes=21))
    assert [subject for subject, _ in told()] == ["Provider 3 (Up stream): degraded"]


def test_u12_a_breaker_that_flaps_is_told_of_once_in_the_quiet_time(pool, settings):
    settings.PROVIDER_ALERT_QUIET_SECONDS = 900
    trip(pool, NOW)
    tell_due(now=after(minutes=1))
    for minute in range(2, 14):
        if minute % 2:
            note_success(pool.pk, now=after(minutes=minute))
        else:
            trip(pool, after(minutes=minute))
        tell_due(now=after(minutes=minute, seconds=30))
    assert len(told()) == 1

    tell_due(now=after(minutes=16))
    assert [subject for subject, _ in told()] == ["Provider 3 (Up stream): ok"]
    tell_due(now=after(days=1))
    assert told() == []


def test_a_pause_is_told_to_webhooks_but_mails_nobody(own):
    pause(own.pk, until=None, reason="holiday", now=NOW)
    tell_due(now=NOW)
    resume(own.pk, now=after(hours=1))
    tell_due(now=after(hours=1))

    assert told() == []
    assert [event.payload["state"] for event in Event.objects.order_by("id")] == ["paused", "ok"]


def test_new_words_are_added_up_and_told_at_most_every_six_hours(pool, own):
    note_words(own.pk, count=2, now=NOW)
    note_words(own.pk, count=3, now=NOW)
    tell_due(now=NOW)
    assert "new words: 5" in mail.outbox[0].body
    assert [subject for subject, _ in told()] == ["Provider 4 (Own): unmapped codes"] * 2
    assert Event.objects.get().payload["state"] == "unmapped_codes"

    note_words(own.pk, count=1, now=after(hours=1))
    note_words(own.pk, count=1, now=after(hours=2))
    tell_due(now=after(hours=5, minutes=59))
    assert told() == []
    tell_due(now=after(hours=6))
    assert "new words: 2" in mail.outbox[0].body


def test_a_drain_is_told_once(pool):
    for minute in range(3):
        note_drained(pool.pk, since=NOW, now=after(minutes=minute))
        tell_due(now=after(minutes=minute))
    assert [subject for subject, _ in told()] == ["Provider 3 (Up stream): drained"]

    note_drained(pool.pk, since=after(days=1), now=after(days=1))
    tell_due(now=after(days=1))
    assert len(told()) == 1


def test_a_mail_that_cannot_be_sent_is_tried_again(own, settings):
    note_failure(own.pk, OutOfFunds(), NOW)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    tell_due(now=NOW)
    assert not Event.objects.exists()

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_due(now=after(seconds=59)) == 0
    assert tell_due(now=after(seconds=60)) == 1
    assert len(told()) == 2
    assert Event.objects.count() == 1
