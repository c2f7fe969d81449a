"""The suppliers themselves: tests lean on their books and faults, so these must hold."""

import subprocess
import sys

import pytest
import requests

from providers.contract import OutOfFunds, OutOfStock
from providers.http import send, send_all
from tests.providers.test_contract import status
from tests.suppliers.faces import FACES

pytestmark = pytest.mark.django_db


def call(supplier, method, path, **kwargs):
    address = f"{supplier.url}/api/v1/{path}"
    return requests.request(method, address, headers={"X-Api-Key": supplier.key}, timeout=30, **kwargs)


def order(supplier, **facts):
    wish = {
        "service_id": "telegram",
        "country_id": "us",
        "max_price": 1_000,
        "customer_price": 1_000,
        **facts,
    }
    return call(supplier, "POST", "retail/a/customer/portal/activation", json=wish)


def test_a_face_spells_what_the_books_do(make_supplier):
    supplier = make_supplier("retail")
    bought = order(supplier).json()

    [lease] = supplier.leases
    assert (bought["activation_id"], bought["phone"]) == (supplier.ref(lease), lease.phone)
    assert bought["price"] * 10_000 == supplier.price_micros() == supplier.paid_micros
    supplier.sms(bought["activation_id"], "Your code is 1234")
    told = call(supplier, "GET", f"retail/a/customer/portal/activation/{bought['activation_id']}").json()
    assert (told["sms_status"], told["billing_status"], told["sms_code"]) == ("smsReceived", "billed", "1234")
    assert supplier.calls == {"order": 1, "status": 1}


@pytest.mark.parametrize("protocol", sorted(set(FACES) - {"retail"}))
def test_every_protocol_is_bought_from_by_its_adapter(make_supplier, protocol):
    supplier = make_supplier(protocol)
    adapter = supplier.adapter()
    facts = {"ceiling_micros": supplier.price_micros(), "our_ref": "our-1"}
    lease = send(adapter.order(**supplier.wish(), **facts))

    [booked] = supplier.leases
    assert (lease.upstream_ref, lease.phone) == (supplier.ref(booked), booked.phone)
    supplier.sms(lease.upstream_ref, "Your code is 1234")
    [sms] = status(supplier, lease).messages
    assert "1234" in (sms.code or sms.text)
    offers = [offer for call in adapter.prices() for offer in send_all(call)]
    assert supplier.price_micros() in [one.cost_micros for one in offers]


def test_refusals_and_faults_come_in_the_protocols_words(make_supplier):
    supplier = make_supplier("retail")
    assert supplier.refuse(OutOfFunds)
    assert supplier.refuse(OutOfStock)
    supplier.fault("order", "html", after=True)
    supplier.fault("order", "refuse", word="SomethingNew", status=418)

    answers = [order(supplier) for _ in range(4)]
    assert [(one.status_code, one.text[:41]) for one in answers] == [
        (402, '{"errorName":"PaymentRequiredException","'),
        (404, '{"errorName":"NoNumbersAvailableException'),
        (200, "<!doctype html><html><title>Please wait</"),
        (418, '{"errorName":"SomethingNew","errorMessage'),
    ]
    assert len(supplier.leases) == 1


def test_what_breaks_the_contract_is_told_to_the_test(make_supplier):
    supplier = make_supplier("retail")
    call(supplier, "POST", "retail/a/customer/portal/activation", data="not json")

    [slip] = supplier.slips
    assert "the contract wants JSON" in slip
    supplier.slips.clear()


def test_it_runs_as_a_process_too():
    with subprocess.Popen(
        [sys.executable, "-m", "tests.suppliers", "--cancel-lock-seconds", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            url = running.stdout.readline().rpartition(" ")[2].strip()
            answer = requests.get(
                f"{url}/retail/api/v1/user/balance", headers={"X-Api-Key": "sandbox_0123456789"}, timeout=30
            )
            assert answer.json() == {"total": 100_000_000, "reserved": 0}
        finally:
            running.kill()
