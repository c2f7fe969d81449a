"""The database knows which triples of states an order may be in (docs/protocols/README.md section 1.4)."""

from itertools import product

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from activations.models import Activation
from tests.factories import ActivationFactory

WITH_A_CODE = set(product(("smsReceived", "retryRequested", "retryReceived"), ("billed", "refunded")))
LEGAL = {
    "active": {("smsRequested", "reserved")} | WITH_A_CODE,
    "canceled": {("smsRequested", "released")},
    "expired": {("smsRequested", "released")} | WITH_A_CODE,
    "finalized": WITH_A_CODE,
}


def accepts(order, **states):
    try:
        with transaction.atomic():
            Activation.objects.filter(pk=order.pk).update(**states)
    except IntegrityError:
        return False
    return True


@pytest.mark.django_db
def test_exactly_the_legal_triples_of_states_are_accepted():
    order = ActivationFactory()
    words = (("", *Activation.Status), ("", *Activation.SmsStatus), ("", *Activation.BillingStatus))
    for status, sms, billing in product(*words):
        is_legal = (sms, billing) in LEGAL.get(status, ())
        states = {"activation_status": status, "sms_status": sms, "billing_status": billing}
        assert accepts(order, **states) is is_legal, states


@pytest.mark.django_db
def test_a_form_hears_of_an_illegal_state_before_it_saves():
    order = ActivationFactory()
    order.validate_constraints()
    order.billing_status = "released"
    with pytest.raises(ValidationError):
        order.validate_constraints()
