"""What every adapter must pass, against a provider that speaks its protocol (tests/suppliers).

It runs over the whole registry: an adapter without a supplier fails here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from providers.contract import (
    Adapter,
    BadCredentials,
    Banned,
    Call,
    Can,
    End,
    Lease,
    ListedLease,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    ProviderError,
    Refused,
    Reply,
    Status,
    Throttled,
    UpstreamState,
)
from providers.http import send, send_all
from providers.registry import ADAPTERS
from tests.suppliers.faces import FACES, PROTOCOLS

NONSENSE = [
    Reply(200, ""),
    Reply(200, "<!doctype html><html><body>Checking your browser</body></html>"),
    Reply(403, "<!doctype html><html><body>Checking your browser</body></html>"),
    Reply(404, "<html><h1>nginx</h1></html>"),
    Reply(200, '{"id": "1', {}),
    Reply(200, "Internal error: try later"),
    Reply(200, "SOME_NEW_WORD:1:2"),
    Reply(200, '{"error":"some_new_word","status":"some_new_word"}'),
    Reply(200, "[]"),
    Reply(200, "null"),
    Reply(200, "true"),
    Reply(200, "0"),
    Reply(200, '""'),
    Reply(418, '{"message":"I am a teapot"}'),
    Reply(500, "{}"),
    Reply(502, "Bad Gateway"),
    Reply(503, '{"errorName":"ServiceUnavailableException","result":"failed","code":"PROVIDER_ERROR"}'),
    Reply(200, "\x00\ufffd"),
]
WRITES = {
    "order", "cancel", "retry", "finish", "ready", "report", "rent", "extend_rental", "cancel_rental",
    "finish_rental", "tell_end",
}  # fmt: skip
# An empty list is an answer; so is nothing about a lease that has no news.
MAY_BE_EMPTY = {"list_active", "list_rentals", "prices", "catalogue"}
IS_NEWS_ONLY = {"status", "rental_status"}
# Reader slips (KeyError and the like) count as OutcomeUnknown: providers.http makes them one.
SLIPS = (OutcomeUnknown, ValueError, KeyError, TypeError, IndexError, AttributeError)


@pytest.fixture(params=PROTOCOLS)
def supplier(request, make_supplier):
    return make_supplier(request.param)


@pytest.fixture
def adapter(supplier):
    return supplier.adapter()


def skip_unless(adapter, *wanted):
    for can in wanted:
        if can not in adapter.can:
            pytest.skip(f"{adapter.protocol} cannot {can}")


def order(supplier, **facts) -> Lease:
    wish = {"ceiling_micros": supplier.price_micros(), "our_ref": "our-1", **supplier.wish(), **facts}
    return send(supplier.adapter().order(**wish))


def status(supplier, lease):
    """Where it cannot be asked, what its books say stands for it."""
    if Can.STATUS not in supplier.adapter().can:
        return booked_status(supplier, lease)
    return send(supplier.adapter().status(upstream_ref=lease.upstream_ref))


def booked_status(supplier, lease):
    state = supplier.lease(lease.upstream_ref).state
    messages = []
    if state == "received":
        body, headers = supplier.callback(lease.upstream_ref)
        told = supplier.adapter().read_callback(body=body, headers=headers, now=datetime.now(UTC))
        messages = told.status.messages
    return Status(UpstreamState(state), messages)


def listed(supplier, lease: Lease) -> Sequence[ListedLease]:
    adapter = supplier.adapter()
    if Can.LIST_ACTIVE not in adapter.can:
        return []
    return [one for one in send_all(adapter.list_active()) if one.upstream_ref == lease.upstream_ref]


def calls(supplier) -> dict[str, Call]:
    """One call of everything that the adapter says it can, about a lease that could be."""
    wish = {"our_ref": "o", "ceiling_micros": 1_000_000, **supplier.wish()}
    return calls_of(supplier.adapter(), wish, {"upstream_ref": order(supplier).upstream_ref})


def calls_of(adapter: Adapter, wish, ref) -> dict[str, Call]:
    """By name; where there are several, with their number (`prices 1`)."""
    made = {"order": adapter.order(**wish)}
    for can in (Can.STATUS, Can.CANCEL, Can.RETRY, Can.FINISH, Can.READY):
        if can in adapter.can and (call := getattr(adapter, can)(**ref)) is not None:
            made[can] = call
    if Can.TELL_END in adapter.can:
        made["tell_end"] = adapter.tell_end(end=End.SOLD, amount=Decimal(6), is_rental=False, **ref)
    if Can.REPORT in adapter.can:
        made["report"] = adapter.report(reason_id=7, message="Nothing came.", **ref)
    for can in (Can.LIST_ACTIVE, Can.LIST_RENTALS, Can.BALANCE):
        if can in adapter.can:
            made[can] = getattr(adapter, can)()
    for can in (Can.PRICES, Can.CATALOGUE):
        if can in adapter.can:
            made |= {f"{can} {n}": call for n, call in enumerate(getattr(adapter, can)())}
    return made | rental_calls(adapter, wish, ref)


def rental_calls(adapter: Adapter, wish, ref) -> dict[str, Call]:
    made = {}
    if Can.RENTAL in adapter.can:
        made["rent"] = adapter.rent(hours=24, **wish)
        if Can.STATUS in adapter.can:
            made["rental_status"] = adapter.rental_status(**ref)
    if Can.EXTEND_RENTAL in adapter.can:
        made["extend_rental"] = adapter.extend_rental(hours=24, ceiling_micros=1_000_000, our_ref="o", **ref)
    for can in (Can.CANCEL_RENTAL, Can.FINISH_RENTAL):
        if can in adapter.can:
            made[can] = getattr(adapter, can)(**ref)
    return made


def test_every_adapter_has_a_supplier_to_prove_itself_against():
    assert set(ADAPTERS) == {"sandbox", *(face.speaks or face.protocol for face in FACES.values())}


# --- what it says and sends ---


def test_it_says_what_it_is(adapter):
    assert adapter.protocol == adapter.protocol.lower()
    assert adapter.label
    assert isinstance(adapter.can, frozenset)
    assert adapter.can <= set(Can)


def test_an_account_can_lack_what_the_protocol_has(supplier, adapter):
    for can in adapter.can:
        lacking = supplier.adapter(options={**adapter.account.options, "without": [can.value]})
        assert lacking.can == adapter.can - {can}


def test_calls_are_bounded_and_writes_are_marked(supplier, adapter):
    for name, call in calls(supplier).items():
        assert call.timeout_seconds <= adapter.account.timeout_seconds, name
        assert call.max_bytes <= 64 * 1024 * 1024, name
        assert call.is_read == (name not in WRITES), name


def test_s2_the_secret_is_in_a_header_or_a_masked_parameter(supplier, adapter):
    for name, call in calls(supplier).items():
        shown = {key: value for key, value in call.params.items() if key not in call.secret_params}
        assert supplier.key not in call.url, name
        assert supplier.key not in str(shown), name
    shown = repr(supplier.adapter(callback_secret="canary").account)
    assert supplier.key not in shown
    assert "canary" not in shown


@pytest.mark.parametrize("reply", NONSENSE, ids=lambda reply: f"{reply.status} {reply.text[:20]!r}")
def test_u5_what_it_does_not_understand_is_outcome_unknown_or_no_news(supplier, reply):
    for name, call in calls(supplier).items():
        try:
            answer = call.read(reply)
        except SLIPS:
            continue
        kind = name.split()[0]
        if kind in IS_NEWS_ONLY:
            assert (answer.state, list(answer.messages)) == (UpstreamState.UNKNOWN, []), name
        elif reply.status == 404 and call.follow:
            assert call.follow(reply) is not None, f"{name} took a page for an empty list"
        else:
            assert kind in MAY_BE_EMPTY, f"{name} believed {reply}"
            assert (reply.text, list(answer)) == ("[]", []), name


@pytest.mark.parametrize("fault", ["html", "cut", "garbage", "redirect", "huge", "lost"])
def test_u5_an_order_that_was_answered_with_something_else_is_not_guessed(supplier, fault):
    supplier.fault("order", fault, after=True)

    with pytest.raises(OutcomeUnknown):
        order(supplier)
    assert len(supplier.leases) == 1


@pytest.mark.parametrize("status", [403, 500, 502, 503])
def test_u5_somebody_elses_page_is_no_answer_whatever_its_status(supplier, status):
    supplier.fault("order", "html", status=status)

    with pytest.raises(OutcomeUnknown):
        order(supplier)


def test_u5_a_new_word_with_a_new_status_is_no_answer(supplier):
    supplier.fault("order", "refuse", word="SOME_NEW_WORD", status=418)

    with pytest.raises(OutcomeUnknown):
        order(supplier)


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/octet-stream"])
def test_an_answer_under_a_wrong_content_type_is_read_all_the_same(supplier, kind):
    supplier.fault("order", "mistyped", type=kind)

    assert order(supplier).upstream_ref == supplier.ref(supplier.leases[0])


# --- orders ---


def test_an_order_gives_a_lease_that_status_and_list_know(supplier, adapter):
    lease = order(supplier)
    assert lease.upstream_ref == supplier.ref(supplier.leases[0])
    assert lease.phone == supplier.leases[0].phone
    assert lease.cost_micros in (None, supplier.leases[0].cost)
    assert lease.expire_at is None or lease.expire_at > datetime.now(UTC)

    now = status(supplier, lease)
    assert (now.state, list(now.messages)) == (UpstreamState.WAITING, [])
    for one in listed(supplier, lease):
        assert one.phone == lease.phone
        assert one.our_ref == ("our-1" if Can.OWN_REFERENCE in adapter.can else "")
        if Can.MESSAGES_IN_LIST in adapter.can:
            assert one.state is UpstreamState.WAITING
    assert len(listed(supplier, lease)) == (Can.LIST_ACTIVE in adapter.can)


def test_u1_a_list_says_enough_to_find_a_lost_order(supplier, adapter):
    skip_unless(adapter, Can.LIST_ACTIVE)
    supplier.fault("order", "lost", after=True)
    with pytest.raises(OutcomeUnknown):
        order(supplier)

    [one] = send_all(adapter.list_active())
    if Can.OWN_REFERENCE in adapter.can:
        assert one.our_ref == "our-1"
    else:
        wish = supplier.wish()
        assert (one.service, one.country) == (wish["service"], wish["country"])
        assert one.cost_micros in (None, supplier.price_micros())
        assert abs(one.created_at - datetime.now(UTC)) < timedelta(minutes=10)


def test_each_order_is_a_lease_of_its_own(supplier):
    refs = {order(supplier).upstream_ref for _ in range(3)}
    assert (len(refs), len(supplier.leases)) == (3, 3)


def test_a_ceiling_below_the_price_buys_nothing(supplier, adapter):
    skip_unless(adapter, Can.CEILING)
    with pytest.raises(Refused):
        order(supplier, ceiling_micros=1_000)
    assert supplier.leases == []


def test_u8_a_price_refusal_names_the_nearest_price_where_it_can(supplier, adapter):
    skip_unless(adapter, Can.CEILING)
    supplier.fault("order", "price_too_low", suggested=2_000_000)

    with pytest.raises(Refused) as refusal:
        order(supplier)
    if isinstance(refusal.value, PriceTooLow):
        assert refusal.value.suggested_micros in (None, 2_000_000)


def test_u7_a_price_above_the_ceiling_is_told_or_left_open(supplier, adapter):
    if Can.TELL_END in adapter.can:
        pytest.skip("the price is ours to name")
    supplier.fault("order", "wrong_price", price_micros=supplier.price_micros() * 3)

    assert order(supplier).cost_micros in (None, supplier.price_micros() * 3)


@pytest.mark.parametrize(
    "kind", [OutOfStock, OutOfFunds, BadCredentials, Banned, Throttled], ids=lambda kind: kind.code
)
def test_u6_refusals_keep_their_kind(supplier, kind):
    if not supplier.refuse(kind):
        pytest.skip("the protocol has no word for it")
    with pytest.raises(kind):
        order(supplier)
    assert supplier.leases == []


def test_prefixes_that_are_not_wanted_are_told_where_it_can(supplier, adapter):
    skip_unless(adapter, Can.PREFIXES)
    wish = {"ceiling_micros": 1_000_000, "our_ref": "o", **supplier.wish()}
    call = adapter.order(exclude_prefixes=["1212", "1646"], **wish)

    assert "1212" in str((call.params, call.json))
    assert "1646" in str((call.params, call.json))


# --- messages ---


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ваш код: 12345 😀\nDon't share it: it's yours", "12345"),
        ("STATUS_OK:9876:and:so:on", "9876"),
        ('<b>"Your" code\\is</b> {55555}', "55555"),
    ],
)
def test_a_message_arrives_once_with_all_that_the_protocol_tells(supplier, adapter, text, code):
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, text)

    for _ in range(2):
        now = status(supplier, lease)
        [sms] = now.messages
        assert now.state is UpstreamState.RECEIVED
        if supplier.shows_text:
            assert sms.text == text
        assert sms.code in ("", code) if supplier.shows_text else sms.code == code
    for one in listed(supplier, lease):
        assert [each.upstream_ref for each in one.messages] in ([], [sms.upstream_ref])


def test_u14_a_message_without_a_code_is_kept_and_none_is_made_up(supplier):
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "Welcome to the club!")

    messages = status(supplier, lease).messages
    assert [sms.code for sms in messages] in ([], [""])
    if supplier.shows_text:
        assert [sms.text for sms in messages] == ["Welcome to the club!"]


def test_retry_waits_for_one_more_message_and_keeps_the_first(supplier, adapter):
    skip_unless(adapter, Can.RETRY, Can.STATUS)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "first 1111")
    first = status(supplier, lease).messages
    send(adapter.retry(upstream_ref=lease.upstream_ref))
    waiting = status(supplier, lease)
    assert waiting.state is UpstreamState.RETRYING
    assert {sms.upstream_ref for sms in waiting.messages} <= {sms.upstream_ref for sms in first}

    supplier.sms(lease.upstream_ref, "second 2222")
    now = status(supplier, lease)
    last = now.messages[-1]
    assert now.state is UpstreamState.RECEIVED
    assert (last.code or last.text) in ("2222", "second 2222")
    assert last.upstream_ref not in {sms.upstream_ref for sms in first} or last.upstream_ref == ""
    assert len({(sms.upstream_ref, sms.text, sms.code) for sms in now.messages}) == len(now.messages)


# --- the end ---


def test_cancel_gives_the_money_back_and_closes(supplier, adapter):
    skip_unless(adapter, Can.CANCEL)
    lease = order(supplier)
    refunded = send(adapter.cancel(upstream_ref=lease.upstream_ref))

    assert refunded in (None, supplier.leases[0].cost)
    assert supplier.paid_micros == 0
    assert status(supplier, lease).state is UpstreamState.CANCELED
    assert listed(supplier, lease) == []


def test_cancel_after_a_message_is_refused(supplier, adapter):
    skip_unless(adapter, Can.CANCEL, Can.STATUS)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "code 1234")
    with pytest.raises(Refused):
        send(adapter.cancel(upstream_ref=lease.upstream_ref))
    assert supplier.paid_micros == supplier.leases[0].cost


def test_u9_cancel_that_is_too_early_is_refused(supplier, adapter):
    skip_unless(adapter, Can.CANCEL, Can.STATUS)
    supplier.settings(cancel_lock_seconds=600)
    lease = order(supplier)

    with pytest.raises(Refused):
        send(adapter.cancel(upstream_ref=lease.upstream_ref))
    assert supplier.paid_micros == supplier.leases[0].cost
    assert status(supplier, lease).state is UpstreamState.WAITING


def test_finish_ends_it(supplier, adapter):
    skip_unless(adapter, Can.FINISH)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "code 1234")
    send(adapter.finish(upstream_ref=lease.upstream_ref))

    assert supplier.leases[0].state == "finished"
    assert listed(supplier, lease) == []


def told(lease, end, *, is_rental=False):
    amount = lease.native.amount if lease.native else None
    return {"upstream_ref": lease.upstream_ref, "end": end, "amount": amount, "is_rental": is_rental}


def test_it_is_told_how_a_lease_ended_as_often_as_needed(supplier, adapter):
    skip_unless(adapter, Can.TELL_END)
    sold, unused, returned = (order(supplier) for _ in range(3))
    supplier.sms(sold.upstream_ref, "code 1234")
    for _ in range(2):
        send(adapter.tell_end(**told(sold, End.SOLD)))
        send(adapter.tell_end(**told(unused, End.UNUSED)))
    send(adapter.tell_end(**told(returned, End.SOLD)))
    send(adapter.tell_end(**told(returned, End.REFUNDED)))

    assert [lease.state for lease in supplier.leases] == ["finished", "canceled", "refunded"]
    assert supplier.paid_micros == sold.cost_micros
    assert sold.native.amount * sold.native.rate * 1_000_000 == sold.cost_micros


def test_a_number_that_ran_out_is_told_and_costs_nothing(supplier):
    lease = order(supplier)
    supplier.state(lease.upstream_ref, "expired")

    assert status(supplier, lease).state in (UpstreamState.EXPIRED, UpstreamState.CANCELED)
    assert supplier.paid_micros == 0


def test_a_complaint_may_be_repeated(supplier, adapter):
    skip_unless(adapter, Can.REPORT)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "code 1234")
    for _ in range(2):
        send(adapter.report(upstream_ref=lease.upstream_ref, reason_id=3, message="Not accepted."))
    assert supplier.leases[0].reported == 3


def test_a_lease_of_nobody_is_unknown_there(supplier, make_supplier, adapter):
    lease = order(make_supplier(supplier.protocol))

    asks = Can.STATUS in adapter.can
    call = (
        adapter.status(upstream_ref=lease.upstream_ref) if asks else adapter.tell_end(**told(lease, End.SOLD))
    )
    with pytest.raises(Refused):
        send(call)


# --- rentals ---


def rent(supplier, *, hours=24, **facts) -> Lease:
    """A lease by the hour, at the price of its line."""
    adapter = supplier.adapter()
    skip_unless(adapter, Can.RENTAL)
    if supplier.rental_wish() is None:
        pytest.skip("its supplier rents by books of its own")
    wish = {"our_ref": "our-9", "ceiling_micros": 100_000_000, **supplier.rental_wish(), **facts}
    return send(adapter.rent(hours=hours, **wish))


def test_a_rental_has_its_end_and_takes_every_message(supplier, adapter):
    lease = rent(supplier, hours=72)
    ref = {"upstream_ref": lease.upstream_ref}
    booked = supplier.rented(lease.upstream_ref)
    assert (lease.phone, lease.cost_micros) == (booked.phone, booked.cost)
    assert abs(lease.expire_at - datetime.now(UTC) - timedelta(hours=72)) < timedelta(minutes=10)
    assert list(send(adapter.rental_status(**ref)).messages) == []

    for text in ("first 1111", "second 2222", "first 1111"):
        supplier.sms(lease.upstream_ref, text)
    messages = send(adapter.rental_status(**ref)).messages
    assert sorted(sms.text for sms in messages) == ["first 1111", "first 1111", "second 2222"]
    assert len({sms.upstream_ref for sms in messages}) == 3


def test_a_rental_can_be_made_longer(supplier, adapter):
    skip_unless(adapter, Can.EXTEND_RENTAL)
    lease = rent(supplier)
    booked = supplier.rented(lease.upstream_ref)
    longer = send(
        adapter.extend_rental(
            upstream_ref=lease.upstream_ref, hours=48, ceiling_micros=100_000_000, our_ref="our-10"
        )
    )

    assert booked.hours == 72
    assert longer.cost_micros in (None, booked.charged - lease.cost_micros)
    assert longer.ends_at is None or abs(longer.ends_at - lease.expire_at - timedelta(hours=48)) < timedelta(
        minutes=1
    )


def test_a_rental_that_is_given_back_tells_what_comes_back(supplier, adapter):
    skip_unless(adapter, Can.CANCEL_RENTAL)
    unused, used = rent(supplier, hours=72), rent(supplier, hours=72)
    supplier.sms(used.upstream_ref, "code 1234")
    for lease in (unused, used):
        refunded = send(adapter.cancel_rental(upstream_ref=lease.upstream_ref))
        assert refunded in (None, supplier.rented(lease.upstream_ref).refunded)
        assert supplier.rented(lease.upstream_ref).state == "canceled"
    assert supplier.rented(unused.upstream_ref).refunded == unused.cost_micros
    assert supplier.rented(used.upstream_ref).refunded < used.cost_micros


def test_a_rental_that_ended_cannot_be_made_longer_nor_given_back(supplier, adapter):
    lease = rent(supplier)
    supplier.state(lease.upstream_ref, "finished")
    if Can.EXTEND_RENTAL in adapter.can:
        with pytest.raises(Refused):
            send(
                adapter.extend_rental(
                    upstream_ref=lease.upstream_ref, hours=24, ceiling_micros=100_000_000, our_ref="o"
                )
            )
    if Can.CANCEL_RENTAL in adapter.can:
        with pytest.raises(Refused):
            send(adapter.cancel_rental(upstream_ref=lease.upstream_ref))
    assert supplier.paid_micros == lease.cost_micros


def test_u1_rentals_are_listed_apart_from_numbers(supplier, adapter):
    skip_unless(adapter, Can.LIST_RENTALS)
    lease, number = rent(supplier), order(supplier)

    [one] = send_all(adapter.list_rentals())
    assert (one.upstream_ref, one.phone) == (lease.upstream_ref, lease.phone)
    assert one.our_ref == ("our-9" if Can.OWN_REFERENCE in adapter.can else "")
    assert [each.upstream_ref for each in listed(supplier, number)] == [number.upstream_ref]


@pytest.mark.parametrize("fault", ["html", "lost", "garbage"])
def test_u5_a_rental_that_was_answered_with_something_else_is_not_guessed(supplier, fault):
    rent(supplier)
    supplier.fault("rent", fault, after=True)
    with pytest.raises(OutcomeUnknown):
        rent(supplier)
    assert len(supplier.leases) == 2


@pytest.mark.parametrize("kind", [OutOfStock, OutOfFunds, BadCredentials], ids=lambda kind: kind.code)
def test_u6_refusals_of_rentals_keep_their_kind(supplier, kind):
    rent(supplier)
    assert supplier.refuse(kind, action="rent")
    with pytest.raises(kind):
        rent(supplier)


# --- catalogue and money ---


def test_prices_and_catalogue_name_what_can_be_ordered(supplier, adapter):
    wish = supplier.wish()
    items = []
    if Can.CATALOGUE in adapter.can:
        items = [item for call in adapter.catalogue() for item in send_all(call)]
        codes = {(item.kind, item.code) for item in items}
        assert {("service", wish["service"]), ("country", wish["country"])} <= codes
    if Can.PRICES in adapter.can:
        offers = [offer for call in adapter.prices(items) for offer in send_all(call)]
        mine = [one for one in offers if (one.service, one.country) == (wish["service"], wish["country"])]
        assert supplier.price_micros() in [one.cost_micros for one in mine if one.kind == "activation"]
        assert all(type(one.cost_micros) is int and one.cost_micros > 0 for one in offers)
        assert all(one.quality is None or 0 <= one.quality <= 1 for one in offers)
        keys = [
            (one.kind, one.service, one.country, one.operator, one.upstream_ref, one.duration_hours)
            for one in offers
        ]
        assert len(set(keys)) == len(keys)


def test_the_balance_falls_by_what_is_bought(supplier, adapter):
    skip_unless(adapter, Can.BALANCE)
    before = send(adapter.balance())
    order(supplier)

    after = send(adapter.balance())
    assert type(before) is int
    assert abs(before - after - supplier.price_micros()) < 10_000  # shown in whole cents by some


# --- callbacks ---


def test_a_callback_tells_which_number_has_a_message(supplier, adapter):
    skip_unless(adapter, Can.CALLBACK)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "code 1234")
    body, headers = supplier.callback(lease.upstream_ref)

    told = adapter.read_callback(body=body, headers=headers, now=datetime.now(UTC))
    assert (told.upstream_ref, told.phone) in ((lease.upstream_ref, ""), ("", lease.phone))
    if told.status:
        [sms] = told.status.messages
        assert sms.upstream_ref == status(supplier, lease).messages[0].upstream_ref


def test_w3_a_callback_that_proves_itself_is_believed_only_whole_and_in_time(supplier, adapter):
    skip_unless(adapter, Can.CALLBACK)
    lease = order(supplier)
    supplier.sms(lease.upstream_ref, "code 1234")
    body, headers = supplier.callback(lease.upstream_ref)
    now = datetime.now(UTC)
    if not adapter.read_callback(body=body, headers=headers, now=now).is_proof:
        pytest.skip("its callbacks prove nothing")
    if supplier.face and not supplier.face.signs_callbacks:
        pytest.skip("its callbacks are proven by the key alone")

    bad = [(body + b" ", headers, now), (body, headers, now + timedelta(seconds=320))]
    bad += [(body, headers, now - timedelta(seconds=320))]
    for name in headers:
        bad.append((body, {**headers, name: headers[name][:-1] + "0~"[headers[name].endswith("0")]}, now))
        bad.append((body, {key: value for key, value in headers.items() if key != name}, now))
    for body, headers, at in bad:
        with pytest.raises(Refused):
            adapter.read_callback(body=body, headers=headers, now=at)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b'{"data":5}', b"a=1&b=2"])
def test_u5_a_callback_that_is_none_has_no_effect(supplier, adapter, body):
    skip_unless(adapter, Can.CALLBACK)
    try:
        told = supplier.adapter(callback_secret="").read_callback(
            body=body, headers={}, now=datetime.now(UTC)
        )
    except (ProviderError, *SLIPS):
        return
    assert not told.upstream_ref
