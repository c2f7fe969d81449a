"""The addresses of the rentverify dialect, below each of its bases (rentverify.md 3)."""

from django.urls import path

from api.rentverify import catalogue, numbers

urlpatterns = [
    path("getBalance", numbers.get_balance),
    path("getActiveActivations", numbers.get_active),
    path("getCountries", catalogue.get_countries),
    path("getServices", catalogue.get_services),
    path("getPrices", catalogue.get_prices),
    path("getNumber", numbers.get_number),
    path("getStatus", numbers.get_status),
    path("setStatus", numbers.set_status),
]
