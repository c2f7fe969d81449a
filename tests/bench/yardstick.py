"""The yardstick: a tiny Django project under the same server and database, with a bare JSON view and one
ORM `get`.

Run by granian as `tests.bench.yardstick:application`; reads DATABASE_URL as the portal does.
"""

from __future__ import annotations

import os
from functools import cache

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from portal.environment import database

if not settings.configured:
    settings.configure(
        SECRET_KEY="yardstick",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        INSTALLED_APPS=["django.contrib.contenttypes"],
        USE_TZ=True,
        DATABASES={
            "default": database(
                os.environ["DATABASE_URL"],
                "DATABASE_URL",
                options={"pool": {"min_size": 1, "max_size": 6, "timeout": 5}, "server_side_binding": True},
                max_age_seconds=0,
            )
        },
    )
    django.setup()

from django.contrib.contenttypes.models import ContentType


def bare(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"result": "success", "total": 2301, "reserved": 210})


def one_get(request: HttpRequest) -> JsonResponse:
    row = ContentType._base_manager.get(pk=1)
    return JsonResponse({"id": row.pk, "app": row.app_label, "model": row.model})


def large(request: HttpRequest, size: int) -> HttpResponse:
    """So many bytes out of memory."""
    return HttpResponse(body_of(size), content_type="application/json", headers={"Content-Length": str(size)})


@cache
def body_of(size: int) -> bytes:
    return os.urandom(size)


urlpatterns = [path("bare", bare), path("get", one_get), path("large/<int:size>", large)]
application = WSGIHandler()
