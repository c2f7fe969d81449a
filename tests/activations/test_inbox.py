"""Callbacks that nobody could read when they came are kept and worked when somebody can."""

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db.models.signals import post_save
from django.test import Client

from activations.services import keeping
from activations.services.checking import check_due
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
    monkeypatch.setattr(keeping, "UNREADABLE_MAX", 2)
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


# --- hints: read, but not believed ---


@pytest.fixture
def unsigned(make_supplier):
    return Shop(make_supplier("handler"))


def kept():
    return [(one.outcome, bytes(one.body)) for one in InboxMessage.objects.order_by("id")]


def test_w5_w1_an_unsigned_callback_is_kept_once_and_makes_us_ask(unsigned, now):
    row = unsigned.order(now=now)
    unsigned.sms(row, "Your code is 1234")
    ref = unsigned.row(row.hex_id).upstream_ref
    body, _ = unsigned.upstream.callback(ref)

    assert [unsigned.deliver(ref) for _ in range(3)] == [200] * 3
    assert (kept(), unsigned.row(row.hex_id).billing_status) == ([("hint", body)], "reserved")
    check_due(now)

    assert (kept(), unsigned.row(row.hex_id).sms_code) == ([("hint", body)], "1234")


def test_w5_only_so_many_hints_are_kept_of_a_provider_in_a_minute(unsigned, now, monkeypatch):
    monkeypatch.setattr(keeping, "HINTS_PER_MINUTE", 2)
    ref = unsigned.row(unsigned.order(now=now).hex_id).upstream_ref
    path = f"/callbacks/{unsigned.provider.callback_token}/"

    for number in range(3):
        body = {"activationId": int(ref), "number": number}
        assert Client().post(path, body, content_type="application/json").status_code == 200

    assert [outcome for outcome, _ in kept()] == ["hint", "hint"]


def test_w5_s1_what_was_taken_for_a_hint_is_worked_again_when_its_adapter_was_mended(shop, now, capsys):
    """The account's protocol saw only a number named; the right one finds proof and the message."""
    options = shop.provider.options
    row = shop.order(now=now)
    speaks(shop, "handler")
    assert push(shop, row, activationId=int(shop.row(row.hex_id).upstream_ref)) == 200
    [message] = InboxMessage.objects.all()
    assert (message.outcome, shop.row(row.hex_id).billing_status) == ("hint", "reserved")
    assert shop.upstream.key not in bytes(message.body).decode() + str(message.headers)
    speaks(shop, "onlinesim", **options)

    for words in ([], ["--hints"], ["--hints"]):
        call_command("replay_callbacks", shop.provider.public_no, *words)

    nothing = "None of its callbacks waits to be read."
    assert capsys.readouterr().out.splitlines() == [nothing, "done: 1", nothing]
    assert (shop.row(row.hex_id).billing_status, shop.row(row.hex_id).sms_code) == ("billed", "1234")
    assert [outcome for outcome, _ in kept()] == ["again: done", "billed"]


def test_w5_a_hint_that_is_one_still_is_kept_once_when_it_is_worked_again(unsigned, now, capsys):
    ref = unsigned.row(unsigned.order(now=now).hex_id).upstream_ref
    assert unsigned.deliver(ref) == 200

    call_command("replay_callbacks", unsigned.provider.public_no, "--hints")

    assert capsys.readouterr().out == "done: 1\n"
    assert [outcome for outcome, _ in kept()] == ["again: done"]


def test_a_hint_that_is_deleted_while_others_are_worked_again_stops_nothing(unsigned, now, capsys):
    for _ in range(2):
        unsigned.deliver(unsigned.row(unsigned.order(now=now).hex_id).upstream_ref)

    def its_time_is_over(instance, **_):
        InboxMessage.objects.exclude(pk=instance.pk).delete()

    post_save.connect(its_time_is_over, sender=InboxMessage)
    try:
        call_command("replay_callbacks", unsigned.provider.public_no, "--hints")
    finally:
        post_save.disconnect(its_time_is_over, sender=InboxMessage)

    assert sorted(capsys.readouterr().out.splitlines()) == ["done before: 1", "done: 1"]


def test_a_provider_that_is_none_is_named():
    with pytest.raises(CommandError, match="no provider 4711"):
        call_command("replay_callbacks", "4711")
