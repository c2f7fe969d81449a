"""Callbacks that nobody could read when they came are kept and worked when somebody can."""

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from activations.services import inbox
from tests.activations.conftest import Shop
from webhooks.models import InboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(make_supplier):
    return Shop(make_supplier("onlinesim"))


def speaks(shop, protocol, **options):
    """The operator has written this protocol in the account."""
    shop.provider.protocol, shop.provider.options = protocol, options
    shop.provider.save()


def push(shop, row, **content):
    body = {"action": "PUSH_SMS", "key": shop.upstream.key, "smsId": 7, "phone": row.phone, **content}
    answer = Client().post(
        f"/callbacks/{shop.provider.callback_token}/",
        orjson.dumps({"phoneFrom": "Insta", "text": "Your code is 1234", **body}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {body['key']}"},
    )
    return answer.status_code


@pytest.mark.parametrize("is_forged", [False, True])
def test_w3_what_could_not_be_read_is_worked_when_it_can_be_and_still_must_prove_itself(
    shop, is_forged, now, capsys
):
    options = shop.provider.options
    row = shop.order(now=now)
    speaks(shop, "handler")
    status = push(shop, row, **({"key": "forged"} if is_forged else {}))
    assert (status, shop.row(row.hex_id).billing_status) == (401, "reserved")
    speaks(shop, "onlinesim", **options)

    for _ in range(2):
        call_command("replay_callbacks", shop.provider.public_no)

    expected = ("reserved", None) if is_forged else ("billed", "1234")
    got = shop.row(row.hex_id)
    assert (got.billing_status, got.sms_code) == expected
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["refused: 1" if is_forged else "done: 1", "None of its callbacks waits to be read."]


def test_what_still_cannot_be_read_waits(shop, now, capsys):
    row = shop.order(now=now)
    speaks(shop, "handler")
    push(shop, row)

    call_command("replay_callbacks", shop.provider.public_no)

    assert capsys.readouterr().out == "unreadable: 1\n"
    assert InboxMessage.objects.get().outcome == "unreadable"


def test_only_so_many_are_kept_for_a_provider(shop, now, monkeypatch):
    monkeypatch.setattr(inbox, "UNREADABLE_MAX", 2)
    row = shop.order(now=now)
    speaks(shop, "handler")

    assert [push(shop, row) for _ in range(3)] == [401] * 3
    assert InboxMessage.objects.count() == 2


@pytest.mark.parametrize("is_read", [True, False])
def test_s1_no_key_of_ours_stands_in_the_inbox(shop, is_read, now):
    row = shop.order(now=now)
    if not is_read:
        speaks(shop, "handler")
    assert push(shop, row) == (200 if is_read else 401)

    kept = InboxMessage.objects.get()
    assert shop.upstream.key not in bytes(kept.body).decode() + str(kept.headers)
    assert "Your code is 1234" in bytes(kept.body).decode()


def test_a_provider_that_is_none_is_named():
    with pytest.raises(CommandError, match="no provider 4711"):
        call_command("replay_callbacks", "4711")
