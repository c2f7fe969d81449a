"""Fixtures: `upstream` is the sandbox as a provider on loopback, scripted and read by the test;
`make_supplier` gives one of any protocol (see tests/suppliers).

    def test_something(upstream):
        provider = upstream.provider()                      # a Provider row that speaks to it
        upstream.fault("order", "lost", after=True)         # the next order is allocated, its answer lost
        ...
        upstream.sms(activation.phone, "Your code is 1234")
        assert upstream.calls["order"] == 1
"""

from urllib.parse import urlsplit

import pytest

from tests.suppliers.server import running
from tests.suppliers.supplier import Supplier


@pytest.fixture(scope="session")
def sandbox_server():
    return running()


@pytest.fixture
def make_supplier(settings):
    """`make_supplier(protocol)`: an account of its own at a provider that speaks it. At the end no request
    may have broken the contract, nor come unwanted after `only`.
    """
    made = []

    def make(protocol="sandbox"):
        made.append(Supplier(protocol))
        place = urlsplit(made[-1].url).netloc  # accounts of tenants may go there, too
        settings.ADDRESS_EXCEPTIONS = [*settings.ADDRESS_EXCEPTIONS, place]
        return made[-1]

    yield make
    for supplier in made:
        assert not supplier.slips, "\n".join(supplier.slips)
        if supplier.allowed is not None:
            surplus = {action: n for action, n in supplier.calls.items() if action not in supplier.allowed}
            assert not surplus, f"calls that this test did not allow: {surplus}"


@pytest.fixture
def upstream(make_supplier):
    return make_supplier()


@pytest.fixture
def other_upstream(make_supplier):
    """A second provider, for failover and for keeping accounts apart."""
    return make_supplier()
