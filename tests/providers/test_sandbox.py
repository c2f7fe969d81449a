import contextlib
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import requests

from providers.adapters.sandbox import Sandbox
from providers.contract import (
    Account,
    BadCredentials,
    OutcomeUnknown,
    Refused,
    TooEarly,
    UpstreamState,
    WrongState,
)
from providers.http import send

KEY = "sandbox_live_0123456789"


def order(upstream, **facts):
    wish = {"service": "telegram", "country": "us", "operator": "any", "offer_ref": "", "our_ref": "ours"}
    return send(upstream.adapter(**facts).order(ceiling_micros=5_000_000, **wish))


def state(upstream, lease):
    return send(upstream.adapter().status(upstream_ref=lease.upstream_ref)).state


# --- the process ---


@contextlib.contextmanager
def process(*arguments):
    """`manage.py sandbox`, running; yields its address and the process."""
    command = [sys.executable, "manage.py", "sandbox", "--cancel-lock-seconds", "0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield re.search(r"http://\S+", running.stdout.readline())[0], running
        finally:
            running.kill()


def control(url, name, **order):
    return requests.post(f"{url}/control/{name}", json=order, headers={"X-Api-Key": KEY}, timeout=60).json()


def test_the_books_survive_a_kill(tmp_path):
    journal = tmp_path / "journal"
    with process("--journal", journal) as (url, running):
        adapter = Sandbox(Account(base_url=url, secret=KEY))
        wish = {"service": "telegram", "country": "us", "operator": "any", "offer_ref": "", "our_ref": "ours"}
        kept, gone = (send(adapter.order(ceiling_micros=5_000_000, **wish)) for _ in range(2))
        control(url, "sms", to=kept.phone, text="code 1234")
        send(adapter.cancel(upstream_ref=gone.upstream_ref))
        before = control(url, "books")
        running.send_signal(signal.SIGKILL)
        running.wait(30)
    with journal.open("ab") as file:
        file.write(b'["lease","half a li')

    with process("--journal", journal) as (url, running):
        after = control(url, "books")
        adapter = Sandbox(Account(base_url=url, secret=KEY))
        status = send(adapter.status(upstream_ref=kept.upstream_ref))
        third = send(adapter.order(ceiling_micros=5_000_000, **wish))
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    with process("--journal", journal) as (url, running):
        assert [line["id"] for line in control(url, "books")["leases"]][-1] == third.upstream_ref

    assert {**after, "calls": 0} == {**before, "calls": 0}
    assert [sms.text for sms in status.messages] == ["code 1234"]
    assert third.upstream_ref not in (kept.upstream_ref, gone.upstream_ref)
    assert KEY not in journal.read_text()


def test_a_delay_is_added_to_every_answer():
    with process("--delay-ms", 150) as (url, _):
        started = time.monotonic()
        send(Sandbox(Account(base_url=url, secret=KEY)).balance())
        assert 0.15 <= time.monotonic() - started < 4


# --- accounts ---


def test_each_key_has_books_of_its_own(upstream, other_upstream):
    lease = order(upstream)

    assert (len(upstream.leases), other_upstream.leases) == (1, [])
    with pytest.raises(Refused):
        send(other_upstream.adapter().status(upstream_ref=lease.upstream_ref))
    with pytest.raises(BadCredentials):
        send(Sandbox(Account(base_url=upstream.url, secret="nobody's key")).balance())


def test_money_is_charged_with_the_order_and_given_back_when_nothing_came(upstream):
    opening = send(upstream.adapter().balance())
    lease, expired = order(upstream), order(upstream)
    assert send(upstream.adapter().balance()) == opening - lease.cost_micros - expired.cost_micros

    upstream.sms(lease.phone, "code 1234")
    upstream.state(expired.upstream_ref, "expired")
    assert upstream.paid_micros == lease.cost_micros
    assert send(upstream.adapter().balance()) == opening - lease.cost_micros


def test_an_order_ends_by_itself_when_its_life_is_over(upstream):
    upstream.settings(life_seconds=0)
    waiting = order(upstream)
    assert state(upstream, waiting) is UpstreamState.EXPIRED
    assert upstream.paid_micros == 0


def test_u9_a_lease_names_the_time_from_which_it_can_be_cancelled(upstream):
    upstream.settings(cancel_lock_seconds=120)
    lease = order(upstream)
    with pytest.raises(TooEarly) as refusal:
        send(upstream.adapter().cancel(upstream_ref=lease.upstream_ref))
    assert timedelta(0) <= refusal.value.at - lease.cancelable_after <= timedelta(seconds=1)


# --- faults ---


@pytest.mark.parametrize("after", [False, True])
def test_u1_u2_an_answer_is_lost_before_or_after_the_allocation(upstream, after):
    upstream.fault("order", "lost", after=after, hang=True)
    with pytest.raises(OutcomeUnknown):
        order(upstream, timeout_seconds=0.3)

    listed = send(upstream.adapter().list_active())
    assert [one.our_ref for one in listed] == (["ours"] if after else [])


def test_other_scripted_faults(upstream):
    upstream.fault("order", "doubled")
    upstream.fault("order", "wrong_price", price_micros=0)
    upstream.fault("order", "old_id")
    doubled, free, old = order(upstream), order(upstream), order(upstream)
    assert (len(upstream.leases), free.cost_micros, old.upstream_ref) == (3, 0, free.upstream_ref)

    upstream.sms(doubled.phone, "code 1234")
    upstream.fault("status", "backwards", state="waiting")
    upstream.fault("list", "silent")
    upstream.fault("*", "late", seconds=0.2)
    assert state(upstream, doubled) is UpstreamState.WAITING
    assert send(upstream.adapter().list_active()) == []
    with pytest.raises(OutcomeUnknown):
        send(upstream.adapter(timeout_seconds=0.1).balance())
    assert state(upstream, doubled) is UpstreamState.RECEIVED


def test_m9_a_late_message_reaches_an_ended_lease_and_may_be_charged(upstream):
    lease = order(upstream)
    send(upstream.adapter().cancel(upstream_ref=lease.upstream_ref))
    with pytest.raises(Exception, match="no open order"):
        upstream.sms(lease.phone, "code 1234")

    upstream.sms(lease.phone, "code 1234", late=True, charge=True)
    status = send(upstream.adapter().status(upstream_ref=lease.upstream_ref))
    assert (status.state, len(status.messages)) == (UpstreamState.CANCELED, 1)
    assert upstream.paid_micros == lease.cost_micros
    with pytest.raises(WrongState):
        send(upstream.adapter().retry(upstream_ref=lease.upstream_ref))


# --- callbacks ---


@pytest.fixture
def inbox(wire):
    """What reached the callback address: (headers, body) each."""
    received = []

    def answer(connection, request):
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:]
        received.append((dict(line.split(": ", 1) for line in lines), body))
        status = b"503 Later" if wire.refusing > 0 else b"200 OK"
        wire.refusing -= 1
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    wire.refusing = 0
    wire.answer = answer
    return received


