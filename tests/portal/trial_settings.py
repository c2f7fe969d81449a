"""The portal's settings with the trial views."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "tests.portal.trial_urls"
