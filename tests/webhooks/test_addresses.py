"""Addresses that tenants type: examined when saved and at each connection (W9, W10)."""

import socket
from datetime import UTC, datetime

import pytest

from portal import addresses
from portal.addresses import AddressRefused, check, check_saved, is_public
from portal.errors import ValidationError
from tests.webhooks.conftest import make_endpoint
from webhooks.models import Delivery, Endpoint, Event
from webhooks.services.delivering import deliver_due
from webhooks.services.endpoints import create_endpoint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INNER = [
    "127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "localhost", "2130706433", "0x7f000001",
    "0177.0.0.1", "127.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::]", "[2001:db8::1]", "foo.localhost",
    "metadata.google.internal", "printer.local",
    "intranet", "127.0.0.1.", "①②⑦.0.0.1", "198.18.0.1", "[2001:0:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize("host", INNER)
def test_w9_an_internal_host_is_refused_when_saved(host):
    with pytest.raises(AddressRefused):
        check_saved(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/", "ftp://hooks.example.com/", "https://hooks.example.com:22/", "https:///x",
        "https://hooks.example.com:80/", "https://me:secret@hooks.example.com/", "hooks.example.com", "",
        "https://hooks.example.com\\@127.0.0.1/", "https://hooks.example.com/#x", "https://hooks.example.com:x/",
        "https://hooks.example.com/ x", "https://hooks.example.com/" + "x" * 500, "https://[::1/",
        "javascript:1",         "https://hooks.example.com:0/", "https://a..example.com/", "https://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_b12_other_shapes_are_refused(url):
    with pytest.raises(AddressRefused):
        check(url)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1]/"]
)
def test_public_addresses_are_accepted(url):
    assert check(url).is_secret


def test_addresses_that_carry_another_one_are_not_public():
    assert is_public("8.8.8.8")
    assert not any(is_public(text) for text in ("::ffff:8.8.8.8", "64:ff9b::808:808", "fe80::1%eth0", "word"))


def test_only_the_operators_very_host_and_port_is_excepted(settings):
    settings.ADDRESS_EXCEPTIONS = ["127.0.0.1:9000", "hooks.internal:80", "[::1]:9000"]

    for url in (
        "http://127.0.0.1:9000/x",
        "http://hooks.internal/",
        "https://[::1]:9000/",
        "http://HOOKS.internal/",
    ):
        assert check(url).is_excepted
    for url in ("http://127.0.0.1:9001/", "https://hooks.internal/", "http://[::1]/"):
        with pytest.raises(AddressRefused):
            check(url)


@pytest.mark.django_db
def test_w9_an_internal_address_is_a_400_and_makes_no_endpoint(tenant, receivers):
    inner = receivers(excepted=False)

    with pytest.raises(ValidationError) as refused:
        create_endpoint(tenant=tenant, customer=None, url=inner.url, event_types=["customer.updated"])

    assert list(refused.value.details) == ["url"]
    assert (Endpoint.objects.count(), inner.connections) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "localhost", "0x7f000001", "[::ffff:127.0.0.1]", "127.1"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_w9_an_internal_address_that_got_in_is_blocked_when_sent(tenant, customer, receivers, host, scheme):
    inner = receivers(excepted=False)
    make_endpoint(tenant, f"{scheme}://{host}:{inner.port}/")
    Event.objects.create(tenant=tenant, customer=customer, type="customer.updated")

    deliver_due(now=NOW)

    assert inner.connections == 0
    assert Delivery.objects.get().last_error.startswith("blocked: ")


class Names:
    """A name server whose answers change: what `socket.getaddrinfo` says of one name."""

    def __init__(self, name):
        self.name, self.address, self.asked, self.real = name, "", 0, socket.getaddrinfo

    def __call__(self, host, port, *args, **kwargs):
        if host != self.name:
            return self.real(host, port, *args, **kwargs)
        self.asked += 1
        return self.real(self.address, port, *args, **kwargs)


@pytest.fixture
def names(monkeypatch):
    server = Names("hooks.example.com")
    monkeypatch.setattr(socket, "getaddrinfo", server)
    return server


@pytest.mark.django_db
def test_w10_a_name_that_turned_inward_is_blocked_when_sent(tenant, customer, names, receivers, monkeypatch):
    inner = receivers(excepted=False)
    monkeypatch.setattr(addresses, "PORTS", addresses.PORTS | {inner.port})
    url = f"https://hooks.example.com:{inner.port}/"
    names.address = "93.184.215.14"
    create_endpoint(tenant=tenant, customer=None, url=url, event_types=["customer.updated"])
    Event.objects.create(tenant=tenant, customer=customer, type="customer.updated")
    names.address = "127.0.0.1"

    deliver_due(now=NOW)

    assert names.asked == 2
    assert inner.connections == 0
    assert Delivery.objects.get().last_error.startswith("blocked: The host leads to")


@pytest.mark.django_db
def test_w10_the_examined_address_is_the_one_connected_to(tenant, customer, names, receiver, settings):
    settings.ADDRESS_EXCEPTIONS = [f"hooks.example.com:{receiver.port}"]
    names.address = "127.0.0.1"
    make_endpoint(tenant, f"http://hooks.example.com:{receiver.port}/hook")
    Event.objects.create(tenant=tenant, customer=customer, type="customer.updated")

    deliver_due(now=NOW)

    assert names.asked == 1
    assert receiver.got[0][0]["Host"] == f"hooks.example.com:{receiver.port}"


def test_w10_a_name_with_one_inner_address_among_public_ones_is_refused(monkeypatch):
    two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: two)

    with pytest.raises(AddressRefused):
        addresses.resolve("hooks.example.com", 443)
    with pytest.raises(AddressRefused):
        check_saved("https://hooks.example.com/")