def wait_for(received, count):
    deadline = time.monotonic() + 60
    while len(received) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return received


def test_w3_a_callback_is_signed_and_proves_its_content(upstream, wire, inbox):
    lease = order(upstream, callback_url=f"{wire.url}/callbacks/token/")
    upstream.sms(lease.phone, "code 1234", sender="Telegram")
    [(headers, body)] = wait_for(inbox, 1)
    adapter, now = upstream.adapter(), datetime.now(UTC)

    callback = adapter.read_callback(body=body, headers=headers, now=now)
    assert (callback.upstream_ref, callback.is_proof) == (lease.upstream_ref, True)
    assert [(sms.text, sms.sender) for sms in callback.status.messages] == [("code 1234", "Telegram")]
    assert callback.status == send(adapter.status(upstream_ref=lease.upstream_ref))

    for bad in [
        {"body": body + b" "},
        {"headers": {**headers, "X-Sandbox-Signature": "0" * 64}},
        {"headers": {}},
        {"now": now + timedelta(seconds=400)},
        {"headers": {**headers, "X-Sandbox-Timestamp": "9" * 4_000}},
    ]:
        with pytest.raises(Refused):
            adapter.read_callback(**{"body": body, "headers": headers, "now": now, **bad})


def test_w1_a_callback_is_tried_again_with_the_same_id_and_may_come_twice(upstream, wire, inbox):
    lease = order(upstream, callback_url=f"{wire.url}/callbacks/token/")
    wire.refusing = 1
    upstream.sms(lease.phone, "code 1234")
    first, second = wait_for(inbox, 2)
    assert first[0]["X-Sandbox-Id"] == second[0]["X-Sandbox-Id"]

    upstream.fault("callback", "doubled")
    upstream.sms(lease.phone, "code 5678")
    wait_for(inbox, 4)
    assert [len(orjson.loads(body)["m"]) for _, body in inbox] == [1, 1, 2, 2]

    upstream.settings(callbacks=False)
    upstream.sms(lease.phone, "code 9")
    assert len(inbox) == 4
