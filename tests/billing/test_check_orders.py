"""`check_ledger` on orders: what their states say about money, and what a superuser changed in secret."""

import pytest

from tests.billing.test_check_ledger import check, superuser  # noqa: F401  (a fixture)
from tests.factories import ActivationFactory, CustomerFactory, ProviderFactory, TenantFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_orders_in_every_state_pass():
    customer = CustomerFactory(balance_micros=50_000_000)
    for state in ({}, {"billed": True}, {"refunded": True}, {"canceled": True}):
        ActivationFactory(customer=customer, **state)
    ActivationFactory(customer=customer, billed=True, customer_price_micros=0)
    ActivationFactory(customer=customer, billed=True, offer__provider=ProviderFactory(tenant=customer.tenant))
    assert check().startswith("The ledger is right")


DAMAGE = [
    ({"canceled": True}, "UPDATE billing_hold SET state = 'open', ended_at = NULL", "still holds 300000"),
    ({}, "UPDATE activations_activation SET customer_price_micros = 1", "its customer holds 300000"),
    ({}, "UPDATE activations_activation SET price_micros = 1", "its tenant holds 250000"),
    ({}, "DELETE FROM billing_hold", "its customer holds 0"),
    ({"billed": True}, "UPDATE activations_activation SET customer_price_micros = 1", "was charged 300000"),
    ({"billed": True}, "UPDATE activations_activation SET price_micros = 1", "tenant was charged 250000"),
    ({"billed": True}, "DELETE FROM billing_transaction WHERE kind = 'charge'", "its customer was charged 0"),
    ({"billed": True}, "DELETE FROM billing_hold", "whose hold says nothing"),
    ({"billed": True}, "UPDATE activations_activation SET billing_status = 'refunded'", "got back 0"),
    ({"refunded": True}, "UPDATE activations_activation SET billing_status = 'billed'", "but has a refund"),
    ({"billed": True}, "UPDATE activations_activation SET tenant_id = {stranger}", "not that tenant's"),
    (
        {"canceled": True, "cancel_fee_micros": 90_000},
        "UPDATE activations_activation SET cancel_fee_micros = 1",
        "shows a fee of 1 and paid 90000",
    ),
    (
        {},
        "UPDATE activations_activation SET tenant_id = {stranger}",
        "activations_activation.customer_id stays within its tenant",
    ),
]


@pytest.mark.parametrize(("state", "statement", "finding"), DAMAGE)
def test_m16_what_a_superuser_did_to_an_order_is_found(superuser, state, statement, finding):  # noqa: F811
    ActivationFactory(**state)
    superuser.execute(statement.format(stranger=TenantFactory().pk))
    assert finding in check()


CHEAPER = """
UPDATE billing_entry
SET amount_micros = amount_micros + 100000, balance_after_micros = balance_after_micros + 100000
WHERE account = 'customer' AND amount_micros = -300000;
UPDATE billing_entry SET amount_micros = amount_micros - 100000 WHERE account = 'tenant_revenue';
UPDATE billing_hold SET billed_micros = 200000 WHERE billed_micros = 300000;
UPDATE billing_wallet SET balance_micros = balance_micros + 100000 WHERE customer_id IS NOT NULL
"""


def test_m16_a_careful_forgery_still_disagrees_with_the_order(superuser):  # noqa: F811
    """Entry, balance, chain, hold and sum all fit; what the order shows does not."""
    order = ActivationFactory(billed=True)
    superuser.execute(CHEAPER)
    assert f"order {order.hex_id} is billed at 300000 micro-USD, its customer was charged 200000" in check()
    assert "wrong in 1 places" in check()
