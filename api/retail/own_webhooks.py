"""The account's webhook endpoints, as a program keeps them: addresses of our own, in the dialect's style."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from api.input import Choice, Choices, Text, json_object, read_only_fields
from api.retail import wire
from api.retail.entry import Gate
from api.retail.management import RetailView
from api.retail.webhooks import DIALECT, TYPES
from portal.errors import UnknownPath
from webhooks.models import Endpoint
from webhooks.queries import endpoints_of
from webhooks.services import endpoints as services
from webhooks.services.replaying import send_sample

NEW = {
    "url": Text(1, 500),
    "event_types": Choices(tuple(TYPES), default=tuple(DIALECT.usual_types(is_customer=False))),
}
SAMPLE = {"type": Choice(tuple(TYPES))}
NO_SUCH = "This webhook does not exist."


class WebhookView(RetailView):
    """An address of the account's endpoints."""

    def endpoint(self, webhook_id: str) -> Endpoint:
        """One of the account's own; customers' endpoints are theirs. Raises UnknownPath."""
        found = endpoints_of(self.tenant, None).filter(public_id=webhook_id[:40]).first()
        if found is None:
            raise UnknownPath(NO_SUCH)
        return found


class Webhooks(WebhookView):
    gates = (Gate("GET", scope="manage", rate="webhooks"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        return wire.json_response([written(one) for one in endpoints_of(self.tenant, None)])


class NewWebhook(WebhookView):
    gates = (Gate("POST", scope="manage", rate="webhooks"),)

    def post(self, request: Request, **ids: object) -> HttpResponse:
        """The secret is in this answer and nowhere else."""
        endpoint, secret = services.create_endpoint(
            tenant=self.tenant, customer=None, **read_only_fields(json_object(request._request), NEW)
        )
        return wire.json_response({**written(endpoint), "secret": secret})


class OneWebhook(WebhookView):
    gates = (Gate("DELETE", scope="manage", rate="webhooks"),)

    def delete(self, request: Request, *, webhook_id: str, **ids: object) -> HttpResponse:
        services.delete_endpoint(endpoint=self.endpoint(webhook_id))
        return wire.json_response(wire.SUCCESS)


class Rotation(WebhookView):
    gates = (Gate("POST", scope="manage", rate="webhooks"),)

    def post(self, request: Request, *, webhook_id: str, **ids: object) -> HttpResponse:
        endpoint = self.endpoint(webhook_id)
        secret = services.rotate_secret(endpoint=endpoint, now=timezone.now())
        return wire.json_response({"webhook_id": endpoint.public_id, "secret": secret})


class Sample(WebhookView):
    gates = (Gate("POST", scope="manage", rate="webhooks"),)

    def post(self, request: Request, *, webhook_id: str, **ids: object) -> HttpResponse:
        """An event with invented data, sent as a true one would be."""
        endpoint = self.endpoint(webhook_id)
        type_ = read_only_fields(json_object(request._request), SAMPLE)["type"]
        sent = send_sample(endpoint=endpoint, type_=type_, now=timezone.now())
        return wire.json_response({"event_id": sent.event.public_id})


def written(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint, without its secret."""
    return {
        "webhook_id": endpoint.public_id,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "is_enabled": endpoint.is_enabled,
        "off_reason": endpoint.off_reason or None,
        "created_at": wire.unix(endpoint.created_at),
    }
