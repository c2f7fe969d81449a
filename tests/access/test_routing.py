"""How an order was routed: operators see it all, members only by leave, and never whose offer it was."""

import pytest

from activations.decisions import decision_of
from activations.models import Activation
from providers.models import Provider, RoutingPolicy
from tests.access.world import sign_in

pytestmark = pytest.mark.django_db

DECISION = {
    "weight": 0.3, "fitting": 5, "dearest": 400_000,
    "ranked": [[11, 901, 250_000, 0.4375, 123_450, 0.8, 40, 0.05],
               [12, 902, 400_000, 0.85, 310_000, None, 0, 0.0]],
    "others": [[13, 901, 390_000, 0.9, 290_000, 0.9, 0, 0.0]],
    "rejected": [[903, "too_dear", 4], [902, "somethingnew", 1]],
}  # fmt: skip
OLD = {"weight": 0.5, "fitting": 1, "ranked": [[11, 901, 250_000, 0.5]], "rejected": []}


@pytest.fixture
def order(acme):
    Provider.objects.create(public_no=901, display_name="Secret Supplier", protocol="sandbox",
                            base_url="http://127.0.0.1:9", callback_token="t901")  # fmt: skip
    Activation.objects.filter(pk=acme.rows["activations.activation"].pk).update(routing=DECISION)
    return acme.rows["activations.activation"]


def page(browser, order):
    return browser.get(f"/admin/activations/activation/{order.pk}/change/").content.decode()


def test_an_operator_sees_ranking_scores_and_reasons(order, who):
    text = page(who["operator"], order)

    for shown in ["901 · Secret Supplier", "no. 902", "$0.12345", "80%", "0.438", "+0.05", "not tried",
                  "above the highest price", "somethingnew", "quality (30%)"]:  # fmt: skip
        assert shown in text, shown


@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_a_member_sees_it_by_leave_without_names_and_costs(acme, order, role):
    browser = sign_in("acme.localhost", acme.logins[role])
    assert "above the highest price" not in page(browser, order)

    RoutingPolicy.objects.filter(tenant=acme.tenant).update(shows_decisions=True)
    text = page(browser, order)

    assert "above the highest price" in text
    assert "no. 901" in text
    assert [word for word in ("Secret Supplier", "$0.12345", "$0.31", "Cost") if word in text] == []


def test_an_older_or_strange_account_does_no_harm(acme, order, who):
    assert decision_of(OLD).ranked[0].cost_micros is None
    for routing in ({}, {"why": "x"}, {**DECISION, "ranked": [[1]]}, {**DECISION, "rejected": [["a", 1, 2]]}):
        assert decision_of(routing) is None
        Activation.objects.filter(pk=order.pk).update(routing=routing)
        assert order.hex_id in page(who["operator"], order)


def test_members_pick_providers_by_number(acme, order):
    place = f"/admin/providers/routingpolicy/{acme.tenant.pk}/change/"
    browser = sign_in("acme.localhost", acme.logins["manager"])

    text = browser.get(place).content.decode()

    assert "no. 901" in text
    assert "acme upstream" in text
    assert "Secret Supplier" not in text


def test_only_the_operator_decides_what_members_see(acme, who):
    place = f"/admin/providers/routingpolicy/{acme.tenant.pk}/change/"
    form = {
        "quality_factor": "70",
        "shows_decisions": "on",
        "rules-TOTAL_FORMS": "0",
        "rules-INITIAL_FORMS": "0",
    }

    sign_in("acme.localhost", acme.logins["owner"]).post(place, form)
    policy = RoutingPolicy.objects.get(tenant=acme.tenant)
    assert (policy.quality_factor, policy.shows_decisions) == (70, False)

    who["operator"].post(place, form)
    policy.refresh_from_db()
    assert policy.shows_decisions


def test_a_rule_is_checked_where_it_is_typed(acme):
    place = f"/admin/providers/routingpolicy/{acme.tenant.pk}/change/"
    browser = sign_in("acme.localhost", acme.logins["owner"])
    form = {"rules-TOTAL_FORMS": "2", "rules-INITIAL_FORMS": "0", "quality_factor": "101",
            "rules-0-verdict": "deny", "rules-0-boost_percent": "60",
            "rules-1-service": "netflix", "rules-1-daily_cap_micros": "5"}  # fmt: skip

    answer = browser.post(place, form)

    assert answer.status_code == 200
    text = answer.content.decode()
    for sentence in ["between 0 and 100", "between −50 and 50", "for one provider"]:
        assert sentence in text
    assert RoutingPolicy.objects.get(tenant=acme.tenant).rules.count() == 1
