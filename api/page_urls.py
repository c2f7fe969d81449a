"""Addresses of the page for customers' programs."""

from django.urls import path

from api import customer_pages
from portal import converters as converters  # names the shapes of ids

app_name = "customer_api"
urlpatterns = [
    path("", customer_pages.index, name="index"),
    path("keys/", customer_pages.create_key, name="create_key"),
    path("keys/<int:key_id>/revoke/", customer_pages.revoke, name="revoke"),
    path("sms/<hex_id:hex_id>/", customer_pages.test_sms, name="test_sms"),
]
