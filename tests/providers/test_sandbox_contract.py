import pytest

from providers.contract import BadCredentials, Banned, OutOfFunds, OutOfStock
from providers.sandbox.stock import shelves
from tests.providers.contract_suite import AdapterContract, Bench

FAULTS = {OutOfStock: "out_of_stock", OutOfFunds: "no_balance", BadCredentials: "bad_key", Banned: "banned"}


class SandboxBench(Bench):
    wish = {"service": "telegram", "country": "us", "operator": "any", "offer_ref": "economy"}
    price_micros = shelves()["telegram", "us"][0].cost_micros

    def __init__(self, upstream):
        self.upstream = upstream
        self.adapter = upstream.adapter()
        self.canary = upstream.key

    def sms(self, lease, text):
        self.upstream.sms(lease.upstream_ref, text)

    def refuse(self, kind):
        self.upstream.fault("order", FAULTS[kind])
        return True

    def leases(self):
        return len(self.upstream.leases)


class TestSandbox(AdapterContract):
    @pytest.fixture
    def bench(self, upstream):
        return SandboxBench(upstream)
