"""Login sessions end in the database, too."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import sessions, tasks
from portal.celery import app
from tests.accounts.conftest import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


def test_expired_sessions_are_deleted_every_day_and_others_go_on(acme, jar, confirmed, monkeypatch):
    monkeypatch.setattr(sessions, "BATCH", 2)
    over, now = timedelta(seconds=-1), timezone.now()
    for number in range(5):
        Session.objects.create(session_key=f"old {number}", session_data="", expire_date=now + over)
    client, user = jar(acme), confirmed(tenant=acme, password="correct horse 17")
    sign_in(client, user.email, "correct horse 17")

    tasks.forget_expired_sessions()

    assert not Session.objects.filter(session_key__startswith="old").exists()
    assert is_signed_in(client)
    assert tasks.forget_expired_sessions.name in app.conf.beat_schedule
