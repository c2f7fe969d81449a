"""Past orders under other weights: what changes, what stays, and that nothing is written."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activations.models import Activation
from activations.services.replaying import Past, past_orders, replay
from tests.factories import ActivationFactory, CustomerFactory, OfferFactory

CHEAP = [1, 901, 100_000, 0.0, 80_000, 0.2, 50, 0.0]
GOOD = [2, 902, 400_000, 0.0, 300_000, 0.9, 50, 0.0]
THIRD = [3, 903, 390_000, 0.0, 100_000, 0.1, 50, 0.0]


def account(*ranked, others=(), weight=0.0):
    lines = {"ranked": list(ranked), "others": list(others), "rejected": []}
    return {"weight": weight, "fitting": 3, "dearest": 400_000, **lines}


def bought(offer, *others, billed=True, **routing):
    state = "billed" if billed else "released"
    return Past(offer[0], offer[4], offer[2], state, account(offer, *others, **routing))


def figures(tally):
    return round(tally.codes, 3), round(tally.cost_micros), round(tally.price_micros)


def test_another_weight_chooses_another_offer_by_what_was_known_of_it():
    result = replay([bought(CHEAP, THIRD, others=[GOOD])], quality_factor=100, boosts={})

    assert (result.orders, result.changed, result.skipped) == (1, 1, 0)
    assert figures(result.was) == (1, 80_000, 100_000)
    assert figures(result.would_be) == (0.9, 270_000, 360_000)
    assert round(result.would_be.margin_micros) == 90_000


def test_the_same_choice_counts_what_really_happened_on_both_sides():
    orders = [bought(CHEAP, GOOD), bought(CHEAP, GOOD, billed=False)]
    result = replay(orders, quality_factor=None, boosts={})

    assert result.changed == 0
    assert figures(result.was) == figures(result.would_be) == (1, 80_000, 100_000)


def test_an_offer_that_said_no_is_not_chosen():
    asked = Past(2, 300_000, 400_000, "billed", account(CHEAP, GOOD))

    assert replay([asked], quality_factor=0, boosts={}).changed == 0


def test_a_boost_moves_orders_to_a_provider():
    order = bought(CHEAP, GOOD, weight=0.5)
    assert replay([order], quality_factor=None, boosts={902: 0.02}).changed == 0
    assert replay([order], quality_factor=None, boosts={902: 0.03}).changed == 1


@pytest.mark.parametrize("routing", [{}, {"why": 1}, account(CHEAP[:4]), account(GOOD)])
def test_what_tells_too_little_is_skipped(routing):
    result = replay([Past(1, 1, 1, "billed", routing)], quality_factor=100, boosts={})

    assert (result.orders, result.skipped, figures(result.was)) == (1, 1, (0, 0, 0))


@pytest.fixture
def orders(db):
    customer = CustomerFactory(tenant__slug="acme", balance_micros=1_000_000_000)
    offer = OfferFactory()
    for age, billed in ((1, True), (6, False), (8, True)):
        at = timezone.now() - timedelta(days=age)
        order = ActivationFactory(customer=customer, offer=offer, created_at=at, billed=billed)
        line = [offer.pk, 901, 250_000, 0.1, 200_000, 0.5, 0, 0.0]
        Activation.objects.filter(pk=order.pk).update(routing=account(line, [10**12, *GOOD[1:]]))
    ActivationFactory(created_at=timezone.now())
    return customer.tenant


def test_orders_are_read_by_age_and_tenant(orders):
    since = timezone.now() - timedelta(days=7)
    assert len(list(past_orders(since=since, tenant_id=orders.pk))) == 2
    assert len(list(past_orders(since=since))) == 3


def run(*words):
    out = StringIO()
    call_command("replay_routing", *words, stdout=out)
    return out.getvalue()


def test_the_command_prints_what_was_and_would_be(orders):
    before = list(Activation.objects.order_by("pk").values())
    text = run("--tenant", "acme", "--quality-factor", "100", "--weight", "902=5")

    assert "Orders: 2; chosen otherwise: 2; not told enough of: 0." in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[2:] == [
        "codes 1 1.8 +0.8", "success 50.0% 90.0% +40.0 points", "cost $0.20 $0.54 $0.34",
        "tenants pay $0.25 $0.72 $0.47", "margin $0.05 $0.18 $0.13",
    ]  # fmt: skip
    assert list(Activation.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "words",
    [["--days", "0"], ["--days", "91"], ["--quality-factor", "101"], ["--weight", "3"], ["--weight", "x=1"],
     ["--weight", "3=51"], ["--weight", "3=nan"], ["--tenant", "nobody"]],
)  # fmt: skip
def test_words_that_make_no_sense_are_named(db, words):
    with pytest.raises(CommandError, match=words[0]):
        run(*words)
