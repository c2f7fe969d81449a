"""The account's keys, as a program keeps them: list, replace the one it uses, end one.

A key replaces only itself: one with few rights could otherwise get itself one with many.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.queries import keys_of
from accounts.services import revoke_key, rotate_key
from api.retail import wire
from api.retail.entry import Gate
from api.retail.management import RetailView
from portal.errors import UnknownPath

KEY_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class Keys(RetailView):
    """Those of the account that are not revoked; customers' keys are theirs."""

    gates = (Gate("GET", scope="manage", rate="keys"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        found = keys_of(self.tenant).filter(customer=None, revoked_at=None)
        return wire.json_response([written(key) for key in found])


class Rotation(RetailView):
    gates = (Gate("POST", scope="manage", rate="keys"),)

    def post(self, request: Request, **ids: object) -> HttpResponse:
        """A key in the place of the caller's; it is in this answer and nowhere else."""
        key, plaintext = rotate_key(tenant=self.tenant, key_id=self.caller.key_id)
        return wire.json_response({**written(key), "key": plaintext})


class OneKey(RetailView):
    gates = (Gate("DELETE", scope="manage", rate="keys"),)

    def delete(self, request: Request, *, key_id: str, **ids: object) -> HttpResponse:
        """End one, from the next request on; a second time changes nothing."""
        mine = keys_of(self.tenant).filter(customer=None)
        if not KEY_ID.fullmatch(key_id) or not mine.filter(pk=int(key_id)).exists():
            raise UnknownPath("This key does not exist.")
        revoke_key(tenant=self.tenant, key_id=int(key_id))
        return wire.json_response(wire.SUCCESS)


def written(key: ApiKey) -> dict[str, Any]:
    """What may be known of a key."""
    return {
        "key_id": str(key.pk),
        "name": key.name,
        "begins_with": key.hint,
        "scopes": key.scopes,
        "networks": key.allowed_networks,
        "expires_at": key.expires_at and wire.unix(key.expires_at),
        "last_used_at": key.last_used_at and wire.unix(key.last_used_at),
        "created_at": wire.unix(key.created_at),
    }
