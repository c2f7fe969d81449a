"""Addresses of the retail dialect, relative to /api/v1/ and to /test/api/v1/ (docs/protocols/retail.md 4)."""

from django.urls import URLPattern, path

from api.retail import (
    catalogue,
    history,
    management,
    own_keys,
    own_webhooks,
    prices,
    rentals,
    reports,
    sandbox,
    views,
)
from api.retail.entry import View

M = "retail/m/"
A = "retail/a/customer/<str:customer_id>"


def listed(view: View, *addresses: str) -> list[URLPattern]:
    """A view under its own address and its aliases (RT-3)."""
    return [path(address, view) for address in addresses]


urlpatterns = [
    # What is asked most often stands first: addresses are tried in this order. History goes before the ids.
    path(f"{A}/activation/history", history.of_customer),
    path(f"{A}/activation/reports", reports.Reports.as_view()),
    path(f"{A}/activation/<str:activation_id>", views.poll),
    path(f"{A}/activation", views.order),
    path(f"{M}customers/activation/history", history.of_all),
    path(f"{A}/activation/<str:activation_id>/retry", views.retry),
    path(f"{A}/activation/<str:activation_id>/cancel", views.cancel),
    path(f"{A}/activation/<str:activation_id>/finalize", views.finalize),
    path(f"{A}/activation/<str:activation_id>/report", reports.OneReport.as_view()),
    path(f"{A}/activation/<str:activation_id>/report/reasons", reports.Reasons.as_view()),
    path(f"{A}/activations", views.actives),
    path(f"{A}/balance", views.balance),
    *listed(
        prices.by_country,
        "retail/m/prices/countries",
        "activation/prices/countries",
        "retial/m/prices/countries",  # as the contract's own sample spells it
    ),
    *listed(prices.by_service, "activation/prices/services", "retail/m/prices/services"),
    path(f"{A}/transactions", management.Transactions.as_view()),
    path(A, management.Flags.as_view()),
    path("retail/a/<str:customer_id>/activation", views.order),  # RT-1
    path(f"{A}/rental", rentals.rent),
    path(f"{A}/rentals", rentals.listing),
    path(f"{A}/rentals/prices", rentals.prices),
    path(f"{A}/rental/<str:rental_id>", rentals.read),
    path(f"{A}/rental/<str:rental_id>/messages", rentals.messages),
    path(f"{A}/rental/<str:rental_id>/extension_price", rentals.extension_price),
    path(f"{A}/rental/<str:rental_id>/extend", rentals.extend),
    path(f"{A}/rental/<str:rental_id>/cancel", rentals.cancel),
    path(f"{A}/rental/<str:rental_id>/finish", rentals.finish),
    path(f"{A}/rental/<str:rental_id>/auto_renew", rentals.auto_renew),
    path("user/balance", views.account_balance),
    path(f"{A}/unblock", views.unblock),
    path(f"{M}customer", management.NewCustomer.as_view()),
    path(f"{M}customer/<str:customer_id>", management.ChangeCustomer.as_view()),
    path(f"{M}customer/<str:customer_id>/transaction", management.NewTransaction.as_view()),
    path(f"{M}customers", management.Customers.as_view()),
    path(f"{M}customers/transactions", management.AllTransactions.as_view()),
    *listed(
        catalogue.countries,
        "countries",
        "activation/countries",
        "retail/countries",
        "retail/m/countries",
        "retail/a/activation/countries",
    ),
    *listed(
        catalogue.services,
        "retail/services",
        "activation/services",
        "services",
        "retail/m/services",
        "retail/a/activation/services",
    ),
    *listed(
        catalogue.popular,
        "retail/a/activation/services/popular",
        "activation/services/popular",
        "retail/services/popular",
    ),
    *listed(
        prices.pair,
        "activation/prices/services/<str:service_id>/countries/<str:country_id>",
        "retail/m/prices/services/<str:service_id>/countries/<str:country_id>",
    ),
    path(f"{M}offers/services/<str:service_id>/countries/<str:country_id>", prices.offers),
    path(f"{M}webhooks", own_webhooks.Webhooks.as_view()),
    path(f"{M}webhook", own_webhooks.NewWebhook.as_view()),
    path(f"{M}webhook/<str:webhook_id>", own_webhooks.OneWebhook.as_view()),
    path(f"{M}webhook/<str:webhook_id>/rotate", own_webhooks.Rotation.as_view()),
    path(f"{M}webhook/<str:webhook_id>/test", own_webhooks.Sample.as_view()),
    path(f"{M}keys", own_keys.Keys.as_view()),
    path(f"{M}key/rotate", own_keys.Rotation.as_view()),
    path(f"{M}key/<str:key_id>", own_keys.OneKey.as_view()),
]
# What only the test base has.
test_only = [path("sandbox/sms", sandbox.sms)]
