"""The portal as a WSGI application: pages and API."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()

from api.diary import keep_writing  # noqa: E402  Django must be set up first
from portal.signals import lighten_requests  # noqa: E402
from portal.start import settle  # noqa: E402

lighten_requests()
settle()
keep_writing()
