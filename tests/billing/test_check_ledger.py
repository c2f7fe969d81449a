"""`check_ledger` finds what is wrong and names it, also what a superuser did in secret (M15, M16)."""

import time
from io import StringIO
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.services import create_operator
from activations.tasks import audit_ledger
from billing import ledger
from billing.models import Entry, Wallet
from portal.embedded import postgres
from tests.conftest import DATABASE, SERVERS
from tests.factories import CustomerFactory, TenantFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def superuser():
    """What nobody of the portal is: someone with every right, triggers switched off."""
    address = postgres.address(SERVERS.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def check():
    """What the command says and whether it is content."""
    out, err = StringIO(), StringIO()
    try:
        call_command("check_ledger", stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        return f"{err.getvalue()}{error}"
    return out.getvalue()


@pytest.fixture
def wallet():
    customer = CustomerFactory(balance_micros=5_000_000)
    for _ in range(2):
        order_id = uuid4()
        for owner in (customer.pk, None):
            ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=owner, micros=1_000_000)
        ledger.release(order_id=order_id, now=timezone.now())
    return Wallet.objects.get(customer=customer)


def test_a_sound_ledger_passes(db):
    CustomerFactory(balance_micros=5_000_000)
    assert check().startswith("The ledger is right")


DAMAGE = [
    (
        "UPDATE billing_wallet SET balance_micros = balance_micros + 1 WHERE id = {wallet}",
        "stored balance 5000001, entries sum to 5000000",
    ),
    (
        "UPDATE billing_wallet SET held_micros = 7 WHERE id = {wallet}",
        "stored hold 7, open holds sum to 0",
    ),
    (
        "UPDATE billing_entry SET amount_micros = amount_micros + 1 WHERE wallet_id = {wallet}",
        "entries sum to 1 micro-USD",
    ),
    (
        "DELETE FROM billing_entry WHERE wallet_id = {wallet}",
        "entries sum to -5000000 micro-USD",
    ),
    (
        "UPDATE billing_entry SET balance_after_micros = 1 WHERE wallet_id = {wallet}",
        "balance after 1, expected 5000000",
    ),
    (
        "UPDATE billing_hold SET state = 'open' WHERE wallet_id = {wallet}",
        "open holds sum to 2000000",
    ),
    (
        "UPDATE billing_hold SET state = 'billed', billed_micros = 5 WHERE wallet_id = {wallet}",
        "billed 5, charged 0",
    ),
    (
        "DELETE FROM billing_entry",
        "has no entries",
    ),
    (
        "UPDATE billing_hold SET tenant_id = {stranger}",
        "stays within its tenant",
    ),
    (
        "UPDATE billing_entry SET tenant_id = {stranger}",
        "billing_entry.wallet_id stays within its tenant",
    ),
]


@pytest.mark.parametrize(("statement", "finding"), DAMAGE)
def test_m15_m16_damage_done_as_superuser_is_found_and_named(superuser, wallet, statement, finding):
    stranger = TenantFactory()
    superuser.execute(statement.format(wallet=wallet.pk, stranger=stranger.pk))

    said = check()

    assert finding in said
    assert "The ledger is wrong in" in said


def test_m15_it_never_corrects(superuser, wallet):
    superuser.execute("UPDATE billing_wallet SET balance_micros = 1 WHERE id = %s", [wallet.pk])
    assert check() == check()
    wallet.refresh_from_db()
    assert wallet.balance_micros == 1


def test_an_order_unknown_to_its_tenant_is_found(wallet):
    """The holds of the fixture belong to no activation at all."""
    assert "which is not that tenant's" in check()


ORDERS = 20_000
SEED = """
INSERT INTO activations_activation (
    hex_id, ord_id, tenant_id, customer_id, channel, service_id, country_id, price_micros,
    customer_price_micros, max_price_micros, expire_at, sms_status, billing_status, routing
) SELECT md5(n::text)::varchar(24), 'ord_' || n, {tenant}, {customer}, 'retail', 'netflix', 'us', 50, 100,
    50, now(), 'smsReceived', 'billed', '{{}}' FROM generate_series(1, {orders}) n;
INSERT INTO billing_transaction (tenant_id, customer_id, kind, order_id, gateway, note, created_at)
SELECT {tenant}, {customer}, 'charge', id, '', '', now() FROM activations_activation;
INSERT INTO billing_hold
    (tenant_id, wallet_id, order_id, amount_micros, billed_micros, state, created_at, ended_at)
SELECT w.tenant_id, w.id, a.id, side.micros, side.micros, 'billed', now(), now()
FROM activations_activation a, billing_wallet w,
    LATERAL (SELECT CASE WHEN w.customer_id IS NULL THEN 50 ELSE 100 END AS micros) side;
WITH charge AS (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM billing_transaction WHERE kind = 'charge'
)
INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
SELECT {tenant}, c.id, line.account, w.id, line.micros, w.balance_micros + c.n * line.micros
FROM charge c CROSS JOIN (VALUES
    ('customer', -100), ('tenant_revenue', 100), ('tenant', -50), ('platform_revenue', 30), ('provider', 20)
) AS line (account, micros)
LEFT JOIN billing_wallet w ON line.account = CASE WHEN w.customer_id IS NULL THEN 'tenant' ELSE 'customer' END
ORDER BY c.id;
UPDATE billing_wallet
SET balance_micros = balance_micros - {orders} * CASE WHEN customer_id IS NULL THEN 50 ELSE 100 END;
"""


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_proven_within_five_seconds(superuser):
    """Of 20 000 billed orders, which the planner has no statistics of yet."""
    customer = CustomerFactory(balance_micros=5_000_000, tenant__balance_micros=5_000_000)
    superuser.execute(SEED.format(tenant=customer.tenant_id, customer=customer.pk, orders=ORDERS))
    assert Entry.objects.count() >= 100_000
    started = time.monotonic()

    assert check().startswith("The ledger is right")

    assert time.monotonic() - started < 5


def test_m15_the_nightly_check_tells_the_operators_and_mends_nothing(wallet_of_night, superuser, mailoutbox):
    superuser.execute("UPDATE billing_wallet SET balance_micros = 77 WHERE id = %s", [wallet_of_night.pk])

    audit_ledger()

    (mail,) = mailoutbox
    assert mail.to == ["op@example.com"]
    assert f"wallet {wallet_of_night.pk}" in mail.body
    assert Wallet.objects.get(pk=wallet_of_night.pk).balance_micros == 77


def test_m15_a_night_without_breaches_is_silent(wallet_of_night, mailoutbox):
    audit_ledger()

    assert mailoutbox == []


@pytest.fixture
def wallet_of_night():
    create_operator(email="op@example.com", password="correct-horse-battery")
    return CustomerFactory(balance_micros=5_000_000).wallet
