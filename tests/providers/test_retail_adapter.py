"""What is peculiar to the retail adapter: its options, its callbacks, ceilings below a cent."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from providers.adapters.retail import Retail
from providers.contract import (
    Account,
    BadOptions,
    OutcomeUnknown,
    PriceTooLow,
    Refused,
    Reply,
    UnknownToUpstream,
    UpstreamState,
)
from providers.http import send, send_all
from providers.registry import check_options

NOW = datetime(2026, 4, 4, 12, 10, tzinfo=UTC)
SECRET = "whsec_5f1d0c0ffee0ddba11"


def adapter(base_url="https://up.example", callback_secret="", **options):
    account = Account(base_url=base_url, secret="key", callback_secret=callback_secret, options=options)
    return Retail(account)


def order(adapter, **facts):
    wish = {"service": "telegram", "country": "de", "operator": "any", "offer_ref": "", "our_ref": "o"}
    return adapter.order(**{**wish, "ceiling_micros": 479_999, **facts})


# --- orders ---


LINE = {
    "activation_id": "abc",
    "phone": "12125550001",
    "price": 40,
    "service_id": "telegram",
    "country_id": "us",
    "activation_status": "active",
    "sms_status": "smsRequested",
}


def test_o7_a_line_whose_id_cannot_be_asked_about_is_left_out_and_others_are_read():
    lines = [LINE | {"activation_id": odd} for odd in ("a\0b", "a/b", 7, "x" * 81)]

    listed = adapter().list_active().read(Reply(200, json.dumps([*lines, LINE])))

    assert [lease.upstream_ref for lease in listed] == ["abc"]


def test_o7_an_order_with_an_id_that_cannot_be_asked_about_is_an_unknown_outcome():
    read = order(adapter()).read
    assert read(Reply(200, json.dumps(LINE))).upstream_ref == "abc"
    with pytest.raises(OutcomeUnknown):
        read(Reply(200, json.dumps(LINE | {"activation_id": "a/b"})))


@pytest.mark.parametrize(
    "base_url",
    [
        "https://up.example",
        "https://up.example/",
        "https://up.example/api/v1",
        "https://up.example/api/v1/",
        "https://up.example/api/v1/retail/",
    ],
)
def test_the_address_may_be_typed_as_vendors_print_it(base_url):
    assert adapter(base_url).balance().url == "https://up.example/api/v1/user/balance"


def test_the_test_base_keeps_its_own_path():
    assert adapter("https://up.example/test").balance().url == "https://up.example/test/api/v1/user/balance"
    assert adapter("https://up.example/test/api/v1").balance().url == (
        "https://up.example/test/api/v1/user/balance"
    )


def test_dynamic_billing_lets_the_upstream_customer_pay_the_real_price():
    call = order(adapter(billing="dynamic", customer_id="shop7", quality_factor=0))

    assert call.url.endswith("/retail/a/customer/shop7/activation")
    assert call.json == {
        "service_id": "telegram",
        "country_id": "de",
        "max_price": 47,
        "customer_billing_type": "dynamic",
        "customer_markup": 0,
        "quality_factor": 0,
    }


def test_a_ceiling_is_never_rounded_up_and_below_a_cent_nothing_is_sent():
    assert order(adapter(), ceiling_micros=19_999).json["max_price"] == 1
    assert order(adapter(), ceiling_micros=10**12).json["max_price"] == 10_000
    with pytest.raises(PriceTooLow):
        order(adapter(), ceiling_micros=9_999)


@pytest.mark.parametrize("ref", ["../../m/customers", "a/b", "", "x" * 81, "ü", "a?b=1"])
def test_a_reference_that_is_none_reaches_no_address(ref):
    with pytest.raises(UnknownToUpstream):
        adapter().status(upstream_ref=ref)


@pytest.mark.parametrize(
    "options",
    [
        {"billing": "monthly"},
        {"customer_id": "a b"},
        {"customer_id": 7},
        {"quality_factor": 101},
        {"quality_factor": True},
        {"quality_factor": "50"},
        {"funds": "all"},
        {"callback_recipe": "none"},
        {"without": ["breathing"]},
    ],
)
def test_a_wrong_option_is_refused_by_its_name(options):
    [name] = options
    with pytest.raises(BadOptions, match=rf"^{name}: "):
        check_options("retail", options)


def test_right_options_are_taken():
    check_options("retail", {})
    check_options(
        "retail",
        {"billing": "dynamic", "customer_id": "shop7", "quality_factor": 100, "funds": "customer",
         "callback_recipe": "timestamp.body", "without": ["report"]},
    )  # fmt: skip


def test_the_upstream_customers_funds_can_be_shown_instead_of_the_accounts(make_supplier):
    supplier = make_supplier("retail")
    own = supplier.adapter(options={**supplier.face.options, "funds": "customer"})

    assert send(own.balance()) == send(supplier.adapter().balance())
    assert "/a/customer/portal/balance" in own.balance().url


def test_an_upstream_customer_that_does_not_exist_is_a_refusal(make_supplier):
    supplier = make_supplier("retail")
    with pytest.raises(UnknownToUpstream):
        send(order(supplier.adapter(options={"customer_id": "nobody"}), country="us"))
    assert supplier.leases == []


def test_lists_are_found_at_their_other_address(make_supplier):
    """The supplier keeps them where the contract says, not where the vendor's own client looks first."""
    supplier = make_supplier("retail")

    [offers] = [send_all(call) for call in supplier.adapter().prices()]
    assert len(offers) > 4_000
    assert supplier.calls["prices"] == 1


