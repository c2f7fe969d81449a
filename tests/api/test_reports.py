"""Reports over the retail dialect, R1 to R4: both transports, evidence by its content (B8, B9), and whose."""

import base64
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from activations.evidence import store
from activations.models import Activation, Report
from tests.api.conftest import names
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
CODE = "123456"


@pytest.fixture
def order(partner):
    return ActivationFactory(customer=partner.customer, billed=True)


def one(partner, order, what=""):
    return f"{partner.a}/activation/{order.hex_id}/report{what}"


def as_form(partner, order, content, *, name="proof.png", **fields):
    file = SimpleUploadedFile(name, content, content_type="image/png")
    body = encode_multipart(BOUNDARY, {"reason_id": "3", **fields, "evidence": file})
    return partner.ask("POST", one(partner, order), body, **{"Content-Type": MULTIPART_CONTENT})


def as_json(partner, order, content, **fields):
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    return partner.post(one(partner, order), {"reason_id": 3, "evidence": text, **fields})


def test_r1_names_the_reasons_of_the_state(partner, order):
    status, body = partner.get(one(partner, order, "/reasons"))

    assert status == 200
    assert [(line["reason_id"], line["evidence_required"]) for line in body] == [
        (2, False), (3, True), (4, True), (5, True), (6, False), (7, True),
    ]  # fmt: skip
    assert body[0]["reason_name"] == "Wrong SMS received"


def test_r2_takes_json_and_r3_and_r4_show_it(partner, order):
    answer = as_json(partner, order, PNG, message="Telegram says no <b>")
    status, report = partner.get(one(partner, order))
    _, listed = partner.get(f"{partner.a}/activation/reports")
    _, reasons = partner.get(one(partner, order, "/reasons"))

    assert answer == (200, {"status": "accepted", "decline_id": None})
    assert (status, report["reason_id"], report["message"]) == (200, 3, "Telegram says no <b>")
    assert report["reason_name"] == "Service not accepting the number"
    assert json.loads(report["activation_state_snapshot"]) == {
        "activation_status": "active", "sms_status": "smsReceived", "billing_status": "billed",
        "updated_at": int(order.updated_at.timestamp()), "sms_code": CODE, "sms_text": f"Your code: {CODE}",
    }  # fmt: skip
    assert report["activation"]["report_status"] == "inReview"
    assert listed == {"reports": [report], "page": 1, "limit": 10, "pages": 1, "total": 1}
    assert reasons == []


@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "data:text/html;charset=utf-8;base64,"])
def test_b8_a_data_urls_word_on_the_type_is_not_believed(partner, order, head):
    status, _ = as_json(partner, order, head + base64.b64encode(PNG).decode())

    assert (status, Report.objects.get().evidence_kind) == (200, "png")


def test_r2_takes_a_form_with_a_file(partner, order):
    assert as_form(partner, order, PNG, message="Grüße")[0] == 200

    report = Report.objects.get()
    assert (report.message, report.evidence_bytes) == ("Grüße", len(PNG))
    assert store().open(report.evidence_name).read() == PNG


def test_instant_declines_leave_no_report(partner):
    waiting = ActivationFactory(customer=partner.customer)
    retriable = ActivationFactory(customer=partner.customer, billed=True, is_retriable=True)

    assert as_json(partner, waiting, PNG, reason_id=1) == (200, {"status": "declined", "decline_id": 1})
    assert partner.post(one(partner, retriable), {"reason_id": 2}) == (
        200, {"status": "declined", "decline_id": 2},
    )  # fmt: skip
    assert names(partner.get(one(partner, waiting))) == (404, "NotFoundException")
    assert set(Activation.objects.values_list("report_status", flat=True)) == {None}


def test_a_second_report_and_a_late_one_are_refused(partner, order):
    as_json(partner, order, PNG)
    late = ActivationFactory(
        customer=partner.customer, billed=True, created_at=timezone.now() - timedelta(hours=1, seconds=5)
    )

    assert names(as_json(partner, order, PNG)) == (409, "ReportAlreadyExistsException")
    assert names(as_json(partner, late, PNG)) == (409, "ReportCreationDeadlinePassed")
    assert names(partner.get(one(partner, late, "/reasons"))) == (409, "ReportCreationDeadlinePassed")


