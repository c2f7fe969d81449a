"""Addresses of a reseller's own accounts at providers."""

from django.urls import path

from providers import account_pages as pages

app_name = "providers"
urlpatterns = [
    path("", pages.index, name="index"),
    path("new/<slug:protocol>/", pages.new, name="new"),
    path("new/<slug:protocol>/add/", pages.create, name="create"),
    path("<int:public_no>/", pages.detail, name="detail"),
    path("<int:public_no>/test/", pages.try_out, name="test"),
    path("<int:public_no>/key/", pages.new_key, name="key"),
    path("<int:public_no>/pause/", pages.pause, name="pause"),
    path("<int:public_no>/resume/", pages.resume, name="resume"),
]
