"""The same through a real server and a real client."""

import socket

import pytest
import requests

from tests.api.conftest import COUNTRY, SERVICE

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_partner_orders_and_polls_with_a_http_client(live_server, partner, shop):
    base = f"{live_server.url}/api/v1/{partner.a}"
    wish = {"service_id": SERVICE, "country_id": COUNTRY, "customer_price": 80}
    with requests.Session() as session:
        session.headers["x-api-key"] = partner.key
        ordered = session.post(f"{base}/activation", json=wish, headers={"Idempotency-Key": "k"})
        polled = session.get(f"{base}/activation/{ordered.json()['activation_id']}")

    assert (ordered.status_code, polled.status_code) == (200, 200)
    assert polled.json() == ordered.json()
    assert polled.headers["Cache-Control"] == "no-store"


def test_b2_b4_raw_bytes_that_no_client_sends_are_refused(live_server, partner):
    def send(line, body=b"", length=None):
        head = f"{line}\r\nHost: localhost\r\nX-Api-Key: {partner.key}\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((live_server.thread.host, live_server.thread.port), 5) as connection:
            connection.sendall(head.encode("latin-1") + body)
            return int(connection.makefile("rb").readline().split()[1])

    assert send("GET /api/v1/retail/a/customer/\xff/balance HTTP/1.1") == 400
    assert send("GET /api/v1/retail/m/customers?customer_id=\xff HTTP/1.1") == 400
    assert send("POST /api/v1/retail/m/customer HTTP/1.1", length=999_999_999_999) == 413
    assert send("POST /api/v1/retail/m/customer HTTP/1.1", b"[" * 8_000) == 400