@pytest.mark.parametrize("send", [as_form, as_json])
@pytest.mark.parametrize(
    "content", [b"<script>alert(1)</script>", b"GIF89a" + bytes(9), b"MZ" + bytes(99), b"RIFF1234WAVE", b"\0"]
)
def test_b8_evidence_of_another_type_is_415(partner, order, send, content):
    assert names(send(partner, order, content)) == (415, "UnsupportedMediaTypeException")
    assert not Report.objects.exists()


@pytest.mark.parametrize("send", [as_form, as_json])
def test_b8_five_megabytes_pass_and_one_byte_more_is_413(partner, order, send):
    largest = PNG + bytes(5_000_000 - len(PNG))

    assert names(send(partner, order, largest + b"0")) == (413, "PayloadTooLargeException")
    assert send(partner, order, largest)[0] == 200


def test_b8_what_is_far_too_large_is_refused_by_its_length_unread(partner, order):
    class Unreadable(io.BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    for kind in ("application/json", MULTIPART_CONTENT):
        request = {"CONTENT_LENGTH": "9000000", "wsgi.input": Unreadable()}
        answer = partner.client.generic(
            "POST",
            f"/api/v1/{one(partner, order)}",
            b"x",
            kind,
            headers={"X-Api-Key": partner.key},
            **request,
        )
        assert answer.status_code == 413


def test_b9_a_zip_bomb_is_kept_as_it_is(partner, order):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.txt", bytes(50_000_000))

    assert as_form(partner, order, bomb.getvalue(), name="bomb.zip")[0] == 200

    report = Report.objects.get()
    assert (report.evidence_kind, report.evidence_bytes) == ("zip", len(bomb.getvalue()))
    assert store().size(report.evidence_name) < 100_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason_id"),
        ({"reason_id": "3"}, "reason_id"),
        ({"reason_id": 0}, "reason_id"),
        ({"reason_id": 1}, "reason_id"),
        ({"reason_id": True}, "reason_id"),
        ({"reason_id": 3}, "evidence"),
        ({"reason_id": 3, "evidence": "%%%"}, "evidence"),
        ({"reason_id": 3, "evidence": 5}, "evidence"),
        ({"reason_id": 2, "message": "x" * 1001}, "message"),
        ({"reason_id": 2, "message": None}, "message"),
    ],
)
def test_bad_reports_name_the_field(partner, order, body, field):
    status, answer = partner.post(one(partner, order), body)

    assert (status, list(answer["details"])) == (400, [field])


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"{}", 415),
        ("multipart/form-data", b"--x", 415),
        ("multipart/form-data; boundary=", b"--x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 400),
    ],
)
def test_bodies_that_are_neither_are_refused(partner, order, kind, body, status):
    assert partner.ask("POST", one(partner, order), body, **{"Content-Type": kind})[0] == status


@pytest.mark.parametrize("text", [b"a\0b", b"\xff\xfe"])
def test_b1_b2_bytes_that_are_no_text_are_refused_in_forms(partner, order, text):
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = part % (b"reason_id", b"2") + part % (b"message", text) + b"--x--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=x"}

    assert names(partner.ask("POST", one(partner, order), body, **form)) == (400, "ValidationException")


def test_t1_t2_anothers_reports_do_not_exist(partner, stranger, order):
    as_json(partner, order, PNG)

    for what in ("", "/reasons"):
        assert names(stranger.get(one(stranger, order, what))) == (404, "NotFoundException")
        assert names(stranger.get(one(partner, order, what))) == (404, "NotFoundException")
    assert names(as_json(stranger, order, PNG)) == (404, "NotFoundException")
    assert stranger.get(f"{stranger.a}/activation/reports")[1]["total"] == 0
    assert partner.get(f"{partner.a}/activation/reports")[1]["total"] == 1


def test_b12_other_methods_are_named(partner, order):
    status, _ = partner.ask("DELETE", one(partner, order))

    assert (status, partner.last["Allow"]) == (405, "GET, POST")


def test_b3_pages_beyond_the_end_are_empty(partner, order):
    as_json(partner, order, PNG)

    assert partner.get(f"{partner.a}/activation/reports?page=2&limit=1")[1]["reports"] == []
    assert partner.get(f"{partner.a}/activation/reports?limit=101")[0] == 400
