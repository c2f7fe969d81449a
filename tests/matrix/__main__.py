"""`python -m tests.matrix`: write docs/protocols/matrix.md. No server is needed, nothing is played."""

import os
from pathlib import Path

import django

from portal.embedded import throwaway

NOWHERE = throwaway.Servers(Path("/nonexistent"))
os.environ.update(throwaway.environment(NOWHERE, database="none", number=0))
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()

from tests.matrix.page import PAGE, matrix_page  # noqa: E402  (the settings must be there)

PAGE.write_text(matrix_page())
print(f"written: {PAGE.name}")
