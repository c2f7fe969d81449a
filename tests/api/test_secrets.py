"""Canaries: keys, codes and texts turn up in answers to their owner only, never in a log."""

import io
import logging

import pytest
from django.utils import timezone

from activations.services.checking import check_due
from api.retail import wire

pytestmark = pytest.mark.django_db(transaction=True)
CODE = "739154"
TEXT = f"Canary text {CODE}"


@pytest.fixture
def log():
    """Everything that is logged, in the form in which the portal writes it."""
    ours = next(one for one in logging.root.handlers if type(one) is logging.StreamHandler)
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(ours.formatter)
    level = logging.root.level
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    yield handler.stream
    logging.root.removeHandler(handler)
    logging.root.setLevel(level)


def test_s2_s3_a_life_of_requests_logs_no_key_code_or_text(partner, shop, log, settings):
    settings.LOG_REQUESTS = True
    _, ordered = partner.order(key="k1")
    one = f"{partner.a}/activation/{ordered['activation_id']}"
    shop.sms(ordered, TEXT)
    check_due(timezone.now() + timezone.timedelta(seconds=30))
    assert partner.get(one)[1]["sms_code"] == CODE
    partner.get(f"{one}?key={partner.key}&code={CODE}")
    partner.get(one, key=partner.key[:-1] + "!")
    partner.put(f"{one}/cancel")
    partner.order(key="k1", customer_price=5)
    partner.get(f"{partner.a}/activation/history?sms_status={CODE}")
    partner.post("retail/m/customer", {"customer_id": TEXT})

    logged = log.getvalue()
    assert "/activation/" in logged
    for canary in (partner.key, partner.key[12:40], CODE, "Canary text", ordered["phone"]):
        assert canary not in logged


def test_s3_a_failure_while_a_code_is_written_logs_places_not_words(partner, shop, log, monkeypatch):
    _, ordered = partner.order()
    shop.sms(ordered, TEXT)
    check_due(timezone.now() + timezone.timedelta(seconds=30))

    def fails(row, customer_id):
        raise RuntimeError(f"cannot write {row.sms_text}")

    monkeypatch.setattr(wire, "activation", fails)  # stands for any fault of ours at the worst moment
    partner.client.raise_request_exception = False
    status, body = partner.get(f"{partner.a}/activation/{ordered['activation_id']}")

    assert (status, body["errorName"]) == (500, "InternalServerErrorException")
    logged = log.getvalue()
    assert "RuntimeError" in logged
    assert CODE not in logged + str(body)
    assert partner.key not in logged


@pytest.mark.django_db(transaction=False)
def test_refusals_write_no_line_each(partner, log):
    for _ in range(5):
        partner.get(partner.a, key="wrong")
        partner.get(f"{partner.a}/activation/missing")

    assert log.getvalue() == ""
