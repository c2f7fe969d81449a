"""S1: a code arrives by callback."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import orjson
import psycopg
from django.db import connection
from django.test import Client

from activations.models import Activation, Check, Message
from portal.embedded import postgres
from providers.models import Provider
from providers.sandbox.callbacks import sign
from tests.bench import load, pgbench
from tests.bench.load import Plan, http
from tests.bench.polls import statements
from tests.bench.recorded import Blank, recording, script
from tests.bench.report import Row
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import SANDBOX_KEY, Shop, fill, gather_statistics

CLIENTS = 8
EACH_SIDE = 3_000


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    fill(stack, shop, 2 * EACH_SIDE + 2)
    gather_statistics()
    waiting = list(
        Activation.objects.filter(tenant=shop.tenant, lease_state="leased", sms_status="smsRequested")
    )
    ours, theirs, sample = waiting[:EACH_SIDE], waiting[EACH_SIDE:-1], waiting[-1]
    number_for_pgbench(stack, theirs)
    provider = Provider.objects.get(public_no=1)
    callbacks = [callback(provider, row) for row in ours]
    text = yardstick(provider, sample)

    before = statements(stack)
    result = load.fire(Plan(stack.web, CLIENTS, 60, callbacks, requests_in_all=len(callbacks))).only(200)
    each = (statements(stack) - before) / len(callbacks)
    sql = pgbench.run(
        text,
        sockets=stack.servers.sockets,
        database=DATABASE,
        clients=CLIENTS,
        transactions=len(theirs) // CLIENTS,
    )
    billed = Activation.objects.filter(pk__in=[row.pk for row in ours], billing_status="billed").count()
    yardsticks = Activation.objects.filter(pk__in=[row.pk for row in theirs], billing_status="billed").count()
    yield Row("S1", "SMS by callback ÷ pgbench of its SQL", result.rate / sql, 0.20, True)
    yield Row("S1", "callbacks that did not bill their number", len(ours) - billed, 0, False, "")
    left = len(theirs) % CLIENTS
    yield Row("S1", "numbers that pgbench did not bill", len(theirs) - yardsticks, left, False, "")
    yield Row("S1", "statements beyond lookups, each one transaction", each, 3.2, False, "")

    messages = Message.objects.count()
    again = load.fire(Plan(stack.web, CLIENTS, 60, callbacks, requests_in_all=len(callbacks))).only(200)
    yield Row("S1", "rows added by repeating all callbacks", Message.objects.count() - messages, 0, False, "",
              f"{again.rate:.0f} repeats/s")  # fmt: skip
    # pgbench's references are nobody's at the sandbox: later rows would ask about them and block it.
    Check.objects.filter(activation__tenant=shop.tenant).delete()


def callback(provider: Provider, row: Activation) -> str:
    """The request that the sandbox would send for a code."""
    body, headers = signed(row)
    return http(
        "POST",
        f"/callbacks/{provider.callback_token}/",
        host="localhost",
        headers=headers,
        body=body.decode(),
    )


def signed(row: Activation) -> tuple[bytes, dict[str, str]]:
    message: dict[str, object] = {"i": secrets.token_hex(6), "t": "Your code is 428193", "f": "Telegram"}
    message |= {"k": "sms", "c": "", "at": int(time.time())}
    body = orjson.dumps({"id": row.upstream_ref, "s": "received", "m": [message]})
    message_id, now = secrets.token_hex(12), int(time.time())
    return body, {
        "X-Sandbox-Id": message_id,
        "X-Sandbox-Timestamp": str(now),
        "X-Sandbox-Signature": sign(SANDBOX_KEY.encode(), message_id, now, body),
    }


def number_for_pgbench(stack: Stack, waiting: list[Activation]) -> None:
    """Give these leases references that pgbench can count up."""
    address = postgres.address(stack.servers.sockets, postgres.OWNER, DATABASE)
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute(
            "UPDATE activations_activation a SET upstream_ref = 'bench' || v.n FROM unnest(%s::uuid[])"
            " WITH ORDINALITY AS v (id, n) WHERE a.id = v.id",
            [[row.pk for row in waiting]],
        )


def yardstick(provider: Provider, sample: Activation) -> str:
    """pgbench's script: the statements of one callback, for the next lease of its client."""
    body, headers = signed(sample)
    with recording() as made:
        answer = Client(headers={"host": "localhost"}).post(
            f"/callbacks/{provider.callback_token}/", body, content_type="application/json", headers=headers
        )
    assert answer.status_code == 200, answer.content
    connection.close()
    each = EACH_SIDE // CLIENTS
    head = f"\\set i :i + 1\n\\set n :client_id * {each} + :i"
    return script(
        made,
        [
            Blank([sample.upstream_ref], "ARRAY['bench' || :n]"),
            Blank(sample.upstream_ref, "('bench' || :n)::text"),
            Blank(sample.pk, ":id::uuid"),
        ],
        head=head,
        captured="activations_activation a JOIN",
    )
