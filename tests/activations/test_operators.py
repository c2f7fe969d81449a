"""The operator of a number, in our word."""

import pytest

from activations.services.leases import operator_of
from providers.contract import Lease


class Asked:
    upstream_operator = "Tele2-RU"


@pytest.mark.parametrize(
    ("said", "kept"), [("", ""), ("any", ""), ("Any", ""), ("tele2-ru", ""), ("Beeline", "beeline")]
)
def test_what_the_provider_says_is_kept_unless_it_is_what_was_asked_for(said, kept):
    assert operator_of(Lease("1", "4477", operator=said), asked=Asked()) == kept
