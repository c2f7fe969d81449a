"""The portal as a WSGI application: pages and API."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

from api.diary import keep_writing  # noqa: E402  Django must be set up first
from portal.handler import Handler  # noqa: E402
from portal.signals import lighten_requests  # noqa: E402
from portal.start import settle  # noqa: E402

application = Handler()

lighten_requests()
settle()
keep_writing()
