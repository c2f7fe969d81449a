"""Addresses of the customer's pages and of the operator's sandbox page."""

from django.urls import path

from activations import operator_pages, pages, pause_pages, rental_pages, report_pages, wallet_pages
from portal import converters as converters  # names the shapes of ids

app_name = "activations"
urlpatterns = [
    path("", pages.home, name="home"),
    path("buy/", pages.buy, name="buy"),
    path("buy/<canonical:service_id>/", pages.service, name="service"),
    path("buy/<canonical:service_id>/<canonical:country_id>/", pages.order, name="order"),
    path("numbers/", pages.numbers, name="numbers"),
    path("numbers/<hex_id:hex_id>/", pages.detail, name="detail"),
    path("numbers/<hex_id:hex_id>/card/", pages.card, name="card"),
    path("numbers/<hex_id:hex_id>/report/", report_pages.report, name="report"),
    path("numbers/<hex_id:hex_id>/evidence/", report_pages.own_evidence, name="evidence"),
    path("numbers/<hex_id:hex_id>/<slug:action>/", pages.act, name="act"),
    path("rent/", rental_pages.rent, name="rent"),
    path("rent/<canonical:service_id>/<canonical:country_id>/", rental_pages.take, name="take"),
    path("rentals/", rental_pages.listing, name="rentals"),
    path("rentals/<rental_id:rnt_id>/", rental_pages.detail, name="rental"),
    path("rentals/<rental_id:rnt_id>/card/", rental_pages.card, name="rental_card"),
    path("rentals/<rental_id:rnt_id>/longer/", rental_pages.longer, name="longer"),
    path("rentals/<rental_id:rnt_id>/extend/", rental_pages.extend, name="extend"),
    path("rentals/<rental_id:rnt_id>/renew/", rental_pages.renew, name="renew"),
    path("rentals/<rental_id:rnt_id>/cancel/", rental_pages.cancel, name="cancel_rental"),
    path("rentals/<rental_id:rnt_id>/finish/", rental_pages.finish, name="finish_rental"),
    path("pause/", pause_pages.pause, name="pause"),
    path("history/", pages.history, name="history"),
    path("wallet/", wallet_pages.wallet, name="wallet"),
    path("wallet/low/", wallet_pages.low_balance, name="low_balance"),
    path("operator/sandbox/", operator_pages.sandbox, name="sandbox"),
]
