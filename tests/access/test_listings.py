"""Who may switch services and countries off, and for whom."""

import pytest

from accounts.models import Tenant
from providers.models import Listing, Service

pytestmark = pytest.mark.django_db
SERVICES, COUNTRIES, LINES = (
    "/admin/providers/service/",
    "/admin/providers/country/",
    "/admin/providers/listing/",
)


@pytest.fixture
def netflix(acme, globex):
    """A service that nobody has a line for."""
    return Service.objects.create(id="netflix-2", name="Netflix Two")


def act(client, action, *ids, place=SERVICES):
    return client.post(place, {"action": action, "_selected_action": ids, "index": "0"}, follow=True)


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def off():
    return sorted(Listing.objects.filter(is_off=True).values_list("tenant__slug", "service_id"))


def test_a_manager_switches_off_for_his_reseller_alone(acme, netflix):
    manager = acme.client("manager")

    assert "Switched off: 1" in said(act(manager, "list_no_more", netflix.pk))
    assert off() == [("acme", "netflix-2")]
    assert "Sold again: 1" in said(act(manager, "list_again", netflix.pk))
    assert off() == []
    act(manager, "list_no_more", "us", place=COUNTRIES)
    country = acme.rows["providers.country"]
    act(manager, "list_no_more", country.pk, place=COUNTRIES)
    assert list(Listing.objects.filter(is_off=True).values_list("tenant", "country")) == [
        (acme.tenant.pk, country.pk)
    ]


def test_a_manager_cannot_choose_another_reseller(acme, globex, netflix):
    act(acme.client("manager"), "list_no_more", netflix.pk, place=f"{SERVICES}?shop={globex.tenant.pk}")

    assert off() == []


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_who_only_looks_switches_nothing(acme, netflix, role):
    act(acme.client(role), "list_no_more", netflix.pk)

    assert off() == []
    assert "in the shop" in acme.client(role).get(SERVICES).content.decode().lower()


def test_an_operator_chooses_the_reseller_first(acme, globex, netflix, who):
    operator = who["operator"]
    assert "Choose a reseller" in said(act(operator, "list_no_more", netflix.pk))
    twin = Tenant.objects.get(live_tenant=acme.tenant)
    for nobody in (twin.pk, 10**17, "x", "9" * 30):
        assert "Choose" in said(act(operator, "list_no_more", netflix.pk, place=f"{SERVICES}?shop={nobody}"))
    assert off() == []

    place = f"{SERVICES}?shop={globex.tenant.pk}"
    act(operator, "list_no_more", netflix.pk, place=place)
    assert off() == [("globex", "netflix-2")]
    assert "Netflix Two" in operator.get(f"{place}&listed=off").content.decode()
    assert "Netflix Two" not in operator.get(f"{place}&listed=sold").content.decode()


def test_a_line_is_searched_renamed_and_removed(acme, globex, netflix):
    owner = acme.client("owner")
    form = {"tenant": acme.tenant.pk, "service": netflix.pk, "name": "Films"}
    owner.post(f"{LINES}add/", form)
    line = Listing.objects.get(service=netflix)
    assert (line.tenant, line.name, line.is_off) == (acme.tenant, "Films", False)

    for words in ("netflix-2", "Two", "films"):
        assert "Films" in owner.get(f"{LINES}?q={words}").content.decode()
    assert "Films" in owner.get(f"{SERVICES}?listed=renamed").content.decode()
    owner.post(f"{LINES}{line.pk}/change/", {"name": "Cinema", "is_off": "on"})
    line.refresh_from_db()
    assert (line.name, line.is_off) == ("Cinema", True)
    owner.post(f"{LINES}{line.pk}/delete/", {"post": "yes"})
    assert not Listing.objects.filter(pk=line.pk).exists()


@pytest.mark.parametrize("whose", ["globex", "twin"])
def test_no_line_is_made_for_another_reseller_or_a_twin(acme, globex, netflix, whose):
    tenant = {"globex": globex.tenant, "twin": acme.twin}[whose]

    answer = acme.client("owner").post(
        f"{LINES}add/", {"tenant": tenant.pk, "service": netflix.pk, "name": "x"}
    )

    assert list(answer.context["adminform"].form.errors) == ["tenant"]


def test_a_second_line_and_a_line_about_nothing_are_refused(acme, netflix):
    owner, service = acme.client("owner"), acme.rows["providers.service"]

    for fields in ({"service": service.pk, "name": "x"}, {"name": "x"},
                   {"service": netflix.pk, "country": acme.rows["providers.country"].pk}):  # fmt: skip
        answer = owner.post(f"{LINES}add/", {"tenant": acme.tenant.pk, **fields})
        assert answer.status_code == 200
        assert answer.context["adminform"].form.errors, fields
    assert Listing.objects.filter(tenant=acme.tenant).count() == 1
