"""Every dialect with every provider: what a customer orders in one protocol is bought in another, and at the
end the ledger is right and the supplier's books say the same as ours.
"""

import pytest

from api.limits import limiter, per_second
from providers import product_list
from providers.registry import ADAPTERS
from providers.spellings import forget_spellings
from tests.matrix.cells import SCENARIOS, Say, cells
from tests.matrix.dialects import DIALECTS, Refused, State
from tests.matrix.page import PAGE, matrix_page
from tests.matrix.providers import Market, the_order
from tests.upstream import make_supplier  # noqa: F401  (a fixture)
from tests.webhooks.conftest import receivers  # noqa: F401  (a fixture)

NOTHING = (0, 0, 0, 0)
PLENTY, TOO_LITTLE = 10_000_000, 10_000  # micro-USD


@pytest.fixture(autouse=True)
def _nothing_known():
    """What a process remembers of the last cell's rows."""
    for memory in (limiter._leases, per_second._leases, product_list._known):
        memory.clear()
    forget_spellings()
    yield
    forget_spellings()


def refusal(call, *args, **wish):
    with pytest.raises(Refused) as caught:
        call(*args, **wish)
    return caught.value.codes


# --- scenarios: each gets a client and a market, and leaves no number open ---


def code(client, market):
    number = client.order()
    order = the_order(number)
    price, cost = order.customer_price_micros, order.price_micros
    assert number.phone == market.lease(number.phone).phone
    assert number.price_micros in (None, price)
    assert client.state(number) == (State.WAITING, "")
    assert client.wallets() == (0, price, 0, cost)

    market.sms(number.phone, "Your code is 482913")

    assert client.state(number) == (State.CODE, "482913")
    assert client.wallets() == (price, 0, cost, 0)
    if Say.FINISH in client.says:
        client.finish(number)
    market.let_time_pass()
    assert client.state(number) == (State.CODE, "482913")
    assert the_order(number).activation_status == "finalized"
    assert client.wallets() == (price, 0, cost, 0)


def cancel(client, market):
    number = client.order()
    fee = min(client.cancel_fee_micros, the_order(number).customer_price_micros)

    client.cancel(number)
    market.sweep()

    assert client.state(number) == (State.GONE, "")
    assert client.wallets() == (fee, 0, 0, 0)
    market.let_time_pass()
    assert market.supplier.paid_micros == 0


def expiry(client, market):
    number = client.order()
    assert client.wallets()[3] > 0

    market.let_time_pass()
    client.time_is_over(number)

    assert client.state(number) == (State.GONE, "")
    assert client.wallets() == NOTHING
    assert market.supplier.paid_micros == 0


def no_numbers(client, market):
    market.sell_out()

    assert "no_numbers" in refusal(client.order, **client.cap(PLENTY))

    assert client.wallets() == NOTHING


def no_money(client, market):
    client.take_money(of_reseller=True)
    assert "insufficient_balance" in refusal(client.order)
    client.take_money(of_reseller=False)
    assert "insufficient_balance" in refusal(client.order)

    assert market.supplier.calls["order"] == 0


def too_dear(client, market):
    as_shown = client.quote()
    if capped := client.cap(TOO_LITTLE):
        assert "max_price_exceeded" in refusal(client.order, **capped)
        assert market.supplier.calls["order"] == 0
    market.become_dearer()

    assert refusal(client.order, **as_shown) & {"max_price_exceeded", "no_numbers"}

    assert (client.wallets(), market.supplier.paid_micros) == (NOTHING, 0)


def second(client, market):
    number = client.order()
    market.sms(number.phone, "first 1111")
    paid = client.wallets()

    client.ask_again(number)
    market.sweep()
    assert client.state(number)[0] == (State.AGAIN if client.tells_again else State.CODE)
    market.sms(number.phone, "second 2222")

    assert client.state(number) == (State.CODE, "2222")
    assert client.wallets() == paid
    market.let_time_pass()


def rental(client, market):
    kept = client.rent(market.rented)
    paid = client.wallets()
    assert paid[2] > 0
    assert client.messages(kept) == []
    unused = client.rent(market.rented)
    client.cancel_rental(unused)
    market.sweep()
    assert client.wallets() == paid

    market.sms(kept.phone, "Your code is 482913")
    market.sms(kept.phone, "And now 771204")

    assert client.messages(kept) == ["And now 771204", "Your code is 482913"]
    assert client.wallets() == paid
    market.let_time_pass()


PLAY = {
    "code": code, "cancel": cancel, "expiry": expiry, "no numbers": no_numbers, "no money": no_money,
    "too dear": too_dear, "second": second, "rental": rental,
}  # fmt: skip
# Cells of one provider together: each process reads each price list once.
CASES = [
    pytest.param(cell, id=str(cell), marks=pytest.mark.xdist_group(f"matrix-{cell.provider}"))
    for cell in cells(DIALECTS, ADAPTERS)
    if not cell.lack
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cell", CASES)
def test_a_cell(cell, make_supplier, receivers, record_property):  # noqa: F811
    record_property("cell", [cell.dialect, cell.provider, cell.scenario])
    client, market = DIALECTS[cell.dialect](receivers), Market(make_supplier(cell.provider))

    PLAY[cell.scenario](client, market)

    assert market.disagreements() == []


def test_the_page_says_what_is_played(record_property):
    lacking = [cell for cell in cells(DIALECTS, ADAPTERS) if cell.lack]
    record_property("lacking", [[one.dialect, one.provider, one.scenario, one.lack] for one in lacking])

    assert PAGE.read_text() == matrix_page(), "run python -m tests.matrix"


def test_every_scenario_is_played():
    assert set(PLAY) == set(SCENARIOS)