# --- callbacks ---


def signed(body, *, parts="id.timestamp.body", secret=SECRET, at=NOW, encode=bytes.hex):
    stamp = str(int(at.timestamp()))
    values = {"id": b"wh_000000000001", "timestamp": stamp.encode(), "body": body}
    text = b".".join(values[part] for part in parts.split("."))
    signature = encode(hmac.digest(secret.encode(), text, "sha256"))
    return {"X-Webhook-Id": "wh_000000000001", "X-Timestamp": stamp, "X-Signature": signature}


def event(kind="customer.activation.updated", **facts):
    data = {
        "activation_id": "65f0a1b2c3d4e5f60718293a", "sms_status": "smsReceived",
        "activation_status": "active", "billing_status": "billed", "sms_code": "73915",
        "sms_text": "Code: 73915", "price": 41, **facts,
    }  # fmt: skip
    return json.dumps({"id": "evt_1", "api_version": "1.0", "type": kind, "data": data}).encode()


def test_the_contracts_own_vector_is_taken():
    body = (
        b'{"id":"evt_000000000001","api_version":"1.0","type":"customer.low_balance","data":{"customer_id":'
        b'"xDWxt7dd6efro3yWL4qfuEWjvAz1","balance":90}}'
    )
    headers = {
        "x-webhook-id": "wh_000000000001",
        "x-timestamp": "1632400000",
        "x-signature": "cc88d132b71a7fb640b83b72ffb26930b8062695a4c066d16be0067a09795365",
    }
    told = adapter(callback_secret=SECRET).read_callback(
        body=body, headers=headers, now=datetime.fromtimestamp(1_632_400_000, UTC)
    )

    assert (told.upstream_ref, told.is_proof) == ("", True), "about the account, not about a number"


@pytest.mark.parametrize("parts", ["id.timestamp.body", "timestamp.body"])
@pytest.mark.parametrize("encode", [bytes.hex, lambda digest: base64.b64encode(digest).decode()])
def test_w3_a_signature_that_covers_body_and_time_is_proof(parts, encode):
    body = event()
    told = adapter(callback_secret=SECRET, callback_recipe=parts).read_callback(
        body=body, headers=signed(body, parts=parts, encode=encode), now=NOW + timedelta(seconds=299)
    )

    assert (told.upstream_ref, told.is_proof) == ("65f0a1b2c3d4e5f60718293a", True)
    assert told.status.state is UpstreamState.RECEIVED
    assert [sms.code for sms in told.status.messages] == ["73915"]


def test_w5_without_a_secret_or_without_the_time_it_is_only_a_hint():
    body = event()
    assert not adapter().read_callback(body=body, headers={}, now=NOW).is_proof

    by_body = adapter(callback_secret=SECRET, callback_recipe="body")
    assert not by_body.read_callback(body=body, headers=signed(body, parts="body"), now=NOW).is_proof
    with pytest.raises(Refused):
        by_body.read_callback(body=body + b" ", headers=signed(body, parts="body"), now=NOW)


def test_w11_while_a_secret_changes_any_of_two_signatures_will_do():
    body = event()
    headers = signed(body)
    headers["X-Signature"] = "0" * 64 + "," + headers["X-Signature"]

    assert adapter(callback_secret=SECRET).read_callback(body=body, headers=headers, now=NOW).is_proof


@pytest.mark.parametrize("late", [-301, 301])
def test_w3_an_old_or_early_callback_is_refused(late):
    body = event()
    with pytest.raises(Refused):
        adapter(callback_secret=SECRET).read_callback(
            body=body, headers=signed(body), now=NOW + timedelta(seconds=late)
        )


def test_w3_a_signature_of_another_secret_is_refused():
    body = event()
    for headers in (signed(body, secret="whsec_other"), {**signed(body), "X-Signature": ""}, {}):
        with pytest.raises(Refused):
            adapter(callback_secret=SECRET).read_callback(body=body, headers=headers, now=NOW)


@pytest.mark.parametrize(
    ("kind", "is_ours"),
    [
        ("customer.activation_report.updated", True),
        ("activation_report.updated", True),
        ("activation.updated", True),
        ("alternative.activation.updated", False),
        ("customer.low_balance", False),
        ("customer.updated", False),
        ("something.new", False),
    ],
)
def test_events_about_other_things_name_no_number(kind, is_ours):
    told = adapter().read_callback(body=event(kind), headers={}, now=NOW)

    assert bool(told.upstream_ref) == is_ours
