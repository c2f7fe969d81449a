"""What every adapter must pass. Subclass `AdapterContract` and give it a `bench` fixture; pytest runs it all.

A bench is a loopback upstream that speaks the adapter's protocol; see SandboxBench for the smallest one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from providers.contract import (
    Adapter,
    BadCredentials,
    Banned,
    Call,
    Can,
    Lease,
    ListedLease,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    Refused,
    Reply,
    Status,
    UpstreamState,
)
from providers.http import send

NONSENSE = [
    Reply(200, ""),
    Reply(200, "<!doctype html><html><body>Checking your browser</body></html>"),
    Reply(200, '{"id": "1', {}),
    Reply(200, "Internal error: try later"),
    Reply(200, "SOME_NEW_WORD:1:2"),
    Reply(200, '{"error":"some_new_word","status":"some_new_word"}'),
    Reply(200, "[]"),
    Reply(200, "null"),
    Reply(500, "{}"),
    Reply(502, "Bad Gateway"),
    Reply(200, "\x00\ufffd"),
]


class Bench:
    """How the suite drives an upstream. `wish` are the order's words in the upstream's own codes."""

    adapter: Adapter
    wish: dict[str, str]
    price_micros: int
    canary: str  # the account's secret

    def sms(self, lease: Lease, text: str) -> None:
        raise NotImplementedError

    def refuse(self, kind: type[Refused]) -> bool:
        """The next order is refused in this way; False: the protocol cannot say so."""
        raise NotImplementedError

    def leases(self) -> int:
        """How many the upstream's books have."""
        raise NotImplementedError


