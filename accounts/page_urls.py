"""Addresses of one's own account."""

from django.urls import path

from accounts import pages

app_name = "accounts"
urlpatterns = [
    path("", pages.account, name="account"),
    path("close/", pages.close, name="close"),
]
