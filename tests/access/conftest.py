"""Two resellers and everybody who might come by."""

import pytest

from tests.access.test_matrix import visitors
from tests.access.world import build


@pytest.fixture
def acme(db):
    return build("acme")


@pytest.fixture
def globex(acme):
    return build("globex")


@pytest.fixture
def who(acme, globex):
    """Role → browser, or the house whose key is sent."""
    return visitors(acme, globex)
