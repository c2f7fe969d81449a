"""`POST /test/api/v1/sandbox/sms`: a fake SMS for one of the caller's test numbers, delivered as a true one.

An address of our own, not of the dialect: unknown fields are refused.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from accounts.queries import tenant_by_id
from activations.services.sandbox import deliver_test_sms
from api.auth import Caller
from api.input import Text, json_object, read_only_fields
from api.retail import wire
from api.retail.entry import Gate, retail
from portal.errors import ValidationError

BODY_BYTES = 65_536
SMS = {
    "activation": Text(1, 40, default=""),
    "phone": Text(1, 20, default=""),
    "text": Text(1, 10_000),
    "sender": Text(1, 80, default="Sandbox"),
}


@retail(Gate("POST", scope="order", rate="sandbox"))
def sms(request: HttpRequest, caller: Caller, buyer: None) -> HttpResponse:
    """The SMS arrives within moments: at once by callback, or with the next check."""
    fields = read_only_fields(json_object(request, limit=BODY_BYTES), SMS)
    if bool(fields["activation"]) == bool(fields["phone"]):
        raise ValidationError({"activation": "or phone is required, one of them."})
    deliver_test_sms(
        tenant=tenant_by_id(caller.tenant_id),
        reference=fields["activation"] or fields["phone"],
        text=fields["text"],
        sender=fields["sender"],
    )
    return wire.json_response(wire.SUCCESS)
