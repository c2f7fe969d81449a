import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys
from accounts.models import ApiKey
from tests.accounts.factories import CustomerFactory, TenantFactory


@given(st.booleans())
def test_each_new_key_has_its_shape_and_a_digest(is_test):
    plaintext = keys.new_plaintext(is_test=is_test)

    assert plaintext.startswith("pk_test_" if is_test else "pk_live_")
    assert len(plaintext) == 46
    assert keys.is_test_key(plaintext) is is_test
    assert keys.digest(plaintext) == hashlib.sha256(plaintext.encode()).digest()


@given(st.data())
def test_one_changed_character_is_refused_without_asking_the_database(data):
    plaintext = keys.new_plaintext(is_test=False)
    at = data.draw(st.integers(0, len(plaintext) - 1))
    other = data.draw(st.characters().filter(lambda letter: letter != plaintext[at]))

    assert keys.digest(plaintext[:at] + other + plaintext[at + 1 :]) is None


@given(st.text() | st.from_regex(r"pk_live_[0-9A-Za-z]{38}\n?", fullmatch=True))
def test_invented_keys_are_refused_and_break_nothing(text):
    assert keys.digest(text) is None


@pytest.mark.django_db
def test_issue_key_stores_a_hash_and_a_hint_only():
    customer = CustomerFactory()

    key, plaintext = keys.issue_key(tenant=customer.tenant, customer=customer, scopes=["orders"])

    stored = ApiKey.objects.get(pk=key.pk)
    assert bytes(stored.digest) == keys.digest(plaintext)
    assert (stored.hint, stored.scopes, stored.customer) == (plaintext[:12], ["orders"], customer)


@pytest.mark.django_db
def test_a_twins_key_is_a_test_key():
    twin = TenantFactory(live_tenant=TenantFactory())

    assert keys.is_test_key(keys.issue_key(tenant=twin)[1])


@pytest.mark.django_db
def test_a_key_is_never_made_for_another_tenants_customer():
    with pytest.raises(ValueError, match="another tenant"):
        keys.issue_key(tenant=TenantFactory(), customer=CustomerFactory())