class AdapterContract:
    def order(self, bench, **facts) -> Lease:
        wish = {"ceiling_micros": bench.price_micros, "our_ref": "our-1", **bench.wish, **facts}
        return send(bench.adapter.order(**wish))

    def calls(self, adapter: Adapter) -> dict[str, Call]:
        """One call of everything that the adapter says it can."""
        wish = {"service": "s", "country": "c", "operator": "any", "offer_ref": "", "our_ref": "o"}
        calls = {
            "order": adapter.order(ceiling_micros=100_000, **wish),
            "status": adapter.status(upstream_ref="1"),
        }
        if Can.LIST_ACTIVE in adapter.can:
            calls["list"] = adapter.list_active()
        for can in (Can.CANCEL, Can.RETRY, Can.FINISH):
            if can in adapter.can:
                calls[can] = getattr(adapter, can)(upstream_ref="1")
        if Can.REPORT in adapter.can:
            calls["report"] = adapter.report(upstream_ref="1", reason_id=7, message="Nothing came.")
        if Can.BALANCE in adapter.can:
            calls["balance"] = adapter.balance()
        for can in (Can.PRICES, Can.CATALOGUE):
            if can in adapter.can:
                calls |= {f"{can} {n}": call for n, call in enumerate(getattr(adapter, can)())}
        return calls

    def test_it_says_what_it_is(self, bench):
        adapter = bench.adapter
        assert adapter.protocol == adapter.protocol.lower()
        assert adapter.label
        assert isinstance(adapter.can, frozenset)
        assert adapter.can <= set(Can)

    def test_calls_are_bounded_and_writes_are_marked(self, bench):
        for name, call in self.calls(bench.adapter).items():
            assert call.timeout_seconds <= bench.adapter.account.timeout_seconds, name
            assert call.max_bytes <= 64 * 1024 * 1024, name
            assert call.is_read == (name not in {"order", "cancel", "retry", "finish", "report"}), name

    def test_s2_the_secret_is_in_a_header_or_a_masked_parameter(self, bench):
        for name, call in self.calls(bench.adapter).items():
            shown = {key: value for key, value in call.params.items() if key not in call.secret_params}
            assert bench.canary not in call.url, name
            assert bench.canary not in str(shown), name
        assert bench.canary not in repr(bench.adapter.account)

    @pytest.mark.parametrize("reply", NONSENSE, ids=lambda reply: f"{reply.status} {reply.text[:20]!r}")
    def test_u5_what_it_does_not_understand_is_outcome_unknown_or_no_news(self, bench, reply):
        """Reader slips (KeyError and the like) count as OutcomeUnknown: providers.http makes them one."""
        for name, call in self.calls(bench.adapter).items():
            try:
                answer = call.read(reply)
            except (OutcomeUnknown, ValueError, KeyError, TypeError, IndexError, AttributeError):
                continue
            assert name == "status", f"{name} believed {reply}"
            assert answer.state is UpstreamState.UNKNOWN

    def test_an_order_gives_a_lease_that_status_and_list_know(self, bench):
        lease = self.order(bench)
        assert lease.upstream_ref
        assert lease.phone.isdecimal()
        assert lease.cost_micros is None or 0 < lease.cost_micros <= bench.price_micros
        assert lease.expire_at is None or lease.expire_at > datetime.now(UTC)

        status = send(bench.adapter.status(upstream_ref=lease.upstream_ref))
        assert isinstance(status, Status)
        assert (status.state, list(status.messages)) == (UpstreamState.WAITING, [])
        [listed] = self.listed(bench, lease)
        assert (listed.phone, listed.state) == (lease.phone, UpstreamState.WAITING)
        assert listed.our_ref == ("our-1" if Can.OWN_REFERENCE in bench.adapter.can else "")

    def test_each_order_is_a_lease_of_its_own(self, bench):
        refs = {self.order(bench).upstream_ref for _ in range(3)}
        assert (len(refs), bench.leases()) == (3, 3)

    def test_a_message_arrives_once_with_its_whole_text(self, bench):
        lease = self.order(bench)
        bench.sms(lease, "Ваш код: 12-34 😀\nDon't share it: it's yours")

        for _ in range(2):
            status = send(bench.adapter.status(upstream_ref=lease.upstream_ref))
            assert status.state is UpstreamState.RECEIVED
            assert [sms.text for sms in status.messages] == ["Ваш код: 12-34 😀\nDon't share it: it's yours"]
        for listed in self.listed(bench, lease):
            assert [sms.upstream_ref for sms in listed.messages] == [
                sms.upstream_ref for sms in status.messages
            ]

    def test_retry_waits_for_one_more_message_and_keeps_the_first(self, bench):
        if Can.RETRY not in bench.adapter.can:
            pytest.skip("cannot retry")
        lease = self.order(bench)
        bench.sms(lease, "first 1111")
        send(bench.adapter.retry(upstream_ref=lease.upstream_ref))
        assert send(bench.adapter.status(upstream_ref=lease.upstream_ref)).state is UpstreamState.RETRYING

        bench.sms(lease, "second 2222")
        status = send(bench.adapter.status(upstream_ref=lease.upstream_ref))
        assert [sms.text for sms in status.messages][-1] == "second 2222"
        assert len({sms.upstream_ref for sms in status.messages}) == len(status.messages)

    def test_cancel_closes_it_and_finish_ends_it(self, bench):
        canceled, finished = self.order(bench), self.order(bench)
        send(bench.adapter.cancel(upstream_ref=canceled.upstream_ref))
        assert send(bench.adapter.status(upstream_ref=canceled.upstream_ref)).state is UpstreamState.CANCELED
        if Can.FINISH in bench.adapter.can:
            bench.sms(finished, "code 1234")
            send(bench.adapter.finish(upstream_ref=finished.upstream_ref))
            assert self.listed(bench, finished) == []
        assert self.listed(bench, canceled) == []

    def test_cancel_after_a_message_is_refused(self, bench):
        lease = self.order(bench)
        bench.sms(lease, "code 1234")
        with pytest.raises(Refused):
            send(bench.adapter.cancel(upstream_ref=lease.upstream_ref))

    @pytest.mark.parametrize("kind", [OutOfStock, OutOfFunds, BadCredentials, Banned])
    def test_u6_refusals_keep_their_kind(self, bench, kind):
        if not bench.refuse(kind):
            pytest.skip("the protocol has no word for it")
        with pytest.raises(kind):
            self.order(bench)
        assert bench.leases() == 0

    def test_a_ceiling_below_the_price_buys_nothing(self, bench):
        with pytest.raises(Refused):
            self.order(bench, ceiling_micros=1_000)
        assert bench.leases() == 0

    def test_prices_and_catalogue_name_what_can_be_ordered(self, bench):
        adapter = bench.adapter
        if Can.PRICES in adapter.can:
            offers = [offer for call in adapter.prices() for offer in send(call)]
            mine = [
                o for o in offers if (o.service, o.country) == (bench.wish["service"], bench.wish["country"])
            ]
            assert bench.price_micros in [offer.cost_micros for offer in mine]
            assert all(type(offer.cost_micros) is int for offer in offers)
        if Can.CATALOGUE in adapter.can:
            items = [item for call in adapter.catalogue() for item in send(call)]
            codes = {(item.kind, item.code) for item in items}
            assert {("service", bench.wish["service"]), ("country", bench.wish["country"])} <= codes
        if Can.BALANCE in adapter.can:
            assert type(send(adapter.balance())) is int

    def listed(self, bench, lease: Lease) -> Sequence[ListedLease]:
        if Can.LIST_ACTIVE not in bench.adapter.can:
            return []
        return [one for one in send(bench.adapter.list_active()) if one.upstream_ref == lease.upstream_ref]
