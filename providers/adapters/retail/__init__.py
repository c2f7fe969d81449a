"""Upstreams speaking the retail protocol: JSON, one key, integer cents, one upstream customer of ours.

Contract: docs/protocols/retail.md. Recorded replies: tests/providers/recordings/retail/.

Callbacks are signed with the account's callback secret; without one they are only a reason to ask.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from providers.adapters.reading import CENT_MICROS, id_of, json_of, object_of, path_id
from providers.adapters.retail import answers
from providers.contract import (
    Adapter,
    BadOptions,
    Call,
    Callback,
    Can,
    CatalogueItem,
    Lease,
    ListedLease,
    ListedOffer,
    Option,
    PriceTooLow,
    Reader,
    Refused,
    Reply,
    Shape,
    Status,
    T,
)

ABOUT_LEASES = {
    "customer.activation.updated",
    "customer.activation_report.updated",
    "activation.updated",
    "activation_report.updated",
}
LONG_LIST_BYTES = 67_108_864
CALLBACK_SECONDS = 300
RECIPES = ("id.timestamp.body", "timestamp.body", "body")
LARGEST_CENTS = 10_000


class Retail(Adapter):
    protocol, label = "retail", "Retail (Platfone, and portals like this one)"
    can = frozenset(
        {
            Can.STATUS, Can.CEILING, Can.CANCEL, Can.RETRY, Can.FINISH, Can.LIST_ACTIVE, Can.MESSAGES_IN_LIST,
            Can.CALLBACK, Can.CATALOGUE, Can.PRICES, Can.BALANCE, Can.REPORT, Can.REFUNDS_EXPIRED,
        }
    )  # fmt: skip
    options: ClassVar[Mapping[str, Option]] = {
        "customer_id": Option("Our customer there: 1 to 80 letters and digits; portal when empty."),
        "billing": Option(
            "What that customer pays: our ceiling (fixed, also when empty) or the real price (dynamic).",
            choices=("fixed", "dynamic"),
        ),
        "quality_factor": Option("0 (cheapest) to 100 (best); the upstream's own when empty.", Shape.WHOLE),
        "funds": Option(
            "Whose balance counts: of the key's owner (account, also when empty) or of our customer.",
            choices=("account", "customer"),
        ),
        "callback_recipe": Option(f"What its callbacks sign; {RECIPES[0]} when empty.", choices=RECIPES),
        **Adapter.options,
    }

    def check_options(self) -> None:
        super().check_options()
        _ = self._mine, self._billing(1), self._quality(), self._signed_parts(), self.balance()

    def order(
        self,
        *,
        service: str,
        country: str,
        operator: str,
        offer_ref: str,
        ceiling_micros: int,
        our_ref: str,
        capability: str = "sms",
        exclude_prefixes: Sequence[str] = (),
    ) -> Call[Lease]:
        cents = min(ceiling_micros // CENT_MICROS, LARGEST_CENTS)
        if cents < 1:
            raise PriceTooLow("the ceiling is below a cent")
        wish = {
            "service_id": service,
            "country_id": country,
            "max_price": cents,
            **self._billing(cents),
            **self._quality(),
        }
        return self._write("POST", f"{self._mine}/activation", answers.read_lease, wish)

    def status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read(self._one(upstream_ref), answers.read_status)

    def list_active(self) -> Call[Sequence[ListedLease]]:
        path, wanted = f"{self._mine}/activations", {"with_data": "true"}
        return self._read(path, answers.read_list, params=wanted, max_bytes=LONG_LIST_BYTES)

    def cancel(self, *, upstream_ref: str) -> Call[int | None]:
        return self._write("PUT", f"{self._one(upstream_ref)}/cancel", answers.read_done)

    def retry(self, *, upstream_ref: str) -> Call[None]:
        return self._write("PUT", f"{self._one(upstream_ref)}/retry", answers.read_done)

    def finish(self, *, upstream_ref: str) -> Call[None]:
        return self._write("PUT", f"{self._one(upstream_ref)}/finalize", answers.read_done)

    def report(self, *, upstream_ref: str, reason_id: int, message: str) -> Call[None]:
        complaint = {"reason_id": reason_id, **({"message": message[:1_000]} if message else {})}
        return self._write("POST", f"{self._one(upstream_ref)}/report", answers.read_report, complaint)

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        return [
            self._either("/activation/countries", "/countries", answers.read_countries),
            self._either("/activation/services", "/retail/services", answers.read_services),
        ]

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        return [
            self._either("/activation/prices/countries", "/retail/m/prices/countries", answers.read_prices)
        ]

    def balance(self) -> Call[int]:
        match self._option("funds", "account"):
            case "account":
                return self._read("/user/balance", answers.read_balance)
            case "customer":
                return self._read(f"{self._mine}/balance", answers.read_balance)
        raise BadOptions("funds: account or customer")

    def read_callback(self, *, body: bytes, headers: Mapping[str, str], now: datetime) -> Callback:
        is_proof = self._is_proven(body, {name.lower(): value for name, value in headers.items()}, now=now)
        content = object_of(json_of(Reply(200, body.decode("utf-8", "replace"))))
        if content.get("type") not in ABOUT_LEASES:
            return Callback("", is_proof=is_proof)
        facts = object_of(content["data"])
        return Callback(id_of(facts["activation_id"]), is_proof=is_proof, status=answers.status_of(facts))

    def _is_proven(self, body: bytes, given: Mapping[str, str], *, now: datetime) -> bool:
        """Whether a callback may be believed without asking: its signature covers body and time (section 15).

        Several signatures may be given while a secret changes. Raises Refused when none of them is right.
        """
        if not self.account.callback_secret:
            return False
        signed = self._signed_parts()
        endpoint, timestamp = given.get("x-webhook-id", ""), given.get("x-timestamp", "")
        parts = {"id": endpoint.encode(), "timestamp": timestamp.encode(), "body": body}
        text = b".".join(parts[part] for part in signed)
        digest = hmac.digest(self.account.callback_secret.encode(), text, "sha256")
        wanted = (digest.hex().encode(), base64.b64encode(digest))
        signatures = [one.strip() for one in given.get("x-signature", "").encode().split(b",")[:4]]
        if not any(hmac.compare_digest(one, each) for one in signatures for each in wanted):
            raise Refused("bad signature")
        if "timestamp" not in signed:
            return False
        seconds = int(timestamp) if re.fullmatch(r"[0-9]{1,12}", timestamp) else 0
        if abs(now.timestamp() - seconds) > CALLBACK_SECONDS:
            raise Refused("too old")
        return True

    def _signed_parts(self) -> Sequence[str]:
        recipe = self._option("callback_recipe", RECIPES[0])
        if recipe not in RECIPES:
            raise BadOptions(f"callback_recipe: one of {', '.join(RECIPES)}")
        return str(recipe).split(".")

    # --- addresses ---

    @property
    def _base(self) -> str:
        """With or without the path that vendors print behind their host's name."""
        return re.sub(r"(/api/v1(/retail)?)?/*$", "", self.account.base_url) + "/api/v1"

    @property
    def _mine(self) -> str:
        customer = self._option("customer_id", "portal")
        if not isinstance(customer, str) or not re.fullmatch(r"[a-zA-Z0-9]{1,80}", customer):
            raise BadOptions("customer_id: 1 to 80 letters and digits")
        return f"/retail/a/customer/{customer}"

    def _one(self, upstream_ref: str) -> str:
        return f"{self._mine}/activation/{path_id(upstream_ref)}"

    def _option(self, name: str, default: object) -> object:
        return self.account.options.get(name, default)

    def _billing(self, cents: int) -> Mapping[str, object]:
        """What the upstream customer pays there: our ceiling, or the real price without markup."""
        match self._option("billing", "fixed"):
            case "fixed":
                return {"customer_billing_type": "fixed", "customer_price": cents}
            case "dynamic":
                return {"customer_billing_type": "dynamic", "customer_markup": 0}
        raise BadOptions("billing: fixed or dynamic")

    def _quality(self) -> Mapping[str, object]:
        factor = self._option("quality_factor", None)
        if factor is None:
            return {}
        if type(factor) is not int or not 0 <= factor <= 100:
            raise BadOptions("quality_factor: a whole number from 0 to 100")
        return {"quality_factor": factor}

    # --- calls ---

    def _read(
        self, path: str, read: Reader[T], *, params: Mapping[str, str] | None = None, max_bytes: int = 65_536
    ) -> Call[T]:
        return Call(
            "GET",
            self._base + path,
            params or {},
            read,
            headers={"X-Api-Key": self.account.secret},
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            max_bytes=max_bytes,
        )

    def _either(self, path: str, other: str, read: Reader[Sequence[T]]) -> Call[Sequence[T]]:
        """A list that upstreams keep at one of two addresses (RT-3): where the first is not, the other."""
        second = self._read(other, read, max_bytes=LONG_LIST_BYTES)

        def read_first(reply: Reply) -> Sequence[T]:
            return () if reply.status == 404 else read(reply)

        return Call(
            "GET",
            self._base + path,
            {},
            read_first,
            headers=second.headers,
            follow=lambda reply: second if reply.status == 404 else None,
            timeout_seconds=second.timeout_seconds,
            account=self.account,
            max_bytes=LONG_LIST_BYTES,
        )

    def _write(self, method: str, path: str, read: Reader[T], content: object | None = None) -> Call[T]:
        return Call(
            method,
            self._base + path,
            {},
            read,
            headers={"X-Api-Key": self.account.secret},
            json=content,
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            is_read=False,
        )
