"""Reporting from the card, the queue of staff, and who may have the evidence (B5, B8, T2)."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.services import create_operator
from activations.models import Activation, Report
from billing.models import Transaction
from tests.pages.conftest import Store
from tests.pages.test_buying import words

pytestmark = pytest.mark.django_db(transaction=True)

YES = {"_form_submitted": "on"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def received(store):
    row = store.order()
    store.deliver(row, "Your code is 482-913")
    return row


def send(client, row, *, content=PNG, reason_id=3, message="It says <b>no</b>"):
    file = SimpleUploadedFile("<script>.html", content, content_type="text/html")
    fields = {"reason_id": reason_id, "message": message, "evidence": file}
    return client.post(f"/numbers/{row.hex_id}/report/", fields, follow=True)


def staff(store, role, member_of):
    return store.signed_in(member_of(store, role))


def test_a_number_is_reported_from_its_card(store, received):
    client = store.signed_in()
    card = client.get("/numbers/").content.decode()
    form = words(client.get(f"/numbers/{received.hex_id}/report/"))

    page = words(send(client, received))

    assert f"/numbers/{received.hex_id}/report/" in card
    assert "Service not accepting the number (send evidence)" in form
    assert "SMS is not coming" not in form
    assert "You reported a problem. We are looking at it." in page
    assert "You reported a problem." in words(client.get("/history/"))
    assert Report.objects.get().activation_id == received.id
    assert f"/numbers/{received.hex_id}/report/" not in client.get("/numbers/").content.decode()


def test_a_report_that_needs_none_of_our_time_is_answered_at_once(store):
    row = store.order()

    page = words(send(store.signed_in(), row, reason_id=1))

    assert "you pay only for a code" in page
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("content", "status"), [(b"<html>", 415), (PNG + bytes(5_000_000), 413), (PNG + bytes(6_000_000), 413)]
)
def test_b8_evidence_that_does_not_fit_is_refused_in_the_form(store, received, content, status):
    answer = send(store.signed_in(), received, content=content)

    assert answer.status_code == status
    assert "evidence" in words(answer)
    assert not Report.objects.exists()


def test_b8_a_large_file_still_needs_the_csrf_token(store, received):
    client = store.signed_in()
    strict = Client(headers={"host": store.host, "accept": "text/html"}, enforce_csrf_checks=True)
    strict.cookies = client.cookies

    assert send(strict, received, content=PNG + bytes(6_000_000)).status_code == 403


def test_b8_evidence_is_a_download_and_nothing_else(store, received, member_of):
    send(store.signed_in(), received)
    report = Report.objects.get()

    own = store.signed_in().get(f"/numbers/{received.hex_id}/evidence/")
    office = staff(store, "viewer", member_of).get(f"/admin/activations/report/{report.pk}/evidence/")

    for answer in (own, office):
        assert b"".join(answer.streaming_content) == PNG
        assert answer["Content-Disposition"] == f'attachment; filename="report-{received.hex_id}.png"'
        assert answer["Content-Type"] == "image/png"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "no-store" in answer["Cache-Control"]


def test_t2_nobody_else_gets_the_evidence(store, received, other_upstream, member_of):
    send(store.signed_in(), received)
    report, other = Report.objects.get(), Store(other_upstream)
    admin = f"/admin/activations/report/{report.pk}/"

    for client in (store.stranger(), other.signed_in()):
        assert client.get(f"/numbers/{received.hex_id}/evidence/").status_code == 404
        assert client.get(f"/numbers/{received.hex_id}/report/").status_code == 404
        assert client.post(f"/numbers/{received.hex_id}/report/").status_code == 404
    foreign = staff(other, "owner", member_of)
    assert foreign.get(f"{admin}evidence/").status_code == 404
    assert foreign.post(f"{admin}approve/", YES).status_code == 404
    assert store.visitor().get(f"{admin}evidence/").status_code == 302
    assert f"report/{report.pk}/" not in foreign.get("/admin/activations/report/").content.decode()


def test_staff_approve_once_and_the_money_is_back(store, received, member_of):
    before = store.money()
    send(store.signed_in(), received)
    report, client = Report.objects.get(), staff(store, "support", member_of)
    address = f"/admin/activations/report/{report.pk}/"

    page = client.get(f"{address}change/").content.decode()
    client.post(f"{address}approve/", YES, follow=True)
    again = client.post(f"{address}approve/", YES)
    told = words(client.get(f"{address}change/"))

    assert "It says &lt;b&gt;no&lt;/b&gt;" in page
    assert "482913" not in page
    assert again.status_code == 302
    assert "This order was already refunded." in told
    assert Transaction.objects.filter(kind="refund").count() == 1
    assert store.money() != before
    assert "Your report was granted." in words(store.signed_in().get(f"/numbers/{received.hex_id}/"))


def test_staff_decline_with_a_word_of_advice(store, received, member_of):
    send(store.signed_in(), received)
    client = staff(store, "manager", member_of)

    client.post(f"/admin/activations/report/{Report.objects.get().pk}/decline/", {**YES, "decline_id": "1"})

    page = words(store.signed_in().get(f"/numbers/{received.hex_id}/"))
    assert "Your report was declined. Try another number." in page
    assert Activation.objects.get().billing_status == "billed"


def test_viewers_look_and_decide_nothing(store, received, member_of):
    send(store.signed_in(), received)
    viewer, address = (
        staff(store, "viewer", member_of),
        f"/admin/activations/report/{Report.objects.get().pk}/",
    )

    assert viewer.get(f"{address}change/").status_code == 200
    assert viewer.post(f"{address}approve/", YES).status_code == 403
    assert Report.objects.get().status == "inReview"


def test_b10_reading_the_dialogs_address_decides_nothing(store, received):
    send(store.signed_in(), received)
    operator = store.signed_in(create_operator(email="op@example.com", password="correct-horse-battery"))

    operator.get(f"/admin/activations/report/{Report.objects.get().pk}/approve/")

    assert Report.objects.get().status == "inReview"


def test_the_form_works_in_a_browser_on_a_phone(store, received, browsing, shot):
    page = browsing.open("/numbers/", viewport={"width": 390, "height": 844})

    page.get_by_role("link", name="Report it").click()
    page.get_by_label("What went wrong?").select_option("5")
    page.get_by_label("In your words").fill("It was blocked at once.")
    evidence = {"name": "screen.png", "mimeType": "image/png", "buffer": PNG}
    page.get_by_label("Evidence").set_input_files(evidence)
    shot(page, "report-phone")
    page.get_by_role("button", name="Send the report").click()

    page.get_by_text("Thank you. We are looking at it").wait_for()
    shot(page, "report-sent-phone")
    assert page.complaints == []
    assert Report.objects.get().message == "It was blocked at once."
