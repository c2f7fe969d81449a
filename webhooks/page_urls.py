"""Addresses of the workbench."""

from django.urls import path

from portal import converters as converters  # names the shapes of ids
from webhooks import pages

app_name = "webhooks"
urlpatterns = [
    path("", pages.index, name="index"),
    path("new/", pages.create, name="create"),
    path("<endpoint:endpoint_id>/", pages.detail, name="detail"),
    path("<endpoint:endpoint_id>/change/", pages.change, name="change"),
    path("<endpoint:endpoint_id>/rotate/", pages.rotate, name="rotate"),
    path("<endpoint:endpoint_id>/on/", pages.switch, {"state": "on"}, name="on"),
    path("<endpoint:endpoint_id>/off/", pages.switch, {"state": "off"}, name="off"),
    path("<endpoint:endpoint_id>/delete/", pages.delete, name="delete"),
    path("<endpoint:endpoint_id>/sample/", pages.sample, name="sample"),
    path("<endpoint:endpoint_id>/replay/", pages.replay_window, name="replay"),
    path("<endpoint:endpoint_id>/verify/", pages.verify, name="verify"),
    path("<endpoint:endpoint_id>/<int:delivery_id>/", pages.delivery, name="delivery"),
    path("<endpoint:endpoint_id>/<int:delivery_id>/resend/", pages.send_again, name="resend"),
]
